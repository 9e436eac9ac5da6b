package queued

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// VisibilityDefault is what Options.Visibility is when it is zero: a third of the 30 s for which a gateway waits by
// default, so that a request whose server dies is done by another while its asker still waits.
const VisibilityDefault = 10 * time.Second

// Options say how a queued server works. Their zero value works.
type Options struct {
	// Concurrency is how many requests are handled at once. 0: 64. At most 10,000.
	Concurrency int
	// Pollers is how many calls wait for requests at once. 0: 2. At most 100.
	Pollers int
	// Visibility is for how long a request stays hidden from other servers unless this one says that it is still at
	// work, which it does three times as often. When a server dies, this is the wait until another takes over, so it
	// should be at most half of what askers wait for a reply. In whole seconds; 0: VisibilityDefault. From 3 s to 12
	// h.
	Visibility time.Duration
	// Timeout is the longest that the handler may take for a request; its context ends then, and the asker gets 504. 0:
	// 15 min. At most 11 h. The deadline of the request counts besides.
	Timeout time.Duration
	// Grace is how long requests may go on after the context of Serve has ended. What is not done then is given up, and
	// comes back to the queue. 0: 25 s; negative: none.
	Grace time.Duration
	// MessageBytes is how long a message may be that this server sends, attributes and all. 0: 256 KiB, which every server of
	// the API takes. From 16 KiB to 1 MiB.
	MessageBytes int

	// Keys sign replies. If there are any, a request must be signed with one of them.
	Keys Keyring
	// Uses remembers which signed requests were begun, so that copies of them are dropped. Nil, with Keys: the last
	// 262,144 of them, until Serve returns.
	Uses Uses
	// Rules say which requests are taken.
	Rules Rules
	// Refused says what becomes of requests that are against the rules, or not signed as they must be.
	Refused Outcome
	// ReplyTo are the patterns, in the way of path.Match, of the names of queues that replies may be sent to. Nil: those that
	// begin with forebay-replies- or __RequesterClientQueues__. A request with another address is refused, and not answered.
	ReplyTo []string
	// PlainPath is the path that messages in no format are posted to, if they come with the attribute ResponseQueueUrl of
	// the temporary queues client. Empty: /.
	PlainPath string

	// Logger is told what goes wrong. It is never given bodies, header values or tokens. Nil: slog.Default().
	Logger *slog.Logger
}

// Outcome says what becomes of a request that is not taken.
type Outcome int

// The outcomes.
const (
	// Answer replies 403 and deletes the request. One that nobody awaits a reply to is given back.
	Answer Outcome = iota
	// GiveBack leaves the request in the queue, hidden for a while that grows each time: for another server with other
	// rules, or until the queue's redrive policy moves it to a dead-letter queue.
	GiveBack
)

// Rules say which requests a server takes. Each that is set must be met; the zero value takes everything.
type Rules struct {
	// Methods, if there are any, are the methods that are taken.
	Methods []string
	// Paths, if there are any, are beginnings of paths: /api takes /api and what is below /api/, but not /apix.
	Paths []string
	// Hosts, if there are any, are the hosts that are taken, without port, in any case.
	Hosts []string
	// Header are fields that a request must have, with the value given; an empty value asks for the field alone.
	Header http.Header
	// BodyBytesMax is how long a body may be. 0: as long as a message.
	BodyBytesMax int
	// TokenPrefix is what tokens must begin with.
	TokenPrefix string
}

// errTooLarge is a refusal for which 413 says more than 403.
var errTooLarge = errors.New("the body is too large")

// Check says which rule the request is against. The text names the rule and none of what the request holds.
func (r *Rules) Check(q *Request) error {
	requestPath, _, _ := strings.Cut(q.URL, "?")
	host := q.Host
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host = host[:i]
	}
	switch {
	case len(r.Methods) > 0 && !slices.Contains(r.Methods, q.Method):
		return errors.New("the method is not taken here")
	case len(r.Paths) > 0 && !slices.ContainsFunc(r.Paths, func(p string) bool { return below(requestPath, p) }):
		return errors.New("the path is not taken here")
	case len(r.Hosts) > 0 && !slices.ContainsFunc(r.Hosts, func(h string) bool { return strings.EqualFold(h, host) }):
		return errors.New("the host is not taken here")
	case r.BodyBytesMax > 0 && len(q.Body) > r.BodyBytesMax:
		return fmt.Errorf("%w: at most %d bytes", errTooLarge, r.BodyBytesMax)
	case !strings.HasPrefix(q.Token, r.TokenPrefix):
		return errors.New("the token is not taken here")
	}
	for name, wanted := range r.Header {
		got := q.Header.Values(name)
		for _, value := range wanted {
			if len(got) == 0 || value != "" && !slices.Contains(got, value) {
				return fmt.Errorf("the header field %s is missing or different", name)
			}
		}
	}
	return nil
}

// below says whether a path is prefix or stands below it.
func below(p, prefix string) bool {
	rest, ok := strings.CutPrefix(p, prefix)
	return ok && (rest == "" || strings.HasSuffix(prefix, "/") || rest[0] == '/')
}

// fill sets what is zero and says what cannot work.
func (o *Options) fill() error {
	o.Concurrency = orElse(o.Concurrency, 64)
	o.Pollers = orElse(o.Pollers, 2)
	o.Visibility = orElse(o.Visibility, VisibilityDefault)
	o.Timeout = orElse(o.Timeout, 15*time.Minute)
	o.Grace = orElse(o.Grace, 25*time.Second)
	o.MessageBytes = orElse(o.MessageBytes, 256<<10)
	o.PlainPath = orElse(o.PlainPath, "/")
	if o.ReplyTo == nil {
		o.ReplyTo = []string{ReplyQueuePrefix + "*", "__RequesterClientQueues__*"}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Uses == nil {
		o.Uses = newRecentUses(o.Logger, usesMax)
	}
	for _, pattern := range o.ReplyTo {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("queued: reply queues: %q is no pattern", pattern)
		}
	}
	switch {
	case o.Concurrency < 1 || o.Concurrency > 10_000:
		return fmt.Errorf("queued: concurrency %d is not between 1 and 10,000", o.Concurrency)
	case o.Pollers < 1 || o.Pollers > 100:
		return fmt.Errorf("queued: %d pollers: not between 1 and 100", o.Pollers)
	case o.Visibility < 3*time.Second || o.Visibility > 12*time.Hour || o.Visibility%time.Second != 0:
		return fmt.Errorf("queued: visibility %s is not a whole number of seconds from 3s to 12h", o.Visibility)
	case o.Timeout < 0 || o.Timeout > 11*time.Hour:
		return fmt.Errorf("queued: timeout %s is not between 0 and 11h", o.Timeout)
	}
	if err := checkURL(o.PlainPath); err != nil {
		return fmt.Errorf("queued: the path for plain messages: %w", err)
	}
	if err := o.Keys.Check(); err != nil {
		return fmt.Errorf("queued: %w", err)
	}
	return checkMessageBytes(o.MessageBytes)
}

func checkMessageBytes(n int) error {
	if n < 16<<10 || n > MessageBytesMax {
		return fmt.Errorf("queued: messages of %d bytes: not between 16 KiB and 1 MiB", n)
	}
	return nil
}

// mayReplyTo says whether replies may go to the queue.
func (o *Options) mayReplyTo(queue string) bool {
	return slices.ContainsFunc(o.ReplyTo, func(pattern string) bool {
		ok, err := path.Match(pattern, queueName(queue))
		return ok && err == nil
	})
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
