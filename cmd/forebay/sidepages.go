package main

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/forebay-mq/forebay/internal/platform/httpserve"
)

// Pages beside the work, such as metrics: so many requests are answered at once, and others wait for so long.
const (
	sidePagesAtOnce   = 4
	sidePagesPatience = 5 * time.Second
	// sideConnectionsMax bounds their connections, which are for supervisors and people.
	sideConnectionsMax = 512
)

// sidePages returns a server of pages for supervisors and people, which anybody may read who reaches them. When they are
// for this machine alone, a web page that runs in a browser on it may not.
func sidePages(listener net.Listener, pages http.Handler, log *slog.Logger) *httpserve.Server {
	guard := httpserve.Pages{Links: true}
	peer, err := netip.ParseAddrPort(listener.Addr().String())
	if err != nil || !peer.Addr().IsLoopback() {
		guard.Hosts = []string{"*"} // whatever name this machine has
	}
	handler := httpserve.AtMost(sidePagesAtOnce, sidePagesPatience)(pages)
	return httpserve.New(httpserve.Options{
		Handler: guard.Handler(handler, "Use localhost or an IP address, or have it listen on an address that others reach."),
		Health:  func(r *http.Request) bool { return r.URL.Path == "/livez" || r.URL.Path == "/metrics" },
		Limits:  httpserve.Limits{Connections: sideConnectionsMax},
		Logger:  log,
	})
}
