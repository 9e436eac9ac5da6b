package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	redisStream = "peers"
	redisField  = "body"
)

var redisStreams = server{
	name: "Redis stream", settings: "appendonly yes, appendfsync always, consumer group", fsynced: "yes",
	install: func(ctx context.Context, s *shop) (string, error) {
		return s.debian(ctx, "redis", "redis-server", "redis-tools")
	},
	start: startRedis,
}

// redisBroker is a stream with one consumer group.
type redisBroker struct{ address string }

func startRedis(ctx context.Context, s *shop, st *stage) (driver, error) {
	address, err := free()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(s.at("redis", "root", "usr", "bin", "redis-server"), "--bind", "127.0.0.1", "--port", port(address), "--dir", st.folder,
		"--appendonly", "yes", "--appendfsync", "always", "--save", "")
	cmd.Env = append(os.Environ(), s.libraries("redis"))
	p, err := st.launch(cmd, syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	return load{redisBroker{address}}, p.ready(ctx, listening(address))
}

func (redisBroker) batches() bool { return true }

// redisLink is a connection; name is that of the consumer.
type redisLink struct {
	client *redis.Client
	name   string
}

func (b redisBroker) connect() redisLink {
	return redisLink{client: redis.NewClient(&redis.Options{Addr: b.address, PoolSize: 1, MaxRetries: -1, ReadTimeout: time.Minute})}
}

func (l redisLink) close() { _ = l.client.Close() } // the work is over

func (b redisBroker) prepare(ctx context.Context) error {
	l := b.connect()
	defer l.close()
	if err := l.client.Del(ctx, redisStream).Err(); err != nil {
		return err
	}
	return l.client.XGroupCreateMkStream(ctx, redisStream, redisStream, "0").Err()
}

func (b redisBroker) producer(ctx context.Context) (producer, error) {
	l := b.connect()
	return l, l.client.Ping(ctx).Err()
}

func (b redisBroker) consumer(ctx context.Context, _ int) (consumer, error) {
	l := b.connect()
	id, err := l.client.ClientID(ctx).Result()
	l.name = fmt.Sprintf("worker-%d", id)
	return l, err
}

func (l redisLink) send(ctx context.Context, body []byte, n int) error {
	_, err := l.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for range n {
			p.XAdd(ctx, &redis.XAddArgs{Stream: redisStream, Values: []any{redisField, body}})
		}
		return nil
	})
	return err
}

func (l redisLink) take(ctx context.Context, n int) (int, error) {
	streams, err := l.client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: redisStream, Consumer: l.name, Streams: []string{redisStream, ">"}, Count: int64(n), Block: waitMax,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var ids []string
	for _, m := range streams[0].Messages {
		ids = append(ids, m.ID)
	}
	_, err = l.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.XAck(ctx, redisStream, redisStream, ids...)
		p.XDel(ctx, redisStream, ids...)
		return nil
	})
	return len(ids), err
}
