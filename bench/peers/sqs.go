package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sqs drives a server with the SQS API by `forebay bench`.
type sqs struct {
	bench    string // the binary
	endpoint string
	protocol string // json, or query for servers that know nothing else
	env      []string
}

// anyKey is for servers that do not check signatures. The requests are signed all the same.
var anyKey = []string{"AWS_ACCESS_KEY_ID=peers", "AWS_SECRET_ACCESS_KEY=peers", "AWS_REGION=us-east-1"}

// benched is the part of what `forebay bench -o json` prints that matters here.
type benched struct {
	Seconds float64
	Steps   []struct {
		Step                        string
		Messages                    int64
		MessagesPerSecond, P50, P99 float64
	}
	Errors       map[string]int64
	Acknowledged int64
}

func (s sqs) work(ctx context.Context, p plan, w work) (measurement, error) {
	connections := strconv.Itoa(p.connections)
	args := []string{"--batch", strconv.Itoa(w.batch), "--producers", connections, "--duration", p.duration.String()}
	mode, step := "send", "send"
	if !w.send {
		mode, step = "pipeline", "delete"
		// A wait of one second is as long as any other while messages flow, and ends the run sooner.
		args = append(args, "--consumers", connections, "--wait", waitMax.String(), "--ahead", strconv.Itoa(aheadMax))
	}
	note := ""
	if w.backlog {
		const queue = "peers-backlog"
		filled, err := s.run(ctx, "fill", "--queue", queue, "--messages", strconv.Itoa(p.backlog), "--batch", strconv.Itoa(batchBulk),
			"--producers", connections, "--duration", p.fill.String())
		if err != nil {
			return measurement{}, fmt.Errorf("fill: %w", err)
		}
		note = shortfall(filled.Acknowledged, int64(p.backlog), p.fill)
		args = append(args, "--queue", queue, "--ahead", "-1")
	}
	got, err := s.run(ctx, mode, args...)
	if err != nil {
		return measurement{}, err
	}
	m := measurement{Seconds: got.Seconds, Note: joinNotes(note, errorsNote(got.Errors))}
	for _, one := range got.Steps {
		if one.Step == "send" {
			m.P50, m.P99 = one.P50, one.P99
		}
		if one.Step == step {
			m.PerSecond = one.MessagesPerSecond
		}
	}
	if m.PerSecond == 0 {
		return m, errors.New(joinNotes("not one message got through", m.Note))
	}
	return m, nil
}

// run runs one mode of `forebay bench`.
func (s sqs) run(ctx context.Context, mode string, args ...string) (benched, error) {
	args = append([]string{"bench", mode, "-o", "json", "--endpoint", s.endpoint, "--protocol", cmp.Or(s.protocol, "json"),
		"--size", strconv.Itoa(bodyBytes)}, args...)
	cmd := exec.CommandContext(ctx, s.bench, args...)
	cmd.Env = append(os.Environ(), s.env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	failed := cmd.Run()
	var got benched
	if ctx.Err() != nil {
		return got, fmt.Errorf("given up: %w", context.Cause(ctx))
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		if failed != nil {
			return got, fmt.Errorf("forebay bench: %s", lastLines(errs.String()))
		}
		return got, fmt.Errorf("read what forebay bench says: %w", err)
	}
	if failed != nil {
		return got, errors.New(joinNotes(lastLines(errs.String()), errorsNote(got.Errors)))
	}
	return got, nil
}

// errorsNote counts the errors that a server answered with.
func errorsNote(codes map[string]int64) string {
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		parts = append(parts, fmt.Sprintf("%d × %s", codes[code], code))
	}
	return strings.Join(parts, ", ")
}

// shortfall says how far a fill came that did not get to its end.
func shortfall(filled, wanted int64, limit time.Duration) string {
	if filled >= wanted {
		return ""
	}
	return fmt.Sprintf("%d of %d messages after %s of filling", filled, wanted, limit)
}

// joinNotes joins what is not empty.
func joinNotes(notes ...string) string {
	return strings.Join(slices.DeleteFunc(notes, func(s string) bool { return s == "" }), "; ")
}
