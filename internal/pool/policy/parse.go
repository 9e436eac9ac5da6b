package policy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Names are the policies that Parse knows.
func Names() []string {
	return []string{"slack", "keda", "target-tracking", "nomad", "age-step", "fixed"}
}

// targetDefault is the target of the policies that need one, in messages per worker.
const targetDefault = 1

// Parse makes a policy from a text such as "slack", "slack:idle=30s,eager=true", "keda:target=12,window=60s",
// "target-tracking:target=6", "nomad:target=2", "age-step" or "fixed:workers=40". Each call makes a policy of its own.
// Errors name the wrong part.
func Parse(text string) (Policy, error) {
	name, rest, _ := strings.Cut(text, ":")
	s := settings{}
	if rest != "" {
		for _, pair := range strings.Split(rest, ",") {
			key, value, ok := strings.Cut(pair, "=")
			if !ok {
				return nil, fmt.Errorf("policy %q: %q is not KEY=VALUE", text, pair)
			}
			s[key] = value
		}
	}
	p, err := s.policy(name)
	if err == nil && len(s) > 0 {
		keys := slices.Sorted(maps.Keys(s))
		err = fmt.Errorf("%s has no setting %q", name, keys[0])
	}
	if err != nil {
		return nil, fmt.Errorf("policy %q: %w", text, err)
	}
	return p, nil
}

// settings are the keys of a policy text. A key that was used is taken out, so what stays is unknown.
type settings map[string]string

func (s settings) policy(name string) (Policy, error) {
	var err error
	switch name {
	case "slack":
		p := &Slack{}
		if p.Idle, err = s.duration("idle"); err == nil {
			p.Eager, err = s.flag("eager")
		}
		return p, err
	case "keda":
		p := &KEDA{}
		if p.Target, err = s.target(); err == nil {
			p.Window, err = s.window()
		}
		return p, err
	case "target-tracking":
		p := &TargetTracking{}
		p.Target, err = s.target()
		return p, err
	case "nomad":
		p := &Nomad{}
		p.Target, err = s.target()
		return p, err
	case "age-step":
		return &AgeStep{}, nil
	case "fixed":
		p := &Fixed{}
		p.Workers, err = s.workers()
		return p, err
	}
	return nil, fmt.Errorf("%q is not one of %s", name, strings.Join(Names(), ", "))
}

// take removes a key and returns its value.
func (s settings) take(key string) (string, bool) {
	v, ok := s[key]
	delete(s, key)
	return v, ok
}

func (s settings) duration(key string) (time.Duration, error) {
	text, ok := s.take(key)
	if !ok {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s: %q is not a duration such as 30s", key, text)
	}
	return d, nil
}

// window reads the stabilization window of KEDA; 0 is none, so it is turned into a negative value.
func (s settings) window() (time.Duration, error) {
	_, given := s["window"]
	d, err := s.duration("window")
	if given && err == nil && d == 0 {
		d = -1
	}
	return d, err
}

func (s settings) flag(key string) (bool, error) {
	text, ok := s.take(key)
	if !ok {
		return false, nil
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%s: %q is neither true nor false", key, text)
	}
	return b, nil
}

func (s settings) target() (float64, error) {
	text, ok := s.take("target")
	if !ok {
		return targetDefault, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f > 0 && f < 1e9) {
		return 0, fmt.Errorf("target: %q is not a number of messages above 0", text)
	}
	return f, nil
}

func (s settings) workers() (int, error) {
	text, ok := s.take("workers")
	n, err := strconv.Atoi(text)
	if !ok || err != nil || n < 0 {
		return 0, fmt.Errorf("workers: %q is not a number of workers", text)
	}
	return n, nil
}
