package httpserve

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Errors of [Pages.Check].
var (
	// ErrHost is for a request to a name that anybody could have point here.
	ErrHost = errors.New("the host name could be that of any web site")
	// ErrOrigin is for a request that a web page of another site has caused.
	ErrOrigin = errors.New("the request comes from a page of another web site")
)

// Pages tells requests that web pages of other sites make from those of programs and people. It is for servers that
// trust whoever reaches them: a browser on the same machine reaches them too, and runs whatever pages tell it. The zero
// value lets in no foreign page.
type Pages struct {
	// Hosts are the names by which the server may be addressed, besides IP addresses, localhost and names that no web
	// site can have: those without a dot, and those of containers. "*.example.com" is every name below; "*" is any.
	Hosts []string
	// Origins are the sites whose pages may call, such as https://app.example.com; "*" is any.
	Origins []string
	// Links lets people follow links here from other sites, for handlers that change nothing when they are asked by GET.
	Links bool
}

// Check returns [ErrHost] or [ErrOrigin] for a request that a page may have made which has no business here, and nil
// for others.
func (p *Pages) Check(r *http.Request) error {
	if !p.named(hostOf(r.Host)) {
		return ErrHost
	}
	if !p.invited(r) {
		return ErrOrigin
	}
	return nil
}

// What no web site can be named, though there is a dot: this machine, the services of Kubernetes, and the machine that a
// container of Docker runs on.
var (
	privateSuffixes = []string{".localhost", ".svc", ".svc.cluster.local"}
	containerNames  = []string{"host.docker.internal", "gateway.docker.internal"}
)

// named reports whether the server may be addressed by a name. Without the check a page could have its own name point
// to this machine, and would be of the same origin then (DNS rebinding).
func (p *Pages) named(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if !strings.Contains(host, ".") || slices.Contains(containerNames, host) ||
		slices.ContainsFunc(privateSuffixes, func(s string) bool { return strings.HasSuffix(host, s) }) {
		return true // also an IPv6 address, and the missing name of an HTTP/1.0 client
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return slices.ContainsFunc(p.Hosts, func(allowed string) bool {
		below, wild := strings.CutPrefix(strings.ToLower(allowed), "*")
		return host == below || wild && strings.HasSuffix(host, below)
	})
}

// invited reports whether a request was not made by a page of a site that is not among the origins. Browsers tell by
// one header or another whose page it was, and programs send none of them.
func (p *Pages) invited(r *http.Request) bool {
	if origins := r.Header["Origin"]; len(origins) > 0 {
		return len(origins) == 1 && (slices.Contains(p.Origins, "*") || slices.Contains(p.Origins, origins[0]) || sameHost(origins[0], r))
	}
	if p.Links && r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return false
	case "":
		referrer := r.Header.Get("Referer")
		return referrer == "" || sameHost(referrer, r)
	}
	return true
}

// sameHost reports whether an address is of the same host and port as a request.
func sameHost(address string, r *http.Request) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return false
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return strings.EqualFold(withPort(u.Host, u.Scheme), withPort(r.Host, scheme))
}

func withPort(host, scheme string) string {
	port := map[string]string{"http": ":80", "https": ":443"}[scheme]
	if strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']') {
		return host
	}
	return host + port
}

// hostOf returns a host without its port.
func hostOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// Handler returns a handler that refuses what Check does not let in, with a text for people that ends with advice.
func (p *Pages) Handler(next http.Handler, advice string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := p.Check(r); err != nil {
			http.Error(w, "Refused: "+err.Error()+". "+advice, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
