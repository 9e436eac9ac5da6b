package forwarded

import (
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks whose forwarding headers are believed. The nil Proxies trust none.
type Proxies []netip.Prefix

// Client is who has sent a request.
type Client struct {
	Addr   netip.Addr // IPv4 as such, without a zone; the zero Addr: unknown
	Secure bool       // it is known to have come over TLS
}

// Client returns who has sent r.
func (p Proxies) Client(r *http.Request) Client {
	peer, ok := Peer(r)
	direct := Client{Addr: peer, Secure: r.TLS != nil}
	if !ok || !p.Trust(peer) {
		return direct
	}
	chain, proto := r.Header["X-Forwarded-For"], r.Header["X-Forwarded-Proto"]
	elements := r.Header["Forwarded"]
	if len(chain) == 0 && len(proto) == 0 && len(elements) == 0 {
		return direct // the proxy's own, such as a probe
	}
	out := Client{Addr: peer}
	secure := make([]bool, 0, 2) // what each header that tells says
	if len(chain) > 0 {
		out.Addr = p.alongChain(peer, strings.Join(chain, ","))
	}
	if len(elements) > 0 {
		addr, said, told := p.alongElements(peer, strings.Join(elements, ","))
		if len(chain) > 0 && addr != out.Addr {
			return Client{} // one of the two was passed on from a stranger
		}
		out.Addr = addr
		if told {
			secure = append(secure, said)
		}
	}
	if len(proto) > 0 {
		secure = append(secure, onlyHTTPS(strings.Join(proto, ",")))
	}
	out.Secure = len(secure) > 0 && out.Addr.IsValid()
	for _, s := range secure {
		out.Secure = out.Secure && s
	}
	return out
}

// Peer returns the other end of the request's connection; ok is false when that has no address.
func Peer(r *http.Request) (addr netip.Addr, ok bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	return plain(peer.Addr()), true
}

// Trust reports whether the address is that of a trusted proxy.
func (p Proxies) Trust(addr netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// alongChain follows X-Forwarded-For from the right to the first address that is no trusted proxy. If all are, the
// leftmost is the client. The zero Addr means that an entry on the way cannot be read.
func (p Proxies) alongChain(peer netip.Addr, chain string) netip.Addr {
	addr := peer
	for more := true; more && p.Trust(addr); {
		entry := chain
		i := strings.LastIndexByte(chain, ',')
		if more = i >= 0; more {
			entry, chain = chain[i+1:], chain[:i]
		}
		if addr = parseAddr(strings.Trim(entry, " \t")); !addr.IsValid() {
			return addr
		}
	}
	return addr
}

// alongElements does the same for Forwarded. It also returns what the client's element says of TLS, if it tells.
func (p Proxies) alongElements(peer netip.Addr, header string) (addr netip.Addr, secure, told bool) {
	elements, ok := parseElements(header)
	if !ok {
		return netip.Addr{}, false, true
	}
	addr = peer
	for i := len(elements) - 1; i >= 0 && p.Trust(addr); i-- {
		e := elements[i]
		if addr = parseAddr(e.node); !addr.IsValid() {
			return addr, false, true
		}
		secure, told = strings.EqualFold(e.proto, "https"), e.proto != ""
	}
	return addr, secure, told
}

// onlyHTTPS reports whether every entry of X-Forwarded-Proto is https. Of several nobody knows which is the client's.
func onlyHTTPS(header string) bool {
	for entry := range strings.SplitSeq(header, ",") {
		if !strings.EqualFold(strings.Trim(entry, " \t"), "https") {
			return false
		}
	}
	return true
}

// parseAddr reads an address with or without a port, IPv6 with or without brackets. Anything else, such as the words
// "unknown" and "_hidden" of RFC 7239, gives the zero Addr.
func parseAddr(text string) netip.Addr {
	if addr, err := netip.ParseAddr(text); err == nil {
		return plain(addr)
	}
	if both, err := netip.ParseAddrPort(text); err == nil {
		return plain(both.Addr())
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); ok {
			if addr, err := netip.ParseAddr(inner); err == nil && addr.Is6() {
				return plain(addr)
			}
		}
	}
	return netip.Addr{}
}

func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }
