package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"
)

// queueItem is a queue in a list.
type queueItem struct {
	Name     string `json:"name"`
	URL      string `json:"QueueUrl"`
	Visible  int64  `json:"ApproximateNumberOfMessages"`
	InFlight int64  `json:"ApproximateNumberOfMessagesNotVisible"`
	Delayed  int64  `json:"ApproximateNumberOfMessagesDelayed"`

	Oldest *int64   `json:"ApproximateAgeOfOldestMessage,omitempty"` // seconds; nil: nothing waits, or the server does not tell
	Dead   string   `json:"deadLetterQueue,omitempty"`               // takes the messages that fail too often here
	Of     []string `json:"deadLettersOf,omitempty"`                 // queues whose failed messages come here
}

// counts are the attributes that say what is in a queue.
var counts = []types.QueueAttributeName{
	types.QueueAttributeNameApproximateNumberOfMessages,
	types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
}

// oldestAge is an attribute that only Forebay has.
const oldestAge types.QueueAttributeName = "ApproximateAgeOfOldestMessage"

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
	c.markDeadLetters(ctx, items, prefix == "")
	if len(items) == 0 && a.text() {
		return a.noQueues(ctx, c, prefix)
	}
	found := listing{columns: []string{"QUEUE", "VISIBLE", "IN FLIGHT", "DELAYED", "OLDEST", "DEAD LETTERS"}, cut: 4}
	for _, q := range items {
		found.rows = append(found.rows, row{name: q.Name, item: q, cells: []string{
			q.Name, strconv.FormatInt(q.Visible, 10), strconv.FormatInt(q.InFlight, 10), strconv.FormatInt(q.Delayed, 10),
			q.age(), q.deadLetters()}})
	}
	return a.print(found)
}

// noQueues says why a list of queues is empty: because there is none, or none of that name.
func (a *app) noQueues(ctx context.Context, c *client, prefix string) error {
	if prefix != "" {
		all, err := c.list(ctx, "")
		if err != nil {
			return err
		}
		if len(all) > 0 {
			a.remark("no queue begins with %q; there are %s. List all:  forebay queues", prefix, plural(len(all), "other queue"))
			return nil
		}
	}
	a.remark("no queues yet. Create one:  forebay queues create NAME")
	return nil
}

// age is how long the oldest message waits, for people.
func (q *queueItem) age() string {
	if q.Oldest == nil {
		return "-"
	}
	return ageText(time.Duration(*q.Oldest) * time.Second)
}

// deadLetters says where failed messages go to or come from, for people.
func (q *queueItem) deadLetters() string {
	var parts []string
	if len(q.Of) > 0 {
		parts = append(parts, "of "+strings.Join(q.Of, ", "))
	}
	if q.Dead != "" {
		parts = append(parts, "to "+q.Dead)
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, "; ")
}

// count asks what is in each queue, a few at a time. Queues that were deleted meanwhile are left out.
func (c *client) count(ctx context.Context, urls []string) ([]queueItem, error) {
	items := make([]queueItem, len(urls))
	errs := make([]error, len(urls))
	var plain atomic.Bool // the server does not know the age
	c.eachOf(len(urls), func(i int) {
		values, err := c.countOne(ctx, urls[i], &plain)
		if err != nil {
			errs[i] = c.explain(ctx, urls[i], err)
			return
		}
		items[i] = itemOf(urls[i], values)
	})
	found := items[:0]
	for i, err := range errs {
		if err == nil {
			found = append(found, items[i])
		} else if f := asFailure(err); f.code != exitNotFound {
			return nil, err
		}
	}
	return found, nil
}

// eachOf calls do with the numbers below n, a few at a time.
func (c *client) eachOf(n int, do func(i int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	wg.Wait()
}

// countOne asks what is in a queue, and for what only Forebay tells until the server has refused that once.
func (c *client) countOne(ctx context.Context, url string, plain *atomic.Bool) (map[string]string, error) {
	names := append([]types.QueueAttributeName{types.QueueAttributeNameRedrivePolicy}, counts...)
	if !plain.Load() {
		out, err := c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: append(names, oldestAge)})
		if err == nil {
			return out.Attributes, nil
		}
		if api, ok := errors.AsType[smithy.APIError](err); !ok || asFailure(api).code != exitUsage {
			return nil, err
		}
		plain.Store(true)
	}
	out, err := c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

func itemOf(url string, values map[string]string) queueItem {
	number := func(name types.QueueAttributeName) int64 {
		n, _ := strconv.ParseInt(values[string(name)], 10, 64)
		return n
	}
	item := queueItem{Name: nameOf(url), URL: url, Visible: number(counts[0]), InFlight: number(counts[1]), Delayed: number(counts[2])}
	if values[string(oldestAge)] != "" {
		item.Oldest = new(number(oldestAge))
	}
	var policy struct{ DeadLetterTargetArn string }
	if json.Unmarshal([]byte(values[string(types.QueueAttributeNameRedrivePolicy)]), &policy) == nil {
		item.Dead = nameOf(policy.DeadLetterTargetArn)
	}
	return item
}

// markDeadLetters notes which of the queues take failed messages, and of which queues. When the list is of all queues it
// says so itself; otherwise the server is asked for each, and one that it does not tell of stays without a mark.
func (c *client) markDeadLetters(ctx context.Context, items []queueItem, all bool) {
	if all {
		at := make(map[string]*queueItem, len(items))
		for i := range items {
			at[items[i].Name] = &items[i]
		}
		for i := range items {
			if dead := at[items[i].Dead]; dead != nil {
				dead.Of = append(dead.Of, items[i].Name)
			}
		}
		return
	}
	c.eachOf(len(items), func(i int) {
		out, err := c.ListDeadLetterSourceQueues(ctx, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: &items[i].URL})
		if err != nil {
			return
		}
		for _, url := range out.QueueUrls {
			items[i].Of = append(items[i].Of, nameOf(url))
		}
	})
}

// nothingIn says why a receive has found nothing: a queue may be full of messages that are not for now.
func (c *client) nothingIn(ctx context.Context, name, url string) string {
	out, err := c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: counts})
	if err != nil {
		return "no message in " + name // to receive does not mean to be told the counts
	}
	q := itemOf(url, out.Attributes)
	if q.Visible+q.InFlight+q.Delayed == 0 {
		return "no message in " + name
	}
	return fmt.Sprintf("no message in %s that can be received now: %d visible, %d in flight, %d delayed. Look:  forebay peek %s",
		name, q.Visible, q.InFlight, q.Delayed, name)
}
