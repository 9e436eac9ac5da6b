package guard

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// serversOfTheirOwn are the files besides package httpserve that may set up an HTTP server, and why.
var serversOfTheirOwn = map[string]string{
	"cmd/forebay/benchref.go":     "a bare net/http is what is measured",
	"examples/thumbnails/main.go": "an example uses what every user can, and sets the times itself",
	"internal/backend/proxy.go":   "it serves nothing: a context needs the value",
}

// TestEveryHTTPServerHasItsLimitsFromOneRoom holds that no server is set up by hand, since each that was had a bound less
// than the others.
func TestEveryHTTPServerHasItsLimitsFromOneRoom(t *testing.T) {
	for _, f := range sources(t) {
		if f.tests || strings.HasPrefix(f.path, "internal/platform/httpserve/") || strings.HasPrefix(f.path, "bench/peers/") {
			continue
		}
		if _, known := serversOfTheirOwn[f.path]; known {
			continue
		}
		f.selectors(func(from, name string, at ast.Node) {
			if from == "net/http" && slices.Contains([]string{"Server", "Serve", "ServeTLS", "ListenAndServe", "ListenAndServeTLS"}, name) ||
				from == modulePath+"/internal/http1" && name == "Server" {
				t.Errorf("%s:%d sets up an HTTP server: use httpserve.New, which has the limits", f.path, f.line(at))
			}
		})
	}
}
