package broker

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// Bounds of one round of the owner.
const (
	roundCommandsMax = 256
	roundBytesMax    = 1 << 20
	// roundYieldsMax is how often the owner lets others run before it ends a round. Each sync has its price, and
	// whoever can run now may have a command that goes into the same one. Nobody runs when there is little to do.
	roundYieldsMax = 4
)

// owner is the one goroutine that steps a catalog. Only it touches these fields.
//
// It works in rounds: it takes the commands that have arrived, steps each, hands all their records to the store
// as one batch and goes on with the next round while the disk works. What a command led to is revealed when the
// batch of its round is done, so nothing is shown that could be gone after a crash.
type owner struct {
	b       *Broker
	catalog *queue.Catalog
	clock   Clock
	waiters waiters
	watches watches

	now      time.Time // of this round
	round    *round    // what this round has led to so far
	handed   uint64    // rounds handed to the store
	ready    []queue.ID
	policies []queue.ID      // of queues whose policy has changed
	todo     []queue.Command // the owner's own commands
	timer    *time.Timer
	armed    time.Time // what timer waits for; zero: nothing
	draining bool
	header   []byte // encoding space
	prefix   []byte
}

func newOwner(b *Broker, catalog *queue.Catalog, clock Clock, waitersMax int) *owner {
	return &owner{
		b: b, catalog: catalog, clock: clock,
		waiters: waiters{max: waitersMax, lines: map[queue.ID]*line{}, polls: &b.polls, named: map[*queue.Consumer][]*waiter{}},
		watches: watches{},
		round:   b.rounds.Get().(*round),
	}
}

// run is the owner's goroutine. A panic in a step leaves the machine in nobody knows which state, so it ends the
// server as a failed store does.
func (o *owner) run() {
	defer close(o.b.left)
	defer func() {
		if p := recover(); p != nil {
			o.b.fail(fmt.Errorf("panic in the owner of the queues: %v\n%s", p, debug.Stack()))
		}
	}()
	o.timer = time.NewTimer(time.Hour)
	defer o.timer.Stop()
	o.todo = append(o.todo, &queue.Tick{})
	for {
		first := o.next()
		if ended(o.b.over) {
			return
		}
		o.now = o.clock.Now()
		o.tick()
		if first != nil {
			o.take(first)
		}
		o.takeMore()
		o.tick() // a refused step leaves to the next one what time alone has changed; marks must not run ahead of it
		o.expire()
		o.commit()
		if ended(o.b.stop) && len(o.b.commands) == 0 && len(o.todo) == 0 {
			o.leave()
			return
		}
	}
}

// next waits until there is something to do, and returns the request that came, if that was it.
func (o *owner) next() *request {
	if len(o.todo) > 0 {
		return nil
	}
	o.arm()
	select {
	case r := <-o.b.commands:
		return r
	case <-o.timer.C:
		o.armed = time.Time{}
	case <-o.b.stop:
	case <-o.b.over:
	}
	return nil
}

