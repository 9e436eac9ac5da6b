package sqs

import (
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// bodyTimeMin and bodyRateMin say how long a body may take, there or back: so long, and a second for so many
	// bytes.
	bodyTimeMin = 10 * time.Second
	bodyRateMin = 64 << 10
	// bodyGrowFrom is how much room is made for a body before any of it has arrived, at most, in bytes: what a
	// client announces costs it nothing.
	bodyGrowFrom = 1 << 20
	// bodyKeepMax bounds the memory of a body that is kept for the next one, in bytes.
	bodyKeepMax = 64 << 10
)

// limitBodyTime gives the client time to send its body. The deadline stays when the request is refused before
// that is read, for net/http then still waits for a part of it.
func (x *exchange) limitBodyTime() {
	length := x.r.ContentLength
	if length == 0 {
		return
	}
	if length < 0 || length > x.opts.BodyMax {
		length = x.opts.BodyMax
	}
	// Deadlines are not supported by every writer, such as those of tests; then there are none.
	_ = http.NewResponseController(x.w).SetReadDeadline(bodyDeadline(x.start, length))
}

// readBody reads the request's body. Its memory serves the next request once this one is answered, so nobody may
// keep a part of it: what lives on, the broker copies.
func (x *exchange) readBody() ([]byte, error) {
	length, reader := x.r.ContentLength, io.Reader(x.r.Body)
	switch {
	case length == 0:
		return nil, nil
	case length > x.opts.BodyMax:
		return nil, bodyTooLarge(x.opts.BodyMax)
	case length < 0: // chunked: it may become as long as any
		length = x.opts.BodyMax
		reader = http.MaxBytesReader(x.w, x.r.Body, length)
	}
	if !x.bodies.take(length) {
		return nil, tooBusy()
	}
	x.held = length

	x.body = x.memory.Get().(*[]byte)
	body, err := readAll(reader, x.r.ContentLength, *x.body)
	*x.body = body
	if err == nil {
		_ = http.NewResponseController(x.w).SetReadDeadline(time.Time{}) // else it would end a long poll, for it also guards against a client that left
	}
	x.bodyIn = int64(len(body))
	x.bodies.give(x.held - x.bodyIn) // a long poll must not hold on to what a chunked body might have needed
	x.held = x.bodyIn
	if err == nil {
		return body, nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, bodyTooLarge(x.opts.BodyMax)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, bodyTooSlow()
	}
	return nil, bodyCutShort(err)
}

// giveBody gives the memory of the body to the next request.
func (x *exchange) giveBody() {
	if x.body == nil || cap(*x.body) > bodyKeepMax {
		return
	}
	x.memory.Put(x.body)
	x.body = nil
}

// readAll reads r to its end, into room if that is enough. length is how long that is, negative when nobody knows.
func readAll(r io.Reader, length int64, room []byte) ([]byte, error) {
	if length < 0 {
		return io.ReadAll(r)
	}
	if length <= int64(cap(room)) {
		n, err := io.ReadFull(r, room[:length])
		return room[:n], err
	}
	body := make([]byte, 0, min(length, bodyGrowFrom))
	for {
		n, err := io.ReadFull(r, body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err != nil || int64(len(body)) == length {
			return body, err
		}
		body = slices.Grow(body, int(min(length-int64(len(body)), int64(len(body)))))
		body = body[:len(body):min(int64(cap(body)), length)]
	}
}

// bodyDeadline is when a body of so many bytes must have gone over the wire, from its start on.
func bodyDeadline(start time.Time, bytes int64) time.Time {
	return start.Add(bodyTimeMin + time.Duration(bytes/bodyRateMin)*time.Second)
}

// budget is an amount that many share, here bytes of memory. It refuses instead of waiting: a client told to
// come again costs nothing, one that waits holds a connection.
type budget struct {
	max  int64
	used atomic.Int64
}

// take takes n, unless that is more than is left.
func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.limit() {
		b.used.Add(-n)
		return false
	}
	return true
}

// give gives back what was taken.
func (b *budget) give(n int64) { b.used.Add(-n) }

// limit is the amount, without bound when it is not set.
func (b *budget) limit() int64 {
	if b.max == 0 {
		return math.MaxInt64
	}
	return b.max
}
