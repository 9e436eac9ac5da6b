package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/config"
)

// sending is the command line of send, read.
type sending struct {
	queue      string
	create     bool
	file       string
	lines      bool
	group      string
	dedupID    string
	delay      string
	attributes []string

	seconds int32 // of delay
	values  map[string]types.MessageAttributeValue
}

// sent is what send shows of a message.
type sent struct {
	MessageID      string `json:"MessageId"`
	BodyMD5        string `json:"MD5OfMessageBody"`
	SequenceNumber string `json:",omitempty"`
}

func (a *app) sendCommand() *cobra.Command {
	var s sending
	cmd := &cobra.Command{
		Use:   "send QUEUE [BODY...]",
		Short: "Send messages",
		Long: "Send messages: one for each BODY, or the content of --file, or one for each line of standard input.\n\n" +
			"    forebay send orders --create 'hello'\n" +
			"    forebay send orders --file order.json\n" +
			"    forebay send orders < orders.jsonl",
		Args:              between(1, -1),
		ValidArgsFunction: a.completeQueue,
		RunE: func(cmd *cobra.Command, args []string) error {
			s.queue = args[0]
			ctx, stop := interruptible(cmd)
			defer stop()
			return a.send(ctx, &s, args[1:])
		},
	}
	a.targetFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&s.create, "create", false, "create the queue if it is missing")
	flags.StringVarP(&s.file, "file", "f", "", "send the content of this file as one message; - is standard input")
	flags.BoolVar(&s.lines, "lines", false, "send each line of standard input; the default without BODY and --file")
	flags.StringVar(&s.group, "group", "", "message group id; FIFO queues need one")
	flags.StringVar(&s.dedupID, "dedup-id", "", "deduplication id, of a FIFO queue")
	flags.StringVar(&s.delay, "delay", "", "how long the message stays hidden, like 30s; at most 15m")
	flags.StringArrayVar(&s.attributes, "attr", nil, "message attribute NAME=VALUE, or NAME:Number=VALUE; may be repeated")
	return cmd
}

func (a *app) send(ctx context.Context, s *sending, bodies []string) error {
	if err := s.read(bodies); err != nil {
		return err
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	url, err := a.sendURL(ctx, c, s)
	if err != nil {
		return err
	}
	switch {
	case s.file != "":
		body, err := a.readFile(ctx, s.file)
		if err != nil {
			return err
		}
		bodies = []string{string(body)}
	case len(bodies) == 0:
		return a.sendLines(ctx, c, s, url)
	}
	found := listing{columns: []string{"MESSAGE ID", "MD5"}}
	for _, body := range bodies {
		out, err := c.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: &url, MessageBody: &body, DelaySeconds: s.seconds, MessageAttributes: s.values,
			MessageGroupId: optional(s.group), MessageDeduplicationId: optional(s.dedupID),
		})
		if err != nil {
			return c.explain(ctx, s.queue, err)
		}
		if a.text() {
			if _, err := fmt.Fprintf(a.out, "sent %s to %s (%s)\n", short(*out.MessageId), s.queue, bytesText(int64(len(body)))); err != nil {
				return err
			}
			continue
		}
		item := sent{*out.MessageId, aws.ToString(out.MD5OfMessageBody), aws.ToString(out.SequenceNumber)}
		found.rows = append(found.rows, row{name: item.MessageID, cells: []string{item.MessageID, item.BodyMD5}, item: item})
	}
	if a.text() {
		return nil
	}
	return a.print(found)
}

// read checks the command line before anything is sent.
func (s *sending) read(bodies []string) error {
	if len(bodies) > 0 && (s.file != "" || s.lines) || s.file != "" && s.lines {
		return usage("give messages as arguments, with --file, or with --lines: only one of them")
	}
	if s.dedupID != "" && (len(bodies) > 1 || s.file == "" && len(bodies) == 0) {
		return usage("--dedup-id is for one message; of several with the same id all but the first would be dropped")
	}
	if s.delay != "" {
		d, err := config.Duration(s.delay)
		if err != nil {
			return usage("--delay: %v", err)
		}
		if d%time.Second != 0 || d > 15*time.Minute {
			return usage("--delay: %s is not a whole number of seconds up to 15m", s.delay)
		}
		s.seconds = int32(d / time.Second)
	}
	s.values = map[string]types.MessageAttributeValue{}
	for _, text := range s.attributes {
		name, value, ok := strings.Cut(text, "=")
		name, kind, typed := strings.Cut(name, ":")
		if !ok || name == "" || typed && kind == "" {
			return usage("--attr: %q is not NAME=VALUE or NAME:TYPE=VALUE", text)
		}
		if !typed {
			kind = "String"
		}
		if _, twice := s.values[name]; twice {
			return usage("--attr: %s is given twice: give it once", name)
		}
		attribute := types.MessageAttributeValue{DataType: &kind, StringValue: &value}
		if strings.HasPrefix(kind, "Binary") {
			attribute = types.MessageAttributeValue{DataType: &kind, BinaryValue: []byte(value)}
		}
		s.values[name] = attribute
	}
	return nil
}

// sendURL finds the queue, or creates it when that was asked for.
func (a *app) sendURL(ctx context.Context, c *client, s *sending) (string, error) {
	if !s.create {
		return a.queueURLOrNew(ctx, c, s.queue)
	}
	url, err := c.queueURL(ctx, s.queue)
	if err == nil {
		return url, nil
	}
	if f, ok := errors.AsType[*failure](err); !ok || f.code != exitNotFound {
		return "", err
	}
	in := &sqs.CreateQueueInput{QueueName: &s.queue}
	if strings.HasSuffix(s.queue, ".fifo") {
		in.Attributes = map[string]string{"FifoQueue": "true"}
	}
	out, err := c.CreateQueue(ctx, in)
	if err != nil {
		return "", c.explain(ctx, s.queue, err)
	}
	a.remark("created queue %s", s.queue)
	return *out.QueueUrl, nil
}

// readFile reads a file that the user has named; - is standard input.
func (a *app) readFile(ctx context.Context, name string) ([]byte, error) {
	if name == "-" {
		if terminal(a.in) {
			a.remark("Type the message; Ctrl-D ends.")
		}
		return io.ReadAll(interruptedReader(ctx, a.in))
	}
	body, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &failure{code: exitNotFound, what: "there is no file " + name}
	}
	return body, err
}

// entryFailure words the failure of one entry of a batch.
func entryFailure(failed types.BatchResultErrorEntry) *failure {
	return apiFailure(&smithy.GenericAPIError{Code: aws.ToString(failed.Code), Message: aws.ToString(failed.Message)})
}

// optional is nil for an empty text.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
