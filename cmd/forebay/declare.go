package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/queue"
)

// declareQueues makes the queues of the configuration file be as it says: missing ones are created, others
// get the attributes it gives. Queues without a dead-letter queue come first, since they may be one.
func declareQueues(ctx context.Context, service queue.Service, cfg *config.Config) error {
	by := queue.Caller{
		Account: cfg.Account, ID: cfg.Account, Owner: true, Secure: true, Inside: true,
		Principal: "arn:aws:iam::" + cfg.Account + ":root",
	}
	declared := slices.Clone(cfg.Queues)
	slices.SortStableFunc(declared, func(a, b config.Queue) int {
		return strings.Compare(a.Attributes["RedrivePolicy"], b.Attributes["RedrivePolicy"])
	})
	for _, q := range declared {
		if err := declareQueue(ctx, service, by, q); err != nil {
			return &failure{code: exitUsage, what: fmt.Sprintf("[queues.%s] in the configuration file: %v", q.Name, err), err: err}
		}
	}
	return nil
}

func declareQueue(ctx context.Context, service queue.Service, by queue.Caller, q config.Queue) error {
	values := maps.Clone(q.Attributes)
	if strings.HasSuffix(q.Name, ".fifo") {
		values["FifoQueue"] = "true"
	}
	_, err := service.CreateQueue(ctx, by, &queue.CreateQueueInput{Name: q.Name, Attributes: values})
	known, ok := errors.AsType[*queue.Error](err)
	if !ok || known.Code != queue.CodeQueueNameExists {
		return err
	}
	delete(values, "FifoQueue")
	return service.SetQueueAttributes(ctx, by, &queue.SetQueueAttributesInput{Queue: queue.Ref{Name: q.Name}, Attributes: values})
}
