package broker

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/forebay-mq/forebay/internal/queue"
)

// PeekMax is the most messages that one Peek shows.
const PeekMax = 1000

// peekBytesMax ends a Peek early: what it shows is in memory at once.
const peekBytesMax = 8 << 20

// Peek shows messages and changes nothing. It reads the store, so it also sees what the machine has not loaded.
func (b *Broker) Peek(ctx context.Context, by queue.Caller, in *queue.PeekInput) (*queue.PeekOutput, error) {
	most := cmp.Or(in.Max, queue.ReceiveMax)
	if most < 0 || most > PeekMax {
		return nil, queue.Errorf(queue.CodeInvalidParameterValue, "Max is %d; it must be from 1 to %d.", in.Max, PeekMax)
	}
	value, err := b.do(ctx, &queue.Locate{By: by, Queue: in.Queue})
	if err != nil {
		return nil, err
	}
	at := value.(queue.Located)
	out := &queue.PeekOutput{FIFO: at.FIFO}
	after, size := max(in.After, at.Low), 0
	for len(out.Messages) < most && size < peekBytesMax && ctx.Err() == nil {
		page, err := b.peekPage(at, after, most-len(out.Messages))
		if err != nil {
			b.fail(err)
			return nil, queue.Internal(err)
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].Sequence
		shown, err := b.withStates(ctx, at, page)
		if err != nil {
			return nil, err
		}
		out.Messages = append(out.Messages, shown...)
		for i := range shown {
			size += shown[i].Message.Size
		}
	}
	return out, nil
}

// peekPage reads the next stored messages of a queue, those that are deleted but not gone from the store included.
func (b *Broker) peekPage(at queue.Located, after queue.Seq, most int) ([]queue.PeekedMessage, error) {
	var page []queue.PeekedMessage
	var large []int // those whose body is stored apart
	var damage error
	size := 0
	err := b.store.Scan(at.Queue, after, at.Next-1, func(seq queue.Seq, header, body []byte) bool {
		m, err := decodeMessage(header, bytes.Clone(body))
		if err != nil {
			damage = fmt.Errorf("queue %d, message %d: %w", at.Queue, seq, err)
			return false
		}
		if body == nil {
			large = append(large, len(page))
		}
		page = append(page, queue.PeekedMessage{ReceivedMessage: queue.ReceivedMessage{Message: m, Sequence: seq}})
		size += m.Size
		return len(page) < most && size < peekBytesMax
	})
	for _, i := range large {
		m, readErr := b.message(at.Queue, page[i].Sequence)
		if readErr == nil {
			page[i].Message = m
		} else if !errors.Is(readErr, ErrNotFound) { // a message that went meanwhile is left out for its state
			err = errors.Join(err, readErr)
		}
	}
	return page, errors.Join(err, damage)
}

// withStates adds the states to a page and leaves out the messages that are gone.
func (b *Broker) withStates(ctx context.Context, at queue.Located, page []queue.PeekedMessage) ([]queue.PeekedMessage, error) {
	seqs := make([]queue.Seq, len(page))
	for i := range page {
		seqs[i] = page[i].Sequence
	}
	value, err := b.do(ctx, &queue.States{Queue: at.Queue, Seqs: seqs})
	if err != nil {
		return nil, err
	}
	shown := page[:0]
	for i, s := range value.([]queue.StateNow) {
		if s.Gone {
			continue
		}
		m := page[i]
		m.State, m.Until = s.State, s.Until
		// What came as a dead letter and is not in memory carries its receives with it.
		m.Receives, m.First = max(s.Receives, m.Message.Receives), cmp.Or(s.First, m.Message.First)
		m.Shown = shownOn(at.FIFO, queue.SystemAll)
		m.Attributes, m.AttributesMD5 = m.Message.Attributes, m.Message.AttributesMD5
		shown = append(shown, m)
	}
	return shown, nil
}
