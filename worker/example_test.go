package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os/signal"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/worker"
)

var errBusy = errors.New("the printer is busy")

// print stands for what the program does.
func print(context.Context, string) error { return nil }

func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	cfg, err := config.LoadDefaultConfig(ctx) // after eval "$(forebay env)"
	if err != nil {
		log.Fatal(err)
	}
	w, err := worker.New(worker.Options{
		Client:   sqs.NewFromConfig(cfg),
		QueueURL: "http://127.0.0.1:4566/000000000000/orders",
		Settings: worker.Settings{Concurrency: 8, Prefetch: 8, TimeLimit: time.Minute},
		Handler: func(ctx context.Context, m *worker.Message) error {
			err := print(ctx, *m.Body)
			if errors.Is(err, errBusy) {
				return worker.Later(10 * time.Second) // nothing has failed
			}
			return err // nil: done
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Run(ctx); err != nil { // until SIGTERM, and then what is in work
		log.Fatal(err)
	}
	fmt.Println(w.Stats().Done, "orders printed")
}
