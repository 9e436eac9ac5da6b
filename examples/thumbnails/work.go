package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/examples/internal/jobs"
	"github.com/forebay-mq/forebay/worker"
)

// work is the role of a worker: it takes jobs until none has come for its idle time, or it is told to end.
func work(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("thumbnails work", flag.ContinueOnError)
	queue := flags.String("queue", queueName, "`name` of the queue")
	idle := flags.Duration("idle", 0, "end when no job has come for so long; 0 is never")
	lease := flags.Duration("lease", 10*time.Second, "how long a job is held for a worker that has died")
	if err := flags.Parse(args); err != nil {
		return err
	}
	folders, err := openFolders(os.Getenv(photosVariable), os.Getenv(resultsVariable))
	if err != nil {
		return fmt.Errorf("%w (%s and %s)", err, photosVariable, resultsVariable)
	}
	defer func() { err = errors.Join(err, folders.Close()) }()
	client, err := jobs.NewClient(ctx)
	if err != nil {
		return err
	}
	url, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: queue})
	if err != nil {
		return err
	}
	w, err := worker.New(worker.Options{
		Client:   client,
		QueueURL: *url.QueueUrl,
		Handler:  folders.handle,
		Lease:    *lease,
		Settings: worker.Settings{IdleTime: *idle},
		Consumer: os.Getenv("FOREBAY_POOL_WORKER"),
	})
	if err != nil {
		return err
	}
	return w.Run(ctx)
}

// handle makes one thumbnail. To make it twice, as may happen when a worker dies between saving and deleting, does no harm.
func (f *Folders) handle(ctx context.Context, m *worker.Message) error {
	j, err := parseJob(*m.Body)
	if err != nil {
		return hopeless(err)
	}
	err = f.make(ctx, j)
	if err != nil && ctx.Err() == nil {
		return errors.Join(err, f.excuse(j, err))
	}
	if err == nil {
		slog.Info("made", "result", j.Result, "receives", m.Receives())
	}
	return err
}

// hopeless is a failure that will not get better by waiting: the message comes back at once, and so reaches the
// dead-letter queue soon. Other failures come back with backoff.
func hopeless(err error) error { return worker.Retry(0, err) }

// make makes the thumbnail of a job.
func (f *Folders) make(ctx context.Context, j Job) error {
	p, err := f.photo(j.Photo)
	if err != nil {
		return hopeless(fmt.Errorf("%s: %w", j.Photo, err))
	}
	for _, o := range j.Operations {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p = o.apply(p)
	}
	if err := saveJPEG(f.results, j.Result, p); err != nil {
		return err
	}
	_ = f.results.Remove(j.Result + excuseSuffix) // of an earlier attempt, most often there is none
	return nil
}

// excuse writes beside where the result should be why it is not there.
func (f *Folders) excuse(j Job, reason error) error {
	return save(f.results, j.Result+excuseSuffix, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, reason)
		return err
	})
}

// excuseSuffix is what the names of such files end with.
const excuseSuffix = ".txt"
