package gateway

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/forebay-mq/forebay/queued"
)

// mailer returns what sends to a queue.
func (g *Gateway) mailer(url string) *batcher[*mail] {
	g.mailersMu.Lock()
	defer g.mailersMu.Unlock()
	m := g.mailers[url]
	if m == nil {
		m = &batcher[*mail]{
			workers: sendWorkers, bytes: g.opts.MessageMax,
			size:  func(m *mail) int { return len(m.body) + len(m.signature) + 512 },
			flush: func(batch []*mail) { g.post(url, batch) },
		}
		g.mailers[url] = m
	}
	return m
}

// post sends messages in one call, and tells each how it went.
func (g *Gateway) post(url string, batch []*mail) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(g.ctx), sendTimeout)
	defer cancel()
	fifo := strings.HasSuffix(url, ".fifo")
	if len(batch) == 1 {
		m := batch[0]
		in := &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &m.body, MessageAttributes: queued.Attributes(m.signature, m.trace)}
		if fifo {
			in.MessageGroupId, in.MessageDeduplicationId = &m.group, &m.unique
		}
		_, err := g.client.SendMessage(ctx, in)
		m.done <- err
		return
	}
	in := &sqs.SendMessageBatchInput{QueueUrl: &url}
	for i, m := range batch {
		e := types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &m.body,
			MessageAttributes: queued.Attributes(m.signature, m.trace)}
		if fifo {
			e.MessageGroupId, e.MessageDeduplicationId = &m.group, &m.unique
		}
		in.Entries = append(in.Entries, e)
	}
	results := make([]error, len(batch))
	out, err := g.client.SendMessageBatch(ctx, in)
	for i := range results {
		results[i] = errors.New("the server did not say whether it has the message")
		if err != nil {
			results[i] = err
		}
	}
	if err == nil {
		for _, ok := range out.Successful {
			if i, err := strconv.Atoi(aws.ToString(ok.Id)); err == nil && i >= 0 && i < len(results) {
				results[i] = nil
			}
		}
		for _, bad := range out.Failed {
			if i, err := strconv.Atoi(aws.ToString(bad.Id)); err == nil && i >= 0 && i < len(results) {
				results[i] = fmt.Errorf("%s: %s", aws.ToString(bad.Code), aws.ToString(bad.Message))
			}
		}
	}
	for i, m := range batch {
		m.done <- results[i]
	}
}

// eraser returns what deletes messages of a queue.
func (g *Gateway) eraser(url string) *batcher[string] {
	g.mailersMu.Lock()
	defer g.mailersMu.Unlock()
	e := g.erasers[url]
	if e == nil {
		e = &batcher[string]{
			workers: deleteWorkers, bytes: 1 << 20, linger: eraseLinger,
			size:  func(handle string) int { return len(handle) },
			flush: func(handles []string) { g.erase(url, handles) },
		}
		g.erasers[url] = e
	}
	return e
}

// erase deletes messages. One that stays comes again, and is known then.
func (g *Gateway) erase(url string, handles []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(g.ctx), sendTimeout)
	defer cancel()
	in := &sqs.DeleteMessageBatchInput{QueueUrl: &url}
	for i, handle := range handles {
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(handle)})
	}
	out, err := g.client.DeleteMessageBatch(ctx, in)
	if err != nil {
		g.log.Debug("replies stay in their queue and will come again", "count", len(handles), "err", err)
	} else if len(out.Failed) > 0 {
		g.log.Debug("replies stay in their queue and will come again", "count", len(out.Failed), "err", aws.ToString(out.Failed[0].Message))
	}
}
