package pool

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/pool/policy"
)

// Settings are what the owner of a pool asks for.
type Settings struct {
	Name   string   // letters, digits, hyphen, underscore; 1 to 64
	Queues []string // names or URLs, the most important first; at least one
	Policy string   // for policy.Parse; empty is slack

	// Size is the objective and the bounds. Wait and Max must be above zero.
	Size policy.Pool

	// Boot and Service are the first estimates, until there is something to learn from. Zero is unknown.
	Boot, Service time.Duration
	// Every replaces the time between two regular decisions; zero leaves it to the policy.
	Every time.Duration
}

// The bounds of settings.
const (
	nameMax    = 64
	queuesMax  = 16
	workersMax = 100_000
	slotsMax   = 1000
	timeMax    = 366 * 24 * time.Hour
	everyMin   = 10 * time.Millisecond
)

// SettingError says which setting is wrong. Key is its name in a configuration file.
type SettingError struct {
	Key string
	Err error
}

// Error is "key: what is wrong".
func (e *SettingError) Error() string { return e.Key + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *SettingError) Unwrap() error { return e.Err }

func wrong(key, format string, args ...any) error {
	return &SettingError{key, fmt.Errorf(format, args...)}
}

// Validate returns a *[SettingError] for the first setting that cannot be.
func (s *Settings) Validate() error {
	size := s.Size
	switch {
	case !nameGood(s.Name):
		return wrong("name", "%q is no name of a pool: 1 to %d letters, digits, hyphens and underscores", s.Name, nameMax)
	case len(s.Queues) == 0:
		return wrong("queue", "a pool needs a queue")
	case len(s.Queues) > queuesMax:
		return wrong("queues", "%d queues are more than %d", len(s.Queues), queuesMax)
	case size.Wait <= 0 || size.Wait > timeMax:
		return wrong("wait", "%s is no wait objective; write it like 30s", size.Wait)
	case size.Max < 1 || size.Max > workersMax:
		return wrong("max", "%d is not between 1 and %d", size.Max, workersMax)
	case size.Min < 0 || size.Min > size.Max:
		return wrong("min", "%d is not between 0 and max, %d", size.Min, size.Max)
	case size.Slots < 0 || size.Slots > slotsMax:
		return wrong("slots", "%d is not between 1 and %d", size.Slots, slotsMax)
	case !(size.Budget >= 0 && size.Budget < 1e12):
		return wrong("budget", "%g is no amount for an hour", size.Budget)
	case !(size.Price >= 0 && size.Price < 1e12):
		return wrong("price", "%g is no price of a worker for an hour", size.Price)
	case size.Budget > 0 && size.Price == 0:
		return wrong("budget", "a budget needs the price of a worker for an hour: price = 0.04")
	case s.Boot < 0 || s.Boot > timeMax:
		return wrong("boot", "%s is no boot time", s.Boot)
	case s.Service < 0 || s.Service > timeMax:
		return wrong("service", "%s is no time for a message", s.Service)
	case s.Every != 0 && (s.Every < everyMin || s.Every > timeMax):
		return wrong("every", "%s is not between %s and a year", s.Every, everyMin)
	}
	if _, err := policy.Parse(s.policy()); err != nil {
		return wrong("policy", "%w", errors.New(strings.TrimPrefix(err.Error(), "policy ")))
	}
	return nil
}

func (s *Settings) policy() string {
	if s.Policy == "" {
		return "slack"
	}
	return s.Policy
}

func nameGood(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return len(name) >= 1 && len(name) <= nameMax
}
