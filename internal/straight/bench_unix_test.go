//go:build unix

package straight

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
)

// BenchmarkCall makes calls of 1.2 KiB that are answered with 100 bytes, by both ways, one after the other and 32 at
// once. The server is in this process, and in the figures of both; cpu-ns/op is what the process used.
func BenchmarkCall(b *testing.B) {
	answer := bytes.Repeat([]byte("x"), 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Write(answer)
	}))
	defer s.Close()
	usual := &http.Transport{MaxIdleConnsPerHost: 100}
	defer usual.CloseIdleConnections()
	for _, row := range []struct {
		name string
		way  http.RoundTripper
	}{{"net/http", usual}, {"straight", fresh(b, &http.Transport{MaxIdleConnsPerHost: 100})}} {
		b.Run(row.name+"/one", func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				call(b, row.way, s.URL)
			}
		})
		b.Run(row.name+"/many", func(b *testing.B) {
			defer cpu(b)()
			b.SetParallelism(16)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					call(b, row.way, s.URL)
				}
			})
		})
	}
}

var sent = make([]byte, 1200)

func call(b *testing.B, way http.RoundTripper, url string) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(sent))
	if err != nil {
		b.Fatal(err)
	}
	r.Header["Authorization"] = []string{"AWS4-HMAC-SHA256 Credential=AKID/20261120/us-east-1/sqs/aws4_request"}
	resp, err := way.RoundTrip(r)
	if err != nil {
		b.Error(err)
		return
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// cpu reports what the process has used of the processors between its call and that of what it returns.
func cpu(b *testing.B) func() {
	b.ReportAllocs()
	used := func() (n int64) {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	start := used()
	return func() { b.ReportMetric(float64(used()-start)/float64(b.N), "cpu-ns/op") }
}
