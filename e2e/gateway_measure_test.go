package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/internal/bench"
)

const (
	measureRate    = 500 // requests a second, for the latency
	measureTime    = 5 * time.Second
	measureWork    = 20 * time.Millisecond // of a slow request, four of which are done at once
	measureClients = 64
	measureWaiting = 2000 // clients that wait at once, for the memory
	measureFlood   = 3000 // requests that come at once, for Retry-After
	measureProbes  = 10   // of them that are compared with the wait that they had
)

// TestGatewayMeasured prints what the way through the queue costs, on this machine. It asserts nothing.
func TestGatewayMeasured(t *testing.T) {
	if !*gatewayMeasure {
		t.Skip("run with -gateway.measure")
	}
	p := start(t)
	createQueue(t, p.client(), "requests")
	createQueue(t, p.client(), "slow")
	hold := make(chan struct{})
	local := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hold":
			<-hold
		case "/slow":
			time.Sleep(measureWork)
		}
		fmt.Fprintln(w, "hello")
	}))
	defer local.Close()
	defer close(hold)
	target, err := url.Parse(local.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(httputil.NewSingleHostReverseProxy(target))
	defer proxy.Close()
	env := []string{"FOREBAY_DATA=" + p.folder, "FOREBAY_ENDPOINT=http://" + p.address}
	address := freeAddress(t)
	tr := &trial{t: t, base: "http://" + address, client: http.Client{Timeout: patience}}
	gateway := &daemon{t: t, path: binary, args: []string{"gateway", "--route", "/slow=slow", "--route", "/=requests", "--listen", address, "--state", t.TempDir()}, env: env, ready: tr.ready}
	backend := &daemon{t: t, path: binary, args: []string{"backend", "--queue", "requests", "--to", local.URL, "--concurrency", "3000"}, env: env, ready: func() bool { return true }}
	slow := &daemon{t: t, path: binary, args: []string{"backend", "--queue", "slow", "--to", local.URL, "--concurrency", "4"}, env: env, ready: func() bool { return true }}
	for _, d := range []*daemon{gateway, backend, slow} {
		d.start()
		defer d.kill()
	}

	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: measureWaiting}}
	latency(t, client, p.folder, proxy.URL, tr.base)
	plain, queued := flat(t, client, proxy.URL), flat(t, client, tr.base)
	t.Logf("with %d clients: reverse proxy %.0f requests a second, gateway %.0f, %.0f %%, %.2f of the target, 25 %%",
		measureClients, plain, queued, 100*queued/plain, queued/plain/.25)
	flood(t, client, tr.base)

	var waiting sync.WaitGroup
	for range measureWaiting {
		waiting.Go(func() { fetch(t, client, tr.base+"/hold") })
	}
	waitFor(t, "all of the clients wait", func() bool {
		status, page := p.get("/livez")
		return status == http.StatusOK && page != "" && openSockets(gateway.cmd.Process.Pid) >= measureWaiting
	})
	t.Logf("with %d waiting clients: the gateway has %s resident", measureWaiting, resident(gateway.cmd.Process.Pid))
	gateway.kill()
	waiting.Wait()
	gateway.start()
}

func fetch(t *testing.T, client *http.Client, url string) {
	response, err := client.Get(url)
	if err != nil {
		return
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Logf("got status %d, %v", response.StatusCode, err)
	}
}

