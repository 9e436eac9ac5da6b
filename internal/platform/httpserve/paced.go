package httpserve

import (
	"io"
	"net/http"
	"time"
)

// pacedBody is a body that must arrive at a least rate.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	limits  *Limits
	began   time.Time
	got     int64
}

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	b.arm()
	n, err := b.ReadCloser.Read(p)
	b.got += int64(n)
	if err == io.EOF {
		// Else it would end a long poll, for it also guards against a client that has left.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// arm sets the deadline of the next read. Not every writer has one, such as those of tests.
func (b *pacedBody) arm() {
	_ = b.control.SetReadDeadline(b.began.Add(b.limits.within(b.got)))
}
