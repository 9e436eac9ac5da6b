package sqs

import (
	"crypto/tls"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/forebay-mq/forebay/internal/queue"
)

// TestParseQueueURL is SQS-WIRE-15 and 16, and S13.
func TestParseQueueURL(t *testing.T) {
	bare := queue.Ref{Name: "orders"}
	for _, test := range []struct {
		url  string
		want queue.Ref
	}{
		{"http://localhost:4566/000000000000/orders", orders},
		{"https://sqs.us-east-1.amazonaws.com/000000000000/orders", orders},
		{"https://us-east-1.queue.amazonaws.com/000000000000/orders", orders},
		{"http://proxy/prefix/000000000000/orders", orders},
		{"/000000000000/orders", orders},
		{"000000000000/orders", orders},
		{"orders", bare},
		{"http://localhost/queue/orders", bare},
		{"/queue/orders", bare},
		{"", queue.Ref{}},
		{"http://localhost:4566/000000000000/orders/", orders},
		{"http://localhost:4566/000000000000/orders//", orders},
		{"/000000000000/orders/", orders},
		{"000000000000/orders/", orders},
		{"http://localhost/queue/orders/", bare},
		{"orders/", bare},
		{"http://localhost:4566/000000000000/", queue.Ref{Account: nowhere, Name: "http://localhost:4566/000000000000"}},
		{"http://localhost:4566", queue.Ref{Account: nowhere, Name: "http://localhost:4566"}},
		{"http://000000000000/orders", queue.Ref{Account: nowhere, Name: "http://000000000000/orders"}},
		{"http://localhost/12/orders", queue.Ref{Account: nowhere, Name: "http://localhost/12/orders"}},
		{"http://localhost/000000000000/../orders", queue.Ref{Account: nowhere, Name: "http://localhost/000000000000/../orders"}},
		{"http://localhost/000000000000/orders/..", queue.Ref{Account: nowhere, Name: "http://localhost/000000000000/orders/.."}},
		{"/", queue.Ref{}},
	} {
		if got := parseQueueURL(test.url); got != test.want {
			t.Errorf("parseQueueURL(%q) = %+v, want %+v", test.url, got, test.want)
		}
	}
}

// TestAdvertisedURLs is SQS-WIRE-17.
func TestAdvertisedURLs(t *testing.T) {
	for _, test := range []struct {
		name    string
		public  string
		peer    string
		tls     bool
		headers []string
		want    string
	}{
		{"the request's host", "", "203.0.113.9:1", false, nil, "http://queue.test:4566"},
		{"over TLS", "", "203.0.113.9:1", true, nil, "https://queue.test:4566"},
		{"a fixed URL", "https://q.example.com/", "203.0.113.9:1", false, nil, "https://q.example.com"},
		{"headers of a stranger", "", "203.0.113.9:1", false, []string{"X-Forwarded-Proto: https", "X-Forwarded-Host: evil"}, "http://queue.test:4566"},
		{"headers of a proxy", "", "10.0.0.1:1", false, []string{"X-Forwarded-Proto: https", "X-Forwarded-Host: q.example.com"}, "https://q.example.com"},
		{"a proxy that tells the protocol alone", "", "10.0.0.1:1", false, []string{"X-Forwarded-Proto: https"}, "https://queue.test:4566"},
		{"a proxy with its port", "", "10.0.0.1:1", false, []string{"X-Forwarded-Host: q.example.com", "X-Forwarded-Port: 8443"}, "http://q.example.com:8443"},
		{"a port that goes without saying", "", "10.0.0.1:1", false, []string{"X-Forwarded-Proto: https", "X-Forwarded-Host: q", "X-Forwarded-Port: 443"}, "https://q"},
		{"several proxies", "", "10.0.0.1:1", false, []string{"X-Forwarded-Proto: https, http", "X-Forwarded-Host: q.example.com, inner"}, "https://q.example.com"},
		{"the standard header", "", "10.0.0.1:1", false, []string{`Forwarded: for=1.2.3.4;Proto=https;host="q.example.com:8443", for=10.0.0.2`}, "https://q.example.com:8443"},
		{"an IPv6 host", "", "[::ffff:10.0.0.1]:1", false, []string{"X-Forwarded-Host: [::1]", "X-Forwarded-Port: 81"}, "http://[::1]:81"},
		{"a host that cannot be one", "", "10.0.0.1:1", false, []string{"X-Forwarded-Host: a/b", "X-Forwarded-Proto: ftp", "X-Forwarded-Port: x"}, "http://queue.test:4566"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := New(Options{
				Service: &fake{out: &queue.GetQueueURLOutput{Queue: queue.Ref{Name: "orders"}}}, Account: account,
				PublicURL: test.public, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			})
			r := httptest.NewRequest("GET", "http://queue.test:4566/?Action=GetQueueUrl&QueueName=orders", nil)
			r.RemoteAddr = test.peer
			if test.tls {
				r.TLS = &tls.ConnectionState{}
			}
			for _, line := range test.headers {
				name, value, _ := strings.Cut(line, ": ")
				r.Header.Set(name, value)
			}
			got := send(h, r)
			if want := "<QueueUrl>" + test.want + "/000000000000/orders</QueueUrl>"; !strings.Contains(got.body, want) {
				t.Errorf("answer = %s, want %s", got.body, want)
			}
		})
	}
}

func TestTraceHeader(t *testing.T) {
	const id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	const converted = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled="
	for _, test := range []struct{ name, amazon, w3c, want string }{
		{"neither", "", "", ""},
		{"Amazon's as it is", "Root=1-5759e988-bd862e3fe1be46a994272793", "00-" + id + "-" + parent + "-01", "Root=1-5759e988-bd862e3fe1be46a994272793"},
		{"W3C, sampled", "", "00-" + id + "-" + parent + "-01", converted + "1"},
		{"W3C, not sampled", "", "00-" + id + "-" + parent + "-00", converted + "0"},
		{"W3C of a later version", "", "01-" + id + "-" + parent + "-03-more", converted + "1"},
		{"W3C with more than its version has", "", "00-" + id + "-" + parent + "-01-more", ""},
		{"W3C with capitals", "", "00-" + strings.ToUpper(id) + "-" + parent + "-01", ""},
		{"W3C of zeros", "", "00-" + strings.Repeat("0", 32) + "-" + parent + "-01", ""},
		{"W3C of the forbidden version", "", "ff-" + id + "-" + parent + "-01", ""},
		{"W3C cut short", "", "00-" + id, ""},
		{"too long", strings.Repeat("a", traceHeaderMax+1), "", ""},
		{"not ASCII", "Root=é", "", ""},
	} {
		f := &fake{}
		r := httptest.NewRequest("GET", "/?Action=SendMessage&MessageBody=a", nil)
		setUnlessEmpty(r.Header, "X-Amzn-Trace-Id", test.amazon)
		setUnlessEmpty(r.Header, "Traceparent", test.w3c)
		got := send(newFront(f), r)
		if in := f.in.(*queue.SendMessageInput); in.TraceHeader != test.want {
			t.Errorf("%s: TraceHeader = %q, want %q", test.name, in.TraceHeader, test.want)
		}
		if echoed := got.header.Get("X-Amzn-Trace-Id"); echoed != test.amazon {
			t.Errorf("%s: answered with trace %q, want %q", test.name, echoed, test.amazon)
		}
	}
}
