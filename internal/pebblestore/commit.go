package pebblestore

import (
	"cmp"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/forebay-mq/forebay/internal/broker"
	"github.com/forebay-mq/forebay/internal/queue"
)

const (
	// groupBytes is how many bytes of waiting batches become one Pebble batch. A sync costs the same up to
	// 64 KiB and pays up to 256 KiB; more only has to be bounded.
	groupBytes = 1 << 20
	// waitingMax bounds the bytes of batches whose done was not called yet. Commit blocks beyond it.
	waitingMax = 64 << 20
	// groupsMax is how many groups may be in Pebble's log without being synced. One sync covers all that were
	// written before it began, so a few keep the disk busy while batches trickle in.
	groupsMax = 4
	// slowSync is how long a sync may take without a warning.
	slowSync = 100 * time.Millisecond
)

// request is one call of Commit.
type request struct {
	batch *broker.Batch
	done  func(error)
}

// group is the requests that share one Pebble batch.
type group struct {
	requests []request
	lazy     bool // no request of it waits for a sync
	bytes    int64
	changes  int
	taken    time.Time
	written  chan struct{} // closed when the batch is in Pebble's log and memtable

	// Set before written is closed.
	batch   *pebble.Batch
	reached position
}

// committer is the only writer of the database. Two goroutines share the work: write takes what waits and puts
// it into Pebble's log and memtable as one batch; finish waits for the syncs in order and calls done. So the
// next group is applied while the disk syncs the one before.
//
// After a failure both may be held inside Pebble for ever. Then abort, a third goroutine, answers what was
// taken, what waits, and what comes later.
type committer struct {
	db      *pebble.DB
	failure *failure
	opts    *Options
	synced  func(position)      // told how far the store is durable
	wrote   func(bytes int64)   // told how much was written
	slow    func(time.Duration) // told of syncs of slowSync and more
	held    func() error        // says why nothing may be acknowledged, though it was synced
	writer  writer              // used in turn
	reached position            // used in turn
	linger  linger              // syncs lazy groups that stay alone
	turn    chan struct{}       // holds an element while nobody writes
	ended   chan struct{}       // closed when all before the end is answered

	mu        sync.Mutex
	work      sync.Cond // for write: a request waits, a group is finished, or the end
	groups    sync.Cond // for finish and abort: a group was taken or finished, or the end
	room      sync.Cond // for add: bytes went down, or the end
	waiting   []request
	taken     []*group  // oldest first; a group stays until it is answered
	answering bool      // finish answers the oldest group
	over      bool      // finish has answered everything
	bytes     int64     // of waiting and taken
	closing   bool      // add refuses
	reason    error     // why add refuses
	late      []request // calls after closing
	refusing  bool      // a goroutine answers late, or will
}

func newCommitter(db *pebble.DB, f *failure, opts *Options, reached position, large map[queue.ID]struct{}) *committer {
	c := &committer{db: db, failure: f, opts: opts, reached: reached}
	c.linger = newLinger()
	c.turn, c.ended = make(chan struct{}, 1), make(chan struct{})
	c.turn <- struct{}{}
	c.writer.large = large
	c.work.L, c.groups.L, c.room.L = &c.mu, &c.mu, &c.mu
	// Late requests are answered after everything that was taken.
	c.refusing = true
	return c
}

func (c *committer) start() {
	go c.write()
	go c.finish()
	go c.abort()
}

// wake makes everybody look again. It follows a failure.
func (c *committer) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.work.Broadcast()
	c.groups.Broadcast()
	c.room.Broadcast()
}

// refuseAll answers what comes from now on with reason.
func (c *committer) refuseAll(reason error) {
	c.mu.Lock()
	if !c.closing {
		c.closing, c.reason = true, reason
	}
	c.mu.Unlock()
	c.wake()
}

// close refuses what comes from now on and waits until everything before has been answered.
func (c *committer) close() {
	c.refuseAll(ErrClosed)
	<-c.ended
}

// add queues a request.
func (c *committer) add(r request) {
	size := int64(r.batch.Size())
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.stopping() && c.bytes > 0 && c.bytes+size > waitingMax {
		c.room.Wait()
	}
	if !c.stopping() {
		c.waiting = append(c.waiting, r)
		c.bytes += size
		c.work.Signal()
		return
	}
	c.late = append(c.late, r)
	if !c.refusing {
		c.refusing = true
		go c.refuse()
	}
}

// stopping is called with mu held.
func (c *committer) stopping() bool { return c.closing || c.failure.failed() }

// write is the goroutine that fills Pebble.
func (c *committer) write() {
	for {
		g := c.take()
		if g == nil {
			return
		}
		<-c.turn
		if err := c.apply(g); err != nil {
			c.failure.fail(fmt.Errorf("commit: %w", err))
			return
		}
		c.turn <- struct{}{}
		close(g.written)
	}
}

// still calls f with how far the store has come, while nothing is written. Commits wait meanwhile.
func (c *committer) still(f func(reached position) error) error {
	select {
	case <-c.turn:
	case <-c.failure.done:
		return c.failure.err
	}
	defer func() { c.turn <- struct{}{} }()
	return f(c.reached)
}

