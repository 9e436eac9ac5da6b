package worker

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// The names of commands.
const (
	CommandDrain    = "drain"    // end, as Drain does
	CommandPause    = "pause"    // as Pause
	CommandResume   = "resume"   // as Resume
	CommandSettings = "settings" // change what Settings names
)

// Command is what a worker can be told through a queue of its own, as the JSON body of a message:
//
//	{"command": "settings", "settings": {"concurrency": 4, "idle_time": "2m"}}
type Command struct {
	Command  string  `json:"command"`
	Settings *Change `json:"settings,omitempty"` // of CommandSettings
}

// Change names new settings; what is left out stays as it is. Durations are texts such as "90s".
type Change struct {
	Concurrency *int    `json:"concurrency,omitempty"`
	Prefetch    *int    `json:"prefetch,omitempty"`
	TimeLimit   *string `json:"time_limit,omitempty"`
	Grace       *string `json:"grace,omitempty"`
	IdleTime    *string `json:"idle_time,omitempty"`
}

// ParseCommand reads a command. Unknown commands, keys and settings that no worker accepts are errors.
func ParseCommand(text []byte) (Command, error) {
	var c Command
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return Command{}, fmt.Errorf("command: %w", err)
	}
	switch c.Command {
	case CommandDrain, CommandPause, CommandResume:
		if c.Settings != nil {
			return Command{}, fmt.Errorf("command %s takes no settings", c.Command)
		}
	case CommandSettings:
		if c.Settings == nil {
			return Command{}, errors.New("command settings: no settings")
		}
		if err := c.Settings.Check(); err != nil {
			return Command{}, fmt.Errorf("command settings: %w", err)
		}
	default:
		return Command{}, fmt.Errorf("command %q is not one of drain, pause, resume and settings", c.Command)
	}
	return c, nil
}

// Over returns c with the changes of next, which win.
func (c Change) Over(next Change) Change {
	return Change{
		Concurrency: cmp.Or(next.Concurrency, c.Concurrency), Prefetch: cmp.Or(next.Prefetch, c.Prefetch),
		TimeLimit: cmp.Or(next.TimeLimit, c.TimeLimit), Grace: cmp.Or(next.Grace, c.Grace), IdleTime: cmp.Or(next.IdleTime, c.IdleTime),
	}
}

// Check says whether a worker would accept the changes; the error names what is wrong.
func (c Change) Check() error {
	_, err := c.apply(Settings{}.withDefaults())
	return err
}

// apply returns s with the changes.
func (c *Change) apply(s Settings) (Settings, error) {
	for _, number := range []struct {
		from *int
		to   *int
	}{{c.Concurrency, &s.Concurrency}, {c.Prefetch, &s.Prefetch}} {
		if number.from != nil {
			*number.to = *number.from
		}
	}
	for _, span := range []struct {
		name string
		from *string
		to   *time.Duration
	}{{"time_limit", c.TimeLimit, &s.TimeLimit}, {"grace", c.Grace, &s.Grace}, {"idle_time", c.IdleTime, &s.IdleTime}} {
		if span.from == nil {
			continue
		}
		d, err := time.ParseDuration(*span.from)
		if err != nil || d < 0 {
			return s, fmt.Errorf("%s: %q is no duration such as 90s", span.name, *span.from)
		}
		*span.to = d
	}
	return s, s.check()
}

// obey does what a command says.
func (l *loop) obey(c Command) {
	switch c.Command {
	case CommandDrain:
		l.drain("a command says so")
	case CommandPause:
		l.pause()
	case CommandResume:
		l.resume()
	case CommandSettings:
		s, err := c.Settings.apply(l.Settings)
		if err != nil {
			l.Logger.Error("a command was refused", "err", err)
			return
		}
		l.Settings = s
		l.Logger.Info("new settings", "concurrency", s.Concurrency, "prefetch", s.Prefetch,
			"time_limit", s.TimeLimit, "grace", s.Grace, "idle_time", s.IdleTime)
	}
}

// listen takes commands until ctx ends. Of the server's absence the loop speaks.
func (l *loop) listen(ctx context.Context) {
	heard := link{logger: l.Logger.With("queue", l.CommandsURL), backoffMax: linkBackoffMax}
	for ctx.Err() == nil {
		err := l.command(ctx)
		now := time.Now()
		if err == nil {
			heard.answered(receiving, now)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		heard.failed(receiving, err, now)
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(heard.retryAt)):
		}
	}
}

// command waits for commands and obeys each, once it is deleted: a worker that ends must not leave its order to the next
// one of the same name.
func (l *loop) command(ctx context.Context) error {
	out, err := l.Client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &l.CommandsURL, MaxNumberOfMessages: 1, WaitTimeSeconds: int32(waitMax / time.Second),
	}, once)
	if err != nil {
		return err
	}
	for _, m := range out.Messages {
		deleted, err := l.Client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{
			QueueUrl: &l.CommandsURL,
			Entries:  []types.DeleteMessageBatchRequestEntry{{Id: aws.String("0"), ReceiptHandle: m.ReceiptHandle}},
		}, once)
		if err != nil {
			return err
		}
		if len(deleted.Failed) > 0 {
			return &entryError{deleted.Failed[0]}
		}
		c, err := ParseCommand([]byte(aws.ToString(m.Body)))
		if err != nil {
			l.Logger.Error("a command was refused", "err", err)
			continue
		}
		select {
		case l.w.told <- func(l *loop) { l.obey(c) }:
		case <-l.gone:
		}
	}
	return nil
}
