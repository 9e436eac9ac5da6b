package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// guardedRate is how many requests a second the gateway takes of each client.
const guardedRate = 200

const guardedFile = `
[[routes]]
path = "/"
queue = "requests"
client_rate = %d
client_burst = %d
`

// TestDeepGatewayFlood has a quiet client send requests through a gateway, alone and while another sends as many as it
// can, of which its rate lets few pass.
func TestDeepGatewayFlood(t *testing.T) {
	base := startGuarded(t)
	n := fully(1_000_000, 2000)
	alone := visit(t, base, "alone")
	f := flooding{client: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}, base: base, most: int64(n)}
	began := time.Now()
	f.start(16)
	beside := visit(t, base, "beside a flood")
	tried := min(f.tried.Load(), f.most)
	f.all.Wait()
	passed, refused := f.passed.Load(), f.refused.Load()
	t.Logf("  of the flood's %d requests %d had been tried when the quiet client was done; %d passed, %d were refused", n, tried, passed, refused)
	if may := guardedRate + int64(guardedRate*time.Since(began).Seconds()) + 1; passed == 0 || passed > may || passed+refused != f.most {
		t.Errorf("of %d requests of the flood %d passed and %d were refused for their rate, want all in one of these, and at most %d passed", n, passed, refused, may)
	}
	alone = alone.and(visit(t, base, "alone"))
	t.Logf("a quiet client of a gateway beside a flood of %d: p95 %.2f times that without (target 2 or less), p50 %.2f times",
		n, beside.p95()/alone.p95(), beside.p50()/alone.p50())
}

// startGuarded starts a server, a gateway and a backend that answers at once, and returns the gateway's address.
func startGuarded(t *testing.T) string {
	t.Helper()
	p := start(t)
	createQueue(t, p.client(), "requests")
	local := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") }))
	t.Cleanup(local.Close)
	file := filepath.Join(t.TempDir(), "gateway.toml")
	if err := os.WriteFile(file, fmt.Appendf(nil, guardedFile, guardedRate, guardedRate), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"FOREBAY_DATA=" + p.folder, "FOREBAY_ENDPOINT=http://" + p.address}
	address := freeAddress(t)
	tr := &trial{t: t, base: "http://" + address, client: http.Client{Timeout: patience}}
	gateway := &daemon{t: t, path: binary, args: []string{"gateway", "--config", file, "--listen", address, "--state", t.TempDir()}, env: env, ready: tr.ready}
	backend := &daemon{t: t, path: binary, args: []string{"backend", "--queue", "requests", "--to", local.URL, "--concurrency", "64"}, env: env,
		ready: func() bool { return p.number("forebay_long_polls") > 1 }}
	gateway.start()
	t.Cleanup(gateway.kill)
	backend.start()
	t.Cleanup(backend.kill)
	return tr.base
}

// visit sends the quiet client's requests, fifty a second, and measures the time to each answer from when the request
// should have been sent.
func visit(t *testing.T, base, how string) wait {
	t.Helper()
	client := &http.Client{Timeout: patience}
	waits := make([]float64, fully(750, 30))
	var all sync.WaitGroup
	began := time.Now()
	for n := range waits {
		due := began.Add(time.Duration(n) * 20 * time.Millisecond)
		time.Sleep(time.Until(due))
		all.Go(func() {
			status, err := knock(client, base, "quiet")
			if waits[n] = float64(time.Since(due)) / float64(time.Millisecond); err != nil || status != http.StatusOK {
				t.Errorf("request %d of the quiet client, %s: got status %d, %v, want 200", n, how, status, err)
			}
		})
	}
	all.Wait()
	w := wait{[]float64{quantile(waits, 0.5)}, []float64{quantile(waits, 0.95)}}
	t.Logf("  %s: answered after p50 %.2f ms, p95 %.2f ms, p99 %.2f ms", how, w.p50(), w.p95(), quantile(waits, 0.99))
	return w
}

// knock sends one request as a client and returns the status of its answer.
func knock(client *http.Client, base, who string) (status int, err error) {
	request, err := http.NewRequest(http.MethodGet, base, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", who)
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// flooding is a client that sends requests as fast as answers come.
type flooding struct {
	client                 *http.Client
	base                   string
	most                   int64
	tried, passed, refused atomic.Int64
	all                    sync.WaitGroup
}

// start starts senders, which end when most requests have been sent.
func (f *flooding) start(senders int) {
	for range senders {
		f.all.Go(func() {
			for f.tried.Add(1) <= f.most {
				switch status, _ := knock(f.client, f.base, "flood"); status {
				case http.StatusOK:
					f.passed.Add(1)
				case http.StatusTooManyRequests:
					f.refused.Add(1)
				}
			}
		})
	}
}
