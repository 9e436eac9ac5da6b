package forwarded

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

var proxies = Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

func TestClient(t *testing.T) {
	const unknown = "invalid IP"
	for _, row := range []struct {
		name, peer string
		tls        bool
		header     string // lines "Name: value"
		addr       string
		secure     bool
	}{
		{"a peer that is no proxy is the client, whatever it says", "203.0.113.9:1", false, "X-Forwarded-For: 10.1.1.1\nX-Forwarded-Proto: https\nForwarded: for=10.1.1.1;proto=https", "203.0.113.9", false},
		{"and its own TLS counts", "203.0.113.9:1", true, "X-Forwarded-Proto: http", "203.0.113.9", true},
		{"a proxy that adds nothing speaks for itself", "10.0.0.1:1", true, "", "10.0.0.1", true},
		{"a proxy names the client", "10.0.0.1:1", false, "X-Forwarded-For: 192.0.2.7\nX-Forwarded-Proto: https", "192.0.2.7", true},
		{"TLS between proxy and server is not the client's", "10.0.0.1:1", true, "X-Forwarded-For: 192.0.2.7", "192.0.2.7", false},
		{"plain HTTP to the proxy is not secure, though TLS follows", "10.0.0.1:1", true, "X-Forwarded-For: 192.0.2.7\nX-Forwarded-Proto: http", "192.0.2.7", false},
		{"what the client wrote itself stands on the left and does not count", "10.0.0.1:1", false, "X-Forwarded-For: 10.9.9.9, 127.0.0.1, 192.0.2.7", "192.0.2.7", false},
		{"also as a line of its own", "10.0.0.1:1", false, "X-Forwarded-For: 127.0.0.1\nX-Forwarded-For: 192.0.2.7", "192.0.2.7", false},
		{"several trusted proxies are walked through", "10.0.0.1:1", false, "X-Forwarded-For: 1.1.1.1, 192.0.2.7, 10.0.0.3, fd00::2", "192.0.2.7", false},
		{"in several lines too", "10.0.0.1:1", false, "X-Forwarded-For: 192.0.2.7\nX-Forwarded-For: 10.0.0.3", "192.0.2.7", false},
		{"a client among the proxies is the leftmost", "10.0.0.1:1", false, "X-Forwarded-For: 10.0.0.9, 10.0.0.3", "10.0.0.9", false},
		{"an IPv6 client", "[fd00::1]:1", false, "X-Forwarded-For: 2001:db8::7", "2001:db8::7", false},
		{"an IPv6 client in brackets with a port", "[fd00::1]:1", false, "X-Forwarded-For: [2001:db8::7]:4711", "2001:db8::7", false},
		{"an IPv6 client in brackets without one", "[fd00::1]:1", false, "X-Forwarded-For: [2001:db8::7]", "2001:db8::7", false},
		{"an IPv4 client with a port", "10.0.0.1:1", false, "X-Forwarded-For: 192.0.2.7:80", "192.0.2.7", false},
		{"IPv4 in the clothes of IPv6, on both sides", "[::ffff:10.0.0.1]:1", false, "X-Forwarded-For: ::ffff:192.0.2.7", "192.0.2.7", false},
		{"a zone is left out", "[fd00::1%eth0]:1", false, "X-Forwarded-For: fe80::7%eth1", "fe80::7", false},
		{"the word unknown makes the client unknown", "10.0.0.1:1", false, "X-Forwarded-For: 192.0.2.7, unknown\nX-Forwarded-Proto: https", unknown, false},
		{"an empty entry too", "10.0.0.1:1", false, "X-Forwarded-For: 192.0.2.7,", unknown, false},
		{"an empty header too", "10.0.0.1:1", false, "X-Forwarded-For: ", unknown, false},
		{"and a malformed one", "10.0.0.1:1", false, "X-Forwarded-For: 1.2.3.4.5", unknown, false},
		{"and one with a port that is none", "10.0.0.1:1", false, "X-Forwarded-For: 1.2.3.4:x", unknown, false},
		{"what is malformed left of the client does not matter", "10.0.0.1:1", false, "X-Forwarded-For: ;drop, 192.0.2.7", "192.0.2.7", false},
		{"several protocols are secure only if all are", "10.0.0.1:1", false, "X-Forwarded-For: 192.0.2.7\nX-Forwarded-Proto: https, http", "192.0.2.7", false},
		{"and they are", "10.0.0.1:1", false, "X-Forwarded-For: 192.0.2.7\nX-Forwarded-Proto: HTTPS\nX-Forwarded-Proto: https", "192.0.2.7", true},
		{"a protocol that is none is not secure", "10.0.0.1:1", false, "X-Forwarded-For: 192.0.2.7\nX-Forwarded-Proto: httpss", "192.0.2.7", false},

		{"RFC 7239", "10.0.0.1:1", false, "Forwarded: for=192.0.2.7;proto=https;by=10.0.0.1", "192.0.2.7", true},
		{"in any case and order", "10.0.0.1:1", false, "Forwarded: Proto=HTTPS; For=\"192.0.2.7:4711\"", "192.0.2.7", true},
		{"with IPv6 in quotes", "10.0.0.1:1", false, `Forwarded: for="[2001:db8::7]:4711"`, "2001:db8::7", false},
		{"a comma in quotes does not end an element", "10.0.0.1:1", false, `Forwarded: for=192.0.2.7;host="a,for=10.1.1.1"`, "192.0.2.7", false},
		{"the protocol is that of the client's element", "10.0.0.1:1", false, "Forwarded: for=1.1.1.1;proto=https, for=192.0.2.7;proto=http, for=10.0.0.2;proto=https", "192.0.2.7", false},
		{"and it is https", "10.0.0.1:1", false, "Forwarded: for=192.0.2.7;proto=https, for=10.0.0.2;proto=http", "192.0.2.7", true},
		{"a hidden client is unknown", "10.0.0.1:1", false, "Forwarded: for=_hidden;proto=https", unknown, false},
		{"an element without for is unknown", "10.0.0.1:1", false, "Forwarded: proto=https", unknown, false},
		{"a quote that does not end", "10.0.0.1:1", false, `Forwarded: for="192.0.2.7`, unknown, false},
		{"for given twice", "10.0.0.1:1", false, "Forwarded: for=10.1.1.1;for=192.0.2.7", unknown, false},
		{"a word without a value", "10.0.0.1:1", false, "Forwarded: for", unknown, false},

		{"both headers agree", "10.0.0.1:1", false, "X-Forwarded-For: 192.0.2.7\nForwarded: for=192.0.2.7;proto=https\nX-Forwarded-Proto: https", "192.0.2.7", true},
		{"both disagree about the client", "10.0.0.1:1", false, "X-Forwarded-For: 192.0.2.7\nForwarded: for=10.1.1.1;proto=https", unknown, false},
		{"both disagree about TLS", "10.0.0.1:1", false, "X-Forwarded-For: 192.0.2.7\nForwarded: for=192.0.2.7;proto=http\nX-Forwarded-Proto: https", "192.0.2.7", false},
		{"a peer without an address is unknown", "@", false, "X-Forwarded-For: 192.0.2.7", unknown, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: row.peer, Header: http.Header{}}
			if row.tls {
				r.TLS = &tls.ConnectionState{}
			}
			for line := range strings.SplitSeq(row.header, "\n") {
				if name, value, ok := strings.Cut(line, ": "); ok {
					r.Header.Add(name, value)
				}
			}
			got := proxies.Client(r)
			if got.Addr.String() != row.addr || got.Secure != row.secure {
				t.Errorf("peer %s, %q: got %v, secure %v; want %s, %v", row.peer, row.header, got.Addr, got.Secure, row.addr, row.secure)
			}
		})
	}
}

// FuzzForwarded: whatever a stranger sends, it is never believed over what the trusted proxy has added on the right.
func FuzzForwarded(f *testing.F) {
	f.Add("10.1.1.1, 127.0.0.1", `for=10.1.1.1;proto=https, for="`)
	f.Fuzz(func(t *testing.T, chain, elements string) {
		r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{}}
		r.Header.Add("X-Forwarded-For", chain)
		r.Header.Add("X-Forwarded-For", "192.0.2.7")
		r.Header.Add("Forwarded", elements)
		r.Header.Add("Forwarded", "for=192.0.2.7;proto=http")
		got := proxies.Client(r)
		if got.Addr.IsValid() && got.Addr.String() != "192.0.2.7" || got.Secure {
			t.Errorf("%q and %q: got %+v", chain, elements, got)
		}
	})
}
