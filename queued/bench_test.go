package queued_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/queued"
)

// small are a request and its reply as a gateway and a backend write them.
func small() (*queued.Request, *queued.Reply) {
	token := "AWEBAgMEBQYHCAECAwQFBgcICQoLDA0ODxAAAAAAaR9mAAAAAABpH2YAAQIDBAUGBwgJCgsMDQ4PEA"
	return &queued.Request{
			ID: "000102030405060708090a0b0c0d0e0f", Method: "GET", URL: "/hello", Host: "shop.example:8443", Scheme: "https",
			Remote: "203.0.113.7", Deadline: time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC),
			ReplyTo: "forebay-replies-site-0001020304050607", Token: token,
			Header: http.Header{
				"Accept": {"*/*"}, "Accept-Encoding": {"gzip"}, "User-Agent": {"curl/8.0"},
				"Forwarded": {`for=203.0.113.7;host="shop.example:8443";proto=https`},
			},
		}, &queued.Reply{
			Re: "000102030405060708090a0b0c0d0e0f", Token: token, Attempt: "JBSWY3DPEHPK3PXPJBSWY3DPEH", Status: 200,
			Header: http.Header{
				"Content-Length": {"13"}, "Content-Type": {"text/plain; charset=utf-8"},
				"Date": {"Sat, 21 Nov 2026 14:00:00 GMT"}, "Etag": {`"5f2a"`},
			},
			Body: []byte("hello, world\n"), Last: true,
		}
}

// BenchmarkMessage writes and reads a request and its reply.
func BenchmarkMessage(b *testing.B) {
	request, reply := small()
	asked, err := request.Encode()
	if err != nil {
		b.Fatal(err)
	}
	answered, err := reply.Encode()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		f    func() error
	}{
		{"request/encode", func() error { _, err := request.Encode(); return err }},
		{"request/decode", func() error { _, err := queued.DecodeRequest(asked); return err }},
		{"reply/encode", func() error { _, err := reply.Encode(); return err }},
		{"reply/decode", func() error { _, err := queued.DecodeReply(answered); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
