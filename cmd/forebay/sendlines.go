package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Limits of a batch in the SQS API.
const (
	batchEntries = 10
	batchBytes   = 1 << 20
)

// lineBytesMax bounds a line; a longer one would be refused by the server anyway.
const lineBytesMax = batchBytes + 1

// lineSender sends lines in batches as they come.
type lineSender struct {
	client  *client
	sending *sending
	url     string

	entries []types.SendMessageBatchRequestEntry
	lines   []int // line of each entry
	bytes   int   // of the entries
	sent    int
	sink    func(item sent) // takes what was sent, in other formats than text
	meter   *meter
}

// sendLines sends every line of standard input as a message. It stops at the first failure and says which
// line that was, so that the rest can be sent again.
func (a *app) sendLines(ctx context.Context, c *client, s *sending, url string) error {
	found := listing{columns: []string{"MESSAGE ID", "MD5"}}
	l := &lineSender{client: c, sending: s, url: url, meter: a.meter(), sink: func(item sent) {
		if !a.text() {
			found.rows = append(found.rows, row{name: item.MessageID, cells: []string{item.MessageID, item.BodyMD5}, item: item})
		}
	}}
	if terminal(a.in) {
		a.remark("Type messages, one on a line; Ctrl-D ends.")
	}
	err := l.run(ctx, readLines(ctx, a.in))
	l.meter.end()
	if err != nil {
		return a.sentBefore(err, l.sent, found)
	}
	if a.text() {
		fmt.Fprintf(a.out, "sent %s to %s\n", plural(l.sent, "message"), s.queue)
		return nil
	}
	return a.print(found)
}

// sentBefore is the failure of a send that stopped after so many messages. What was sent is told in every format.
func (a *app) sentBefore(err error, n int, found listing) error {
	f := asFailure(err)
	if f.code == exitInterrupted {
		f.what = "interrupted"
	}
	verb := "were"
	if n == 1 {
		verb = "was"
	}
	f.hints = append(f.hints, fmt.Sprintf("%s %s sent before that.", plural(n, "message"), verb))
	if n > 0 && !a.text() {
		return cmp.Or(a.print(found), error(f))
	}
	return f
}

// aLine is a line of the input, and its number.
type aLine struct {
	text   string
	number int
	err    error // the line cannot be sent, or read
}

// readLines reads lines until the input or ctx ends, and closes the channel then. A line that waits in the channel has
// been read whole. The read under way when ctx ends goes on until the process does.
func readLines(ctx context.Context, in io.Reader) <-chan aLine {
	lines := make(chan aLine, batchEntries)
	go func() {
		defer close(lines)
		buffered := bufio.NewReaderSize(in, 64<<10)
		for number := 1; ; number++ {
			text, err := readLine(buffered)
			if err == io.EOF {
				return
			}
			select {
			case lines <- aLine{text, number, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return lines
}

// run sends lines until the input ends, or ctx does. A batch is sent when it is full, and also when no other line is
// there yet: what a person has typed, or a program has written, must not wait for what comes next. When ctx ends, the
// lines that were read before are sent still.
func (l *lineSender) run(ctx context.Context, lines <-chan aLine) error {
	sending := context.WithoutCancel(ctx)
	for {
		var line aLine
		var more bool
		select {
		case line, more = <-lines:
		default:
			if err := l.flush(sending); err != nil {
				return err
			}
			select {
			case line, more = <-lines:
			case <-ctx.Done():
				select {
				case line, more = <-lines: // read in the same moment
				default:
					return ctx.Err()
				}
			}
		}
		if !more {
			return cmp.Or(l.flush(sending), ctx.Err())
		}
		if err := l.add(sending, line); err != nil {
			return err
		}
	}
}

// add puts a line into the batch. An error that the line has follows those before it.
func (l *lineSender) add(ctx context.Context, line aLine) error {
	if line.err != nil {
		return cmp.Or(l.flush(ctx), usage("line %d: %v", line.number, line.err))
	}
	if line.text == "" {
		return nil // SQS has no empty messages
	}
	if len(l.entries) == batchEntries || l.bytes+len(line.text) > batchBytes {
		if err := l.flush(ctx); err != nil {
			return err
		}
	}
	l.entries = append(l.entries, types.SendMessageBatchRequestEntry{
		Id: aws.String(strconv.Itoa(len(l.entries))), MessageBody: &line.text,
		DelaySeconds: l.sending.seconds, MessageAttributes: l.sending.values, MessageGroupId: optional(l.sending.group),
	})
	l.lines = append(l.lines, line.number)
	l.bytes += len(line.text)
	return nil
}

// flush sends the lines that have been gathered.
func (l *lineSender) flush(ctx context.Context) error {
	if len(l.entries) == 0 {
		return nil
	}
	out, err := l.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &l.url, Entries: l.entries})
	if err != nil {
		return l.client.explain(ctx, l.sending.queue, err)
	}
	for _, s := range out.Successful {
		l.sink(sent{aws.ToString(s.MessageId), aws.ToString(s.MD5OfMessageBody), aws.ToString(s.SequenceNumber)})
	}
	l.sent += len(out.Successful)
	l.meter.add(l.bytes + len(l.entries)) // with the ends of the lines
	if len(out.Failed) > 0 {
		f := entryFailure(out.Failed[0])
		if i, err := strconv.Atoi(aws.ToString(out.Failed[0].Id)); err == nil && i >= 0 && i < len(l.lines) {
			f.what = fmt.Sprintf("line %d was refused: %s", l.lines[i], f.what)
		}
		return f
	}
	l.entries, l.lines, l.bytes = l.entries[:0], l.lines[:0], 0
	return nil
}

// readLine returns the next line without its end, or io.EOF after the last.
func readLine(in *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > lineBytesMax {
			return "", fmt.Errorf("is longer than a message may be, %s", bytesText(batchBytes))
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(line) == 0:
			return "", io.EOF
		case err != nil && err != io.EOF:
			return "", err
		}
		if n := len(line); n > 0 && line[n-1] == '\n' {
			line = line[:n-1]
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		return string(line), nil
	}
}
