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
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	measureRate    = 500 // requests a second, for the latency
	measureTime    = 5 * time.Second
	measureClients = 64
	measureWaiting = 2000 // clients that wait at once, for the memory
)

// TestGatewayMeasured prints what the way through the queue costs, on this machine. It asserts nothing.
func TestGatewayMeasured(t *testing.T) {
	if !*gatewayMeasure {
		t.Skip("run with -gateway.measure")
	}
	p := start(t)
	createQueue(t, p.client(), "requests")
	hold := make(chan struct{})
	local := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			<-hold
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
	gateway := &daemon{t: t, path: binary, args: []string{"gateway", "--route", "/=requests", "--listen", address, "--state", t.TempDir()}, env: env, ready: tr.ready}
	backend := &daemon{t: t, path: binary, args: []string{"backend", "--queue", "requests", "--to", local.URL, "--concurrency", "3000"}, env: env, ready: func() bool { return true }}
	gateway.start()
	backend.start()
	defer gateway.kill()
	defer backend.kill()

	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: measureWaiting}}
	straight, through := paced(t, client, proxy.URL), paced(t, client, tr.base)
	t.Logf("at %d requests a second: reverse proxy p50 %v p99 %v, gateway p50 %v p99 %v, added p50 %v", measureRate,
		at(straight, 50), at(straight, 99), at(through, 50), at(through, 99), at(through, 50)-at(straight, 50))
	plain, queued := flat(t, client, proxy.URL), flat(t, client, tr.base)
	t.Logf("with %d clients: reverse proxy %.0f requests a second, gateway %.0f, %.0f %%", measureClients, plain, queued, 100*queued/plain)

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
