package gateway

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/forebay-mq/forebay/internal/platform/httpserve"
)

const (
	// headerTime bounds the head of a request on the public side. Replies have no bound of that kind, since a client may
	// wait long for one.
	headerTime = 5 * time.Second
	// bodyRateMin is how many bytes a second of a body or a reply must flow, once a client's seconds of grace are over.
	// It is what a bad mobile connection has.
	bodyRateMin = 8 << 10
	// looseMax bounds connections on which no request is being answered.
	looseMax = 4096
)

// ServerOptions say how the public side is served.
type ServerOptions struct {
	TLS            *tls.Config // nil: plain HTTP
	HeadersMax     int         // bytes of request line and headers
	ConnectionsMax int         // open at once; zero: as many as [httpserve.Limits] has
	PerAddressMax  int         // of one address, trusted proxies aside; zero: three quarters
	Log            *slog.Logger
}

// Serve serves a gateway on a listener until ctx ends: then it drains the gateway, so that clients that wait are told
// where to come back, and returns when they have been, or after grace. The listener is closed then; the gateway is not.
func Serve(ctx context.Context, g *Gateway, listener net.Listener, o ServerOptions, grace time.Duration) error {
	connections := httpserve.ConnectionsWithin(o.ConnectionsMax, o.Log)
	server := httpserve.New(httpserve.Options{
		Handler: withTLS(g.accessLogged()), TLS: o.TLS, NetHTTP: true, Wrap: newWireConn, Decides: true, Logger: o.Log,
		Health: func(r *http.Request) bool { return isHealth(r.URL.Path) },
		Limits: httpserve.Limits{
			Connections: connections, PerAddress: o.PerAddressMax, Loose: min(looseMax, max(1, connections/2)), Proxies: g.opts.TrustedProxies,
			HeadBytes: o.HeadersMax, HeadTime: headerTime, Rate: bodyRateMin,
		},
	})
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	g.Drain()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		_ = server.Close()
	}
	<-failed
	return nil
}
