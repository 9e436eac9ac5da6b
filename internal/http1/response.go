package http1

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// pendingMax is how much of a body of unknown length is kept to learn its length, in bytes.
	pendingMax = 32 << 10
	// joinMax is up to how many bytes a body is copied to leave in one write with its head.
	joinMax = 64 << 10
	// outputKeepMax bounds the buffers that are kept for the next response, in bytes.
	outputKeepMax = 128 << 10
)

// response is the http.ResponseWriter of an exchange.
type response struct {
	exchange *exchange
	header   http.Header
	names    []string // room to sort in

	status   int     // zero until WriteHeader
	out      *[]byte // the head as far as it is known, until it is sent; then room for chunks
	pending  *[]byte // body that waits for its head, nil for none
	declared int64   // Content-Length as the handler has set it, -1 for none
	written  int64   // bytes of body given by the handler
	sent     bool    // the head is sent
	chunked  bool
	typed    bool // the handler has set Content-Type, or wants none
	undated  bool // the handler has set Date, or wants none
	close    bool // the handler wants the connection closed
	keep     bool // the connection stays open; known once the head is sent
	err      error

	deadline    time.Time // of writes, as the handler wants it
	deadlineSet bool
	wire        int64         // bytes sent
	blocked     time.Duration // for them
}

func (w *response) begin(x *exchange) {
	clear(w.header)
	*w = response{exchange: x, header: w.header, names: w.names[:0], declared: -1}
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// SetReadDeadline is for http.ResponseController. It is exact, and applies to reads that have to wait.
func (w *response) SetReadDeadline(t time.Time) error {
	w.exchange.body.deadline, w.exchange.body.deadlineSet = t, true
	return nil
}

// SetWriteDeadline is for http.ResponseController. A write may end later than that by up to half of the time that
// it was given, but not by more than five seconds.
func (w *response) SetWriteDeadline(t time.Time) error {
	w.deadline, w.deadlineSet = t, true
	return nil
}

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", status))
	}
	if w.status != 0 {
		return // the first one counts
	}
	if status < 200 && status != http.StatusSwitchingProtocols {
		w.inform(status)
		return
	}
	w.status = status
	w.out = w.exchange.conn.server.outputs.Get().(*[]byte)
	b := w.appendStatus((*w.out)[:0], status)
	*w.out = w.appendFields(b)
}

// inform sends an informational response.
func (w *response) inform(status int) {
	if w.exchange.head.minor == 0 {
		return // HTTP/1.0 does not know them
	}
	if status == http.StatusContinue {
		w.exchange.body.expects = false
	}
	b := w.appendStatus(nil, status)
	w.send(append(w.appendFields(b), "\r\n"...))
	w.declared, w.typed, w.undated, w.close = -1, false, false, false
}

