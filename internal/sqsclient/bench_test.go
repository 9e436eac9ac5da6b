package sqsclient

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// What a call costs by the SDK's way and by the short way: with a connection, whose other end is in this process too,
// and without one.

type caller interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
}

// canned returns options of a client whose every request is answered with one text: over a connection to a server in
// this process, by one of the ways, or in memory.
func canned(b *testing.B, text, way string) sqs.Options {
	o := sqs.Options{
		BaseEndpoint: aws.String("http://127.0.0.1:4566"),
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
		HTTPClient:   doer(func(*http.Request) (*http.Response, error) { return reply(200, text) }),
	}
	if way != "" {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", contentType)
			io.WriteString(w, text)
		}))
		client := &http.Client{Transport: ways[way](s.Client().Transport.(*http.Transport))}
		b.Cleanup(func() {
			client.CloseIdleConnections()
			s.Close()
		})
		o.BaseEndpoint, o.HTTPClient = &s.URL, client
	}
	return o
}

func BenchmarkSendMessage(b *testing.B) {
	body := strings.Repeat("0123456789", 102) + "0123"
	text := `{"MD5OfMessageBody":"` + sum(body) + `","MessageId":"0c5e7b3a-5d5f-4c7e-9d0a-3d1f5f5d7a11"}`
	in := &sqs.SendMessageInput{QueueUrl: aws.String("http://localhost/000000000000/q"), MessageBody: &body}
	each(b, text, func(ctx context.Context, c caller) error {
		_, err := c.SendMessage(ctx, in)
		return err
	})
}

func BenchmarkReceiveMessage(b *testing.B) {
	body := strings.Repeat("0123456789", 102) + "0123"
	var messages []string
	for i := range 10 {
		messages = append(messages, fmt.Sprintf(`{"MessageId":"0c5e7b3a-5d5f-4c7e-9d0a-%012d","ReceiptHandle":"%s","MD5OfBody":"%s","Body":"%s","Attributes":{"ApproximateReceiveCount":"1"}}`,
			i, body[:120], sum(body), body))
	}
	text := `{"Messages":[` + strings.Join(messages, ",") + `]}`
	in := &sqs.ReceiveMessageInput{QueueUrl: aws.String("http://localhost/000000000000/q"), MaxNumberOfMessages: 10, WaitTimeSeconds: 20}
	each(b, text, func(ctx context.Context, c caller) error {
		out, err := c.ReceiveMessage(ctx, in)
		if err == nil && len(out.Messages) != 10 {
			err = fmt.Errorf("%d messages, want 10", len(out.Messages))
		}
		return err
	})
}

// each measures a call that is answered with text, by both clients.
func each(b *testing.B, text string, call func(context.Context, caller) error) {
	connected, straight, inMemory := sqs.New(canned(b, text, "net/http")), sqs.New(canned(b, text, "straight")), sqs.New(canned(b, text, ""))
	for _, row := range []struct {
		name   string
		client caller
	}{{"connected/sdk", connected}, {"connected/short", New(connected)}, {"connected/straight", New(straight)}, {"in memory/sdk", inMemory}, {"in memory/short", New(inMemory)}} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := call(b.Context(), row.client); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func sum(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}