// take waits for requests and makes a group of them. It returns nil when there will be no more.
func (c *committer) take() *group {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waiting) == 0 || len(c.taken) >= groupsMax {
		if c.failure.failed() || c.closing && len(c.waiting) == 0 {
			return nil
		}
		c.work.Wait()
	}
	if c.failure.failed() {
		return nil
	}
	g := &group{lazy: true, taken: time.Now(), written: make(chan struct{})}
	n := 0
	for n < len(c.waiting) && (n == 0 || g.bytes+int64(c.waiting[n].batch.Size()) <= groupBytes) {
		b := c.waiting[n].batch
		g.bytes += int64(b.Size())
		g.changes += b.Len()
		g.lazy = g.lazy && (b.Lazy || mutant == "acknowledge-before-sync")
		n++
	}
	if n == len(c.waiting) {
		g.requests, c.waiting = c.waiting, nil
	} else {
		g.requests, c.waiting = c.waiting[:n:n], c.waiting[n:]
	}
	c.taken = append(c.taken, g)
	c.groups.Signal()
	return g
}

// apply writes the group into Pebble's log and memtable without waiting for the sync.
func (c *committer) apply(g *group) error {
	g.batch = c.db.NewBatch()
	c.writer.batch = g.batch
	for _, r := range g.requests {
		if r.batch.Len() == 0 {
			continue // asks for a sync, or for its turn
		}
		if err := broker.Apply(r.batch.Bytes(), &c.writer); err != nil {
			return err
		}
		c.reached.commits++
	}
	c.reached.changes += uint64(g.changes)
	g.reached = c.reached
	if err := c.writer.setPosition(g.reached); err != nil {
		return err
	}
	c.wrote(int64(g.batch.Len()))
	if g.lazy {
		return c.db.Apply(g.batch, pebble.NoSync)
	}
	return c.db.ApplyNoSyncWait(g.batch, pebble.Sync)
}

// finish is the goroutine that answers while all is well.
func (c *committer) finish() {
	for {
		g := c.oldest()
		if g == nil {
			break
		}
		if err := c.settle(g); err != nil {
			c.failure.fail(fmt.Errorf("sync: %w", err))
			return
		}
		if !c.beginAnswer() {
			return
		}
		for _, r := range g.requests {
			r.done(nil)
		}
		c.release(g)
	}
	if c.over {
		c.refuse()
		close(c.ended)
	}
}

// oldest waits for the next group to settle. It returns nil after a failure, and when there will be no more.
func (c *committer) oldest() *group {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.failure.failed() {
		if len(c.taken) > 0 {
			return c.taken[0]
		}
		if c.closing && len(c.waiting) == 0 {
			c.over = true
			return nil
		}
		c.groups.Wait()
	}
	return nil
}

// beginAnswer reports whether the oldest group may be answered. From a failure on that is abort's work.
func (c *committer) beginAnswer() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answering = !c.failure.failed()
	return c.answering
}

// settle waits until the group is durable, or written if it is lazy.
func (c *committer) settle(g *group) error {
	select {
	case <-g.written:
	case <-c.failure.done:
		return c.failure.err
	}
	c.linger.wrote(g.lazy)
	if g.lazy {
		return nil
	}
	began := time.Now()
	if err := g.batch.SyncWait(); err != nil {
		return err
	}
	now := time.Now()
	if d := now.Sub(began); d >= slowSync {
		c.slow(d)
	}
	if c.opts.OnSync != nil {
		c.opts.OnSync(now.Sub(began))
	}
	if c.opts.OnCommit != nil {
		c.opts.OnCommit(now.Sub(g.taken), int(g.bytes), g.changes)
	}
	if err := c.held(); err != nil {
		return err
	}
	c.synced(g.reached)
	return nil
}

// release forgets a group that has been answered.
func (c *committer) release(g *group) {
	_ = g.batch.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = append(c.taken[:0], c.taken[1:]...)
	c.bytes -= g.bytes
	c.answering = false
	c.work.Signal()
	c.groups.Broadcast()
	c.room.Broadcast()
}

func (c *committer) waitingBytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// abort is the goroutine that answers after a failure. What Pebble may have got is unknown then.
func (c *committer) abort() {
	select {
	case <-c.ended:
		return
	case <-c.failure.done:
	}
	c.mu.Lock()
	for c.answering {
		c.groups.Wait()
	}
	if c.over {
		c.mu.Unlock()
		return
	}
	c.closing = true
	taken, waiting := c.taken, c.waiting
	c.taken, c.waiting, c.bytes = nil, nil, 0
	c.room.Broadcast()
	c.mu.Unlock()
	for _, g := range taken {
		for _, r := range g.requests {
			r.done(fmt.Errorf("%w: %w", broker.ErrUnknown, c.failure.err))
		}
	}
	for _, r := range waiting {
		r.done(c.failure.err)
	}
	c.refuse()
	close(c.ended)
}

// refuse answers late requests until there are none.
func (c *committer) refuse() {
	for {
		c.mu.Lock()
		late := c.late
		c.late = nil
		c.refusing = len(late) > 0
		c.mu.Unlock()
		if len(late) == 0 {
			return
		}
		for _, r := range late {
			r.done(cmp.Or(c.failure.check(), c.reason))
		}
	}
}
