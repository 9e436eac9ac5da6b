package http1

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	chunkLineMax = 256 // bytes of a chunk's size and its extensions
	trailerMax   = 4 << 10
	// overheadMax bounds what chunks may cost beyond their data, in bytes, when each byte of data earns two and
	// each chunk 16.
	overheadMax = 16 << 10
	// directMin is from how many bytes on a read goes past the connection's buffer.
	directMin = 4 << 10
)

var errChunk = errors.New("http1: malformed chunk")

// body is the body of a request, of a known length or in chunks.
type body struct {
	exchange *exchange
	left     int64 // bytes of the whole, or of the present chunk
	chunked  bool
	inChunk  bool // a chunk has begun whose end was not read
	expects  bool // the client waits for 100 Continue
	overhead int
	err      error // of the next read; io.EOF at the end

	deadline    time.Time // of reads, as the handler wants it
	deadlineSet bool
	waited      time.Time // when it was first waited for; zero: never
	got         int64     // bytes of it, chunks' own lines aside
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.expects {
		b.expects = false
		if err := b.exchange.response.sendContinue(); err != nil {
			return 0, b.fail(err)
		}
	}
	if b.chunked && b.left == 0 {
		if err := b.nextChunk(); err != nil {
			return 0, b.fail(err)
		}
		if b.err != nil {
			return 0, b.err
		}
	}
	n, err := b.read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	b.got += int64(n)
	b.overhead = max(0, b.overhead-2*n)
	if err != nil {
		return n, b.fail(err)
	}
	if b.left == 0 && !b.chunked {
		b.over()
	}
	return n, nil
}

// Close implements io.Closer. What was not read is skipped after the response, if it has arrived.
func (b *body) Close() error {
	if b.err == nil {
		b.err = http.ErrBodyReadAfterClose
	}
	return nil
}

// over notes that the body was read to its end.
func (b *body) over() {
	b.err = io.EOF
	b.exchange.context.bodyRead()
}

// fail notes an error for all further reads.
func (b *body) fail(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	b.err = err
	return err
}

// read reads from the buffer, else from the connection.
func (b *body) read(p []byte) (int, error) {
	c := b.exchange.conn
	if c.start == c.end {
		b.arm()
		if len(p) >= directMin {
			return c.read(p)
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.buffered())
	c.start += n
	return n, nil
}

// arm sets the connection's deadline, for a read is about to wait.
func (b *body) arm() {
	c := b.exchange.conn
	if b.deadlineSet {
		c.armRead(b.deadline)
		return
	}
	if b.waited.IsZero() {
		b.waited = time.Now()
	}
	c.armRead(b.waited.Add(c.server.within(b.got)))
}

// nextChunk reads up to the data of the next chunk, or to the end of the body.
func (b *body) nextChunk() error {
	if b.inChunk {
		if _, err := b.line(0); err != nil {
			return err
		}
	}
	line, err := b.line(chunkLineMax)
	if err != nil {
		return err
	}
	size, ok := parseChunkSize(line)
	if b.overhead += len(line) + 4 - 16; !ok || b.overhead > overheadMax {
		return errChunk
	}
	b.overhead = max(0, b.overhead)
	if size > 0 {
		b.left, b.inChunk = size, true
		return nil
	}
	return b.readTrailer()
}

// parseChunkSize reads hexadecimal digits, and extensions behind a semicolon, which mean nothing to us.
func parseChunkSize(line []byte) (size int64, ok bool) {
	digits, extension, _ := bytes.Cut(line, []byte(";"))
	if len(digits) == 0 || len(digits) > 15 {
		return 0, false
	}
	for _, c := range digits {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		size = size<<4 | int64(c)
	}
	for _, c := range extension {
		if c < ' ' && c != '\t' || c == 0x7f {
			return 0, false
		}
	}
	return size, true
}

// readTrailer reads the fields behind the last chunk. They must be well formed and mean nothing to us.
func (b *body) readTrailer() error {
	for total := 0; ; {
		line, err := b.line(trailerMax)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			b.over()
			return nil
		}
		if total += len(line) + 2; total > trailerMax {
			return errChunk
		}
		if _, r := parseField(line, span{0, len(line)}); r != nil {
			return errChunk
		}
	}
}

// line reads a line of at most so many bytes and returns it without its end. It is valid until the next read.
func (b *body) line(most int) ([]byte, error) {
	c := b.exchange.conn
	for {
		got := c.buffered()
		if i := bytes.IndexByte(got, '\n'); i >= 0 {
			if i == 0 || got[i-1] != '\r' || i-1 > most {
				return nil, errChunk
			}
			c.start += i + 1
			return got[:i-1], nil
		}
		if len(got) > most+1 {
			return nil, errChunk
		}
		b.arm()
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

// arrived tells whether all of the body was read, or can be skipped without waiting for it.
func (b *body) arrived() bool {
	if b.err == io.EOF {
		return true
	}
	c := b.exchange.conn
	return !b.chunked && !b.expects && (b.err == nil || b.err == http.ErrBodyReadAfterClose) && b.left <= int64(c.end-c.start)
}

// skip drops what the handler has left of the body. It returns false when that has not arrived.
func (b *body) skip() bool {
	if !b.arrived() {
		b.err = http.ErrBodyReadAfterClose
		return false
	}
	if b.err != io.EOF {
		b.exchange.conn.start += int(b.left)
		b.err = io.EOF
	}
	return true
}
