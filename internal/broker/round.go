package broker

import (
	"fmt"

	"github.com/forebay-mq/forebay/internal/queue"
)

// roundKeptMax is the largest encoding space that is kept for reuse, in bytes.
const roundKeptMax = 2 * roundBytesMax

// round is what one round of the owner has led to: a batch, and what may happen when it is done. It belongs to
// the owner until it is handed to the store, then to the store's goroutine that calls done.
type round struct {
	b       *Broker
	batch   Batch
	sync    bool // the batch must be synced before anything is revealed
	replies []answer
	reads   []read
	done    func(error) // finish, made once
}

// answer is a reply and where it goes.
type answer struct {
	to    chan reply
	reply reply
}

func newRound(b *Broker) *round {
	r := &round{b: b}
	r.done = r.finish
	return r
}

// finish is called by the store. It never blocks: each reply has room, and reads run in goroutines of their own.
func (r *round) finish(err error) {
	b := r.b
	if err != nil {
		b.fail(fmt.Errorf("commit: %w", err))
		return
	}
	b.durable.Add(1)
	r.reveal()
	r.reset()
	b.rounds.Put(r)
}

// reveal sends the replies and starts the reads.
func (r *round) reveal() {
	for i := range r.replies {
		r.replies[i].to <- r.replies[i].reply
	}
	for i := range r.reads {
		r.b.read(r.reads[i])
	}
}

// reset empties the round for reuse.
func (r *round) reset() {
	if cap(r.batch.data) > roundKeptMax {
		r.batch.data = nil
	}
	r.batch.Reset()
	clear(r.replies)
	clear(r.reads)
	r.sync, r.replies, r.reads = false, r.replies[:0], r.reads[:0]
}

// encode puts records into the batch of the round.
func (o *owner) encode(records []queue.Record) {
	for i := range records {
		o.encodeOne(&o.round.batch, &records[i])
	}
}

func (o *owner) encodeOne(b *Batch, r *queue.Record) {
	switch r.Op {
	case queue.OpPutMessage:
		o.header = appendHeader(o.header[:0], r.Message)
		o.prefix = appendAttributes(o.prefix[:0], r.Message)
		b.PutMessageParts(r.Queue, r.Seq, o.header, o.prefix, r.Message.Body)
	case queue.OpDropMessage:
		b.DropMessage(r.Queue, r.Seq)
	case queue.OpDropMessages:
		b.DropMessages(r.Queue, r.Seq)
	case queue.OpPutState:
		o.header = appendState(o.header[:0], &r.State)
		b.PutState(r.Queue, r.Seq, o.header)
	case queue.OpPutQueue:
		b.PutMeta(r.Queue, MetaConfig, nil, appendJSON(nil, r.Config))
	case queue.OpDropQueue:
		b.DropQueue(r.Queue)
	case queue.OpPutMark:
		o.header = appendMark(o.header[:0], r.Mark)
		b.PutMeta(r.Queue, MetaMark, nil, o.header)
	case queue.OpPutSend:
		o.header = appendSend(o.header[:0], &r.Send)
		b.PutMeta(r.Queue, MetaSend, r.Send.Key[:], o.header)
	case queue.OpDropSend:
		b.DropMeta(r.Queue, MetaSend, r.Send.Key[:])
	case queue.OpDropSends:
		b.DropMetas(r.Queue, MetaSend)
	case queue.OpPutTask:
		b.PutMeta(r.Queue, MetaTask, []byte(r.Task.ID), appendJSON(nil, r.Task))
	case queue.OpDropTask:
		b.DropMeta(r.Queue, MetaTask, []byte(r.Task.ID))
	case queue.OpPutDeleted:
		b.PutMeta(0, MetaDeleted, []byte(r.Name), appendDeleted(nil, r.At))
	case queue.OpDropDeleted:
		b.DropMeta(0, MetaDeleted, []byte(r.Name))
	default:
		panic(fmt.Sprintf("record of unknown kind %d", r.Op)) // forgetting a change would be worse than stopping
	}
}
