package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/beanstalkd/go-beanstalk"
)

const beanstalkLease = 30 * time.Second // of a reserved job

var beanstalkd = server{
	name: "beanstalkd", settings: "-b, -f0", fsynced: "yes",
	install: func(ctx context.Context, s *shop) (string, error) { return s.debian(ctx, "beanstalkd", "beanstalkd") },
	start:   startBeanstalkd,
}

// beanstalkBroker is a tube. Each work has its own: emptying one costs a sync for each job.
type beanstalkBroker struct {
	address string
	tube    string
	tubes   int // so far
}

func startBeanstalkd(ctx context.Context, s *shop, st *stage) (driver, error) {
	address, err := free()
	if err != nil {
		return nil, err
	}
	data := st.path("data")
	if err := os.Mkdir(data, 0o755); err != nil {
		return nil, err
	}
	cmd := exec.Command(s.at("beanstalkd", "root", "usr", "bin", "beanstalkd"), "-l", "127.0.0.1", "-p", port(address), "-b", data, "-f0")
	cmd.Env = append(os.Environ(), s.libraries("beanstalkd"))
	p, err := st.launch(cmd, syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	return load{&beanstalkBroker{address: address}}, p.ready(ctx, listening(address))
}

func (*beanstalkBroker) batches() bool { return false }

// beanstalkLink is a connection.
type beanstalkLink struct {
	conn *beanstalk.Conn
	tube *beanstalk.Tube
	set  *beanstalk.TubeSet
}

func (l beanstalkLink) close() { _ = l.conn.Close() } // the work is over

func (b *beanstalkBroker) prepare(context.Context) error {
	b.tubes++
	b.tube = fmt.Sprintf("peers-%d", b.tubes)
	return nil
}

func (b *beanstalkBroker) connect() (beanstalkLink, error) {
	c, err := beanstalk.Dial("tcp", b.address)
	if err != nil {
		return beanstalkLink{}, err
	}
	return beanstalkLink{c, beanstalk.NewTube(c, b.tube), beanstalk.NewTubeSet(c, b.tube)}, nil
}

func (b *beanstalkBroker) producer(context.Context) (producer, error)      { return b.connect() }
func (b *beanstalkBroker) consumer(context.Context, int) (consumer, error) { return b.connect() }

func (l beanstalkLink) send(_ context.Context, body []byte, n int) error {
	for range n {
		if _, err := l.tube.Put(body, 1024, 0, beanstalkLease); err != nil {
			return err
		}
	}
	return nil
}

func (l beanstalkLink) take(_ context.Context, n int) (int, error) {
	for i := range n {
		id, _, err := l.set.Reserve(waitMax)
		if errors.Is(err, beanstalk.ErrTimeout) {
			return i, nil
		}
		if err != nil {
			return i, err
		}
		if err := l.conn.Delete(id); err != nil {
			return i, err
		}
	}
	return n, nil
}
