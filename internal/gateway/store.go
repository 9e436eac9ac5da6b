package gateway

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/pebblestore"
)

// The store's keys begin with one of these.
const (
	kindFormat = 'f' // → the number of this format
	kindReply  = 'm' // id → record
	kindPart   = 'p' // id, attempt, seq → the message as it came
	kindKey    = 'k' // scope of an Idempotency-Key → kept
	kindDue    = 'x' // expiry, key of a record → nothing
	kindNote   = 'n' // name → text
)

const (
	storeFormat   = "1"
	stripes       = 64        // locks for records, by the first byte of the id
	attemptsMax   = 8         // attempts of one reply that are kept side by side
	recordCost    = 256       // bytes that a record is counted as, beyond the messages of a reply
	expireAtOnce  = 1000      // records taken away in one batch
	partsMessages = 1<<20 - 1 // messages of one attempt
)

var (
	// errFull is for a reply that has no room now. It stays in its queue.
	errFull = errors.New("the reply store is full")
	// errLate is for a reply that nobody can ask for any more, since another attempt is complete or its time is over.
	errLate = errors.New("the request has been answered, or its time is over")
)

// storeOptions say where replies are kept and how many.
type storeOptions struct {
	folder     string
	fs         vfs.FS // nil: the disk
	max        int64  // bytes
	acceptLoss bool   // go on with what is there when something was lost
	log        *slog.Logger
	fatal      func(error) // called when the disk has failed; must end the process. Nil: exit
}

// store keeps replies, and what an Idempotency-Key stands for, on disk. All of its writes are durable when they return,
// unless they say otherwise. It is safe for concurrent use.
type store struct {
	db    *pebblestore.KV
	max   int64
	bytes atomic.Int64
	locks [stripes]sync.Mutex
	keys  [stripes]sync.Mutex // for records of keys, by the first byte of the scope
}

// record is what is known of one reply.
type record struct {
	Expires  int64     `json:"expires"` // seconds since 1970
	Bytes    int64     `json:"bytes"`
	Attempts []attempt `json:"attempts"`
	Winner   string    `json:"winner,omitempty"` // the attempt that was complete first
}

// attempt is one of the answers that were begun.
type attempt struct {
	Name  string `json:"name"`
	Parts int    `json:"parts"` // messages there are, without holes or with
	Last  int    `json:"last"`  // seq of the last message; -1: not yet known
}

func (a attempt) complete() bool { return a.Last >= 0 && a.Parts == a.Last+1 }

