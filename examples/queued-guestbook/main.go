// Command queued-guestbook is a guestbook on the web whose server listens nowhere: it takes HTTP requests from a queue,
// and so may run where nothing can connect to it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/queued"
)

func main() {
	queue := flag.String("queue", "guestbook", "name or URL of the queue with the requests")
	file := flag.String("file", "guestbook.json", "file that keeps the entries; no two guestbooks may share it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, *queue, *file); err != nil {
		fmt.Fprintln(os.Stderr, "guestbook:", err)
		os.Exit(1)
	}
}

// run answers requests until ctx ends. The usual variables of AWS programs say which server has the queue; `forebay env`
// prints them.
func run(ctx context.Context, queue, file string) error {
	b, err := openBook(file)
	if err != nil {
		return err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "guestbook: %d entries in %s; taking requests from queue %s\n", len(b.read()), file, queue)
	return queued.Serve(ctx, sqs.NewFromConfig(cfg), queue, site(b))
}
