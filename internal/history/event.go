package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"
)

// Op says what an Event tells of.
type Op string

// The operations. docs/endurance.md describes them, and the fields that each uses, for people who write
// histories with programs of their own.
const (
	OpQueue   Op = "queue"   // what a queue is like; before or after its other events
	OpSend    Op = "send"    // one message of a send
	OpReceive Op = "receive" // one message of a receive; without a key and unknown: a receive without an answer
	OpChange  Op = "change"  // a visibility timeout was changed
	OpDelete  Op = "delete"  // one message of a delete
	OpPurge   Op = "purge"   // a queue was purged
	OpDrained Op = "drained" // a consumer that deletes all it gets has found nothing for longer than any timeout
	OpCounts  Op = "counts"  // what the server counts, while no client does anything
	OpCrash   Op = "crash"   // the server was killed, or stopped with a clock that had stepped, and started again
	OpClock   Op = "clock"   // the wall clock of the server stepped by Step
	OpHealed  Op = "healed"  // what disturbed the server has ended; it has Within to answer again
	OpDisturb Op = "disturb" // something may disturb the server from here on
)

// Result is how a call ended.
type Result string

// The results. The empty one is Done.
const (
	Done    Result = "ok"      // answered: it was done
	Failed  Result = "failed"  // answered: nothing was done
	Unknown Result = "unknown" // no answer, or one that leaves it open, such as a 5xx
)

// Event is one line of a history file. Times are nanoseconds since any moment that all lines share, of a clock that
// does not step; durations are seconds.
type Event struct {
	Op     Op     `json:"op"`
	Queue  string `json:"queue,omitempty"`
	Call   int64  `json:"call,omitempty"`   // when the call began
	Return int64  `json:"return,omitempty"` // when its answer was there, or it was given up
	Result Result `json:"result,omitempty"`

	// Key tells a message from all others of the history. It is in the body, so that a receiver knows it.
	Key      string `json:"key,omitempty"`
	ID       string `json:"id,omitempty"`       // message id
	Digest   string `json:"digest,omitempty"`   // of body and attributes, in any form; compared with the send's
	Group    string `json:"group,omitempty"`    // message group id
	Dedup    string `json:"dedup,omitempty"`    // deduplication id
	Sequence string `json:"sequence,omitempty"` // sequence number, decimal
	Receipt  string `json:"receipt,omitempty"`  // receipt handle, or whatever tells it from others
	Place    int    `json:"place,omitempty"`    // of a message in its reply, from 0

	Delay      float64 `json:"delay,omitempty"`      // send: how long nobody may see the message
	Visibility float64 `json:"visibility,omitempty"` // receive, change: the timeout that was in force

	// Of a queue.
	FIFO        bool    `json:"fifo,omitempty"`
	DeadLetters string  `json:"deadLetters,omitempty"` // name of the dead-letter queue
	MaxReceives int     `json:"maxReceives,omitempty"`
	Retention   float64 `json:"retention,omitempty"` // zero: 4 days

	// Of counts. Scanned is how many messages a look at each has found; absent: nobody looked.
	Visible  int64  `json:"visible,omitempty"`
	InFlight int64  `json:"inFlight,omitempty"`
	Delayed  int64  `json:"delayed,omitempty"`
	Scanned  *int64 `json:"scanned,omitempty"`

	Step   float64 `json:"step,omitempty"`   // clock: seconds, negative when it stepped back
	Within float64 `json:"within,omitempty"` // healed: zero stands for 10 s
}

// check says what is wrong with an event, in the words of the file.
func (e *Event) check() error {
	if e.Call < 0 || e.Return < 0 {
		return errors.New("call and return cannot be negative")
	}
	if e.Return != 0 && e.Return < e.Call {
		return fmt.Errorf("return is %d, before its call, %d", e.Return, e.Call)
	}
	for _, seconds := range []float64{e.Delay, e.Visibility, e.Retention, e.Within} {
		if !(seconds >= 0 && seconds < math.MaxInt32) {
			return fmt.Errorf("%v is no number of seconds", seconds)
		}
	}
	switch e.Result {
	case "", Done, Failed, Unknown:
	default:
		return fmt.Errorf("result %q is not one of %s, %s, %s", e.Result, Done, Failed, Unknown)
	}
	switch e.Op {
	case OpSend, OpChange, OpDelete:
		return e.need(e.Key != "", "key")
	case OpReceive:
		return e.need(e.Key != "" || e.Result == Unknown || e.Result == Failed, "key")
	case OpQueue, OpPurge, OpDrained, OpCounts:
		return e.need(true, "")
	case OpCrash, OpClock, OpHealed, OpDisturb:
		return nil
	}
	return fmt.Errorf("op %q is not known", e.Op)
}

// need wants a queue and one more field.
func (e *Event) need(present bool, field string) error {
	if e.Queue == "" {
		return fmt.Errorf("%s needs a queue", e.Op)
	}
	if !present {
		return fmt.Errorf("%s needs a %s", e.Op, field)
	}
	if e.Op != OpQueue && (e.Call == 0 || e.Return == 0) {
		return fmt.Errorf("%s needs call and return, above 0", e.Op)
	}
	return nil
}

// lineBytesMax bounds a line of a history file.
const lineBytesMax = 1 << 20

// Read reads a history, one JSON object a line, and hands each event to add. It stops at the first line that is
// none, or that add refuses, and names it.
func Read(r io.Reader, add func(Event) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), lineBytesMax)
	number := 0
	for lines.Scan() {
		number++
		if len(lines.Bytes()) == 0 {
			continue
		}
		var e Event
		err := json.Unmarshal(lines.Bytes(), &e)
		if err == nil {
			err = e.check()
		}
		if err == nil {
			err = add(e)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", number+1, err)
	}
	return nil
}

// Recorder writes a history. All methods are safe for concurrent use.
type Recorder struct {
	origin time.Time

	mu  sync.Mutex
	out *bufio.Writer
	err error // the first
}

// NewRecorder returns a Recorder that writes to w. Close it before w is used otherwise.
func NewRecorder(w io.Writer) *Recorder {
	return &Recorder{origin: time.Now().Add(-time.Nanosecond), out: bufio.NewWriterSize(w, 256<<10)}
}

// Now is the present moment on the clock of the history, always above 0.
func (r *Recorder) Now() int64 { return int64(time.Since(r.origin)) }

// Add writes events, in their order and next to each other.
func (r *Recorder) Add(events ...Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range events {
		line, err := json.Marshal(&events[i])
		if err == nil {
			_, err = r.out.Write(append(line, '\n'))
		}
		if r.err == nil {
			r.err = err
		}
	}
}

// Close writes what is still in memory and returns the first error that there was.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.err, r.out.Flush())
}
