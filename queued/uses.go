package queued

import (
	"crypto/sha256"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Uses remembers which message of the queue carries which signed request, so that a copy of a message is not
// executed: whoever can read the queue and write to it could otherwise have a request done again. The id that the
// queue gives to each message tells a copy from a redelivery: a message that comes again, since its server died, has
// the id that it had. Its methods are called from many goroutines at once.
type Uses interface {
	// Use notes that a message carries a request, unless another message does, and reports whether it does. What is
	// noted is kept until a time at least, and must survive the server if copies are to be noticed after it. With an
	// error the request is given back to the queue.
	Use(request, message string, until time.Time) (bool, error)
	// Forget lets the next message carry a request.
	Forget(request string) error
}

// SignatureAgeMax is how old a signature may be: the longest that a queue keeps a message.
const SignatureAgeMax = 14 * 24 * time.Hour

// usesMax is how many requests are remembered by a server that was given no Uses. Each takes about 100 bytes.
const usesMax = 1 << 18

// use reports whether the handler may be called, as far as it depends on other messages with the same request. If
// not, the message is done with, or to be hidden for a while.
func (j *job) use() (ok, done bool, after time.Duration) {
	if len(j.Keys) == 0 {
		return true, false, 0
	}
	until := j.signed.Add(SignatureAgeMax)
	if d := j.request.Deadline; !d.IsZero() && d.Before(until) {
		until = d
	}
	message := aws.ToString(j.message.MessageId)
	ours, err := j.Uses.Use(j.identity(), message, until.Add(clockSkewMax))
	switch {
	case err != nil:
		j.Logger.Error("a request is not begun, since it cannot be remembered", "request", j.request.ID, "err", err)
		return false, false, j.wait()
	case !ours:
		// It is not answered: the message that was first has the reply, and its asker would take this one for it.
		j.Logger.Warn("a copy of a signed request is dropped", "request", j.request.ID, "message", message)
		return false, true, 0
	}
	return true, false, 0
}

// identity tells the signed request from others. A plain one has no id that is signed, so its signature stands for it.
func (j *job) identity() string {
	if j.plain {
		return attribute(j.message, AttributeSignature)
	}
	return j.request.ID
}

// MayComeAgain lets another message carry the request, where copies of signed requests are refused: for a handler
// that keeps the message elsewhere, such as in a dead-letter queue, to be sent again.
func (d Delivery) MayComeAgain() error {
	if d.job == nil || len(d.job.Keys) == 0 {
		return nil
	}
	return d.job.Uses.Forget(d.job.identity())
}

// recentUses is a Uses in memory. When it is full, what was noted first is forgotten.
type recentUses struct {
	logger *slog.Logger
	max    int

	mu     sync.Mutex
	byHash map[[16]byte]use
	order  []noted // oldest first; may name what is forgotten
	warned time.Time
}

// use is what is known of a request.
type use struct {
	message [16]byte
	until   time.Time
}

type noted struct {
	request [16]byte
	until   time.Time
}

func newRecentUses(logger *slog.Logger, max int) *recentUses {
	return &recentUses{logger: logger, max: max, byHash: make(map[[16]byte]use)}
}

// Use implements Uses.
func (u *recentUses) Use(request, message string, until time.Time) (bool, error) {
	key, by, now := hash16(request), hash16(message), time.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	if was, ok := u.byHash[key]; ok && now.Before(was.until) {
		return was.message == by, nil
	}
	for len(u.order) > 0 && !now.Before(u.order[0].until) {
		u.drop()
	}
	if len(u.order) >= u.max {
		if now.Sub(u.warned) >= time.Minute {
			u.warned = now
			u.logger.Warn("more signed requests come than are remembered, so copies of the oldest are not noticed",
				"remembered", u.max)
		}
		u.drop()
	}
	u.byHash[key] = use{by, until}
	u.order = append(u.order, noted{key, until})
	return true, nil
}

// drop forgets what was noted first.
func (u *recentUses) drop() {
	first := u.order[0]
	u.order = u.order[1:]
	if was, ok := u.byHash[first.request]; ok && was.until.Equal(first.until) {
		delete(u.byHash, first.request)
	}
}

// Forget implements Uses.
func (u *recentUses) Forget(request string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.byHash, hash16(request))
	return nil
}

func hash16(text string) [16]byte {
	sum := sha256.Sum256([]byte(text))
	return [16]byte(sum[:16])
}