// openStore opens the store, or makes it.
func openStore(o storeOptions) (*store, error) {
	db, err := pebblestore.OpenKV(o.folder, pebblestore.KVOptions{
		Title: "reply store " + o.folder, FS: o.fs, AcceptLoss: o.acceptLoss,
		Logger: o.log.With("part", "store"), Fatal: o.fatal,
	})
	if err != nil {
		return nil, refused(o.folder, err)
	}
	s := &store{db: db, max: o.max}
	if err := errors.Join(s.checkFormat(), s.count()); err != nil {
		err = refused(o.folder, fmt.Errorf("reply store %s: %w", o.folder, err))
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// refused adds to an error of a store that is not opened what can be done about it.
func refused(folder string, err error) error {
	return fmt.Errorf("%w; it holds replies and what Idempotency-Keys stand for: restore the folder, or, unless another "+
		"gateway uses it, move it and %s.witness away to begin anew without them", err, folder)
}

func (s *store) checkFormat() error {
	format, err := s.get([]byte{kindFormat})
	if err == nil && format == nil {
		return s.set([]byte{kindFormat}, []byte(storeFormat))
	}
	if err == nil && string(format) != storeFormat {
		return fmt.Errorf("it has format %q, this program knows %s; use a newer one", format, storeFormat)
	}
	return err
}

// count sums up what is stored, and so reads every record once.
func (s *store) count() error {
	var damaged error
	err := s.db.Scan([]byte{kindReply}, []byte{kindReply + 1}, func(_, value []byte) bool {
		var r record
		damaged = json.Unmarshal(value, &r)
		s.bytes.Add(r.Bytes)
		return damaged == nil
	})
	if err != nil || damaged != nil {
		return errors.Join(err, damaged)
	}
	return s.db.Scan([]byte{kindKey}, []byte{kindKey + 1}, func(_, _ []byte) bool {
		s.bytes.Add(recordCost)
		return true
	})
}

// close closes the store. Nothing may use it then.
func (s *store) close() error { return s.db.Close() }

// full reports whether no reply has room.
func (s *store) full() bool { return s.bytes.Load() >= s.max }

// get returns a value that is the caller's, or nil.
func (s *store) get(key []byte) ([]byte, error) {
	value, _, err := s.db.Get(key)
	return value, err
}

// set writes one value.
func (s *store) set(key, value []byte) error {
	b := s.db.NewBatch()
	b.Set(key, value)
	return s.db.Commit(b, true)
}

// reply returns what is known of a reply; ok is false when nothing has come.
func (s *store) reply(id ID) (r record, ok bool, err error) {
	text, err := s.get(keyOf(kindReply, id[:]))
	if text == nil || err != nil {
		return record{}, false, err
	}
	err = json.Unmarshal(text, &r)
	return r, err == nil, err
}

// part returns one message of a reply, or "" when it has not come.
func (s *store) part(id ID, attempt string, seq int) (string, error) {
	text, err := s.get(partKey(id, attempt, seq))
	return string(text), err
}

// put stores one message of a reply, as it came, and returns what is known then. A message that is there already changes
// nothing. With errFull and errLate nothing is stored.
func (s *store) put(t token, p piece, now time.Time) (record, error) {
	lock := &s.locks[int(t.id[0])%stripes]
	lock.Lock()
	defer lock.Unlock()
	r, _, err := s.reply(t.id)
	if err != nil {
		return r, err
	}
	if r.Winner != "" && r.Winner != p.attempt || !now.Before(t.expires) || p.seq > partsMessages {
		return r, errLate
	}
	there, err := s.get(partKey(t.id, p.attempt, p.seq))
	if there != nil || err != nil {
		return r, err
	}
	i := slices.IndexFunc(r.Attempts, func(a attempt) bool { return a.Name == p.attempt })
	if i < 0 {
		if len(r.Attempts) == attemptsMax {
			return r, errLate
		}
		r.Attempts = append(r.Attempts, attempt{Name: p.attempt, Last: -1})
		i = len(r.Attempts) - 1
	}
	cost := int64(len(p.text))
	if r.Bytes == 0 {
		cost += recordCost
	}
	if s.bytes.Load()+cost > s.max {
		return r, errFull
	}
	r.Expires, r.Bytes = t.expires.Unix(), r.Bytes+cost
	a := &r.Attempts[i]
	a.Parts++
	if p.last {
		a.Last = p.seq
	}
	if a.complete() {
		r.Winner = a.Name
	}
	return r, s.commit(t.id, p, r, cost)
}

// commit writes a message and the record that counts it.
func (s *store) commit(id ID, p piece, r record, cost int64) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	b := s.db.NewBatch()
	b.Set(partKey(id, p.attempt, p.seq), []byte(p.text))
	b.Set(keyOf(kindReply, id[:]), text)
	b.Set(dueKey(r.Expires, keyOf(kindReply, id[:])), nil)
	if err := s.db.Commit(b, true); err != nil {
		return fmt.Errorf("store a reply: %w", err)
	}
	s.bytes.Add(cost)
	return nil
}

// expire takes away what has expired, and returns how much that was.
func (s *store) expire(now time.Time) (int, error) {
	taken := 0
	for {
		n, err := s.expireSome(now)
		taken += n
		if err != nil || n < expireAtOnce {
			return taken, err
		}
	}
}

func (s *store) expireSome(now time.Time) (taken int, err error) {
	b := s.db.NewBatch()
	var freed int64
	var failed error
	err = s.db.Scan([]byte{kindDue}, dueKey(now.Unix()+1, nil), func(due, _ []byte) bool {
		taken++
		b.Delete(due)
		var bytes int64
		bytes, failed = s.drop(b, due[9:], now)
		freed += bytes
		return failed == nil && taken < expireAtOnce
	})
	if err = errors.Join(err, failed); err != nil || taken == 0 {
		return 0, err
	}
	if err := s.db.Commit(b, true); err != nil {
		return 0, fmt.Errorf("take away expired replies: %w", err)
	}
	s.bytes.Add(-freed)
	return taken, nil
}

// drop adds to b that a record goes whose time is over, and returns the bytes that it was counted as.
func (s *store) drop(b *pebblestore.Batch, owner []byte, now time.Time) (freed int64, err error) {
	switch owner[0] {
	case kindKey:
		k, err := s.kept(scope(owner[1:]))
		if err != nil || k.Expires > now.Unix() {
			return 0, err // the key was used again since
		}
		if k.Expires != 0 {
			freed = recordCost
		}
	case kindReply:
		r, _, err := s.reply(ID(owner[1:]))
		if err != nil {
			return 0, err
		}
		freed = r.Bytes
		parts := keyOf(kindPart, owner[1:])
		b.DeleteRange(parts, after(parts))
	}
	b.Delete(owner)
	return freed, nil
}

// note returns a text that setNote has kept, or "".
func (s *store) note(name string) (string, error) {
	text, err := s.get(keyOf(kindNote, []byte(name)))
	return string(text), err
}

// setNote keeps a text; an empty one is forgotten.
func (s *store) setNote(name, text string) error {
	if text != "" {
		return s.set(keyOf(kindNote, []byte(name)), []byte(text))
	}
	b := s.db.NewBatch()
	b.Delete(keyOf(kindNote, []byte(name)))
	return s.db.Commit(b, true)
}

// notes lists the names of all notes that begin with prefix.
func (s *store) notes(prefix string) (names []string, err error) {
	low := keyOf(kindNote, []byte(prefix))
	err = s.db.Scan(low, after(low), func(key, _ []byte) bool {
		names = append(names, string(key[1:]))
		return true
	})
	return names, err
}

func keyOf(kind byte, rest []byte) []byte { return append([]byte{kind}, rest...) }

// partKey orders the messages of an attempt by their numbers. The attempt's name is the length-prefixed text, so that
// no two names have a common key.
func partKey(id ID, attempt string, seq int) []byte {
	key := keyOf(kindPart, id[:])
	key = append(key, byte(len(attempt)))
	key = append(key, attempt...)
	return binary.BigEndian.AppendUint32(key, uint32(seq))
}

func dueKey(expires int64, owner []byte) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{kindDue}, uint64(expires)), owner...)
}

// after is the first key that does not begin with prefix, which does not end in 0xff throughout.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
