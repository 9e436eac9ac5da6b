package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/access"
	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/queue"
)

// keyFlags are the flags that say what a key may do.
type keyFlags struct {
	cmd      *cobra.Command
	allowed  map[queue.GrantKind]*[]string
	expires  string
	rate     int
	burst    int
	messages int64
	bytes    string
}

func newKeyFlags(cmd *cobra.Command) *keyFlags {
	f := &keyFlags{cmd: cmd, allowed: map[queue.GrantKind]*[]string{}}
	flags := cmd.Flags()
	f.allowed[queue.GrantSend] = flags.StringSlice("send", nil, "queues it may send to, with * for any letters")
	f.allowed[queue.GrantReceive] = flags.StringSlice("receive", nil, "queues it may receive and delete from")
	f.allowed[queue.GrantFull] = flags.StringSlice("full", nil, "queues it may do everything with")
	flags.StringVar(&f.expires, "expires", "", "refuse it from then on: in 12h or 30d, or on 2027-01-31, or never")
	flags.IntVar(&f.rate, "rate", 0, "requests a second that it may make; 0: any")
	flags.IntVar(&f.burst, "burst", 0, "requests at once after a pause; 0: as many as --rate")
	flags.Int64Var(&f.messages, "messages-per-day", 0, "messages that it may send in a day of UTC; 0: any")
	flags.StringVar(&f.bytes, "bytes-per-day", "", "bytes of messages that it may send in a day of UTC, such as 10GiB; 0: any")
	return f
}

// grants returns what the flags allow, and whether any of them was given.
func (f *keyFlags) grants() (grants []queue.Grant, given bool) {
	grants = []queue.Grant{}
	for _, kind := range grantKinds {
		given = given || f.cmd.Flags().Changed(string(kind))
		for _, pattern := range *f.allowed[kind] {
			grants = append(grants, queue.Grant{Kind: kind, Queues: pattern})
		}
	}
	return grants, given
}

// limits returns what the flags make of limits, and whether any of them was given.
func (f *keyFlags) limits(from access.Limits) (limits access.Limits, given bool, err error) {
	flags := f.cmd.Flags()
	if flags.Changed("rate") {
		from.Rate, given = f.rate, true
		if f.rate == 0 {
			from.Burst = 0
		}
	}
	if flags.Changed("burst") {
		from.Burst, given = f.burst, true
	}
	if flags.Changed("messages-per-day") {
		from.MessagesDay, given = f.messages, true
	}
	if flags.Changed("bytes-per-day") {
		given, from.BytesDay = true, 0
		if f.bytes != "0" {
			if from.BytesDay, err = config.Size(f.bytes); err != nil {
				return from, given, usage("--bytes-per-day: %v", err)
			}
		}
	}
	return from, given, nil
}

// expiry returns the moment of --expires as the server reads it, empty when it was not given.
func (f *keyFlags) expiry(now time.Time) (string, error) {
	text := f.expires
	if text == "" || text == "never" {
		return text, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 100*365 {
			return now.UTC().AddDate(0, 0, n).Format(time.RFC3339), nil
		}
	}
	if after, err := time.ParseDuration(text); err == nil && after > 0 {
		return now.UTC().Add(after).Format(time.RFC3339), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC().Format(time.RFC3339), nil
		}
	}
	return "", usage("--expires: %q is neither a time like 12h or 30d nor a day like 2027-01-31, nor never", text)
}
