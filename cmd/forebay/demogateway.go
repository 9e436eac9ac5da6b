package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/server"
	"github.com/forebay-mq/forebay/queued"
)

// demoRequests is the queue between the gateway and the backend of the demonstration.
const demoRequests = "requests"

func (a *app) demoGatewayCommand() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "gateway",
		Short: "See HTTP through a queue: a server, a gateway and a backend that listens nowhere",
		Long: "Start a queue server with nothing to keep, a gateway in front of it, and a backend that has no port and\n" +
			"only reaches outward. Then try curl. Everything is gone when the command ends.",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return a.demoGateway(ctx, listen)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address of the gateway, host:port")
	return cmd
}

// demoGateway runs the demonstration until ctx ends.
func (a *app) demoGateway(ctx context.Context, listen string) (err error) {
	folder, err := os.MkdirTemp("", "forebay-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	quiet := slog.New(slog.DiscardHandler)
	s, endpoint, err := demoServer(ctx, folder, quiet)
	if err != nil {
		return err
	}
	defer func() {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		err = errors.Join(err, s.Shutdown(limit))
	}()
	a.target = target{endpoint: endpoint, data: folder}
	c, err := a.connect()
	if err != nil {
		return err
	}
	if _, err := c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(demoRequests)}); err != nil {
		return err
	}
	backend := make(chan error, 1)
	working, stop := context.WithCancel(ctx)
	go func() { backend <- queued.Serve(working, c, demoRequests, demoBackend()) }()
	defer func() {
		stop()
		err = errors.Join(err, <-backend)
	}()
	file := &gatewayFile{Listen: listen, State: filepath.Join(folder, "gateway"), Routes: []gatewayRoute{{Path: "/", Queue: demoRequests, Stream: true}}}
	opts, err := file.options()
	if err == nil {
		err = gatewaySecrets(file, &opts)
	}
	if err != nil {
		return err
	}
	opts.Client, opts.Log, opts.Registry = c, quiet, prometheus.NewRegistry()
	fmt.Fprintf(a.out, "queue server  %s\ngateway       http://%s\nbackend       no port: it takes requests from queue %q\n\n", endpoint, listen, demoRequests)
	fmt.Fprintf(a.out, "Try:\n  curl http://%[1]s/hello\n  curl -i -H 'Prefer: respond-async' http://%[1]s/slow      # then fetch its Location\n"+
		"  curl -N http://%[1]s/count                                # arrives piece by piece\n\nPress Ctrl-C to stop.\n", listen)
	return a.runGateway(ctx, file, opts, nil, func(err error) error { return c.explain(ctx, "", err) })
}

// demoServer starts a queue server whose data is gone with the folder.
func demoServer(ctx context.Context, folder string, logger *slog.Logger) (*server.Server, string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	s, err := server.Start(ctx, server.Options{Data: folder, Listener: listener, Account: "000000000000", Region: defaultRegion,
		NoCoolDown: true, CacheBytes: 4 << 20, BlockBytes: 4 << 20, MemTableBytes: 4 << 20, Version: thisBuild().Version, Logger: logger})
	if err != nil {
		return nil, "", errors.Join(err, listener.Close())
	}
	return s, endpointOf(s.Addr(), false), nil
}

// demoBackend is an ordinary handler, as it would stand behind any HTTP server.
func demoBackend() http.Handler {
	var visits atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(5 * time.Second):
			fmt.Fprintln(w, "that took five seconds")
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/count", func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		for i := range 5 {
			fmt.Fprintln(w, i+1)
			if control.Flush() != nil {
				return
			}
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
				return
			}
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s, visit %d. This backend listens nowhere.\n", r.Method, r.URL.Path, visits.Add(1))
	})
	return mux
}
