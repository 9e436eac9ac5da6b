package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// startListening starts a server on a port of this machine. The test stops it.
func startListening(t *testing.T, opts Options) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opts.FS, opts.Listener, opts.MemTableBytes = vfs.NewMem(), l, 1<<20
	if opts.Data == "" {
		opts.Data = t.TempDir()
	}
	s, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return s
}

// TestPagesAreKeptFromDev asks on every kind of path as a page of another site would.
func TestPagesAreKeptFromDev(t *testing.T) {
	s := startListening(t, Options{Dev: true, DevHosts: []string{"ci.example.com"}, CORSOrigins: []string{"https://app.example.com"},
		PublicURL: "http://public.example.com"})
	for _, path := range []string{"/?Action=ListQueues", "/metrics", "/forebay/v1/queues", "/forebay/v1/queues/x/messages", "/livez",
		"/_aws/sqs/messages?QueueUrl=x", "/_localstack/health"} {
		for _, tt := range []struct {
			name, host, origin string
			refused            string // part of the text; empty: it is not
		}{
			{"a program", "localhost:4566", "", ""},
			{"a name of the settings", "ci.example.com", "", ""},
			{"the host of public_url", "public.example.com", "", ""},
			{"a site of the settings", "localhost:4566", "https://app.example.com", ""},
			{"a page that had its name point here", "evil.example:4566", "http://evil.example:4566", "dev_hosts"},
			{"a script of another site", "localhost:4566", "https://evil.example", "cors_origins"},
		} {
			w := ask(s, "GET", "http://"+tt.host+path, "", "Origin", tt.origin)
			if tt.origin == "" {
				w = ask(s, "GET", "http://"+tt.host+path, "")
			}
			if tt.refused == "" && w.Code == http.StatusForbidden || tt.refused != "" && (w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), tt.refused)) {
				t.Errorf("%s at %s: got %d %.300q, want it refused with %q", tt.name, path, w.Code, w.Body, tt.refused)
			}
		}
	}
	w := ask(s, "POST", "http://localhost/forebay/v1/backup", `{"directory":"/x"}`, "Content-Type", "application/json", "Sec-Fetch-Site", "cross-site")
	if w.Code != http.StatusForbidden {
		t.Errorf("a page of another site may make backups: %d %s", w.Code, w.Body)
	}
}

func TestPagesThatMayCall(t *testing.T) {
	const app = "https://app.example.com"
	for _, tt := range []struct {
		name    string
		origins []string
		status  int
		allowed string
	}{
		{"no pages may call unless a setting says so", nil, 405, ""},
		{"a page that may call is told so", []string{app}, 204, app},
		{"a page that may not call is told nothing", []string{"https://other.example.com"}, 403, ""},
		{"any page may call", []string{"*"}, 204, "*"},
	} {
		s := startListening(t, Options{CORSOrigins: tt.origins})
		preflight := ask(s, "OPTIONS", "/000000000000/orders", "", "Origin", app, "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "amz-sdk-request,authorization,content-type,x-amz-date,x-amz-target")
		if got := preflight.Header().Get("Access-Control-Allow-Origin"); preflight.Code != tt.status || got != tt.allowed {
			t.Errorf("%s: the preflight got %d for %q, want %d for %q", tt.name, preflight.Code, got, tt.status, tt.allowed)
		}
		// Also an error must be readable for the page, and be one of the API.
		w := ask(s, "POST", "/", "{}", "Origin", app, "Content-Type", "application/x-amz-json-1.0", "X-Amz-Target", "AmazonSQS.ListQueues")
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != tt.allowed || w.Code != 403 {
			t.Errorf("%s: an unsigned call got %d for %q, want 403 for %q", tt.name, w.Code, got, tt.allowed)
		}
		if exposed := w.Header().Get("Access-Control-Expose-Headers"); tt.allowed != "" && !strings.Contains(strings.ToLower(exposed), "x-amzn-requestid") {
			t.Errorf("%s: a page may read %q, not the request id", tt.name, exposed)
		}
	}
}

// neverRead fails the test when a body is read.
type neverRead struct{ t *testing.T }

func (n neverRead) Read([]byte) (int, error) {
	n.t.Error("the body of a stranger was read")
	return 0, io.EOF
}

// TestStrangersAreRefusedBeforeTheirBody sends large requests to those paths that take a body.
func TestStrangersAreRefusedBeforeTheirBody(t *testing.T) {
	s := startListening(t, Options{})
	unknown := "AWS4-HMAC-SHA256 Credential=AKIDNOBODY/20261129/us-east-1/sqs/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature=00"
	for _, tt := range []struct{ name, path, authorization string }{
		{"a backup without a signature", "/forebay/v1/backup", ""},
		{"a backup with a key that there is not", "/forebay/v1/backup", unknown},
		{"a call with a key that there is not", "/", unknown},
		{"a peek with a key that there is not", "/forebay/v1/queues/x/messages", unknown},
	} {
		r := httptest.NewRequest("POST", tt.path, neverRead{t})
		r.ContentLength = 1 << 20
		r.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
		if tt.authorization != "" {
			r.Header.Set("Authorization", tt.authorization)
			r.Header.Set("X-Amz-Date", "20261129T000000Z")
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: got %d %s, want 403", tt.name, w.Code, w.Body)
		}
	}
}
