package pebblestore

import (
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/queue"
)

// errStop ends a visit without an error.
var errStop = errors.New("stop")

// visit calls f for the entries with lower <= key < upper in order, until f returns an error.
func (s *Store) visit(lower, upper []byte, f func(key, value []byte) error) error {
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return err
	}
	for ok := iter.First(); ok && err == nil; ok = iter.Next() {
		var value []byte
		if value, err = iter.ValueAndErr(); err == nil {
			err = f(iter.Key(), value)
		}
	}
	// A visit that ended early by itself has an error of its own; the iterator's comes with Close.
	return errors.Join(err, iter.Close())
}

// Scan implements broker.Store.
func (s *Store) Scan(q queue.ID, after, upTo queue.Seq, visit func(seq queue.Seq, header, body []byte) bool) error {
	if err := s.use(); err != nil {
		return err
	}
	defer s.release()
	if after >= upTo {
		return nil
	}
	lower, upper := seqKey(nil, kindMessage, q, after+1), seqEnd(nil, kindMessage, q, upTo)
	err := s.visit(lower, upper, func(key, value []byte) error {
		seq, err := keySeq(key)
		if err != nil {
			return err
		}
		header, body, err := splitMessage(value)
		if err != nil {
			return err
		}
		if !visit(seq, header, body) {
			return errStop
		}
		return nil
	})
	if errors.Is(err, errStop) {
		return nil
	}
	return s.readError("scan", q, err)
}

// Read implements broker.Store.
func (s *Store) Read(q queue.ID, seq queue.Seq) (header, body []byte, err error) {
	if err := s.use(); err != nil {
		return nil, nil, err
	}
	defer s.release()
	header, body, err = s.readMessage(q, seq)
	if err == nil && body == nil {
		body, err = s.get(seqKey(nil, kindBody, q, seq))
		if errors.Is(err, broker.ErrNotFound) {
			// Dropped between the two reads, or damaged.
			if _, _, err = s.readMessage(q, seq); err == nil {
				err = fmt.Errorf("%w: the body of message %d is missing", errValue, seq)
			}
		}
	}
	if errors.Is(err, broker.ErrNotFound) {
		return nil, nil, broker.ErrNotFound
	}
	if err != nil {
		return nil, nil, s.readError("read", q, err)
	}
	return header, body, nil
}

func (s *Store) readMessage(q queue.ID, seq queue.Seq) (header, body []byte, err error) {
	value, err := s.get(seqKey(nil, kindMessage, q, seq))
	if err != nil {
		return nil, nil, err
	}
	return splitMessage(value)
}

// get returns a copy of a value that is not nil, or broker.ErrNotFound.
func (s *Store) get(key []byte) ([]byte, error) {
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, broker.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	value = append(make([]byte, 0, len(value)), value...)
	return value, closer.Close()
}

// States implements broker.Store.
func (s *Store) States(q queue.ID, visit func(seq queue.Seq, state []byte) error) error {
	if err := s.use(); err != nil {
		return err
	}
	defer s.release()
	err := s.visit(queueKey(nil, kindState, q), queueEnd(nil, kindState, q), func(key, value []byte) error {
		seq, err := keySeq(key)
		if err != nil {
			return err
		}
		return visit(seq, value)
	})
	return s.readError("read states", q, err)
}

// Meta implements broker.Store.
func (s *Store) Meta(q queue.ID, kind broker.MetaKind, visit func(key, value []byte) error) error {
	if err := s.use(); err != nil {
		return err
	}
	defer s.release()
	lower, upper := metaKey(nil, q, kind, nil), metaEnd(nil, q, kind)
	err := s.visit(lower, upper, func(key, value []byte) error { return visit(key[len(lower):], value) })
	return s.readError("read metadata", q, err)
}

// Queues implements broker.Store.
func (s *Store) Queues(visit func(q queue.ID) error) error {
	if err := s.use(); err != nil {
		return err
	}
	defer s.release()
	iter, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: queueKey(nil, kindMeta, 1),
		UpperBound: []byte{kindMeta + 1},
	})
	if err != nil {
		return fmt.Errorf("list queues: %w", err)
	}
	for ok := iter.First(); ok && err == nil; {
		var q queue.ID
		if q, err = keyQueue(iter.Key()); err != nil {
			break
		}
		if err = visit(q); err != nil || q == math.MaxUint64 {
			break
		}
		ok = iter.SeekGE(queueKey(nil, kindMeta, q+1))
	}
	return errors.Join(err, iter.Close())
}

// readError says what was being done, and stops the process when the data is damaged: what else is damaged
// cannot be known, and a skipped message would be a lost one.
func (s *Store) readError(what string, q queue.ID, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errValue) || pebble.IsCorruptionError(err) {
		go s.failure.fail(fmt.Errorf("%s of queue %d: %w", what, q, err))
	}
	return fmt.Errorf("%s of queue %d: %w", what, q, err)
}
