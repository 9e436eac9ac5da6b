package sign

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

var signedAt = time.Date(2026, 11, 20, 23, 59, 59, 0, time.UTC)

// bySDK lets the SDK sign a request and returns its header.
func bySDK(t *testing.T, c Credentials, r Request, contentType string, now time.Time) http.Header {
	t.Helper()
	h, err := http.NewRequest("POST", "http://localhost:4566"+r.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	h.Header.Set("Content-Type", contentType)
	if r.Target != "" {
		h.Header.Set("X-Amz-Target", r.Target)
	}
	sum := sha256.Sum256(r.Body)
	credentials := aws.Credentials{AccessKeyID: c.KeyID, SecretAccessKey: c.Secret, SessionToken: c.Token}
	err = sdk.NewSigner().SignHTTP(context.Background(), credentials, h, hex.EncodeToString(sum[:]), "sqs", "eu-central-1", now)
	if err != nil {
		t.Fatal(err)
	}
	return h.Header
}

func TestSignaturesAreThoseOfTheSDK(t *testing.T) {
	lasting := Credentials{KeyID: "AKID", Secret: "secret"}
	lent := Credentials{KeyID: "ASIA", Secret: "other", Token: "a/long+token=="}
	for _, row := range []struct{ name, path, target, contentType, body string }{
		{"JSON", "/", "AmazonSQS.SendMessage", "application/x-amz-json-1.0", `{"QueueUrl":"http://localhost/0/q","MessageBody":"hello"}`},
		{"Query", "/000000000000/orders.fifo", "", "application/x-www-form-urlencoded", "Action=SendMessage&MessageBody=hello"},
		{"an odd path", "/a%20b/c%7E", "AmazonSQS.SendMessage", "application/x-amz-json-1.0", "{}"},
		{"an empty body", "/", "AmazonSQS.ListQueues", "application/x-amz-json-1.0", ""},
	} {
		s := New(Options{Region: "eu-central-1", Service: "sqs", Host: "localhost:4566", ContentType: row.contentType})
		for i, step := range []struct {
			by Credentials
			at time.Time
		}{
			{lasting, signedAt}, {lasting, signedAt}, {lent, signedAt}, {lent, signedAt.Add(time.Second)},
			{lasting, signedAt.Add(time.Second)}, {lasting, signedAt.AddDate(1, 0, 0)}, {lasting, signedAt},
		} {
			path := string(AppendPath(nil, row.path))
			want := bySDK(t, step.by, Request{Path: row.path, Target: row.target, Body: []byte(row.body)}, row.contentType, step.at)
			date, authorization := s.Sign(step.by, Request{Path: path, Target: row.target, Body: []byte(row.body)}, step.at)
			if string(authorization) != want.Get("Authorization") || string(date) != want.Get("X-Amz-Date") {
				t.Errorf("%s, request %d: got %s, %s, want %s, %s", row.name, i, date, authorization, want.Get("X-Amz-Date"), want.Get("Authorization"))
			}
		}
	}
}

func TestSigningTakesNoMemory(t *testing.T) {
	s := New(Options{Region: "us-east-1", Service: "sqs", Host: "localhost:4566", ContentType: "application/x-amz-json-1.0"})
	c := Credentials{KeyID: "AKID", Secret: "secret", Token: "token"}
	r := Request{Path: "/", Target: "AmazonSQS.SendMessage", Body: make([]byte, 1200)}
	if n := testing.AllocsPerRun(100, func() { s.Sign(c, r, signedAt) }); n != 0 {
		t.Errorf("%v allocations a signature, want none", n)
	}
}
