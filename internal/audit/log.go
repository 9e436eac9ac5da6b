package audit

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// ResultOK is the Result of what was done.
const ResultOK = "ok"

// Entry is one line of the log. Empty members are left out.
type Entry struct {
	Time      time.Time  `json:"time"`                // zero: now
	RequestID string     `json:"request_id,omitzero"` // as the answer to the client has it
	Action    string     `json:"action,omitzero"`     // of the API; empty: the request was refused before it named one
	Queue     string     `json:"queue,omitzero"`      // name of the queue
	Object    string     `json:"object,omitzero"`     // what else was changed, such as the name of a key
	Changed   []string   `json:"changed,omitzero"`    // names of the attributes or tags that were given
	Principal string     `json:"principal,omitzero"`  // ARN of who was let in; empty: a stranger
	Key       string     `json:"key,omitzero"`        // access key id, as claimed when Principal is empty
	Address   netip.Addr `json:"address,omitzero"`    // of the client, behind trusted proxies
	Secure    bool       `json:"tls,omitzero"`
	Result    string     `json:"result"` // ResultOK, or the code of the error
	Status    int        `json:"status,omitzero"`
	Repeated  int        `json:"repeated,omitzero"` // refusals of the address that got no line of their own
}

// Refused reports whether the entry is of something that was not done.
func (e *Entry) Refused() bool { return e.Result != ResultOK }

// Options say how a log is kept. All of them may be zero.
type Options struct {
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // gets an error when a line cannot be written, at most one a minute; nil: none does
}

// Log is an audit log. It may be used from many goroutines. The nil Log records nothing.
type Log struct {
	opts Options

	mu       sync.Mutex
	out      io.Writer
	refusals quota
	flush    *time.Timer // writes what refusals counted, at the end of its minute; nil: nothing is counted
	told     time.Time   // of a failure
}

// New returns a log that writes to out, a line a call.
func New(out io.Writer, opts Options) *Log {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Log{opts: opts, out: out}
}

// Record writes the entry before it returns. Refusals beyond RefusalsMax a minute of one address are counted instead,
// so that a stranger can neither fill the disk nor push the lines of others out of the log.
func (l *Log) Record(e Entry) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Time.IsZero() {
		e.Time = l.opts.Now()
	}
	if !e.Refused() {
		l.write(&e)
		return
	}
	for _, counted := range l.refusals.expire(e.Time) {
		l.write(&counted)
	}
	if l.refusals.admits(&e) {
		l.write(&e)
		return
	}
	if l.flush == nil {
		l.flush = time.AfterFunc(time.Minute, l.flushCounted)
	}
}

// Close writes what has been counted. The writer stays open.
func (l *Log) Close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.flush != nil {
		l.flush.Stop()
	}
	for _, counted := range l.refusals.drain(l.opts.Now()) {
		l.write(&counted)
	}
}

func (l *Log) flushCounted() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush = nil
	for _, counted := range l.refusals.drain(l.opts.Now()) {
		l.write(&counted)
	}
}

// write writes one line. The work goes on when the log cannot be written, and the logger says so.
func (l *Log) write(e *Entry) {
	e.Time = e.Time.UTC().Round(time.Microsecond)
	line, err := json.Marshal(e)
	if err == nil {
		_, err = l.out.Write(append(line, '\n'))
	}
	if err == nil {
		return
	}
	if now := l.opts.Now(); now.Sub(l.told) >= time.Minute {
		l.told = now
		l.opts.Logger.Error("the audit log cannot be written; make room on its disk, or check its folder's rights", "err", err)
	}
}
