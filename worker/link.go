package worker

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/smithy-go"
)

const (
	linkBackoffMin = 100 * time.Millisecond
	linkBackoffMax = 5 * time.Second
)

// receiving stands for receives where settled calls have their want.
const receiving = nothing

// link remembers how the server behaves: whether it is there, when to try again, and what was already said of it.
type link struct {
	logger     *slog.Logger
	backoffMax time.Duration

	down    bool
	since   time.Time // down
	tries   int       // in a row without an answer
	retryAt time.Time // no calls before

	answers map[want]bool   // kinds of calls that have ever been answered well
	refused map[want]string // the refusal that was last logged
}

// waits reports whether it is too early for another call.
func (k *link) waits(now time.Time) bool { return now.Before(k.retryAt) }

// everAnswered reports whether a call of the kind has ever gone well.
func (k *link) everAnswered(kind want) bool { return k.answers[kind] }

// answered notes a call that went well.
func (k *link) answered(kind want, now time.Time) {
	if k.answers == nil {
		k.answers = make(map[want]bool)
	}
	k.answers[kind] = true
	delete(k.refused, kind)
	if k.down {
		k.logger.Info("the server is back", "after", now.Sub(k.since).Round(time.Millisecond))
	}
	k.down, k.tries, k.retryAt = false, 0, time.Time{}
}

// failed notes a call that did not, says so the first time, and sets when to try again.
func (k *link) failed(kind want, err error, now time.Time) {
	if refusal(err) {
		if k.refused == nil {
			k.refused = make(map[want]string)
		}
		if text := err.Error(); k.refused[kind] != code(err) {
			k.refused[kind] = code(err)
			k.logger.Error("the server refuses; trying again", "err", text)
		}
	} else if !k.down {
		k.down, k.since = true, now
		k.logger.Warn("the server does not answer; trying until it is back", "err", err)
	}
	if k.waits(now) {
		return // several calls failed together
	}
	pause := min(linkBackoffMin<<min(k.tries, 10), k.backoffMax)
	k.tries++
	k.retryAt = now.Add(pause - rand.N(pause/2+1))
}

// refusal reports whether the server has answered that the call is wrong, as opposed to not now or not at all.
func refusal(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && api.ErrorFault() == smithy.FaultClient && !strings.Contains(api.ErrorCode(), "Throttl")
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}
