package gateway

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/forebay-mq/forebay/internal/forwarded"
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
	peer, ok := forwarded.Peer(r)
	if !ok {
		return ""
	}
	if client := forwarded.Proxies(g.opts.TrustedProxies).Client(r); client.Addr.IsValid() {
		return client.Addr.String()
	}
	return peer.String() // all whom the proxy does not name in a form that can be read share its limits
}

// clientOf is the client's address for its share of what all share.
func (g *Gateway) clientOf(r *http.Request) netip.Addr {
	return forwarded.Proxies(g.opts.TrustedProxies).Client(r).Addr
}

func (g *Gateway) trusted(address netip.Addr) bool {
	for _, p := range g.opts.TrustedProxies {
		if p.Contains(address) {
			return true
		}
	}
	return false
}

// clientScheme is the scheme that the client has used: that of the connection, or what a trusted proxy says last.
func (g *Gateway) clientScheme(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if said := r.Header.Values("X-Forwarded-Proto"); err == nil && len(said) > 0 && g.trusted(peer.Addr().Unmap()) {
		last := said[len(said)-1]
		last = strings.ToLower(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:]))
		if last == "http" || last == "https" {
			return last
		}
	}
	return scheme(r)
}

// forwarded replaces what a client says about where a request came from by what is known (RFC 7239). A trusted proxy is
// believed, and its own hop added.
func (g *Gateway) forwarded(h http.Header, r *http.Request) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	var before []string
	trusted := err == nil && g.trusted(peer.Addr().Unmap())
	stripProxyFields(h, trusted)
	if trusted {
		before = h.Values("Forwarded")
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
