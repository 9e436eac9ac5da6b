package gateway

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/forebay-mq/forebay/internal/platform/httpserve"
)

// visitor names the client of a request for the limits: by its credentials, else by its address.
func (g *Gateway) visitor(l *lane, r *http.Request) string {
	if credential := credentialOf(l.Route, r); credential != "" {
		sum := digest(credential)
		return string(sum[:])
	}
	address, err := netip.ParseAddr(g.remote(r))
	if err != nil {
		return r.RemoteAddr
	}
	if address.Is6() { // one client usually has a /64
		return netip.PrefixFrom(address, 64).Masked().String()
	}
	return address.String()
}

// remote is the client's address: that of the peer, or what trusted proxies in front say.
func (g *Gateway) remote(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	address := peer.Addr().Unmap()
	var hops []string
	for _, line := range r.Header.Values("X-Forwarded-For") {
		hops = append(hops, strings.Split(line, ",")...)
	}
	for i := len(hops) - 1; i >= 0 && g.trusted(address); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		address = next.Unmap()
	}
	return address.WithZone("").String()
}

// clientOf is the client's address for its share of what all share.
func (g *Gateway) clientOf(r *http.Request) netip.Addr {
	return httpserve.ClientOf(r, g.opts.TrustedProxies)
}

func (g *Gateway) trusted(address netip.Addr) bool {
	for _, p := range g.opts.TrustedProxies {
		if p.Contains(address) {
			return true
		}
	}
	return false
}

// forwarded replaces what a client says about where a request came from by what is known (RFC 7239). A trusted proxy is
// believed, and its own hop added.
func (g *Gateway) forwarded(h http.Header, r *http.Request) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	var before []string
	if err == nil && g.trusted(peer.Addr().Unmap()) {
		before = h.Values("Forwarded")
	} else {
		for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"} {
			h.Del(name)
		}
	}
	by := "unknown"
	if err == nil {
		by = peer.Addr().Unmap().WithZone("").String()
		if peer.Addr().Unmap().Is6() {
			by = `"[` + by + `]"`
		}
	}
	host := strings.Map(func(c rune) rune {
		if c == '"' || c == '\\' || c < ' ' || c > '~' {
			return -1
		}
		return c
	}, r.Host)
	own := "for=" + by + `;host="` + host + `";proto=` + scheme(r)
	h.Set("Forwarded", strings.Join(append(before, own), ", "))
}
