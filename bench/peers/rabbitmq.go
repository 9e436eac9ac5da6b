package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const amqpQueue = "peers"

var rabbitMQ = server{
	name: "RabbitMQ", settings: "quorum queue on one node, publisher confirms", fsynced: "yes",
	install: installRabbitMQ,
	start:   startRabbitMQ,
}

// installRabbitMQ unpacks the server and Erlang, and writes the one program that knows where Erlang lies.
func installRabbitMQ(ctx context.Context, s *shop) (string, error) {
	version, err := s.debian(ctx, "rabbitmq", "rabbitmq-server", "erlang-base")
	if err != nil {
		return "", err
	}
	erlang := s.at("rabbitmq", "root", "usr", "lib", "erlang")
	found, err := filepath.Glob(filepath.Join(erlang, "erts-*", "bin"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("the Erlang packages hold %d run-time systems, want one", len(found))
	}
	if err := os.MkdirAll(s.at("rabbitmq", "bin"), 0o755); err != nil {
		return "", err
	}
	script := fmt.Sprintf("#!/bin/sh\nexport ROOTDIR='%s' BINDIR='%s' EMU=beam PROGNAME=erl\nexec \"$BINDIR/erlexec\" \"$@\"\n", erlang, found[0])
	return version, os.WriteFile(s.at("rabbitmq", "bin", "erl"), []byte(script), 0o755)
}

// rabbitBroker is one quorum queue.
type rabbitBroker struct{ url string }

func startRabbitMQ(ctx context.Context, s *shop, st *stage) (driver, error) {
	var addresses [3]string // of the server, of Erlang's port mapper, and for other nodes
	for i := range addresses {
		var err error
		if addresses[i], err = free(); err != nil {
			return nil, err
		}
	}
	mapper := []string{"ERL_EPMD_PORT=" + port(addresses[1]), "ERL_EPMD_ADDRESS=127.0.0.1"}
	// Without one, Erlang would start a port mapper that outlives it.
	epmd := exec.Command(s.at("rabbitmq", "root", "usr", "bin", "epmd"), "-port", port(addresses[1]), "-address", "127.0.0.1")
	if found, err := filepath.Glob(s.at("rabbitmq", "root", "usr", "lib", "erlang", "erts-*", "bin", "epmd")); err == nil && len(found) > 0 {
		epmd.Path = found[0]
	}
	p, err := st.launch(epmd, syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	if err := p.ready(ctx, listening(addresses[1])); err != nil {
		return nil, err
	}
	config, err := st.write("rabbit.conf", "loopback_users.guest = true\n")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", s.at("rabbitmq", "root", "usr", "lib", "rabbitmq", "bin", "rabbitmq-server"), "-noinput")
	cmd.Dir = st.folder
	cmd.Env = append(append(os.Environ(), mapper...),
		"PATH="+s.at("rabbitmq", "bin")+":"+os.Getenv("PATH"), "HOME="+st.folder, s.libraries("rabbitmq"),
		"RABBITMQ_NODENAME=peers@localhost", "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1", "RABBITMQ_NODE_PORT="+port(addresses[0]),
		"RABBITMQ_DIST_PORT="+port(addresses[2]), "RABBITMQ_CONF_ENV_FILE=/dev/null", "RABBITMQ_CONFIG_FILE="+config,
		"RABBITMQ_MNESIA_BASE="+st.path("data"), "RABBITMQ_LOG_BASE="+st.path("log"), "RABBITMQ_LOGS=-",
		"RABBITMQ_ENABLED_PLUGINS_FILE="+st.path("plugins"), "RABBITMQ_PID_FILE="+st.path("pid"),
		"RABBITMQ_ALLOW_INPUT=1") // makes the script become the server instead of starting it
	if p, err = st.launch(cmd, syscall.SIGTERM); err != nil {
		return nil, err
	}
	b := rabbitBroker{"amqp://guest:guest@" + addresses[0]}
	return load{b}, p.ready(ctx, func(context.Context) error {
		c, err := amqp.Dial(b.url)
		if err != nil {
			return err
		}
		return c.Close()
	})
}

func (rabbitBroker) batches() bool { return true }

// rabbitLink is a connection with its one channel.
type rabbitLink struct {
	conn       *amqp.Connection
	channel    *amqp.Channel
	deliveries <-chan amqp.Delivery // of a consumer
}

func (b rabbitBroker) connect() (*rabbitLink, error) {
	conn, err := amqp.Dial(b.url)
	if err != nil {
		return nil, err
	}
	channel, err := conn.Channel()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &rabbitLink{conn: conn, channel: channel}, nil
}

func (l *rabbitLink) close() { _ = l.conn.Close() } // the work is over

func (b rabbitBroker) prepare(context.Context) error {
	l, err := b.connect()
	if err != nil {
		return err
	}
	defer l.close()
	if _, err := l.channel.QueueDelete(amqpQueue, false, false, false); err != nil {
		return err
	}
	_, err = l.channel.QueueDeclare(amqpQueue, true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
	return err
}

func (b rabbitBroker) producer(context.Context) (producer, error) {
	l, err := b.connect()
	if err != nil {
		return nil, err
	}
	if err := l.channel.Confirm(false); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *rabbitLink) send(ctx context.Context, body []byte, n int) error {
	confirms := make([]*amqp.DeferredConfirmation, 0, n)
	for range n {
		c, err := l.channel.PublishWithDeferredConfirm("", amqpQueue, false, false, amqp.Publishing{DeliveryMode: amqp.Persistent, Body: body})
		if err != nil {
			return err
		}
		confirms = append(confirms, c)
	}
	for _, c := range confirms {
		accepted, err := c.WaitContext(ctx)
		if err != nil {
			return err
		}
		if !accepted {
			return errors.New("the server refused a message")
		}
	}
	return nil
}

func (b rabbitBroker) consumer(_ context.Context, batch int) (consumer, error) {
	l, err := b.connect()
	if err != nil {
		return nil, err
	}
	err = l.channel.Qos(10*batch, 0, false)
	if err == nil {
		l.deliveries, err = l.channel.Consume(amqpQueue, "", false, false, false, false, nil)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *rabbitLink) take(ctx context.Context, n int) (int, error) {
	timer := time.NewTimer(waitMax)
	defer timer.Stop()
	var last amqp.Delivery
	taken := 0
	for taken < n {
		select {
		case d, ok := <-l.deliveries:
			if !ok {
				return 0, errors.New("the server has ended the deliveries")
			}
			last = d
			taken++
			continue
		case <-timer.C:
		case <-ctx.Done():
		}
		break
	}
	if taken == 0 {
		return 0, nil
	}
	return taken, last.Ack(true)
}
