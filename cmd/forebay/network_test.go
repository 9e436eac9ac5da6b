package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate makes a certificate that signs itself, and writes it into a file.
func certificate(t *testing.T, from, until time.Time, names ...string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// secured starts a server with a certificate that answers with no queues.
func secured(t *testing.T, c tls.Certificate, change func(*tls.Config)) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		fmt.Fprint(w, "{}")
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{c}}
	if change != nil {
		change(s.TLS)
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// What comes of a connection is said in words, with the way out, and never as an SDK or a certificate library says it.
func TestConnectionsThatFail(t *testing.T) {
	clearEnvironment(t)
	year := 365 * 24 * time.Hour
	good, trusted := certificate(t, time.Now().Add(-year), time.Now().Add(year), "127.0.0.1")
	named, namedFile := certificate(t, time.Now().Add(-year), time.Now().Add(year), "queues.example")
	old, oldFile := certificate(t, time.Now().Add(-2*year), time.Now().Add(-year), "127.0.0.1")
	_, strange := certificate(t, time.Now().Add(-year), time.Now().Add(year), "127.0.0.1")
	secure := secured(t, good, nil)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotImplemented)
		fmt.Fprint(w, "<html>no such method</html>")
	}))
	t.Cleanup(page.Close)
	notPEM := filepath.Join(t.TempDir(), "x.pem")
	if err := os.WriteFile(notPEM, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	short := strings.TrimPrefix(secure, "https://")
	for _, tt := range []struct {
		name, endpoint, file string
		code                 int
		want, hint           string
	}{
		{"the authority is trusted", secure, trusted, exitOK, "", ""},
		{"nobody listens", "http://127.0.0.1:1", "", exitUnreachable, "no server answers at http://127.0.0.1:1", "forebay serve --listen 127.0.0.1:1"},
		{"an unknown authority", secure, "", exitUnreachable, "signed by an authority that is not trusted here", "--ca-file FILE, or AWS_CA_BUNDLE"},
		{"another authority than the one trusted", secure, strange, exitUnreachable, "signed by an authority that is not trusted here", "--ca-file FILE"},
		{"a certificate for another host", secured(t, named, nil), namedFile, exitUnreachable, "is not for 127.0.0.1, but for queues.example", "--endpoint https://queues.example:"},
		{"a certificate that is over", secured(t, old, nil), oldFile, exitUnreachable, "is not valid: certificate has expired", "clock"},
		{"a server that wants a certificate", secured(t, good, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }), trusted, exitUnreachable, "", "docs/access.md"},
		{"plain HTTP to a server with TLS", "http://" + short, "", exitUnreachable, "speaks TLS, and was spoken to in plain HTTP", "--endpoint https://" + short},
		{"TLS to a server without", strings.Replace(plain.URL, "http", "https", 1), "", exitUnreachable, "does not speak TLS", "--endpoint " + plain.URL},
		{"a server of something else", page.URL, "", exitUnreachable, "is no queue server", "Is it the right address?"},
		{"a host that is not there", "http://no-such-host.invalid:4566", "", exitUnreachable, `there is no host "no-such-host.invalid"`, "AWS_ENDPOINT_URL_SQS"},
		{"a file that is not there", secure, "/does/not/exist", exitUsage, "the file of authorities cannot be read", "--ca-file, FOREBAY_CA_FILE and AWS_CA_BUNDLE"},
		{"a file that is none", secure, notPEM, exitUsage, "has no certificate in it", "BEGIN CERTIFICATE"},
		{"a file that is not there, without TLS", "http://127.0.0.1:1", "/does/not/exist", exitUnreachable, "no server answers", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, way := range []string{"--ca-file", "AWS_CA_BUNDLE", "FOREBAY_CA_FILE"} {
				t.Run(way, func(t *testing.T) {
					t.Setenv("AWS_ACCESS_KEY_ID", "x")
					t.Setenv("AWS_SECRET_ACCESS_KEY", "y")
					line := "queues --endpoint " + tt.endpoint
					if way == "--ca-file" && tt.file != "" {
						line += " --ca-file " + tt.file
					} else if tt.file != "" {
						t.Setenv(way, tt.file)
					}
					checkFailure(t, line, tt.code, tt.want, tt.hint)
				})
			}
		})
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "x")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "y")
	for _, command := range []string{"send q x", "receive q", "peek q", "delete q h", "queues show q", "queues purge q --yes", "queues create q", "top --once",
		"backup /x/y", "verify --live", "bench send --messages 1", "gateway --listen 127.0.0.1:0 --route /=q --state " + t.TempDir(),
		"backend --queue q --to " + plain.URL, "work --queue q --http " + plain.URL} {
		t.Run(command, func(t *testing.T) {
			checkFailure(t, command+" --endpoint "+secure, exitUnreachable, "signed by an authority that is not trusted here", "--ca-file FILE")
		})
	}
}

