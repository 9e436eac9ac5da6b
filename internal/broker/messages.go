package broker

import (
	"context"
	"errors"

	"github.com/forebay-mq/forebay/internal/queue"
)

// SendMessage sends one message. When it has been given to the owner it is sent, also when ctx ends.
func (b *Broker) SendMessage(ctx context.Context, by queue.Caller, in *queue.SendMessageInput) (*queue.SendMessageOutput, error) {
	entries := []queue.Prepared{queue.Prepare(by, "", &in.Draft)}
	outcomes, err := b.send(ctx, &queue.Send{By: by, Queue: in.Queue, Entries: entries})
	if err != nil {
		return nil, err
	}
	if refusal := outcomes[0].Err; refusal != nil {
		return nil, refusal
	}
	return &queue.SendMessageOutput{Sent: outcomes[0].Sent}, nil
}

// SendMessageBatch sends messages that are accepted or refused one by one.
func (b *Broker) SendMessageBatch(
	ctx context.Context, by queue.Caller, in *queue.SendMessageBatchInput,
) (*queue.SendMessageBatchOutput, error) {
	entries, invalid := queue.PrepareBatch(by, in)
	outcomes, err := b.send(ctx, &queue.Send{By: by, Queue: in.Queue, Entries: entries, Batch: true, Invalid: invalid})
	if err != nil {
		return nil, err
	}
	out := new(queue.SendMessageBatchOutput)
	for i := range outcomes {
		id := entries[i].EntryID
		if refusal := outcomes[i].Err; refusal != nil {
			out.Failed = append(out.Failed, queue.BatchFailure{EntryID: id, Code: refusal.Code, Message: refusal.Message})
		} else {
			out.Successful = append(out.Successful, queue.SentEntry{EntryID: id, Sent: outcomes[i].Sent})
		}
	}
	return out, nil
}

func (b *Broker) send(ctx context.Context, cmd *queue.Send) ([]queue.SendOutcome, error) {
	value, err := b.do(ctx, cmd)
	if err != nil {
		return nil, err
	}
	return value.([]queue.SendOutcome), nil
}

// ReceiveMessage takes messages, and waits for some if that is asked for. When ctx ends the waiting ends, and no
// message is taken.
func (b *Broker) ReceiveMessage(
	ctx context.Context, by queue.Caller, in *queue.ReceiveMessageInput,
) (*queue.ReceiveMessageOutput, error) {
	value, err := b.do(ctx, &queue.Receive{By: by, In: in})
	if err != nil {
		return nil, err
	}
	received := value.(*queue.Received)
	out := new(queue.ReceiveMessageOutput)
	for i := range received.Deliveries {
		d := &received.Deliveries[i]
		m := d.Message
		if m == nil {
			m, err = b.message(received.Queue, d.Seq)
			if errors.Is(err, ErrNotFound) {
				continue // purged meanwhile
			}
			if err != nil {
				b.fail(err)
				return nil, queue.Internal(err)
			}
		}
		shown := queue.ReceivedMessage{
			Message: m, Receipt: b.sealer.Seal(d.Receipt), Sequence: d.Seq, Receives: d.Receives, First: d.First,
			Shown: shownOn(received.FIFO, in.System),
		}
		shown.Attributes, shown.AttributesMD5 = queue.SelectAttributes(m, in.AttributeNames)
		out.Messages = append(out.Messages, shown)
	}
	return out, nil
}

// shownOn leaves out what only FIFO queues show.
func shownOn(fifo bool, asked queue.SystemAttributes) queue.SystemAttributes {
	if !fifo {
		asked &^= queue.SystemSequenceNumber
	}
	return asked
}

// DeleteMessage deletes the message that a handle was given for.
func (b *Broker) DeleteMessage(ctx context.Context, by queue.Caller, in *queue.DeleteMessageInput) error {
	entries := []queue.HeldReceipt{queue.PrepareReceipt(b.sealer, in.Receipt)}
	return single(b.each(ctx, &queue.Delete{By: by, Queue: in.Queue, Entries: entries}))
}

// DeleteMessageBatch deletes messages one by one.
func (b *Broker) DeleteMessageBatch(
	ctx context.Context, by queue.Caller, in *queue.DeleteMessageBatchInput,
) (*queue.BatchOutput, error) {
	entries, invalid := queue.PrepareDelete(b.sealer, in.Entries)
	refusals, err := b.each(ctx, &queue.Delete{By: by, Queue: in.Queue, Entries: entries, Invalid: invalid})
	if err != nil {
		return nil, err
	}
	return batchOutput(refusals, func(i int) string { return in.Entries[i].ID }), nil
}

// ChangeMessageVisibility sets the timeout of a received message.
func (b *Broker) ChangeMessageVisibility(ctx context.Context, by queue.Caller, in *queue.ChangeMessageVisibilityInput) error {
	entries := []queue.HeldReceipt{queue.PrepareChangeOne(b.sealer, in)}
	return single(b.each(ctx, &queue.ChangeVisibility{By: by, Queue: in.Queue, Entries: entries}))
}

// ChangeMessageVisibilityBatch sets the timeouts of received messages one by one.
func (b *Broker) ChangeMessageVisibilityBatch(
	ctx context.Context, by queue.Caller, in *queue.ChangeMessageVisibilityBatchInput,
) (*queue.BatchOutput, error) {
	entries, invalid := queue.PrepareChange(b.sealer, in.Entries)
	cmd := &queue.ChangeVisibility{By: by, Queue: in.Queue, Entries: entries, Batch: true, Invalid: invalid}
	refusals, err := b.each(ctx, cmd)
	if err != nil {
		return nil, err
	}
	return batchOutput(refusals, func(i int) string { return in.Entries[i].ID }), nil
}

// each has the owner step a command whose value is one refusal, or nil, for each entry.
func (b *Broker) each(ctx context.Context, cmd queue.Command) ([]*queue.Error, error) {
	value, err := b.do(ctx, cmd)
	if err != nil {
		return nil, err
	}
	return value.([]*queue.Error), nil
}

// single is the outcome of a command with one entry.
func single(refusals []*queue.Error, err error) error {
	if err == nil && refusals[0] != nil {
		return refusals[0]
	}
	return err
}

func batchOutput(refusals []*queue.Error, id func(i int) string) *queue.BatchOutput {
	out := new(queue.BatchOutput)
	for i, refusal := range refusals {
		if refusal != nil {
			out.Failed = append(out.Failed, queue.BatchFailure{EntryID: id(i), Code: refusal.Code, Message: refusal.Message})
		} else {
			out.Successful = append(out.Successful, id(i))
		}
	}
	return out
}