// sendContinue lets the client send its body, unless it has an answer already.
func (w *response) sendContinue() error {
	if w.status == 0 {
		w.send([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	}
	return w.err
}

func (w *response) appendStatus(b []byte, status int) []byte {
	b = append(b, "HTTP/1."...)
	b = append(b, byte('0'+w.exchange.head.minor), ' ')
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	return append(b, "\r\n"...)
}

// appendFields appends the handler's header in the order of names, but for the fields that make the frame, and
// notes what those say.
func (w *response) appendFields(b []byte) []byte {
	w.names = w.names[:0]
	for name := range w.header {
		w.names = append(w.names, name)
	}
	slices.Sort(w.names)
	for _, name := range w.names {
		values := w.header[name]
		switch name {
		case "Content-Length":
			w.declare(values)
			continue
		case "Connection":
			for _, value := range values {
				w.close = w.close || strings.Contains(strings.ToLower(value), "close")
			}
			continue
		case "Transfer-Encoding", "Trailer":
			continue
		case "Content-Type":
			w.typed = true
		case "Date":
			w.undated = true
		}
		if !isToken(name) {
			continue
		}
		for _, value := range values {
			b = appendField(b, name, value)
		}
	}
	return b
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	at := len(b)
	b = append(b, value...)
	for i, c := range b[at:] {
		if c == '\r' || c == '\n' {
			b[at+i] = ' ' // else a value could end the head
		}
	}
	return append(b, "\r\n"...)
}

// declare notes the handler's Content-Length, if it is one.
func (w *response) declare(values []string) {
	if len(values) == 0 {
		return
	}
	if n, ok := parseLength([]byte(values[0])); ok {
		w.declared = n
	}
}

// bodyAllowed tells whether a response of this status has a body.
func (w *response) bodyAllowed() bool {
	return w.status >= 200 && w.status != http.StatusNoContent && w.status != http.StatusNotModified
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.err != nil:
		return 0, w.err
	case len(p) == 0:
		return 0, nil
	case !w.bodyAllowed():
		return 0, http.ErrBodyNotAllowed
	case w.declared >= 0 && w.written+int64(len(p)) > w.declared:
		w.overrun()
		return 0, http.ErrContentLength
	}
	w.written += int64(len(p))
	switch {
	case w.exchange.request.Method == http.MethodHead:
		if w.written == int64(len(p)) {
			w.sniff(p)
		}
	case w.sent:
		w.stream(p)
	case w.written == w.declared && w.pending == nil:
		w.sendHead(w.declared, p)
	default:
		w.hold(p)
	}
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// overrun notes that the handler has more to say than it has announced. What it had announced is sent, but nobody
// knows what it meant, so the connection ends with it.
func (w *response) overrun() {
	if w.exchange.request.Method != http.MethodHead {
		w.keep, w.close = false, true
	}
}

// WriteString implements io.StringWriter.
func (w *response) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError sends what the handler has written so far.
func (w *response) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.sent {
		w.sendPending(w.declared)
	}
	return w.err
}

// hold keeps p until there is much of it.
func (w *response) hold(p []byte) {
	if w.pending == nil {
		w.pending = w.exchange.conn.server.outputs.Get().(*[]byte)
		*w.pending = (*w.pending)[:0]
	}
	*w.pending = append(*w.pending, p...)
	if len(*w.pending) > pendingMax {
		w.sendPending(w.declared)
	}
}

// sendPending sends the head, and the body that waits for it. length is that of the whole body, -1 if unknown.
func (w *response) sendPending(length int64) {
	if w.pending == nil {
		w.sendHead(length, nil)
		return
	}
	pending := w.pending
	w.pending = nil
	w.sendHead(length, *pending)
	w.release(pending)
}

// sendHead completes the head and sends it with the beginning of the body.
func (w *response) sendHead(length int64, p []byte) {
	x := w.exchange
	w.sent = true
	w.sniff(p)
	w.keep = x.wantsMore() && !w.close && x.body.arrived() && !x.conn.server.stopping.Load()
	b := *w.out
	switch {
	case w.status < 200 || w.status == http.StatusNoContent || !w.bodyAllowed() && w.declared < 0:
	case length >= 0:
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, length, 10)
		b = append(b, "\r\n"...)
	case x.request.Method == http.MethodHead: // nobody knows, and there is none to frame
	case x.head.minor == 1:
		w.chunked = true
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	default:
		w.keep = false // the end of the connection is the end of the body
	}
	now := time.Now()
	if !w.undated {
		b = appendField(b, "Date", x.conn.server.date(now))
	}
	switch {
	case !w.keep:
		b = append(b, "Connection: close\r\n"...)
	case x.head.minor == 0:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	b = append(b, "\r\n"...)
	switch {
	case w.chunked && len(p) > 0:
		b = appendChunk(b, p)
		p = nil
	case len(p) <= joinMax:
		b = append(b, p...)
		p = nil
	}
	*w.out = b
	w.sendAt(now, b)
	if p != nil {
		w.sendAt(now, p)
	}
}

// wantsMore tells whether the client may send another request.
func (x *exchange) wantsMore() bool {
	return !x.head.close && (x.head.minor == 1 || x.head.keepAlive)
}

// sniff finds the type of a body that the handler has not told.
func (w *response) sniff(p []byte) {
	if !w.typed && len(p) > 0 && w.status >= 200 {
		w.typed = true
		*w.out = appendField(*w.out, "Content-Type", http.DetectContentType(p))
	}
}

// stream sends more of the body behind the head.
func (w *response) stream(p []byte) {
	if !w.chunked {
		w.send(p)
		return
	}
	*w.out = appendChunk((*w.out)[:0], p)
	w.send(*w.out)
}

func appendChunk(b, p []byte) []byte {
	b = strconv.AppendInt(b, int64(len(p)), 16)
	b = append(b, "\r\n"...)
	b = append(b, p...)
	return append(b, "\r\n"...)
}

// send writes to the connection, within the handler's time or the server's.
func (w *response) send(b []byte) { w.sendAt(time.Now(), b) }

func (w *response) sendAt(now time.Time, b []byte) {
	if w.err != nil {
		return
	}
	c := w.exchange.conn
	w.wire += int64(len(b))
	deadline := w.deadline
	if !w.deadlineSet {
		deadline = now.Add(c.server.within(w.wire) - w.blocked)
	}
	c.rested = now
	c.armWrite(now, deadline)
	if _, w.err = c.net.Write(b); w.err != nil {
		w.keep = false
	}
	if !w.last() {
		w.blocked += time.Since(now)
	}
}

// last reports whether nothing can follow what was sent, so that there is no need to look at the clock again.
func (w *response) last() bool { return w.sent && !w.chunked && w.written == w.declared }

// finish completes the response when the handler has returned.
func (w *response) finish() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	isHead := w.exchange.request.Method == http.MethodHead
	if !w.sent {
		length := w.declared
		if length < 0 && (!isHead || w.written > 0) {
			length = w.written
		}
		w.sendPending(length)
	} else if w.chunked {
		w.send([]byte("0\r\n\r\n"))
	}
	if !isHead && w.bodyAllowed() && w.declared > w.written {
		w.keep = false // the client waits for more than there is
	}
	w.release(w.out)
	w.out = nil
}

// release gives a buffer back.
func (w *response) release(b *[]byte) {
	if cap(*b) <= outputKeepMax {
		w.exchange.conn.server.outputs.Put(b)
	}
}
