package broker

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/forebay-mq/forebay/internal/queue"
)

// read is something that the machine wants from the store: the messages of a refill, or those departures whose
// message is not in memory.
type read struct {
	refill     queue.Refill
	departures []queue.Departure // nil: it is a refill
}

// read carries out r in a goroutine of its own and gives the owner what it found. All batches before it are done.
func (b *Broker) read(r read) {
	b.readersMu.Lock()
	defer b.readersMu.Unlock()
	if b.closed {
		return
	}
	b.readers.Go(func() {
		b.readerSlot <- struct{}{}
		cmd, err := b.carryOut(r)
		<-b.readerSlot
		if err != nil {
			b.fail(fmt.Errorf("read the store: %w", err))
			return
		}
		select {
		case b.commands <- &request{cmd: cmd}:
		case <-b.over:
		}
	})
}

func (b *Broker) carryOut(r read) (queue.Command, error) {
	if r.departures == nil {
		return b.refill(r.refill)
	}
	for i := range r.departures {
		d := &r.departures[i]
		if d.Message != nil {
			continue
		}
		m, err := b.message(d.Queue, d.Seq)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		d.Message = m
	}
	return &queue.Arrive{Departures: r.departures}, nil
}

// message reads one message whole. The error is ErrNotFound when it is not there.
func (b *Broker) message(id queue.ID, seq queue.Seq) (*queue.Message, error) {
	header, body, err := b.store.Read(id, seq)
	if err != nil {
		return nil, err
	}
	m, err := decodeMessage(header, body)
	if err != nil {
		return nil, fmt.Errorf("queue %d, message %d: %w", id, seq, err)
	}
	return m, nil
}

// refill reads the messages that r asks for.
func (b *Broker) refill(r queue.Refill) (*queue.Refilled, error) {
	found := &queue.Refilled{Refill: r, End: true}
	var damage error
	size := 0
	err := b.store.Scan(r.Queue, r.After, r.UpTo, func(seq queue.Seq, header, body []byte) bool {
		if len(found.Items) >= r.Limit || len(found.Items) > 0 && r.Bytes > 0 && size >= r.Bytes {
			found.End = false
			return false
		}
		m, err := decodeMessage(header, bytes.Clone(body))
		if err != nil {
			damage = fmt.Errorf("queue %d, message %d: %w", r.Queue, seq, err)
			return false
		}
		size += len(header) + len(body)
		found.Items = append(found.Items, queue.Stored{Seq: seq, Message: m, Partial: body == nil})
		return true
	})
	return found, errors.Join(err, damage)
}
