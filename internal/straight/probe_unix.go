//go:build unix

package straight

import (
	"syscall"

	"github.com/forebay-mq/forebay/internal/nonblock"
)

// probe looks, without waiting, whether a connection is open and silent. It reads below TLS. That the server has
// closed in the meantime is found here, before a request is sent for nothing; and a server that speaks without being
// asked, as proxies do with a 408 before they close, would be taken for the one that answers the next request.
type probe struct {
	conn   syscall.RawConn // nil: it cannot be known
	look   func(fd uintptr) bool
	silent bool
	one    [1]byte
}

// init prepares for quiet, so that this takes no memory.
func (p *probe) init() {
	p.look = func(fd uintptr) bool {
		_, err := nonblock.Read(fd, p.one[:])
		p.silent = err == syscall.EAGAIN // there is nothing to read, and no end
		return true
	}
}

func (p *probe) quiet() bool {
	if p.conn == nil {
		return true
	}
	p.silent = false
	return p.conn.Read(p.look) == nil && p.silent
}
