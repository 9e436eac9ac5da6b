package bench

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/internal/sigv4"
)

var signedAt = time.Date(2026, 11, 20, 23, 59, 59, 0, time.UTC)

func TestTheServerTakesRequestsAsTheyAreWritten(t *testing.T) {
	verifier := sigv4.New(sigv4.Options{
		Secret: func(id string) (string, bool) { return "secret", id == "AKID" },
		Now:    func() time.Time { return signedAt },
	})
	for _, protocol := range []string{"json", "query"} {
		c := &conn{target: target{host: "localhost:4566"}, codec: newCodec(protocol)}
		c.signer = newSigner("AKID", "secret", "us-east-1", c.target.host, c.codec.contentType())
		q := &queue{url: "http://localhost:4566/0/q", urlJSON: quoted("http://localhost:4566/0/q"), path: "/0/q"}
		for act, body := range map[action][]byte{
			sendMessageBatch: c.codec.appendSend(nil, q, make([]outgoing, 3)),
			receiveMessage:   c.codec.appendReceive(nil, q, 10, 20, 30),
		} {
			c.body = body
			wire := c.appendRequest(nil, act, c.codec.path(q), signedAt)
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
			if err != nil {
				t.Fatalf("%s: %q is no request: %v", protocol, wire, err)
			}
			if _, err := verifier.Verify(r, body); err != nil {
				t.Errorf("%s: %q: %v", protocol, wire, err)
			}
		}
	}
}