// raw is what other programs' errors look like.
var raw = []string{"operation error", "https response error", "RequestID", "x509:", "Post \"", "dial tcp", "request send failed", "tls: first record"}

func checkFailure(t *testing.T, line string, code int, want, hint string) {
	t.Helper()
	got, out, errs := command(line)
	if got != code || !strings.Contains(errs, want) || !strings.Contains(errs, hint) {
		t.Errorf("forebay %s = %d\n%s%swant %d, an error with %q and the advice %q", line, got, out, errs, code, want, hint)
	}
	for _, text := range raw {
		if strings.Contains(errs, text) && code != exitOK && !strings.HasPrefix(errs, "{") && !strings.Contains(errs, "level=") {
			t.Errorf("forebay %s: the error has %q in it:\n%s", line, text, errs)
		}
	}
}

// A server that takes connections and does not answer is said to do that.
func TestAServerThatDoesNotAnswer(t *testing.T) {
	timeout := &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	for _, err := range []error{timeout, fmt.Errorf("request send failed, %w", timeout), &net.DNSError{Err: "i/o timeout", Name: "x", IsTimeout: true}} {
		f := connectionFailure("http://192.0.2.1:1", err)
		if f == nil || f.code != exitUnreachable || !strings.Contains(f.what, "http://192.0.2.1:1 does not answer in time") {
			t.Errorf("%v: got %+v", err, f)
		}
	}
	if f := connectionFailure("http://x", io.EOF); f == nil || !strings.Contains(f.what, "ended the connection without an answer") {
		t.Errorf("EOF: got %+v", f)
	}
	if f := connectionFailure("http://x", os.ErrNotExist); f != nil {
		t.Errorf("an error that is about something else: got %+v", f)
	}
}

// Who listens where nothing can listen is told the flag of the command that was run.
func TestPortsThatAreTaken(t *testing.T) {
	serveForTest(t)
	command("queues create requests")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	at := taken.Addr().String()
	for _, tt := range []struct{ line, hint, not string }{
		{"serve --data " + t.TempDir() + " --listen " + at, "Use another port:  forebay serve --listen 127.0.0.1:4567", "gateway"},
		{"gateway --route /=requests --state " + t.TempDir() + " --listen " + at, "Use another port:  forebay gateway --listen 127.0.0.1:8081", "forebay serve"},
		{"gateway --route /=requests --listen 127.0.0.1:0 --state " + t.TempDir() + " --metrics-listen " + at, "forebay gateway --metrics-listen 127.0.0.1:", "forebay serve"},
		{"demo gateway --listen " + at, "Use another port:  forebay demo gateway --listen 127.0.0.1:8081", "forebay serve"},
		{"pool run --queue requests --driver none --state " + t.TempDir() + " --listen " + at, "Use another port:  forebay pool run --listen 127.0.0.1:4581", "forebay serve"},
	} {
		code, _, errs := command(tt.line)
		if code != exitConflict || !strings.Contains(errs, at+" is in use") || !strings.Contains(errs, tt.hint) || strings.Contains(errs, tt.not+" --listen") {
			t.Errorf("forebay %s = %d\n%swant %d with %q", tt.line, code, errs, exitConflict, tt.hint)
		}
	}
}
