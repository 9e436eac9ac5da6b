package main

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/config"
)

func (a *app) queuesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "queues",
		Aliases: []string{"queue"},
		Short:   "List and manage queues",
		Args:    noSuchCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.listQueues(cmd, "") },
	}
	a.targetFlags(cmd)
	cmd.AddCommand(a.queuesListCommand(), a.queuesCreateCommand(), a.queuesShowCommand(), a.queuesSetCommand(),
		a.queuesPurgeCommand(), a.queuesDeleteCommand(), a.queuesMoveCommand())
	return cmd
}

func (a *app) queuesListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list [PREFIX]",
		Aliases: []string{"ls"},
		Short:   "List queues and what is in them",
		Args:    between(0, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.listQueues(cmd, strings.Join(args, "")) },
	}
	a.targetFlags(cmd)
	return cmd
}

// queueItem is a queue in a list.
type queueItem struct {
	Name     string `json:"name"`
	URL      string `json:"QueueUrl"`
	Visible  int64  `json:"ApproximateNumberOfMessages"`
	InFlight int64  `json:"ApproximateNumberOfMessagesNotVisible"`
	Delayed  int64  `json:"ApproximateNumberOfMessagesDelayed"`
}

// counts are the attributes that say what is in a queue.
var counts = []types.QueueAttributeName{
	types.QueueAttributeNameApproximateNumberOfMessages,
	types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
}

func (a *app) listQueues(cmd *cobra.Command, prefix string) error {
	ctx, stop := interruptible(cmd)
	defer stop()
	c, err := a.connect()
	if err != nil {
		return err
	}
	urls, err := c.list(ctx, prefix)
	if err != nil {
		return err
	}
	items, err := c.count(ctx, urls)
	if err != nil {
		return err
	}
	found := listing{columns: []string{"QUEUE", "VISIBLE", "IN FLIGHT", "DELAYED"}}
	for _, q := range items {
		found.rows = append(found.rows, row{name: q.Name, item: q, cells: []string{
			q.Name, strconv.FormatInt(q.Visible, 10), strconv.FormatInt(q.InFlight, 10), strconv.FormatInt(q.Delayed, 10)}})
	}
	if len(items) == 0 && a.text() {
		a.remark("no queues yet. Create one:  forebay queues create NAME")
		return nil
	}
	return a.print(found)
}

// count asks what is in each queue, a few at a time.
func (c *client) count(ctx context.Context, urls []string) ([]queueItem, error) {
	items := make([]queueItem, len(urls))
	errs := make([]error, len(urls))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i, url := range urls {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			out, err := c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: counts})
			if err != nil {
				errs[i] = c.explain(ctx, url, err)
				return
			}
			items[i] = itemOf(url, out.Attributes)
		})
	}
	wg.Wait()
	found := items[:0]
	for i, err := range errs {
		if err == nil {
			found = append(found, items[i])
		} else if f := asFailure(err); f.code != exitNotFound { // deleted meanwhile
			return nil, err
		}
	}
	return found, nil
}

func itemOf(url string, values map[string]string) queueItem {
	number := func(name types.QueueAttributeName) int64 {
		n, _ := strconv.ParseInt(values[string(name)], 10, 64)
		return n
	}
	return queueItem{nameOf(url), url, number(counts[0]), number(counts[1]), number(counts[2])}
}

// parseAttributes reads NAME=VALUE pairs into attributes of the API.
func parseAttributes(pairs []string) (map[string]string, error) {
	values := map[string]string{}
	for _, pair := range pairs {
		name, text, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, usage("%q is not NAME=VALUE, like visibility_timeout=45s", pair)
		}
		api, value, err := config.QueueAttribute(name, text)
		if err != nil {
			return nil, usage("%v", err)
		}
		values[api] = value
	}
	return values, nil
}
