package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/forebay-mq/forebay/internal/platform/httpserve"
	"github.com/forebay-mq/forebay/internal/queue"
)

// serve accepts connections until Shutdown.
func (s *Server) serve() {
	s.http = httpserve.New(httpserve.Options{
		Handler: s.handler, TLS: s.opts.TLS, NetHTTP: s.opts.NetHTTP,
		Health: isHealth, Decides: true, Logger: s.log,
		Limits: httpserve.Limits{
			Connections: httpserve.ConnectionsWithin(s.opts.ConnectionsMax, s.log),
			PerAddress:  s.opts.PerAddressMax,
			Proxies:     s.opts.TrustedProxies,
		},
	})
	s.serving.Go(func() {
		if err := s.http.Serve(s.opts.Listener); !errors.Is(err, http.ErrServerClosed) {
			s.fail(fmt.Errorf("no more connections are accepted: %w", err))
		}
	})
}

// isHealth reports whether a request is one of those that are answered when everything else is full.
func isHealth(r *http.Request) bool {
	switch r.URL.Path {
	case "/livez", "/readyz", "/healthz", "/health", "/_localstack/health", "/metrics", "/metrics/cloudwatch":
		return r.Method == http.MethodGet || r.Method == http.MethodHead
	}
	return false
}

// cors lets the pages in that the settings name.
func (s *Server) cors(next http.Handler) http.Handler {
	return httpserve.CORS{
		Origins: s.opts.CORSOrigins,
		Methods: []string{http.MethodGet, http.MethodPost},
		Expose:  []string{"X-Amzn-Requestid", "X-Amzn-Query-Error", "X-Amzn-Trace-Id", "Date", "Retry-After"},
		Setting: "cors_origins",
	}.Handler(next)
}

// devPages keeps web pages from a server that asks for no credentials.
func (s *Server) devPages() *httpserve.Pages {
	p := &httpserve.Pages{Hosts: slices.Clone(s.opts.DevHosts), Origins: s.opts.CORSOrigins}
	if u, err := url.Parse(s.opts.PublicURL); err == nil && u.Hostname() != "" {
		p.Hosts = append(p.Hosts, u.Hostname())
	}
	return p
}

// checkPage refuses what a page may have sent that has no business here. It is no part of the hot path but under Dev.
func (s *Server) checkPage(r *http.Request) error {
	if s.pages == nil {
		return nil
	}
	switch err := s.pages.Check(r); {
	case errors.Is(err, httpserve.ErrHost):
		return queue.Errorf(queue.CodeAccessDenied, "Under --dev this server is not for the host %q, since any web site could use that name. "+
			"Add it to dev_hosts (--dev-hosts, FOREBAY_DEV_HOSTS), or use localhost or an IP address.", r.Host)
	case err != nil:
		return queue.Errorf(queue.CodeAccessDenied, "Under --dev this server takes no requests from pages of other sites, here %q. "+
			"Add the site to cors_origins (--cors-origins, FOREBAY_CORS_ORIGINS).", siteOf(r))
	}
	return nil
}

// siteOf is the site of the page that a request comes from, as far as the browser tells.
func siteOf(r *http.Request) string {
	for _, name := range []string{"Origin", "Referer"} {
		if site := r.Header.Get(name); site != "" {
			return site
		}
	}
	return "a site that the browser does not name"
}
