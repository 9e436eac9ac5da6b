package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/config"
)

// receiving is the command line of receive, read.
type receiving struct {
	queue      string
	delete     bool
	wait       string
	visibility string
	max        int32
	raw        bool
	base64     bool
	expect     bool

	seconds, hidden int32 // of wait and visibility; hidden is zero when the queue's own counts
}

// message is what receive and peek show of a message, in the names of the API.
type message struct {
	MessageID     string `json:"MessageId"`
	ReceiptHandle string `json:",omitempty"`
	MD5OfBody     string
	Body          string
	Attributes    map[string]string           `json:",omitempty"`
	Message       map[string]messageAttribute `json:"MessageAttributes,omitempty"`
	State         string                      `json:",omitempty"` // peek only
}

// messageAttribute is a message attribute as the API shows it.
type messageAttribute struct {
	DataType    string
	StringValue *string `json:",omitempty"`
	BinaryValue []byte  `json:",omitempty"`
}

func (a *app) receiveCommand() *cobra.Command {
	var r receiving
	cmd := &cobra.Command{
		Use:   "receive QUEUE",
		Short: "Receive messages",
		Long: "Receive messages. Bodies go to standard output, what is said about them to standard error.\n\n" +
			"A received message is hidden until its visibility timeout ends, and then comes back unless it was\n" +
			"deleted: with --delete at once, or later with `forebay delete`. To look without receiving: forebay peek.",
		Args:              exactly(1),
		ValidArgsFunction: a.completeQueue,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.queue = args[0]
			ctx, stop := interruptible(cmd)
			defer stop()
			return a.receive(ctx, &r)
		},
	}
	a.targetFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&r.delete, "delete", false, "delete what was received, once it is printed")
	flags.StringVar(&r.wait, "wait", "0s", "how long to wait for a message, at most 20s; 0s is as long as the queue says")
	flags.StringVar(&r.visibility, "visibility", "", "how long the messages stay hidden (default: as the queue says)")
	flags.Int32Var(&r.max, "max", 1, "receive up to so many messages, 1 to 10")
	flags.BoolVar(&r.raw, "raw", false, "print bodies alone, without a newline after them")
	flags.BoolVar(&r.base64, "base64", false, "print bodies in base64, one on a line")
	flags.BoolVar(&r.expect, "expect", false, "end with exit code 6 when there is no message")
	return cmd
}

// read checks the command line before anything is received.
func (r *receiving) read() error {
	wait, err := config.Duration(r.wait)
	if err != nil {
		return usage("--wait: %v", err)
	}
	if wait > 20*time.Second {
		return usage("--wait: %s is above the SQS limit of 20s", r.wait)
	}
	if wait%time.Second != 0 {
		return usage("--wait: %s is not a whole number of seconds", r.wait)
	}
	r.seconds = int32(wait / time.Second)
	if r.visibility != "" {
		hidden, err := config.Duration(r.visibility)
		if err != nil {
			return usage("--visibility: %v", err)
		}
		if hidden < time.Second || hidden > 12*time.Hour || hidden%time.Second != 0 {
			return usage("--visibility: %s is not a whole number of seconds from 1s to 12h", r.visibility)
		}
		r.hidden = int32(hidden / time.Second)
	}
	if r.max < 1 || r.max > 10 {
		return usage("--max: %d is not between 1 and 10", r.max)
	}
	if r.raw && r.base64 {
		return usage("--raw and --base64 are two ways of printing: give only one of them")
	}
	return nil
}

func (a *app) receive(ctx context.Context, r *receiving) error {
	if err := r.read(); err != nil {
		return err
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	url, err := a.queueURLOrNew(ctx, c, r.queue)
	if err != nil {
		return err
	}
	in := &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: r.max, WaitTimeSeconds: r.seconds, VisibilityTimeout: r.hidden,
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	}
	if r.delete {
		if err := a.seen("messages would be deleted unread", "Nothing was received. Write it to a file, or delete messages unread:  forebay queues purge "+r.queue); err != nil {
			return err
		}
	}
	out, err := c.ReceiveMessage(ctx, in)
	if err != nil {
		return c.explain(ctx, r.queue, err)
	}
	if err := a.showReceived(r, out.Messages); err != nil {
		return unwritten(err)
	}
	if err := a.out.arrived(); err != nil {
		return unwritten(err)
	}
	return a.afterReceive(ctx, c, r, url, out.Messages)
}

