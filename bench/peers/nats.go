package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	natsVersion = "v2.14.9"
	natsStream  = "peers"
	natsSubject = "peers.work"
)

var natsJetStream = server{
	name: "NATS JetStream", settings: "sync_interval: always, file storage, work queue, explicit acks", fsynced: "yes",
	install: func(ctx context.Context, s *shop) (string, error) {
		return s.golang(ctx, "nats", "github.com/nats-io/nats-server/v2", natsVersion)
	},
	start: startNATS,
}

// natsBroker is a stream that is a queue: what is acknowledged leaves it.
type natsBroker struct{ url string }

func startNATS(ctx context.Context, s *shop, st *stage) (driver, error) {
	address, err := free()
	if err != nil {
		return nil, err
	}
	config, err := st.write("nats.conf", fmt.Sprintf("listen: %q\njetstream { store_dir: %q, sync_interval: always }\n", address, st.path("data")))
	if err != nil {
		return nil, err
	}
	p, err := st.launch(exec.Command(s.at("nats", "nats-server"), "-c", config), syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	return load{natsBroker{"nats://" + address}}, p.ready(ctx, listening(address))
}

func (natsBroker) batches() bool { return true }

func (b natsBroker) connect() (*nats.Conn, jetstream.JetStream, error) {
	c, err := nats.Connect(b.url, nats.NoReconnect())
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(c)
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return c, js, nil
}

func (b natsBroker) prepare(ctx context.Context) error {
	c, js, err := b.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := js.DeleteStream(ctx, natsStream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{
		Name: natsStream, Subjects: []string{natsSubject}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage,
	})
	if err != nil {
		return err
	}
	_, err = js.CreateConsumer(ctx, natsStream, jetstream.ConsumerConfig{
		Durable: natsStream, AckPolicy: jetstream.AckExplicitPolicy, AckWait: 30 * time.Second, MaxAckPending: 20_000,
	})
	return err
}

type natsProducer struct {
	conn *nats.Conn
	js   jetstream.JetStream
}

func (b natsBroker) producer(context.Context) (producer, error) {
	c, js, err := b.connect()
	return natsProducer{c, js}, err
}

func (p natsProducer) close() { p.conn.Close() }

func (p natsProducer) send(ctx context.Context, body []byte, n int) error {
	if n == 1 {
		_, err := p.js.Publish(ctx, natsSubject, body)
		return err
	}
	futures := make([]jetstream.PubAckFuture, 0, n)
	for range n {
		f, err := p.js.PublishAsync(natsSubject, body)
		if err != nil {
			return err
		}
		futures = append(futures, f)
	}
	for _, f := range futures {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

type natsConsumer struct {
	conn     *nats.Conn
	messages jetstream.MessagesContext
}

func (b natsBroker) consumer(ctx context.Context, batch int) (consumer, error) {
	c, js, err := b.connect()
	if err != nil {
		return nil, err
	}
	worker, err := js.Consumer(ctx, natsStream, natsStream)
	if err != nil {
		c.Close()
		return nil, err
	}
	messages, err := worker.Messages(jetstream.PullMaxMessages(10 * batch))
	if err != nil {
		c.Close()
		return nil, err
	}
	return natsConsumer{c, messages}, nil
}

func (c natsConsumer) close() {
	c.messages.Stop()
	c.conn.Close()
}

func (c natsConsumer) take(_ context.Context, n int) (int, error) {
	for i := range n {
		m, err := c.messages.Next(jetstream.NextMaxWait(waitMax))
		if errors.Is(err, nats.ErrTimeout) {
			return i, nil
		}
		if err != nil {
			return i, err
		}
		if err := m.Ack(); err != nil {
			return i, err
		}
	}
	return n, nil
}
