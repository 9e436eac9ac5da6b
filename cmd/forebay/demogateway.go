package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

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
			return a.demoGateway(ctx, listen, cmd.Flags().Changed("listen"))
		},
	}
	cmd.Flags().StringVar(&listen, "listen", demoGatewayListen, "address of the gateway, host:port; without the flag any free port where this one is taken")
	return cmd
}

// demoGateway runs the demonstration until ctx ends. Where given is false the user has not said where to listen.
func (a *app) demoGateway(ctx context.Context, listen string, given bool) (err error) {
	listener, err := listenUsual(listen, given)
	if err != nil {
		return listenFailure("forebay demo gateway --listen", listen, err)
	}
	defer listener.Close()
	if taken := listen; listener.Addr().String() != taken {
		listen = listener.Addr().String()
		if !given {
			a.remark("%s is in use, so the gateway listens on %s; choose with --listen", taken, listen)
		}
	}
	c, folder, end, err := startDemo(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	endpoint, quiet := c.target.endpoint, slog.New(slog.DiscardHandler)
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
	file := &gatewayFile{listener: listener, Listen: listen, State: filepath.Join(folder, "gateway"), Routes: []gatewayRoute{{Path: "/", Queue: demoRequests, Stream: true}}}
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
