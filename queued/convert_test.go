package queued_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/forebay-mq/forebay/queued"
)

func TestAnHTTPRequestBecomesAMessageAndBack(t *testing.T) {
	r, err := http.NewRequest("PUT", "https://shop.example/a%2Fb/?q=1&q=2", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Connection": {"close"}, "X-A": {"1", "2"}, "Traceparent": {"00-x"}, "Tracestate": {"y=1"}}
	m := queued.NewRequest(r, []byte("hello"))
	if m.ID == "" || m.URL != "/a%2Fb/?q=1&q=2" || m.Host != "shop.example" {
		t.Errorf("message %+v", m)
	}
	want := http.Header{"X-A": {"1", "2"}, "Content-Length": {"5"}}
	if diff := cmp.Diff(want, m.Header); diff != "" {
		t.Errorf("header of the message (-want +got):\n%s", diff)
	}
	signature, trace := queued.ReadAttributes(types.Message{MessageAttributes: queued.Attributes("v1 …", queued.TraceOf(r.Header))})
	if signature != "v1 …" {
		t.Errorf("signature %q came back", signature)
	}
	back, err := m.HTTP(t.Context(), trace)
	if err != nil {
		t.Fatal(err)
	}
	if back.URL.EscapedPath() != "/a%2Fb/" || back.URL.Path != "/a/b/" || back.Header.Get("Traceparent") != "00-x" || back.ContentLength != 5 {
		t.Errorf("got %s, header %v, length %d", back.URL, back.Header, back.ContentLength)
	}
}

func TestATraceContextCannotSmuggle(t *testing.T) {
	r, err := (&queued.Request{ID: "1", Method: "GET", URL: "/"}).HTTP(t.Context(), queued.Trace{Parent: "00\r\nX: y", State: "z"})
	if err != nil || len(r.Header) != 0 {
		t.Errorf("header %v, %v; want none", r.Header, err)
	}
}
