package main

import (
	"log/slog"
	"net"
	"os"
)

// notify tells a service manager how the server is: READY=1 or STOPPING=1, in the way of systemd's
// Type=notify. Without NOTIFY_SOCKET nobody wants to know.
func notify(state string, logger *slog.Logger) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		logger.Warn("the service manager was not told", "state", state, "err", err)
		return
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		logger.Warn("the service manager was not told", "state", state, "err", err)
	}
}