func ended(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// takeMore takes what else has arrived, up to the bounds of a round. Its own commands take turns with those of
// others, so that a long move task holds nobody up.
func (o *owner) takeMore() {
	yields := 0
	for taken := 1; taken < roundCommandsMax && o.round.batch.Size() < roundBytesMax; taken++ {
		more := len(o.todo) > 0
		if more {
			cmd := o.todo[0]
			o.todo = o.todo[1:]
			o.carry(cmd)
		}
		select {
		case r := <-o.b.commands:
			o.now = o.clock.Now() // a timeout must not begin before its request came
			o.take(r)
			more = true
		default:
		}
		if !more {
			if yields++; yields > roundYieldsMax {
				return
			}
			runtime.Gosched()
			if len(o.b.commands) == 0 {
				return
			}
		}
	}
}

// take does what a request asks for.
func (o *owner) take(r *request) {
	switch {
	case r.run != nil:
		r.run(o)
		r.reply <- reply{}
	case r.reply == nil:
		o.carry(r.cmd)
	default:
		o.serve(r)
		o.settle()
	}
}

// serve steps the command of a caller.
func (o *owner) serve(r *request) {
	if err := admit(r.cmd, o.b.store.Space()); err != nil {
		o.answer(r, nil, err)
		return
	}
	if r.ctx != nil && r.ctx.Err() != nil {
		o.answer(r, nil, gaveUp(r.ctx)) // the client has gone: it must not take messages
		return
	}
	value, err := o.step(r.cmd)
	if received, ok := value.(*queue.Received); ok && len(received.Deliveries) == 0 && err == nil {
		o.park(r, received)
		return
	}
	o.answer(r, value, err)
}

// carry steps a command that no caller waits for.
func (o *owner) carry(cmd queue.Command) {
	if _, err := o.step(cmd); err != nil {
		o.b.log.Warn("a step of the server itself was refused", "command", fmt.Sprintf("%T", cmd), "error", err)
	}
	o.settle()
}

// step steps the machine, puts the records into the round and sees to the effects.
func (o *owner) step(cmd queue.Command) (any, error) {
	result, records, err := o.catalog.Step(o.now, cmd)
	if err != nil {
		return nil, err
	}
	if len(records) > 0 {
		o.encode(records)
		o.round.sync = o.round.sync || !lazy(cmd, records)
	}
	o.ready = append(o.ready, result.Ready...)
	o.policies = append(o.policies, result.Policies...)
	for _, who := range result.Busy {
		o.waiters.stirred(who)
	}
	for _, refill := range result.Refills {
		o.round.reads = append(o.round.reads, read{refill: refill})
	}
	if len(result.Departures) > 0 {
		o.depart(result.Departures)
	}
	return result.Value, nil
}

// lazy says whether the records may wait for somebody else's sync: what a receive or the time has changed about
// messages may be lost in a crash, at worst a message is seen again a little early.
func lazy(cmd queue.Command, records []queue.Record) bool {
	switch cmd.(type) {
	case *queue.Receive, *queue.Tick, *queue.Refilled:
	case *queue.Delete:
		return mutant == "delete-not-synced"
	default:
		return false
	}
	for i := range records {
		if records[i].Op != queue.OpPutState {
			return false
		}
	}
	return true
}

// depart brings messages to their new queue, at once when all are in memory.
func (o *owner) depart(departures []queue.Departure) {
	departures = append([]queue.Departure(nil), departures...)
	for i := range departures {
		if departures[i].Message == nil {
			o.round.reads = append(o.round.reads, read{departures: departures})
			return
		}
	}
	o.todo = append(o.todo, &queue.Arrive{Departures: departures})
}

// settle wakes the receives that wait for what has become ready, and ends those that have lost the right to.
func (o *owner) settle() {
	for _, id := range o.policies {
		o.recheck(func(w *waiter) bool { return w.received.Queue == id })
		o.release(id)
	}
	o.policies = o.policies[:0]
	for i := 0; i < len(o.ready); i++ { // waking can make more ready
		o.wake(o.ready[i])
		o.tell(o.ready[i])
	}
	o.ready = o.ready[:0]
}

// answer replies to r once this round is durable.
func (o *owner) answer(r *request, value any, err error) {
	o.round.replies = append(o.round.replies, answer{to: r.reply, reply: reply{value, err}})
}

// commit hands the round to the store. A round that changes nothing waits for those before it, if any are still
// out, because what it shows may be theirs.
func (o *owner) commit() {
	r := o.round
	if mutant != "mark-not-written" {
		o.encode(o.catalog.Marks(o.now))
	}
	if r.batch.Len() == 0 {
		if len(r.replies) == 0 && len(r.reads) == 0 {
			return
		}
		if o.handed == o.b.durable.Load() {
			r.reveal()
			r.reset()
			return
		}
	}
	r.batch.Lazy = !r.sync
	o.handed++
	o.round = o.b.rounds.Get().(*round)
	o.b.store.Commit(&r.batch, r.done)
}

// leave waits until the store is done with all rounds.
func (o *owner) leave() {
	last := o.b.request()
	o.answer(last, nil, nil)
	o.commit()
	select {
	case <-last.reply:
		o.b.overOnce.Do(func() { close(o.b.over) })
	case <-o.b.over:
	}
}

// drain ends all waiting.
func (o *owner) drain() {
	o.draining = true
	for o.waiters.len() > 0 {
		w := o.waiters.first()
		o.waiters.remove(w)
		o.answerEmpty(w.request, w.received)
	}
	o.tellAll()
}