// latency prints what the gateway adds to a reverse proxy, beside one fsync in the server's folder.
func latency(t *testing.T, client *http.Client, folder, proxy, gateway string) {
	t.Helper()
	disk, err := bench.MeasureDisk(t.Context(), folder, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("one fsync here: p50 %.2f ms p99 %.2f ms", disk.SyncP50, disk.SyncP99)
	straight, through := paced(t, client, proxy), paced(t, client, gateway)
	t.Logf("at %d requests a second: reverse proxy p50 %v p99 %v, gateway p50 %v p99 %v", measureRate,
		at(straight, 50), at(straight, 99), at(through, 50), at(through, 99))
	target50 := time.Duration(2*disk.SyncP50*float64(time.Millisecond)) + 2*time.Millisecond
	for _, line := range []struct {
		percent int
		target  time.Duration
	}{{50, target50}, {99, 4 * target50}} {
		added := at(through, line.percent) - at(straight, line.percent)
		t.Logf("added p%d %v: %.2f of the target, %v", line.percent, added, float64(added)/float64(line.target), line.target.Round(10*time.Microsecond))
	}
}

// flood sends more than the slow backend can do, and prints Retry-After as a part of the real wait.
func flood(t *testing.T, client *http.Client, base string) {
	t.Helper()
	var running sync.WaitGroup
	var left atomic.Int64
	left.Store(measureFlood)
	for range measureClients {
		running.Go(func() {
			for left.Add(-1) >= 0 {
				later(t, client, base)
			}
		})
	}
	running.Wait()
	parts := make([]float64, measureProbes)
	waits := make([]time.Duration, measureProbes)
	for i := range parts {
		began := time.Now()
		promised, place := later(t, client, base)
		running.Go(func() {
			for status := 0; status != http.StatusOK && time.Since(began) < patience; {
				status = collect(t, client, base+place)
			}
			waits[i] = time.Since(began)
			parts[i] = promised.Seconds() / waits[i].Seconds()
		})
		time.Sleep(time.Second)
	}
	running.Wait()
	near := 0
	for _, part := range parts {
		if part >= .8 && part <= 1.2 {
			near++
		}
	}
	slices.Sort(parts)
	t.Logf("in a flood: waits of %v to %v, Retry-After by the wait %.2f to %.2f, median %.2f, %d of %d within 20 %%", slices.Min(waits).Round(measureWork),
		slices.Max(waits).Round(measureWork), parts[0], parts[measureProbes-1], parts[measureProbes/2], near, measureProbes)
}

// later sends a slow request without waiting for it, and returns what Retry-After promises, and where the reply will be.
func later(t *testing.T, client *http.Client, base string) (wait time.Duration, place string) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/slow", nil)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	r.Header.Set("Prefer", "respond-async")
	res, err := client.Do(r)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body) // for the connection to be used again
	seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
	if res.StatusCode != http.StatusAccepted || err != nil {
		t.Errorf("got status %d with Retry-After %q, want 202", res.StatusCode, res.Header.Get("Retry-After"))
	}
	return time.Duration(seconds) * time.Second, res.Header.Get("Location")
}

// collect fetches a reply, waiting a minute for it at most, and returns the status.
func collect(t *testing.T, client *http.Client, url string) int {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	r.Header.Set("Prefer", "wait=60")
	res, err := client.Do(r)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	return res.StatusCode
}

// paced sends measureRate requests a second and returns their times, sorted.
func paced(t *testing.T, client *http.Client, base string) []time.Duration {
	var mu sync.Mutex
	var times []time.Duration
	var running sync.WaitGroup
	tick := time.NewTicker(time.Second / measureRate)
	defer tick.Stop()
	for end := time.Now().Add(measureTime); time.Now().Before(end); {
		<-tick.C
		running.Go(func() {
			began := time.Now()
			fetch(t, client, base+"/")
			mu.Lock()
			defer mu.Unlock()
			times = append(times, time.Since(began))
		})
	}
	running.Wait()
	slices.Sort(times)
	return times
}

func at(times []time.Duration, percent int) time.Duration {
	return times[min(len(times)*percent/100, len(times)-1)].Round(10 * time.Microsecond)
}

// flat sends as fast as the clients can, and returns requests a second.
func flat(t *testing.T, client *http.Client, base string) float64 {
	var count atomic.Int64
	var running sync.WaitGroup
	end := time.Now().Add(measureTime)
	for range measureClients {
		running.Go(func() {
			for time.Now().Before(end) {
				fetch(t, client, base+"/")
				count.Add(1)
			}
		})
	}
	running.Wait()
	return float64(count.Load()) / measureTime.Seconds()
}

// resident is the memory of a process, as Linux tells it.
func resident(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(value)
		}
	}
	return "an unknown amount"
}

// openSockets is how many files a process has open, which is a little more than its connections.
func openSockets(pid int) int {
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0
	}
	return len(files)
}
