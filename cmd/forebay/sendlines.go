package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/schollz/progressbar/v3"
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
	read    int   // lines read
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
	err := l.run(ctx, bufio.NewReaderSize(a.in, 64<<10))
	l.meter.end()
	if err != nil {
		if f := asFailure(err); l.sent > 0 {
			f.hints = append(f.hints, fmt.Sprintf("%s were sent before that.", plural(l.sent, "message")))
			return f
		}
		return err
	}
	if a.text() {
		fmt.Fprintf(a.out, "sent %s to %s\n", plural(l.sent, "message"), s.queue)
		return nil
	}
	return a.print(found)
}

// meter shows how much of the input was sent. Its methods may be called on nil, which shows nothing.
type meter struct {
	began time.Time
	size  int64 // of the input in bytes; -1: unknown
	sent  int
	out   io.Writer
	bar   *progressbar.ProgressBar // nil until it is worth showing
}

// meterAfter is how long a command runs before it shows its progress.
const meterAfter = 500 * time.Millisecond

// meter returns what shows progress: nothing, unless somebody watches and is not typing the input.
func (a *app) meter() *meter {
	if a.quiet || !terminal(a.errs) || terminal(a.in) {
		return nil
	}
	m := &meter{began: time.Now(), size: -1, out: a.errs}
	if f, ok := a.in.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			m.size = info.Size()
		}
	}
	return m
}

// add counts bytes that were sent.
func (m *meter) add(n int) {
	if m == nil {
		return
	}
	m.sent += n
	if m.bar == nil {
		if time.Since(m.began) < meterAfter {
			return
		}
		m.bar = progressbar.NewOptions64(m.size,
			progressbar.OptionSetWriter(m.out), progressbar.OptionShowBytes(true), progressbar.OptionSetDescription("sending"),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
		n = m.sent
	}
	_ = m.bar.Add(n)
}

// end takes the progress away.
func (m *meter) end() {
	if m != nil && m.bar != nil {
		_ = m.bar.Finish()
	}
}

func (l *lineSender) run(ctx context.Context, in *bufio.Reader) error {
	for {
		line, err := readLine(in)
		if err == io.EOF {
			return l.flush(ctx)
		}
		l.read++
		if err != nil {
			return usage("line %d: %v", l.read, err)
		}
		if line == "" {
			continue // SQS has no empty messages
		}
		if len(l.entries) == batchEntries || l.bytes+len(line) > batchBytes {
			if err := l.flush(ctx); err != nil {
				return err
			}
		}
		l.entries = append(l.entries, types.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(len(l.entries))), MessageBody: &line,
			DelaySeconds: l.sending.seconds, MessageAttributes: l.sending.values, MessageGroupId: optional(l.sending.group),
		})
		l.lines = append(l.lines, l.read)
		l.bytes += len(line)
	}
}

// flush sends the lines that have been gathered.
func (l *lineSender) flush(ctx context.Context) error {
	if len(l.entries) == 0 {
		return ctx.Err()
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
