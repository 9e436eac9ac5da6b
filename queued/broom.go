package queued

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// broomWait is how long an answered request stays in the queue so that others may be deleted by the same call.
	broomWait = 10 * time.Millisecond
	// broomCalls bounds the calls that delete at one time.
	broomCalls = 4
	broomBatch = 10 // requests that one call deletes
)

// broom deletes answered requests, up to ten by one call. A request's slot is free before that, so that deleting holds
// up nobody; a server that dies in between has the request come again, as at any other moment before its delete.
type broom struct {
	*server
	answered chan types.Message
	ended    chan struct{}
}

func newBroom(s *server) *broom {
	b := &broom{server: s, answered: make(chan types.Message, broomBatch), ended: make(chan struct{})}
	go b.run()
	return b
}

// close deletes what is left and waits for it. Nothing may be added any more.
func (b *broom) close() {
	close(b.answered)
	<-b.ended
}

// run gathers requests until close.
func (b *broom) run() {
	defer close(b.ended)
	var calls sync.WaitGroup
	defer calls.Wait()
	room := make(chan struct{}, broomCalls)
	for first := range b.answered {
		batch := b.gather([]types.Message{first})
		room <- struct{}{}
		calls.Go(func() {
			b.sweep(batch)
			<-room
		})
	}
}

// gather adds what else is answered within broomWait.
func (b *broom) gather(batch []types.Message) []types.Message {
	timer := time.NewTimer(broomWait)
	defer timer.Stop()
	for len(batch) < broomBatch {
		select {
		case m, more := <-b.answered:
			if !more {
				return batch
			}
			batch = append(batch, m)
		case <-timer.C:
			return batch
		}
	}
	return batch
}

// sweep deletes the requests. It does so also while the server stops.
func (b *broom) sweep(batch []types.Message) {
	ctx, cancel := context.WithTimeout(context.Background(), finishing)
	defer cancel()
	entries := make([]types.DeleteMessageBatchRequestEntry, len(batch))
	for i, m := range batch {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle}
	}
	out, err := b.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &b.queue, Entries: entries})
	if err != nil {
		b.Logger.Warn("answered requests could not be deleted and will come again", "requests", len(batch), "err", err)
		return
	}
	for _, f := range out.Failed {
		b.Logger.Warn("an answered request could not be deleted and will come again", "code", aws.ToString(f.Code), "message", aws.ToString(f.Message))
	}
}
