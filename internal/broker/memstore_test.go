package broker

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/forebay-mq/forebay/internal/queue"
)

// memStore is a Store in memory whose commits a test can hold back or let fail. One goroutine commits.
type memStore struct {
	memTables
	mu  sync.Mutex
	log []committed // every batch so far

	commits chan commit
	ended   chan struct{}
	gated   atomic.Bool   // each commit waits for gate
	gate    chan struct{} // lets one commit through
	opened  chan struct{} // closed by release
	space   atomic.Uint32
	failAt  atomic.Int64 // the commit that fails, counted from 1; zero: none
}

type commit struct {
	batch *Batch
	done  func(error)
}

// committed is what a test may ask about a batch that was committed.
type committed struct {
	lazy    bool
	changes int
}

// memTables are what is stored; an Applier.
type memTables map[queue.ID]*memQueue

type memQueue struct {
	messages map[queue.Seq]memMessage
	states   map[queue.Seq][]byte
	meta     map[metaKey][]byte
}

type memMessage struct{ header, body []byte }

type metaKey struct {
	kind MetaKind
	key  string
}

// memLarge is from how many bytes on a body is left out of Scan.
const memLarge = 10_000

var errDisk = errors.New("the disk is broken")

func newMemStore(t testing.TB) *memStore {
	s := &memStore{
		memTables: memTables{}, commits: make(chan commit, 1000),
		gate: make(chan struct{}), opened: make(chan struct{}), ended: make(chan struct{}),
	}
	go s.run()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}

func (s *memStore) run() {
	defer close(s.ended)
	var failure error
	n := int64(0)
	for c := range s.commits {
		if s.gated.Load() {
			select {
			case <-s.gate:
			case <-s.opened:
			}
		}
		if n++; n == s.failAt.Load() {
			failure = errDisk
		}
		if failure == nil {
			s.mu.Lock()
			failure = Apply(c.batch.Bytes(), s.memTables)
			s.log = append(s.log, committed{c.batch.Lazy, c.batch.Len()})
			s.mu.Unlock()
		}
		c.done(failure)
	}
}

// hold makes commits wait for step or release.  It can be used once.
func (s *memStore) hold() { s.gated.Store(true) }

// step lets one commit through.
func (s *memStore) step() { s.gate <- struct{}{} }

// release lets all commits through from now on.
func (s *memStore) release() {
	if s.gated.Swap(false) {
		close(s.opened)
	}
}

// newest returns the last batch.
func (s *memStore) newest() committed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log[len(s.log)-1]
}

func (s *memStore) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.log)
}

func (s *memStore) Commit(b *Batch, done func(error)) { s.commits <- commit{b, done} }
func (s *memStore) Space() Space                      { return Space(s.space.Load()) }

func (s *memStore) Close() error {
	close(s.commits)
	<-s.ended
	return nil
}

func (s memTables) queue(id queue.ID) *memQueue {
	q := s[id]
	if q == nil {
		q = &memQueue{map[queue.Seq]memMessage{}, map[queue.Seq][]byte{}, map[metaKey][]byte{}}
		s[id] = q
	}
	return q
}

func (s memTables) PutMessage(id queue.ID, seq queue.Seq, header, body []byte) error {
	s.queue(id).messages[seq] = memMessage{bytes.Clone(header), bytes.Clone(body)}
	return nil
}

func (s memTables) DropMessage(id queue.ID, seq queue.Seq) error {
	delete(s.queue(id).messages, seq)
	delete(s.queue(id).states, seq)
	return nil
}

func (s memTables) DropMessages(id queue.ID, upTo queue.Seq) error {
	maps.DeleteFunc(s.queue(id).messages, func(seq queue.Seq, _ memMessage) bool { return seq <= upTo })
	maps.DeleteFunc(s.queue(id).states, func(seq queue.Seq, _ []byte) bool { return seq <= upTo })
	return nil
}

func (s memTables) PutState(id queue.ID, seq queue.Seq, state []byte) error {
	s.queue(id).states[seq] = bytes.Clone(state)
	return nil
}

func (s memTables) PutMeta(id queue.ID, kind MetaKind, key, value []byte) error {
	s.queue(id).meta[metaKey{kind, string(key)}] = bytes.Clone(value)
	return nil
}

func (s memTables) DropMeta(id queue.ID, kind MetaKind, key []byte) error {
	delete(s.queue(id).meta, metaKey{kind, string(key)})
	return nil
}

func (s memTables) DropMetas(id queue.ID, kind MetaKind) error {
	maps.DeleteFunc(s.queue(id).meta, func(k metaKey, _ []byte) bool { return k.kind == kind })
	return nil
}

func (s memTables) DropQueue(id queue.ID) error {
	delete(s, id)
	return nil
}

func (s *memStore) Scan(id queue.ID, after, upTo queue.Seq, visit func(queue.Seq, []byte, []byte) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	messages := s.queue(id).messages
	for _, seq := range slices.Sorted(maps.Keys(messages)) {
		m := messages[seq]
		body := slices.Clone(m.body)
		if len(body) > memLarge {
			body = nil
		}
		if seq > after && seq <= upTo && !visit(seq, m.header, body) {
			break
		}
		clear(body) // what was seen is valid during the call only
	}
	return nil
}

func (s *memStore) Read(id queue.ID, seq queue.Seq) ([]byte, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.queue(id).messages[seq]
	if !ok {
		return nil, nil, ErrNotFound
	}
	return bytes.Clone(m.header), bytes.Clone(m.body), nil
}

func (s *memStore) States(id queue.ID, visit func(queue.Seq, []byte) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := s.queue(id).states
	for _, seq := range slices.Sorted(maps.Keys(states)) {
		if err := visit(seq, states[seq]); err != nil {
			return err
		}
	}
	return nil
}

func (s *memStore) Meta(id queue.ID, kind MetaKind, visit func(key, value []byte) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	meta := s.queue(id).meta
	byKey := func(a, b metaKey) int { return cmp.Compare(a.key, b.key) }
	for _, k := range slices.SortedFunc(maps.Keys(meta), byKey) {
		if k.kind != kind {
			continue
		}
		if err := visit([]byte(k.key), meta[k]); err != nil {
			return err
		}
	}
	return nil
}

func (s *memStore) Queues(visit func(queue.ID) error) error {
	s.mu.Lock()
	var ids []queue.ID
	for id, q := range s.memTables {
		if id != 0 && len(q.meta) > 0 {
			ids = append(ids, id)
		}
	}
	s.mu.Unlock()
	slices.Sort(ids)
	for _, id := range ids {
		if err := visit(id); err != nil {
			return err
		}
	}
	return nil
}
