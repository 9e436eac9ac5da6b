package pebblestore

import (
	"github.com/cockroachdb/pebble/v2"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/queue"
)

// writer translates the changes of a broker.Batch into one Pebble batch.
//
// Dropping a message deletes its keys without reading whether they exist: a tombstone for the message and one
// for its state, about 40 bytes of log. A third one for the body would be paid by every small message, so
// the store remembers which queues have ever held a large one (kindLarge, in memory and on disk) and deletes
// bodies only there.
type writer struct {
	batch *pebble.Batch
	large map[queue.ID]struct{}
	key   []byte
	end   []byte
}

var _ broker.Applier = (*writer)(nil)

// PutMessage implements broker.Applier.
func (w *writer) PutMessage(q queue.ID, seq queue.Seq, header, body []byte) error {
	op := w.batch.SetDeferred(17, messageLen(header, body))
	seqKey(op.Key[:0], kindMessage, q, seq)
	appendMessage(op.Value[:0], header, body)
	if err := op.Finish(); err != nil {
		return err
	}
	if len(body) <= inlineMax {
		return nil
	}
	if _, known := w.large[q]; !known {
		w.large[q] = struct{}{}
		w.key = queueKey(w.key[:0], kindLarge, q)
		if err := w.batch.Set(w.key, nil, nil); err != nil {
			return err
		}
	}
	w.key = seqKey(w.key[:0], kindBody, q, seq)
	return w.batch.Set(w.key, body, nil)
}

// DropMessage implements broker.Applier.
func (w *writer) DropMessage(q queue.ID, seq queue.Seq) error {
	for _, kind := range w.kinds(q) {
		w.key = seqKey(w.key[:0], kind, q, seq)
		if err := w.batch.Delete(w.key, nil); err != nil {
			return err
		}
	}
	return nil
}

// DropMessages implements broker.Applier.
func (w *writer) DropMessages(q queue.ID, upTo queue.Seq) error {
	for _, kind := range w.kinds(q) {
		w.key = seqKey(w.key[:0], kind, q, 0)
		w.end = seqEnd(w.end[:0], kind, q, upTo)
		if err := w.batch.DeleteRange(w.key, w.end, nil); err != nil {
			return err
		}
	}
	return nil
}

// PutState implements broker.Applier.
func (w *writer) PutState(q queue.ID, seq queue.Seq, state []byte) error {
	w.key = seqKey(w.key[:0], kindState, q, seq)
	return w.batch.Set(w.key, state, nil)
}

// PutMeta implements broker.Applier.
func (w *writer) PutMeta(q queue.ID, kind broker.MetaKind, key, value []byte) error {
	w.key = metaKey(w.key[:0], q, kind, key)
	return w.batch.Set(w.key, value, nil)
}

// DropMeta implements broker.Applier.
func (w *writer) DropMeta(q queue.ID, kind broker.MetaKind, key []byte) error {
	w.key = metaKey(w.key[:0], q, kind, key)
	return w.batch.Delete(w.key, nil)
}

// DropMetas implements broker.Applier.
func (w *writer) DropMetas(q queue.ID, kind broker.MetaKind) error {
	w.key = metaKey(w.key[:0], q, kind, nil)
	w.end = metaEnd(w.end[:0], q, kind)
	return w.batch.DeleteRange(w.key, w.end, nil)
}

// DropQueue implements broker.Applier.
func (w *writer) DropQueue(q queue.ID) error {
	for _, kind := range [...]byte{kindMessage, kindBody, kindState, kindMeta} {
		w.key = queueKey(w.key[:0], kind, q)
		w.end = queueEnd(w.end[:0], kind, q)
		if err := w.batch.DeleteRange(w.key, w.end, nil); err != nil {
			return err
		}
	}
	delete(w.large, q)
	w.key = queueKey(w.key[:0], kindLarge, q)
	return w.batch.Delete(w.key, nil)
}

// setPosition adds where the store stands once the batch is in it.
func (w *writer) setPosition(p position) error {
	var value [16]byte
	return w.batch.Set([]byte{kindPosition}, p.append(value[:0]), nil)
}

// kinds are the kinds of keys that a message of q may have.
func (w *writer) kinds(q queue.ID) []byte {
	if _, large := w.large[q]; large {
		return []byte{kindMessage, kindState, kindBody}
	}
	return []byte{kindMessage, kindState}
}
