package bench

import (
	"context"
	"math/rand/v2"
	"time"
)

// producer sends over one connection.
type producer struct {
	run    *run
	number int
	conn   *conn
	pace   pace
	size   sizer
	batch  []outgoing
	marks  []stamp // of batch
	done   []result
	late   time.Duration // how long after its time the last request was sent

	queues rotation
	groups rotation // of a queue, FIFO only
}

// rotation goes round the numbers below end that one of several workers is concerned with.
type rotation struct{ first, step, end, at int }

// newRotation divides n things among workers; when there are more workers, several have the same thing.
func newRotation(n, workers, worker int) rotation {
	if n >= workers {
		return rotation{first: worker, step: workers, end: n, at: worker}
	}
	return rotation{first: worker % n, step: n, end: n, at: worker % n}
}

// next returns the next number.
func (r *rotation) next() int {
	n := r.at
	if r.at += r.step; r.at >= r.end {
		r.at = r.first
	}
	return n
}

func newProducer(r *run, number int) *producer {
	o := r.opts
	p := &producer{
		run: r, number: number, conn: r.newConn(), pace: newPace(o, number, r.start),
		size:   sizer{o.Size, o.SizeDist, rand.New(rand.NewPCG(uint64(number), 0))},
		queues: newRotation(o.Queues, o.Producers, number),
	}
	if o.Groups > 0 { // the producers of a queue divide its groups
		together := max(1, (o.Producers-number%o.Queues+o.Queues-1)/o.Queues)
		if o.Queues >= o.Producers {
			together = 1
		}
		p.groups = newRotation(o.Groups, together, number/o.Queues%together)
	}
	return p
}

// work sends until sending ends, or nothing is left to send. A request under way is finished, unless working ends.
func (p *producer) work(sending, working context.Context) {
	defer p.conn.close()
	defer func() { p.run.noteBehind(p.late) }()
	if err := p.conn.connect(working); err != nil {
		p.run.failed(working, err)
	}
	for p.letConsumersFollow(sending) {
		n := p.run.claim()
		if n == 0 {
			return
		}
		from, ok := p.pace.wait(sending)
		if !ok {
			return
		}
		p.late = time.Since(from)
		p.send(working, n, from)
	}
}

// claim takes messages to send from those that are left, at most a batch.
func (r *run) claim() int {
	if r.opts.Messages == 0 {
		return r.opts.Batch
	}
	left := r.unsent.Add(int64(-r.opts.Batch)) + int64(r.opts.Batch)
	return int(min(max(left, 0), int64(r.opts.Batch)))
}

// letConsumersFollow waits while producers are too far ahead of consumers. Deletes of what was in the queues before the
// run count too, or the producers would wait until a backlog is gone. It reports false when sending has ended.
func (p *producer) letConsumersFollow(sending context.Context) bool {
	r := p.run
	if r.opts.Ahead > 0 && r.opts.Rate == 0 && r.opts.Mode.receives() {
		for r.ahead.Load() > int64(r.opts.Ahead) && sending.Err() == nil {
			sleep(sending, time.Millisecond)
		}
	}
	return sending.Err() == nil
}

// send sends n messages in one request, or fewer if their bodies do not fit.
func (p *producer) send(ctx context.Context, n int, from time.Time) {
	r := p.run
	q := p.compose(n, from.Sub(r.start))
	act := sendMessage
	if len(p.batch) > 1 {
		act = sendMessageBatch
	}
	p.conn.body = r.codec.appendSend(p.conn.body[:0], q, p.batch)
	called := time.Now()
	reply, err := p.conn.do(ctx, act, r.codec.path(q), 0)
	if err != nil {
		r.failed(ctx, err)
		return
	}
	took, callTook := time.Since(from), time.Since(called)
	messages, bytes := 0, 0
	if act == sendMessage {
		r.ledgers.own.acked(p.marks[0])
		messages, bytes = 1, p.batch[0].size()
	} else {
		p.done = r.codec.results(reply, p.done)
		for _, d := range p.done {
			switch {
			case d.code != "":
				r.failed(ctx, entryError(d.code))
			case d.index < 0 || d.index >= len(p.batch):
				r.failed(ctx, errEntry)
			default:
				r.ledgers.own.acked(p.marks[d.index])
				messages++
				bytes += p.batch[d.index].size()
			}
		}
	}
	q.waiting.Add(int64(messages))
	r.ahead.Add(int64(messages))
	r.meter.record(stepSend, p.number, took, messages, bytes)
	if r.opts.loop() == Open {
		r.meter.record(stepCall, p.number, callTook, messages, bytes)
	}
}

// compose makes the messages of a request, and says to which queue they go.
func (p *producer) compose(n int, sent time.Duration) *queue {
	r := p.run
	number := p.queues.next()
	p.batch, p.marks = p.batch[:0], p.marks[:0]
	for room := batchBytes; len(p.batch) < n; {
		size := p.size.next()
		if room -= size; room < 0 && len(p.batch) > 0 {
			break
		}
		source := p.number
		if r.opts.Groups > 0 {
			source = number*r.opts.Groups + p.groups.next()
		}
		mark := stamp{run: r.ledgers.run, source: uint32(source), sequence: r.sequences[source], sent: sent}
		r.sequences[source]++
		start := int(mark.sequence*7919+mark.source*104729) % (paddingLen - size)
		m := outgoing{rest: r.padding[start : start+size-stampLen]}
		mark.put(&m.stamp)
		p.batch, p.marks = append(p.batch, m), append(p.marks, mark)
	}
	return r.queues[number]
}
