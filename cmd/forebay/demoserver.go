package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"

	"github.com/forebay-mq/forebay/internal/server"
	where "github.com/forebay-mq/forebay/internal/target"
)

// startDemo starts a queue server of the demonstration's own, whatever flags and environment say of others, and returns a
// client of it. It listens on this machine alone, and folder holds all that it keeps; end stops it and removes both.
func startDemo(ctx context.Context) (c *client, folder string, end func() error, err error) {
	if folder, err = os.MkdirTemp("", "forebay-demo-"); err != nil {
		return nil, "", nil, err
	}
	s, endpoint, err := demoServer(ctx, folder)
	if err != nil {
		return nil, "", nil, errors.Join(err, os.RemoveAll(folder))
	}
	end = func() error {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		return errors.Join(s.Shutdown(limit), os.RemoveAll(folder))
	}
	key, err := rootKey(folder)
	if err == nil {
		t := target{endpoint: endpoint, region: defaultRegion, keyID: key.ID, secret: key.Secret, data: folder}
		t.found = where.Target{Endpoint: endpoint, Region: defaultRegion, Key: key, Data: folder, Source: "the demonstration", KeySource: "the demonstration"}
		c, err = t.client()
	}
	if err != nil {
		return nil, "", nil, errors.Join(err, end())
	}
	return c, folder, end, nil
}

// demoServer starts a queue server whose data is gone with the folder.
func demoServer(ctx context.Context, folder string) (*server.Server, string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	s, err := server.Start(ctx, server.Options{Data: folder, Listener: listener, Account: "000000000000", Region: defaultRegion,
		NoCoolDown: true, CacheBytes: 4 << 20, BlockBytes: 4 << 20, MemTableBytes: 4 << 20, Version: thisBuild().Version,
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, "", errors.Join(err, listener.Close())
	}
	return s, endpointOf(s.Addr(), false), nil
}
