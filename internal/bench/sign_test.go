package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/forebay-mq/forebay/internal/sigv4"
)

var signedAt = time.Date(2026, 11, 20, 23, 59, 59, 0, time.UTC)

func TestSignaturesAreThoseOfTheSDK(t *testing.T) {
	for _, row := range []struct{ name, path, target, contentType, body string }{
		{"JSON", "/", "AmazonSQS.SendMessage", "application/x-amz-json-1.0", `{"QueueUrl":"http://localhost/0/q","MessageBody":"hello"}`},
		{"Query", "/000000000000/orders.fifo", "", "application/x-www-form-urlencoded", "Action=SendMessage&MessageBody=hello"},
		{"an empty body", "/", "AmazonSQS.ListQueues", "application/x-amz-json-1.0", ""},
	} {
		s := newSigner("AKID", "secret", "eu-central-1", "localhost:4566", row.contentType)
		for i, now := range []time.Time{signedAt, signedAt, signedAt.Add(time.Second), signedAt.AddDate(1, 0, 0)} {
			want, err := http.NewRequest("POST", "http://localhost:4566"+row.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			want.Header.Set("Content-Type", row.contentType)
			if row.target != "" {
				want.Header.Set("X-Amz-Target", row.target)
			}
			sum := sha256.Sum256([]byte(row.body))
			err = sdk.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"},
				want, hex.EncodeToString(sum[:]), "sqs", "eu-central-1", now)
			if err != nil {
				t.Fatal(err)
			}
			got := string(s.appendHeaders(nil, row.path, row.target, []byte(row.body), now))
			if !strings.Contains(got, "Authorization: "+want.Header.Get("Authorization")+"\r\n") {
				t.Errorf("%s, request %d: got %q, want %q", row.name, i, got, want.Header.Get("Authorization"))
			}
		}
	}
}

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

func TestSigningTakesNoMemory(t *testing.T) {
	s := newSigner("AKID", "secret", "us-east-1", "localhost:4566", "application/x-amz-json-1.0")
	body := make([]byte, 1200)
	out := make([]byte, 0, 1024)
	n := testing.AllocsPerRun(100, func() { out = s.appendHeaders(out[:0], "/", "AmazonSQS.SendMessage", body, signedAt) })
	if n != 0 {
		t.Errorf("%v allocations a signature, want none", n)
	}
}