// showReceived prints messages.
func (a *app) showReceived(r *receiving, messages []types.Message) error {
	if !r.raw && !r.base64 && !a.text() {
		found := listing{columns: []string{"MESSAGE ID", "BODY"}}
		for _, m := range messages {
			item := shown(m)
			found.rows = append(found.rows, row{name: item.MessageID, cells: []string{item.MessageID, item.Body}, item: item})
		}
		return a.print(found)
	}
	for _, m := range messages {
		body := aws.ToString(m.Body)
		switch {
		case r.raw:
			fmt.Fprint(a.out, body)
		case r.base64:
			fmt.Fprintln(a.out, base64.StdEncoding.EncodeToString([]byte(body)))
		default:
			a.remark("%s", headline(m.Attributes, aws.ToString(m.MessageId), len(body)))
			fmt.Fprintln(a.out, body)
		}
	}
	return nil
}

// unwritten is the failure of a receive whose messages could not be written. None of them was deleted.
func unwritten(err error) error {
	return &failure{code: exitFailed, what: "the messages could not be written: " + cause(err), err: err,
		hints: []string{"None was deleted: they return to the queue when their visibility timeout ends."}}
}

// afterReceive deletes what was received, or says how to.
func (a *app) afterReceive(ctx context.Context, c *client, r *receiving, url string, messages []types.Message) error {
	count := plural(len(messages), "message")
	if len(messages) == 0 {
		if r.expect {
			return &failure{code: exitEmpty, what: fmt.Sprintf("no message in %s within %s", r.queue, r.wait)}
		}
		if !a.quiet {
			a.remark("%s", c.nothingIn(ctx, r.queue, url))
		}
		return nil
	}
	if r.delete {
		var handles []string
		for _, m := range messages {
			handles = append(handles, *m.ReceiptHandle)
		}
		if err := a.deleteHandles(context.WithoutCancel(ctx), c, r.queue, url, handles); err != nil {
			return err
		}
		if a.text() && !r.raw && !r.base64 {
			a.remark("%s, deleted.", count)
		}
		return nil
	}
	if !a.text() || r.raw || r.base64 || a.quiet {
		return nil
	}
	hidden := strconv.Itoa(int(r.hidden))
	if r.hidden == 0 {
		values, err := c.attributes(ctx, r.queue, types.QueueAttributeNameVisibilityTimeout)
		if err != nil {
			return nil // the messages are what was asked for; this is a courtesy
		}
		hidden = values["VisibilityTimeout"]
	}
	returns, them, handles := "It returns", "it", make([]string, 0, len(messages))
	if len(messages) > 1 {
		returns, them = "They return", "them"
	}
	for _, m := range messages {
		handles = append(handles, *m.ReceiptHandle)
	}
	a.remark("%s. %s to the queue in %s s unless you delete %s:\n  forebay delete %s%s %s",
		count, returns, hidden, them, r.queue, a.sameServer(), strings.Join(handles, " "))
	return nil
}

// shown is a message in the names of the API.
func shown(m types.Message) message {
	item := message{
		MessageID: aws.ToString(m.MessageId), ReceiptHandle: aws.ToString(m.ReceiptHandle),
		MD5OfBody: aws.ToString(m.MD5OfBody), Body: aws.ToString(m.Body), Attributes: m.Attributes,
	}
	for name, value := range m.MessageAttributes {
		if item.Message == nil {
			item.Message = map[string]messageAttribute{}
		}
		item.Message[name] = messageAttribute{aws.ToString(value.DataType), value.StringValue, value.BinaryValue}
	}
	return item
}

// headline is the line above a body: which message it is, and its past.
func headline(attributes map[string]string, id string, size int) string {
	parts := []string{short(id)}
	if ms, err := strconv.ParseInt(attributes["SentTimestamp"], 10, 64); err == nil {
		parts = append(parts, "sent "+ageText(time.Since(time.UnixMilli(ms)))+" ago")
	}
	if n := attributes["ApproximateReceiveCount"]; n != "" {
		parts = append(parts, "receive "+n)
	}
	if group := attributes["MessageGroupId"]; group != "" {
		parts = append(parts, "group "+group)
	}
	return strings.Join(append(parts, bytesText(int64(size))), "  ")
}
