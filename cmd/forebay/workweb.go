package main

import (
	"context"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/pflag"

	"github.com/forebay-mq/forebay/internal/sqsd"
	"github.com/forebay-mq/forebay/worker"
)

// hmacSecret is the environment variable with the key that signs requests to the application: flags can be read by
// everybody on the machine.
const hmacSecret = "FOREBAY_HMAC_SECRET"

// webFlags say how messages are posted.
type webFlags struct {
	sqsd.Options
	cron      string
	cronQueue string

	tasks []sqsd.Task
}

func (f *webFlags) flags(flags *pflag.FlagSet) {
	flags.StringVar(&f.URL, "http", "", "post each message to this URL, with the headers of sqsd")
	flags.StringVar(&f.ContentType, "content-type", sqsd.DefaultContentType, "--http: content type of bodies")
	flags.StringVar(&f.HMACHeader, "hmac-header", sqsd.DefaultHMACHeader, "--http: header of the signature, made when "+hmacSecret+" is set")
	flags.StringVar(&f.cron, "cron", "", "--http: file with periodic tasks, as the cron.yaml of sqsd")
	flags.StringVar(&f.cronQueue, "cron-queue", "", "FIFO queue through which agents agree on periodic tasks (QUEUE-cron.fifo, created)")
}

func (f *webFlags) read() error {
	if f.URL == "" {
		return nil
	}
	f.HMACKey = []byte(os.Getenv(hmacSecret))
	if _, err := sqsd.NewPoster(f.Options); err != nil {
		return usage("--http: %v", err)
	}
	if f.cron == "" {
		return nil
	}
	file, err := os.Open(f.cron)
	if err != nil {
		return usage("--cron: %v", err)
	}
	defer file.Close()
	if f.tasks, err = sqsd.ParseCron(f.cron, file); err != nil {
		return usage("%v", err)
	}
	if f.cronQueue != "" && !strings.HasSuffix(f.cronQueue, ".fifo") {
		return usage("--cron-queue: %q is no FIFO queue; only those take a task once that several agents send", f.cronQueue)
	}
	return nil
}

// poster returns what posts messages.
func (f *webFlags) poster(queue string, connections int) (*sqsd.Poster, error) {
	o := f.Options
	o.Queue, o.Connections = queue, connections
	poster, err := sqsd.NewPoster(o)
	if err != nil {
		return nil, usage("--http: %v", err)
	}
	return poster, nil
}

// periodic sends periodic tasks, and works on them when they have a queue of their own.
type periodic struct {
	cron   sqsd.Cron
	worker *worker.Worker // nil when the tasks go through the queue that is worked on anyway
}

// newPeriodic finds the FIFO queue for the tasks: the one that is worked on, if it is one, else one of their own, which is
// created when it is missing.
func newPeriodic(ctx context.Context, c *client, w *working) (*periodic, error) {
	p := &periodic{cron: sqsd.Cron{Client: c.Client, QueueURL: w.worker.QueueURL, Tasks: w.web.tasks, Logger: w.worker.Logger}}
	name := w.web.cronQueue
	if name == "" && strings.HasSuffix(w.worker.QueueURL, ".fifo") {
		return p, nil
	}
	if name == "" {
		name = nameOf(w.worker.QueueURL) + "-cron.fifo"
	}
	found, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err == nil {
		p.cron.QueueURL = *found.QueueUrl
	} else {
		made, createErr := c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name,
			Attributes: map[string]string{string(types.QueueAttributeNameFifoQueue): "true"}})
		if createErr != nil {
			return nil, c.explain(ctx, name, createErr)
		}
		p.cron.QueueURL = *made.QueueUrl
	}
	o := w.worker
	o.QueueURL, o.CommandsURL, o.IdleTime = p.cron.QueueURL, "", 0
	if p.worker, err = worker.New(o); err != nil {
		return nil, usage("%s", strings.TrimPrefix(err.Error(), "worker: "))
	}
	return p, nil
}

// run sends tasks, and works on them, until ctx ends.
func (p *periodic) run(ctx context.Context) error {
	if p.worker == nil {
		p.cron.Run(ctx)
		return nil
	}
	sending, stop := context.WithCancel(ctx)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		p.cron.Run(sending)
	}()
	err := p.worker.Run(ctx)
	stop()
	<-sent
	return err
}
