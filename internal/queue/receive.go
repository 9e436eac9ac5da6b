package queue

import (
	"strings"
	"time"
)

func (cmd *Receive) step(c *Catalog, now Millis) (any, error) {
	in := cmd.In
	if !cmd.Again {
		if err := c.autoCreate(&cmd.By, in.Queue, now); err != nil {
			return nil, err
		}
	}
	q, err := c.find(&cmd.By, in.Queue, "ReceiveMessage", now)
	if err != nil {
		return nil, err
	}
	if err := q.checkReceive(in); err != nil {
		return nil, err
	}
	out := &Received{Queue: q.id, FIFO: q.fifo(), Wait: seconds64(in.Wait, q.cfg.Attributes.Wait)}
	room := c.opts.InFlightMax - q.inFlight
	if room <= 0 && !cmd.Again && out.Wait == 0 && !q.fifo() && !q.aboutToShow(now) {
		return nil, Errorf(CodeOverLimit, "Too many messages are in flight: the limit of a queue is %d. "+
			"Delete messages that have been processed.", c.opts.InFlightMax)
	}
	c.use(q, now)
	out.Consumer = c.consumer(q, in.Consumer, now)
	visibility := seconds64(in.Visibility, q.cfg.Attributes.Visibility)
	if again := q.repeat(in.AttemptID, visibility, now); again != nil {
		for _, e := range again {
			out.Deliveries = append(out.Deliveries, q.delivery(e))
		}
		return out, nil
	}
	n := 1
	if in.Max.Set {
		n = int(in.Max.N)
	}
	n = min(n, c.opts.InFlightMax-q.inFlight)
	q.receive(n, visibility, now, out)
	if out.Consumer != nil && len(out.Deliveries) > 0 {
		c.stir(out.Consumer)
	}
	q.rememberAttempt(in.AttemptID, out.Deliveries, now)
	if len(out.Deliveries) == 0 {
		q.ask(now)
		out.Pending = q.pending() || len(c.result.Departures) > 0
	}
	return out, nil
}

// aboutToShow tells whether letting time pass will end a receive.
func (q *queue) aboutToShow(now Millis) bool {
	e := q.due.min()
	return e != nil && e.visible <= now
}

func (q *queue) checkReceive(in *ReceiveMessageInput) error {
	switch {
	case in.Max.Set && (in.Max.N < 1 || in.Max.N > ReceiveMax):
		return invalidValue(in.Max.N, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
	case in.Wait.Set && (in.Wait.N < 0 || in.Wait.N > int64(WaitMax/time.Second)):
		return invalidValue(in.Wait.N, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
	case in.Visibility.Set && !validVisibility(in.Visibility.N):
		return invalidValue(in.Visibility.N, "VisibilityTimeout", "Must be >= 0 and <= 43200, if provided.")
	case in.ConsumerSet && checkConsumer(in.Consumer) != nil:
		return checkConsumer(in.Consumer)
	case in.AttemptIDSet && !q.fifo():
		return invalidValue(in.AttemptID, "ReceiveRequestAttemptId",
			"The request include parameter that is not valid for this queue type.")
	case in.AttemptIDSet:
		return CheckID(in.AttemptID, "ReceiveRequestAttemptId")
	}
	return nil
}

func validVisibility(seconds int64) bool {
	return seconds >= 0 && seconds <= int64(VisibilityMax/time.Second)
}

// seconds64 is a parameter in seconds, or what holds without it.
func seconds64(n Int, otherwise time.Duration) time.Duration {
	if n.Set {
		return time.Duration(n.N) * time.Second
	}
	return otherwise
}

// receive takes up to n messages. Those that were received too often leave for the dead-letter queue instead, as
// long as who set that up may send to it.
func (q *queue) receive(n int, visibility time.Duration, now Millis, out *Received) {
	target := q.deadLetterQueue()
	allowed := target != nil && q.c.mayMove(q.cfg.RedriveBy, target, now)
	q.line.pick(n, func(e *entry) bool {
		exhausted := target != nil && e.received != 0 && e.receives >= q.cfg.Attributes.Redrive.MaxReceives
		switch {
		case exhausted && allowed:
			q.depart(e, target.id, "")
			return false
		case exhausted:
			q.counters.Withheld++ // it is delivered once more, as if there were no dead-letter queue
		}
		q.take(e, visibility, out.Consumer, now)
		out.Deliveries = append(out.Deliveries, q.delivery(e))
		return true
	})
}

// deadLetterQueue is where messages that fail too often go; nil: nowhere.
func (q *queue) deadLetterQueue() *queue {
	redrive := q.cfg.Attributes.Redrive
	if redrive == nil {
		return nil
	}
	name := redrive.TargetARN[strings.LastIndexByte(redrive.TargetARN, ':')+1:]
	return q.c.byName[name]
}

// take hands e to a consumer; who is nil when it has no name.
func (q *queue) take(e *entry, visibility time.Duration, who *Consumer, now Millis) {
	q.started(e, now)
	e.receives++
	e.epoch, e.received, e.touched = q.c.opts.Epoch, now, false
	if e.first == 0 {
		e.first = now
	}
	if mutant == "visibility-off-by-one" {
		visibility -= time.Millisecond
	}
	if visibility > 0 {
		q.turnTo(phaseInFlight, e, now.Add(visibility))
		if who != nil {
			q.hold(e, who)
		}
	} else {
		q.ages.put(e) // it may be poison from now on
	}
	if mutant != "receive-not-written" {
		q.store(e)
	}
}

func (q *queue) delivery(e *entry) Delivery {
	return Delivery{
		Seq:      e.seq,
		Receipt:  Receipt{Queue: q.id, Seq: e.seq, Attempt: e.receives, Epoch: e.epoch},
		Receives: e.receives,
		First:    e.first,
		Message:  e.message,
	}
}
