package gateway

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestFieldsOfProxiesPassFromTrustedProxiesAlone(t *testing.T) {
	const stranger, proxy = "203.0.113.7:1", "192.0.2.1:1"
	for _, row := range []struct {
		name, field      string
		strangers, trust bool // whether it passes
	}{
		{"a port", "X-Forwarded-Port", false, true},
		{"a prefix", "X-Forwarded-Prefix", false, true},
		{"a scheme of old", "X-Forwarded-Ssl", false, true},
		{"a field of the family that nobody has thought of", "X-Forwarded-Anything-New", false, true},
		{"the family without a hyphen behind it", "X-Forwarded", false, true},
		{"underscores", "X_Forwarded_For", false, false},
		{"underscores in any case", "x_FORWARDED_hOST", false, false},
		{"one underscore", "X-Forwarded_For", false, false},
		{"a dot, which PHP reads as an underscore", "X.Real.Ip", false, false},
		{"an address", "X-Real-Ip", false, true},
		{"an address of Cloudflare", "Cf-Connecting-Ip", false, true},
		{"an address of Akamai", "True-Client-Ip", false, true},
		{"an address in the words of a proxy that is no more", "Wl-Proxy-Client-Ip", false, true},
		{"a path", "X-Original-Url", false, true},
		{"a path that is written anew", "X-Rewrite-Url", false, true},
		{"a certificate", "X-Forwarded-Client-Cert", false, true},
		{"a user", "X-Auth-Request-User", false, true},
		{"a user in the words of Apache", "Remote_user", false, false},
		{"the variable of a proxy", "Proxy", false, true},
		{"a credential of the client", "Authorization", true, true},
		{"a token of the client", "X-Auth-Token", true, true},
		{"a field of the application", "X-Forward-Me", true, true},
		{"an underscore of the application", "X_request_id", true, true},
		{"a key", "Idempotency-Key", true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			for peer, want := range map[string]bool{stranger: row.strangers, proxy: row.trust} {
				r := from(peer)
				r.Header[row.field] = []string{"6.6.6.6"}
				h := r.Header.Clone()
				behindProxies().forwarded(h, r)
				if _, got := h[row.field]; got != want {
					t.Errorf("%s of %s: passes %v, want %v", row.field, peer, got, want)
				}
			}
		})
	}
}

func TestAStrangersFieldsDoNotReachTheQueue(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		s := w.gateway(1, nil)
		got := s.later("GET", "/", "", "X-Forwarded-Port", "1", "x_forwarded_for", "6.6.6.6", "Forwarded", "for=6.6.6.6", "X-Kept", "yes")
		q := w.mustTake()
		names := strings.Join(slices.Sorted(maps.Keys(q.Header)), " ")
		if want := "Forwarded X-Kept"; names != want || strings.Contains(q.Header.Get("Forwarded"), "6.6.6.6") {
			t.Errorf("got %v, want the fields %s", q.Header, want)
		}
		w.reply(q, 200, "", nil)
		<-got
	})
}

func TestTheSchemeOfAClientIsThatBeforeATrustedProxy(t *testing.T) {
	for _, row := range []struct {
		name string
		r    *http.Request
		want string
	}{
		{"nothing is said", from("203.0.113.7:1"), "http"},
		{"a stranger is not believed", from("203.0.113.7:1", "X-Forwarded-Proto", "https"), "http"},
		{"a proxy is", from("192.0.2.1:1", "X-Forwarded-Proto", "https"), "https"},
		{"a proxy says nonsense", from("192.0.2.1:1", "X-Forwarded-Proto", "gopher"), "http"},
		{"a proxy has added to what a client said", from("192.0.2.1:1", "X-Forwarded-Proto", "http, https"), "https"},
	} {
		if got := behindProxies().clientScheme(row.r); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}
