package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"
)

// What the demonstration does.
const (
	demoQueue    = "demo"
	demoDead     = "demo-dead"
	demoMessages = 20
	demoReceives = 2 // tries of a message before it goes to the dead-letter queue
)

// demoIgnored are flags that the demonstration had when it spoke to the user's server, where it could take the user's
// messages for its own.
var demoIgnored = []string{"endpoint", "region", "data"}

func (a *app) demoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See queues at work: 20 messages, a consumer, two failures and a dead-letter queue",
		Long: "Start a server with nothing to keep, and show on it how queues work: 20 messages, a consumer, two failures and a\n" +
			"dead-letter queue. No other server is spoken to, and everything is gone in the end.",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx, stop := interruptible(cmd)
			defer stop()
			for _, name := range demoIgnored {
				if cmd.Flags().Changed(name) {
					a.remark("--%s is not heeded: the demonstration has a server of its own", name)
				}
			}
			c, _, end, err := startDemo(ctx)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, end()) }()
			d := demo{app: a, client: c}
			return d.run(ctx)
		},
	}
	for _, name := range demoIgnored {
		cmd.Flags().String(name, "", "not heeded")
		_ = cmd.Flags().MarkHidden(name)
	}
	cmd.AddCommand(a.demoGatewayCommand())
	return cmd
}

// demo is a run of the demonstration.
type demo struct {
	app    *app
	client *client
	url    string
	dead   string

	done, failed int
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.app.out, format+"\n", args...) }

func (d *demo) run(ctx context.Context) error {
	if err := d.create(ctx); err != nil {
		return d.client.explain(ctx, "", err)
	}
	if err := d.send(ctx); err != nil {
		return d.client.explain(ctx, demoQueue, err)
	}
	if err := d.consume(ctx); err != nil {
		return d.client.explain(ctx, demoQueue, err)
	}
	values, err := d.client.attributes(ctx, demoDead, types.QueueAttributeNameApproximateNumberOfMessages)
	if err != nil {
		return err
	}
	d.say("")
	d.say("%d messages done, %d attempts failed; %s wait in queue %s.",
		d.done, d.failed, values["ApproximateNumberOfMessages"], demoDead)
	d.say("")
	d.say("The server of this demonstration is gone now, with its queues. On one of yours:")
	d.say("  Start it:                forebay serve")
	d.say("  Look at dead letters:    forebay peek %s", demoDead)
	d.say("  Try them again:          forebay queues move %s", demoDead)
	return nil
}

func (d *demo) create(ctx context.Context) error {
	dead, err := d.client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(demoDead)})
	if err != nil {
		return err
	}
	d.dead = *dead.QueueUrl
	arn, err := d.client.queueARN(ctx, demoDead)
	if err != nil {
		return err
	}
	main, err := d.client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(demoQueue), Attributes: map[string]string{
		"VisibilityTimeout": "30",
		"RedrivePolicy":     fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, arn, demoReceives),
	}})
	if err != nil {
		return err
	}
	d.url = *main.QueueUrl
	d.say("created queue %s; messages that fail %d times go to queue %s", demoQueue, demoReceives, demoDead)
	return nil
}

func (d *demo) send(ctx context.Context) error {
	began := time.Now()
	for first := 1; first <= demoMessages; first += batchEntries {
		var entries []types.SendMessageBatchRequestEntry
		for i := first; i < first+batchEntries; i++ {
			entries = append(entries, types.SendMessageBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(fmt.Sprintf("task %d", i))})
		}
		out, err := d.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &d.url, Entries: entries})
		if err != nil {
			return err
		}
		if len(out.Failed) > 0 {
			return entryFailure(out.Failed[0])
		}
	}
	d.say("sent %d messages, each on disk when it was acknowledged, in %d ms", demoMessages, time.Since(began).Milliseconds())
	return nil
}

// consume receives until the queue stays empty. A task that fails is given back at once, as a consumer does
// that knows it has failed; one that merely dies would come back when its visibility timeout ends.
func (d *demo) consume(ctx context.Context) error {
	for {
		out, err := d.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &d.url, MaxNumberOfMessages: 5, WaitTimeSeconds: 1,
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount},
		})
		if err != nil {
			return err
		}
		if len(out.Messages) == 0 {
			return nil
		}
		for _, m := range out.Messages {
			if err := d.work(ctx, m); err != nil {
				return err
			}
		}
	}
}

func (d *demo) work(ctx context.Context, m types.Message) error {
	task := aws.ToString(m.Body)
	if !failsOnPurpose(task) {
		d.done++
		d.say("  %-8s done", task)
		_, err := d.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &d.url, ReceiptHandle: m.ReceiptHandle})
		return err
	}
	d.failed++
	d.say("  %-8s failed, attempt %s", task, m.Attributes["ApproximateReceiveCount"])
	_, err := d.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &d.url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0})
	return err
}

// failsOnPurpose picks two of the tasks.
func failsOnPurpose(task string) bool {
	return strings.HasSuffix(task, " 7") || strings.HasSuffix(task, " 13")
}
