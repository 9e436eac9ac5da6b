package httpserve

import (
	"cmp"
	"net/netip"
	"time"
)

// Defaults of [Limits].
const (
	ConnectionsDefault = 20_000
	LooseDefault       = 8192 // of plain ones; what has been encrypted costs more, and has half
	ReserveDefault     = 64
	HeadBytesDefault   = 16 << 10
	HeadTimeDefault    = 5 * time.Second
	IdleTimeDefault    = time.Minute
	GraceDefault       = 10 * time.Second
	RateDefault        = 64 << 10
)

// Limits are what clients may take of a server. Zero values stand for the defaults.
type Limits struct {
	// Connections is how many may be open at a time. Zero: [ConnectionsDefault], or what [ConnectionsWithin] the
	// process's descriptors.
	Connections int
	// PerAddress is how many of them one address may have; an IPv6 client counts as its /64. Zero: three quarters.
	// Proxies, and peers without an address such as those of a Unix socket, are not bound by it.
	PerAddress int
	// Loose is how many connections may be open on which no known client was ever served and no request is being
	// worked for. Zero: [LooseDefault], half of that over TLS, or half of Connections if that is less.
	Loose int
	// Reserve is how many connections are open beyond Connections, for health checks alone. Zero: [ReserveDefault].
	Reserve int
	// Proxies are the peers that speak for others.
	Proxies []netip.Prefix

	// HeadBytes bounds the request line with all header fields. Zero: [HeadBytesDefault], which is also what plain
	// connections have unless Options.NetHTTP is set.
	HeadBytes int
	// HeadTime bounds the time of a head, and that of a new connection until it has sent one, with the handshake of
	// TLS. Zero: [HeadTimeDefault].
	HeadTime time.Duration
	// IdleTime bounds the pause between two requests of a connection. Zero: [IdleTimeDefault].
	IdleTime time.Duration
	// Grace is how long a body, or an answer, may stand still in all. Zero: [GraceDefault].
	Grace time.Duration
	// Rate is how many bytes a second must flow of a body, or an answer, once Grace is used up. Zero: [RateDefault].
	Rate int64
}

// withDefaults fills in what is zero.
func (l Limits) withDefaults(encrypted bool) Limits {
	l.Connections = cmp.Or(l.Connections, ConnectionsDefault)
	l.PerAddress = cmp.Or(l.PerAddress, max(1, l.Connections*3/4))
	loose := LooseDefault
	if encrypted {
		loose /= 2
	}
	l.Loose = cmp.Or(l.Loose, max(1, min(loose, l.Connections/2)))
	l.Reserve = cmp.Or(l.Reserve, ReserveDefault)
	l.HeadBytes = cmp.Or(l.HeadBytes, HeadBytesDefault)
	l.HeadTime = cmp.Or(l.HeadTime, HeadTimeDefault)
	l.IdleTime = cmp.Or(l.IdleTime, IdleTimeDefault)
	l.Grace = cmp.Or(l.Grace, GraceDefault)
	l.Rate = cmp.Or(l.Rate, RateDefault)
	return l
}

// within is how long so many bytes may take in all.
func (l *Limits) within(bytes int64) time.Duration {
	return l.Grace + time.Duration(bytes*int64(time.Second)/l.Rate)
}

// proxy reports whether an address is that of a proxy.
func (l *Limits) proxy(addr netip.Addr) bool {
	for _, p := range l.Proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// client returns what counts as one address: an IPv4 address, or the /64 that one IPv6 client usually has.
func client(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if !addr.Is6() || addr.IsLoopback() {
		return addr
	}
	return netip.PrefixFrom(addr, 64).Masked().Addr()
}
