package driver

import (
	"iter"
	"net"
	"os"
	"strings"
)

// notifySocket is where one worker says how it is. A nil one says nothing.
type notifySocket struct {
	path string
	conn *net.UnixConn
}

func listenNotify(path string) (*notifySocket, error) {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	return &notifySocket{path, conn}, nil
}

// states are the lines that come, until the socket is closed.
func (s *notifySocket) states() iter.Seq[string] {
	return func(yield func(string) bool) {
		if s == nil {
			return
		}
		text := make([]byte, 4096)
		for {
			n, err := s.conn.Read(text)
			if err != nil {
				return
			}
			for line := range strings.Lines(string(text[:n])) {
				if !yield(strings.TrimSpace(line)) {
					return
				}
			}
		}
	}
}

func (s *notifySocket) close() {
	if s != nil {
		s.conn.Close()
		os.Remove(s.path)
	}
}
