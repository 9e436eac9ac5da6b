package worker

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func TestTraceContextIsFoundWhereSendersPutIt(t *testing.T) {
	const (
		w3c  = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		xray = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	)
	for _, row := range []struct{ name, attribute, state, header, parent string }{
		{"nothing", "", "", "", ""},
		{"traceparent", w3c, "", "", w3c},
		{"traceparent wins over the header", w3c, "a=b", xray, w3c},
		{"the header alone", "", "", xray, "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"},
		{"a header that is not sampled", "", "", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8", "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00"},
		{"a header without a parent", "", "", "Root=1-5759e988-bd862e3fe1be46a994272793", ""},
		{"a traceparent of zeros", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "", "", ""},
		{"a traceparent that is none", "00-xyz", "", xray, "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"},
	} {
		m := &Message{types.Message{Attributes: map[string]string{"AWSTraceHeader": row.header}, MessageAttributes: map[string]types.MessageAttributeValue{
			"traceparent": {StringValue: &row.attribute}, "tracestate": {StringValue: &row.state}}}}
		if parent, state := m.Trace(); parent != row.parent || state != row.state {
			t.Errorf("%s: %q, %q; want %q, %q", row.name, parent, state, row.parent, row.state)
		}
	}
}

func TestWithConsumerSendsItsHeader(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get(ConsumerHeader)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	client := sqs.New(sqs.Options{BaseEndpoint: &server.URL, Region: "x", Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	if _, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String("q")}, WithConsumer("host-1/slot 2")); err != nil {
		t.Fatal(err)
	}
	if got != "host-1/slot 2" {
		t.Errorf("%s is %q", ConsumerHeader, got)
	}
}
