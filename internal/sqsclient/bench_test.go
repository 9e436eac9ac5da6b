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

// What a call costs this process, its half of the server's work included, the SDK's way and the short way.

type caller interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
}

// canned answers every request with one text.
func canned(b *testing.B, reply string) *sqs.Client {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", contentType)
		io.WriteString(w, reply)
	}))
	b.Cleanup(s.Close)
	return sqs.New(sqs.Options{
		BaseEndpoint: &s.URL,
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
		HTTPClient:   s.Client(),
	})
}

func BenchmarkSendMessage(b *testing.B) {
	body := strings.Repeat("0123456789", 102) + "0123"
	sdk := canned(b, `{"MD5OfMessageBody":"`+sum(body)+`","MessageId":"0c5e7b3a-5d5f-4c7e-9d0a-3d1f5f5d7a11"}`)
	in := &sqs.SendMessageInput{QueueUrl: aws.String("http://localhost/000000000000/q"), MessageBody: &body}
	each(b, sdk, func(ctx context.Context, c caller) error {
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
	sdk := canned(b, `{"Messages":[`+strings.Join(messages, ",")+`]}`)
	in := &sqs.ReceiveMessageInput{QueueUrl: aws.String("http://localhost/000000000000/q"), MaxNumberOfMessages: 10, WaitTimeSeconds: 20}
	each(b, sdk, func(ctx context.Context, c caller) error {
		out, err := c.ReceiveMessage(ctx, in)
		if err == nil && len(out.Messages) != 10 {
			err = fmt.Errorf("%d messages, want 10", len(out.Messages))
		}
		return err
	})
}

func each(b *testing.B, sdk *sqs.Client, call func(context.Context, caller) error) {
	for _, row := range []struct {
		name   string
		client caller
	}{{"sdk", sdk}, {"short", New(sdk)}} {
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
