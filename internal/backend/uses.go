package backend

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/pebblestore"
)

// UsesMaxDefault is how many requests are remembered at once, each with about 100 bytes on the disk: for the 15
// minutes of a gateway's default deadline, 4,400 a second.
const UsesMaxDefault = 4_000_000

const (
	usesExpireEvery = time.Minute
	usesExpireMax   = 10_000 // in one batch
	usesStripes     = 256    // requests that are noted at once, by their hash

	kindUse    = 'u' // hash of a request → hash of its message, until when
	kindUseDue = 'x' // until when, hash of a request → nothing
)

// ErrUsesFull is returned while no more requests can be remembered.
var ErrUsesFull = errors.New("as many signed requests are remembered as may be; they are forgotten at their deadlines")

// UsesOptions are what OpenUses opens a memory with. The zero value is right for a disk.
type UsesOptions struct {
	FS         vfs.FS // nil: the disk
	Max        int64  // requests at once. Zero: UsesMaxDefault
	AcceptLoss bool   // go on when something was forgotten, so that copies of it are not noticed
	Logger     *slog.Logger
	Fatal      func(error) // called when the disk has failed; must end the process. Nil: exit
}

// Uses is a queued.Uses on disk: what it has noted survives the backend, and it is not opened when something of that
// is lost. It is safe for concurrent use.
type Uses struct {
	db      *pebblestore.KV
	max     int64
	count   atomic.Int64
	stripes [usesStripes]sync.Mutex
	cancel  context.CancelFunc
	expirer sync.WaitGroup
}

// OpenUses opens the memory in a folder, or makes it. No two backends can use one at a time.
func OpenUses(folder string, o UsesOptions) (*Uses, error) {
	if o.Max == 0 {
		o.Max = UsesMaxDefault
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	db, err := pebblestore.OpenKV(folder, pebblestore.KVOptions{Title: "memory of signed requests " + folder, FS: o.FS,
		AcceptLoss: o.AcceptLoss, Logger: o.Logger, Fatal: o.Fatal})
	if err != nil {
		return nil, refused(folder, err)
	}
	u := &Uses{db: db, max: o.Max}
	count := func(_, _ []byte) bool { u.count.Add(1); return true }
	if err := db.Scan([]byte{kindUse}, []byte{kindUse + 1}, count); err != nil {
		err = refused(folder, fmt.Errorf("memory of signed requests %s: %w", folder, err))
		return nil, errors.Join(err, db.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	u.cancel = cancel
	u.expirer.Go(func() { u.expireLoop(ctx, o.Logger) })
	return u, nil
}

// refused adds to an error of a memory that is not opened what can be done about it.
func refused(folder string, err error) error {
	return fmt.Errorf("%w; each backend needs a folder of its own (--state). If it is damaged: restore the folder, "+
		"or move it and %s.witness away to begin anew, after which copies of requests from before are not noticed",
		err, folder)
}

// Close ends the memory. Nothing may use it then.
func (u *Uses) Close() error {
	u.cancel()
	u.expirer.Wait()
	return u.db.Close()
}

// Use implements queued.Uses. What it has noted is on the disk when it returns.
func (u *Uses) Use(request, message string, until time.Time) (bool, error) {
	key, by := useHash(kindUse, request), useHash(kindUse, message)[1:]
	lock := &u.stripes[key[1]]
	lock.Lock()
	defer lock.Unlock()
	was, ok, err := u.db.Get(key)
	if err != nil {
		return false, err
	}
	if ok && len(was) == len(by)+8 && time.Now().Unix() < int64(binary.BigEndian.Uint64(was[len(by):])) {
		return string(was[:len(by)]) == string(by), nil
	}
	if !ok && u.count.Add(1) > u.max {
		u.count.Add(-1)
		return false, ErrUsesFull
	}
	seconds := uint64(until.Unix()) + 1
	b := u.db.NewBatch()
	b.Set(key, binary.BigEndian.AppendUint64(by, seconds))
	b.Set(useDue(seconds, key), nil)
	return true, u.db.Commit(b, true)
}

// Forget implements queued.Uses.
func (u *Uses) Forget(request string) error {
	key := useHash(kindUse, request)
	lock := &u.stripes[key[1]]
	lock.Lock()
	defer lock.Unlock()
	_, ok, err := u.db.Get(key)
	if !ok || err != nil {
		return err
	}
	b := u.db.NewBatch()
	b.Delete(key)
	u.count.Add(-1)
	return u.db.Commit(b, true)
}

// useHash is the key of a request, or names a message, in a few bytes.
func useHash(kind byte, text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return append([]byte{kind}, sum[:16]...)
}

func useDue(seconds uint64, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{kindUseDue}, seconds), key...)
}

func (u *Uses) expireLoop(ctx context.Context, logger *slog.Logger) {
	tick := time.NewTicker(usesExpireEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if err := u.expire(now); err != nil {
				logger.Error("requests whose time is over stay remembered", "err", err)
			}
		}
	}
}

// expire forgets what is over.
func (u *Uses) expire(now time.Time) error {
	for {
		var due [][]byte
		err := u.db.Scan([]byte{kindUseDue}, useDue(uint64(now.Unix()), nil), func(key, _ []byte) bool {
			due = append(due, append([]byte{}, key...))
			return len(due) < usesExpireMax
		})
		if err != nil || len(due) == 0 {
			return err
		}
		for _, key := range due {
			if err := u.expireOne(key, now); err != nil {
				return err
			}
		}
	}
}

// expireOne forgets a request, unless it was noted again since. It does not wait for the disk: what comes back is
// expired again.
func (u *Uses) expireOne(due []byte, now time.Time) error {
	key := due[9:]
	lock := &u.stripes[key[1]]
	lock.Lock()
	defer lock.Unlock()
	was, ok, err := u.db.Get(key)
	if err != nil {
		return err
	}
	b := u.db.NewBatch()
	b.Delete(due)
	if ok && len(was) == 24 && int64(binary.BigEndian.Uint64(was[16:])) <= now.Unix() {
		b.Delete(key)
		u.count.Add(-1)
	}
	return u.db.Commit(b, false)
}
