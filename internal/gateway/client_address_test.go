package gateway

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

// behindProxies is a gateway that trusts two networks.
func behindProxies() *Gateway {
	return &Gateway{opts: Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8:1::/48")}}}
}

// from is a request of a peer, with headers that alternate names and values.
func from(peer string, headers ...string) *http.Request {
	r := httptest.NewRequest("GET", "http://shop.example/x", nil)
	r.RemoteAddr = peer
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestTheAddressOfAClientIsThatOfItsPeerOrWhatTrustedProxiesSay(t *testing.T) {
	const xff = "X-Forwarded-For"
	for _, row := range []struct {
		name string
		r    *http.Request
		want string
	}{
		{"a client of its own", from("203.0.113.7:1"), "203.0.113.7"},
		{"a stranger is not believed", from("203.0.113.7:1", xff, "198.51.100.1"), "203.0.113.7"},
		{"a proxy that says nothing", from("192.0.2.1:1"), "192.0.2.1"},
		{"a proxy is believed", from("192.0.2.1:1", xff, "203.0.113.7"), "203.0.113.7"},
		{"what the client has told the proxy is not", from("192.0.2.1:1", xff, "198.51.100.1, 203.0.113.7"), "203.0.113.7"},
		{"nor in a line of its own", from("192.0.2.1:1", xff, "198.51.100.1", xff, "203.0.113.7"), "203.0.113.7"},
		{"two proxies", from("192.0.2.1:1", xff, "203.0.113.7, 192.0.2.2"), "203.0.113.7"},
		{"proxies all the way", from("192.0.2.1:1", xff, "192.0.2.3,192.0.2.2"), "192.0.2.3"},
		{"a proxy of IPv6", from("[2001:db8:1::1]:1", xff, "2001:db8:2::7"), "2001:db8:2::7"},
		{"a proxy of IPv4 on a socket of IPv6", from("[::ffff:192.0.2.1]:1", xff, "::ffff:203.0.113.7"), "203.0.113.7"},
		{"a zone is nobody else's business", from("[fe80::1%eth0]:1"), "fe80::1"},
		{"nonsense before the client", from("192.0.2.1:1", xff, "who, 203.0.113.7"), "203.0.113.7"},
		{"nonsense instead of the client", from("192.0.2.1:1", xff, "203.0.113.7, who"), "192.0.2.1"},
		{"no address at all", from("@"), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := behindProxies().remote(row.r); got != row.want {
				t.Errorf("peer %s with %v: got %q, want %q", row.r.RemoteAddr, row.r.Header, got, row.want)
			}
		})
	}
}

func TestForwardedTellsOnlyWhatIsKnown(t *testing.T) {
	const own = `for=203.0.113.7;host="shop.example";proto=http`
	for _, row := range []struct {
		name      string
		r         *http.Request
		host      string
		forwarded string
		proto     string // X-Forwarded-Proto
	}{
		{"nothing is said", from("203.0.113.7:1"), "shop.example", own, ""},
		{"a stranger is not believed", from("203.0.113.7:1", "Forwarded", "for=198.51.100.1", "X-Forwarded-Proto", "https", "X-Real-Ip", "198.51.100.1"),
			"shop.example", own, ""},
		{"a proxy is, and its hop added", from("192.0.2.1:1", "Forwarded", "for=203.0.113.7;proto=https", "X-Forwarded-Proto", "https"),
			"shop.example", `for=203.0.113.7;proto=https, for=192.0.2.1;host="shop.example";proto=http`, "https"},
		{"an address of IPv6 is quoted", from("[2001:db8:2::7]:1"), "shop.example", `for="[2001:db8:2::7]";host="shop.example";proto=http`, ""},
		{"an address that is none", from("@"), "shop.example", `for=unknown;host="shop.example";proto=http`, ""},
		{"a host that wants out of its quotes", from("203.0.113.7:1"), "shop.example\"\\;for=x\n", `for=203.0.113.7;host="shop.example;for=x";proto=http`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := row.r.Header.Clone()
			row.r.Host = row.host
			behindProxies().forwarded(h, row.r)
			if got := h.Get("Forwarded"); got != row.forwarded || len(h.Values("Forwarded")) != 1 {
				t.Errorf("Forwarded: got %q, want %q", h.Values("Forwarded"), row.forwarded)
			}
			if got := h.Get("X-Forwarded-Proto"); got != row.proto {
				t.Errorf("X-Forwarded-Proto: got %q, want %q", got, row.proto)
			}
			if trusted := row.proto != ""; !trusted && h.Get("X-Real-Ip") != "" {
				t.Errorf("X-Real-Ip of a stranger is passed on: %q", h.Get("X-Real-Ip"))
			}
		})
	}
}

func TestVisitorsOfOneNetworkOfIPv6AreOne(t *testing.T) {
	g, l := behindProxies(), &lane{Route: &Route{}}
	for _, row := range []struct {
		a, b string
		same bool
	}{
		{"203.0.113.7:1", "203.0.113.7:2", true},
		{"203.0.113.7:1", "203.0.113.8:1", false},
		{"[2001:db8:2::7]:1", "[2001:db8:2::8]:1", true},
		{"[2001:db8:2::7]:1", "[2001:db8:2:1::7]:1", false},
	} {
		if a, b := g.visitor(l, from(row.a)), g.visitor(l, from(row.b)); (a == b) != row.same {
			t.Errorf("%s is visitor %q, %s is %q; one and the same: want %v", row.a, a, row.b, b, row.same)
		}
	}
}
