package access

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// Limits bound what a key does. The zero value bounds nothing.
type Limits struct {
	Rate        int   `json:"requests_per_second,omitempty"` // zero: any
	Burst       int   `json:"burst,omitempty"`               // requests at once after a pause; zero: as many as Rate
	MessagesDay int64 `json:"messages_per_day,omitempty"`    // sent in a day of UTC; zero: any
	BytesDay    int64 `json:"bytes_per_day,omitempty"`       // of their bodies and attributes; zero: any
}

// rateMax bounds Rate and Burst.
const rateMax = 1_000_000

func (l *Limits) check() error {
	switch {
	case l.Rate < 0 || l.Burst < 0 || l.MessagesDay < 0 || l.BytesDay < 0:
		return errors.New("a limit is not below zero")
	case l.Rate > rateMax || l.Burst > rateMax:
		return fmt.Errorf("a rate and a burst are at most %d", rateMax)
	case l.Burst > 0 && l.Rate == 0:
		return errors.New("a burst needs a rate")
	}
	return nil
}

// usage is what a key has done. It outlives changes of the key.
type usage struct {
	created  time.Time // of the key
	mu       sync.Mutex
	last     time.Time // of the newest request
	tokens   float64   // requests that may be made at once
	refilled time.Time // when tokens were counted; zero: never, so all are there
	day      int64     // days since 1970 that the rest is about
	messages int64
	bytes    int64
}

// admit takes one request into account, or refuses it for coming too early.
func (u *usage) admit(name string, l *Limits, now time.Time) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if now.After(u.last) {
		u.last = now
	}
	if l.Rate == 0 {
		return nil
	}
	burst := float64(l.Burst)
	if l.Burst == 0 {
		burst = float64(l.Rate)
	}
	if u.refilled.IsZero() {
		u.tokens = burst
	} else if gone := now.Sub(u.refilled); gone > 0 { // a clock set back gives nothing and takes nothing
		u.tokens += gone.Seconds() * float64(l.Rate)
	}
	u.tokens, u.refilled = min(u.tokens, burst), now
	if u.tokens < 1 {
		return queue.Errorf(queue.CodeRequestThrottled,
			"Rate exceeded: the key %s may make %d requests a second. Please try again.", name, l.Rate)
	}
	u.tokens--
	return nil
}

// spend takes messages to be sent into account, or refuses them because the day's share is used up.
func (u *usage) spend(name string, l *Limits, messages int, bytes int64, now time.Time) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.turn(now)
	again := time.Unix((u.day+1)*secondsOfDay, 0).UTC().Format(time.RFC3339)
	if l.MessagesDay > 0 && u.messages+int64(messages) > l.MessagesDay {
		return queue.Errorf(queue.CodeRequestThrottled,
			"Quota exceeded: the key %s may send %d messages a day, and has sent %d. The next day begins at %s.",
			name, l.MessagesDay, u.messages, again)
	}
	if l.BytesDay > 0 && u.bytes+bytes > l.BytesDay {
		return queue.Errorf(queue.CodeRequestThrottled,
			"Quota exceeded: the key %s may send %d bytes a day, and has sent %d. The next day begins at %s.",
			name, l.BytesDay, u.bytes, again)
	}
	u.messages += int64(messages)
	u.bytes += bytes
	return nil
}

const secondsOfDay = 24 * 60 * 60

// turn begins a new day when it has come. A clock that was set back does not begin an old one.
func (u *usage) turn(now time.Time) {
	if day := now.Unix() / secondsOfDay; day > u.day {
		u.day, u.messages, u.bytes = day, 0, 0
	}
}

// giveBack undoes spend for messages that were not sent.
func (u *usage) giveBack(messages int, bytes int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.messages = max(0, u.messages-int64(messages))
	u.bytes = max(0, u.bytes-bytes)
}

// Spend takes messages that a caller is about to send into account. The error is a [*queue.Error] to answer, when the
// quota of the caller's key does not have room for them. What was not sent in the end goes to giveBack, which is never
// nil. Callers without a key have no quota.
func (k *Keys) Spend(by *queue.Caller, messages int, bytes int64) (giveBack func(messages int, bytes int64), err error) {
	found, known := k.ring.Load().byID[by.ID]
	if !known || found.key.Limits.MessagesDay == 0 && found.key.Limits.BytesDay == 0 {
		return func(int, int64) {}, nil
	}
	key := found.key
	if err := key.usage.spend(key.Name, &key.Limits, messages, bytes, k.watch.now()); err != nil {
		return func(int, int64) {}, err
	}
	k.uses.touch(k.changed)
	return key.usage.giveBack, nil
}
