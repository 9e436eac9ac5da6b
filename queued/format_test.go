package queued_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/forebay-mq/forebay/queued"
)

// full is a request with every member set.
func full() *queued.Request {
	return &queued.Request{
		ID: "r-1", Method: "POST", URL: "/a%20b?q=%0d", Host: "shop.example:8443", Scheme: "https",
		Remote: "203.0.113.7:4711", Header: http.Header{"Accept": {"a", "b"}, "X-Note": {"grüße\t!"}},
		Body: []byte("\x00\xff binary"), Deadline: time.Date(2026, 11, 21, 14, 0, 0, 5, time.UTC),
		ReplyTo: "forebay-replies-x", Token: "t.t", Once: true, SkipIfGone: true, Stream: true,
	}
}

func TestARequestSurvivesTheJourney(t *testing.T) {
	for name, r := range map[string]*queued.Request{
		"all members":          full(),
		"the least":            {ID: "1", Method: "GET", URL: "/"},
		"text that is not XML": {ID: "1", Method: "GET", URL: "/", Body: []byte("a\uFFFEb\uFFFFc\x0b\u2028")},
		"an own method":        {ID: "1", Method: "PROPFIND", URL: "/dav/"},
		"IPv6":                 {ID: "1", Method: "GET", URL: "/", Host: "[::1]:80", Remote: "::1"},
		"bytes that are no UTF-8 in headers": {ID: "1", Method: "GET", URL: "/", Header: http.Header{
			"X-Latin-1": {"Gr\xfc\xdfe", "grün"}, "X-Utf-8": {"grün"}, "X-All": {"a\x80\x9f\xff\tz"}}},
		"a backslash in the query": {ID: "1", Method: "GET", URL: `/a//b?c\d`},
	} {
		text, err := r.Encode()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkCharacters(t, text)
		got, err := queued.DecodeRequest(text)
		if err != nil {
			t.Errorf("%s: %s: %v", name, text, err)
			continue
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Errorf("%s: %s came back changed (-sent +got):\n%s", name, text, diff)
		}
	}
}

// checkCharacters holds a body against the characters that SQS takes.
func checkCharacters(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			t.Errorf("%q holds %U, which SQS refuses", text, r)
		}
	}
}

func TestAReplySurvivesTheJourney(t *testing.T) {
	for name, r := range map[string]*queued.Reply{
		"the least":          {Re: "1", Status: 200, Last: true},
		"the first":          {Re: "1", Token: "t", Attempt: "a", Status: 206, Header: http.Header{"Etag": {`"x"`}}, Body: []byte("<b>")},
		"interim":            {Re: "1", Attempt: "a", Status: 103, Header: http.Header{"Link": {"</s.css>"}}},
		"the last":           {Re: "1", Attempt: "a", Seq: 7, Trailer: http.Header{"X-Sum": {"9"}}, Body: []byte{0x80}, Last: true},
		"broken off":         {Re: "1", Attempt: "a", Seq: 7, Last: true, Abort: true, Reason: queued.ReasonPanic},
		"HEAD":               {Re: "1", Status: 200, Header: http.Header{"Content-Length": {"12"}}, Last: true},
		"the highest status": {Re: "1", Status: 999, Last: true},
		"Latin-1 in headers and trailers": {Re: "1", Status: 200, Header: http.Header{"X-Both": {"grün"}, "X-One": {"gr\xfcn"}},
			Trailer: http.Header{"X-Both": {"gr\xfcn"}}, Last: true},
	} {
		text, err := r.Encode()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := queued.DecodeReply(text)
		if err != nil {
			t.Errorf("%s: %s: %v", name, text, err)
			continue
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Errorf("%s: %s came back changed (-sent +got):\n%s", name, text, diff)
		}
	}
}

// with returns a valid request as JSON with some members replaced; a nil value removes one.
func with(changes map[string]any) string {
	members := map[string]any{"forebay": queued.Format, "id": "r-1", "method": "POST", "url": "/", "reply_to": "q"}
	for name, value := range changes {
		members[name] = value
		if value == nil {
			delete(members, name)
		}
	}
	text, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return string(text)
}

type pairs [][]string

func TestABadRequestIsRefusedAndSaysWhere(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"nothing", "", "JSON object"},
		{"a list", "[]", "JSON object"},
		{"two objects", with(nil) + "{}", "follows"},
		{"no end", `{"forebay":"queued-http/1"`, "no end"},
		{"no UTF-8", "{\"forebay\":\"\xff\"}", "UTF-8"},
		{"a member twice", `{"forebay":"queued-http/1","id":"a","id":"b"}`, "id: comes twice"},
		{"a member in capitals", with(map[string]any{"method": nil, "METHOD": "GET"}), "method: is missing"},
		{"no format", with(map[string]any{"forebay": nil}), "forebay: is missing"},
		{"another format", with(map[string]any{"forebay": "celery"}), "celery"},
		{"no id", with(map[string]any{"id": nil}), "id: is missing"},
		{"an id with a line end", with(map[string]any{"id": "a\nb"}), "id"},
		{"a number as id", with(map[string]any{"id": 7}), "id: is no string"},
		{"CONNECT", with(map[string]any{"method": "CONNECT"}), "method"},
		{"a method with a space", with(map[string]any{"method": "GET /x"}), "method"},
		{"an absolute URL", with(map[string]any{"url": "http://evil/"}), "url"},
		{"a URL with a host", with(map[string]any{"url": "//evil/x"}), "url"},
		{"a letter that is no byte", with(map[string]any{"headers": pairs{{"X-A", "\u20ac"}}, "latin1": []string{"x-a"}}), "headers"},
		{"a line end that is written as a byte", with(map[string]any{"headers": pairs{{"X-A", "a\nb"}}, "latin1": []string{"X-A"}}), "headers"},
		{"a field that is named twice", with(map[string]any{"latin1": []string{"X-A", "x-a"}}), "latin1: x-a comes twice"},
		{"a name alone", with(map[string]any{"latin1": "X-A"}), "latin1"},
		{"a backslash in the path", with(map[string]any{"url": `/a\b`}), "url"},
		{"dot segments", with(map[string]any{"url": "/a/../b"}), `".."`},
		{"encoded dot segments", with(map[string]any{"url": "/a/%2e%2E%2fb"}), `".."`},
		{"dot segments behind a backslash", with(map[string]any{"url": "/a%5c..%5cb"}), `".."`},
		{"a single dot", with(map[string]any{"url": "/./a"}), `"."`},
		{"a zero byte", with(map[string]any{"url": "/a%00.png"}), "zero byte"},
		{"half a percent", with(map[string]any{"url": "/a%2"}), "percent"},
		{"a fragment", with(map[string]any{"url": "/a#b"}), "percent-encoded"},
		{"a line end in the URL", with(map[string]any{"url": "/a HTTP/1.1\r\nX: y"}), "percent-encoded"},
		{"a long URL", with(map[string]any{"url": "/" + strings.Repeat("a", queued.URLBytesMax)}), "at most"},
		{"a host with a path", with(map[string]any{"host": "a/b"}), "host"},
		{"a host with a user", with(map[string]any{"host": "u@a"}), "host"},
		{"a remote that is a name", with(map[string]any{"remote": "example.org"}), "remote"},
		{"another scheme", with(map[string]any{"scheme": "file"}), "scheme"},
		{"a line end in a value", with(map[string]any{"headers": pairs{{"X", "a\r\nSet-Cookie: b"}}}), "line end"},
		{"a folded value", with(map[string]any{"headers": pairs{{"X", "a\r\n b"}}}), "line end"},
		{"a space before a value", with(map[string]any{"headers": pairs{{"X", " a"}}}), "space"},
		{"a name with a colon", with(map[string]any{"headers": pairs{{"X:", "a"}}}), "name"},
		{"a name with a space", with(map[string]any{"headers": pairs{{"Content-Length ", "1"}}}), "name"},
		{"no name", with(map[string]any{"headers": pairs{{"", "a"}}}), "name"},
		{"three strings", with(map[string]any{"headers": pairs{{"a", "b", "c"}}}), "3 strings"},
		{"an object of headers", with(map[string]any{"headers": map[string]string{"a": "b"}}), "pairs"},
		{"hop by hop", with(map[string]any{"headers": pairs{{"transfer-encoding", "chunked"}}}), "Transfer-Encoding"},
		{"Host among the headers", with(map[string]any{"headers": pairs{{"host", "a"}}}), "host"},
		{"two lengths", with(map[string]any{"body": "a", "headers": pairs{{"Content-Length", "1"}, {"content-length", "1"}}}), "one number"},
		{"a list of lengths", with(map[string]any{"body": "a", "headers": pairs{{"Content-Length", "1, 1"}}}), "one number"},
		{"a signed length", with(map[string]any{"body": "a", "headers": pairs{{"Content-Length", "+1"}}}), "one number"},
		{"another length", with(map[string]any{"body": "abc", "headers": pairs{{"Content-Length", "1"}}}), "3 bytes"},
		{"two bodies", with(map[string]any{"body": "a", "body64": "YQ=="}), "beside body"},
		{"no base64", with(map[string]any{"body64": "Y Q="}), "base64"},
		{"base64 with line ends", with(map[string]any{"body64": "YQ=\n="}), "base64"},
		{"no time", with(map[string]any{"deadline": "tomorrow"}), "deadline"},
		{"a time without zone", with(map[string]any{"deadline": "2026-11-21T14:00:00"}), "deadline"},
		{"a flag in words", with(map[string]any{"once": "yes"}), "once: is no true or false"},
		{"too many headers", with(map[string]any{"headers": make(pairs, queued.HeaderFieldsMax+1)}), "at most"},
		{"too many bytes of headers", with(map[string]any{"headers": pairs{{"X", strings.Repeat("a", queued.HeaderBytesMax)}}}), "at most"},
		{"a long message", with(map[string]any{"body": strings.Repeat("a", queued.MessageBytesMax)}), "at most"},
	} {
		_, err := queued.DecodeRequest(c.body)
		if !errors.Is(err, queued.ErrFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %.200s: error %v, want one about %q", c.name, c.body, err, c.want)
		}
	}
}

func TestABadRequestStillTellsWhomToAnswer(t *testing.T) {
	got, err := queued.DecodeRequest(with(map[string]any{"method": "G E T", "token": "t", "body": "secret"}))
	if err == nil {
		t.Fatal("it was taken")
	}
	want := &queued.Request{ID: "r-1", ReplyTo: "q", Token: "t"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the address (-want +got):\n%s", diff)
	}
	if got, err := queued.DecodeRequest(with(map[string]any{"reply_to": "q\r\n"})); err == nil || got != nil {
		t.Errorf("with a bad address: %v, %v; want only an error", got, err)
	}
}

func TestAMessageForNewerProgramsIsToldApart(t *testing.T) {
	for _, body := range []string{
		with(map[string]any{"forebay": "queued-http/2"}),
		with(map[string]any{"forebay": "queued-http/1.1"}),
		with(map[string]any{"needs": []string{"body-in-store"}}),
	} {
		if _, err := queued.DecodeRequest(body); !errors.Is(err, queued.ErrVersion) {
			t.Errorf("%s: %v, want ErrVersion", body, err)
		}
	}
	for _, body := range []string{
		with(map[string]any{"priority": 7, "x": map[string]any{"deep": []int{1}}}),
		with(map[string]any{"needs": []string{}, "body": json.RawMessage("null"), "deadline": json.RawMessage("null")}),
	} {
		if _, err := queued.DecodeRequest(body); err != nil {
			t.Errorf("%s: %v, want that unknown and null members do not matter", body, err)
		}
	}
}

func TestABadReplyIsRefusedAndSaysWhere(t *testing.T) {
	for _, c := range []struct{ name, members, want string }{
		{"no id", `"status":200,"last":true`, "re: is missing"},
		{"no status", `"re":"1","last":true`, "status: is missing"},
		{"a small status", `"re":"1","status":99,"last":true`, "status"},
		{"switching protocols", `"re":"1","status":101,"attempt":"a"`, "status"},
		{"a large status", `"re":"1","status":1000,"last":true`, "status"},
		{"a broken status", `"re":"1","status":200.5,"last":true`, "whole number"},
		{"several messages without attempt", `"re":"1","status":200`, "attempt"},
		{"a negative number", `"re":"1","attempt":"a","seq":-1`, "seq"},
		{"a number beyond the last", `"re":"1","attempt":"a","seq":1048576`, "seq"},
		{"headers later", `"re":"1","attempt":"a","seq":1,"headers":[["A","b"]]`, "headers"},
		{"an early trailer", `"re":"1","attempt":"a","status":200,"trailers":[["A","b"]]`, "trailers"},
		{"a trailer that is none", `"re":"1","status":200,"last":true,"trailers":[["content-length","1"]]`, "trailers"},
		{"an interim with a body", `"re":"1","attempt":"a","status":103,"body":"x"`, "interim"},
		{"204 with a body", `"re":"1","status":204,"body":"x","last":true`, "body"},
		{"two lengths", `"re":"1","status":200,"last":true,"headers":[["Content-Length","1"],["Content-Length","2"]]`, "one number"},
		{"a line end in a value", `"re":"1","status":200,"last":true,"headers":[["A","b\r\nc: d"]]`, "line end"},
		{"a request", `"id":"1","method":"GET","url":"/"`, "re: is missing"},
	} {
		_, err := queued.DecodeReply(`{"forebay":"queued-http/1",` + c.members + `}`)
		if !errors.Is(err, queued.ErrFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s: error %v, want one about %q", c.name, c.members, err, c.want)
		}
	}
}

func TestWhatCannotBeReadIsNotWrittenEither(t *testing.T) {
	bad := full()
	bad.Header.Set("Connection", "close")
	if _, err := bad.Encode(); !errors.Is(err, queued.ErrFormat) {
		t.Errorf("a request with Connection: %v, want ErrFormat", err)
	}
	long := &queued.Request{ID: "1", Method: "PUT", URL: "/", Body: make([]byte, queued.MessageBytesMax)}
	if _, err := long.Encode(); !errors.Is(err, queued.ErrFormat) {
		t.Errorf("a request that is too long: %v, want ErrFormat", err)
	}
	reply := &queued.Reply{Re: "1", Attempt: "a", Status: 200, Header: http.Header{"X": {"a\nb"}}}
	if _, err := reply.Encode(); !errors.Is(err, queued.ErrFormat) {
		t.Errorf("a reply with a line end: %v, want ErrFormat", err)
	}
}

func TestCleanHeaderLeavesWhatBelongsToTheConnection(t *testing.T) {
	got := queued.CleanHeader(http.Header{
		"Connection": {"X-Private, close", "X-Other"}, "X-Private": {"1"}, "X-Other": {"1"}, "Te": {"trailers"},
		"Host": {"h"}, "Upgrade": {"websocket"}, "Accept": {"*/*"},
	})
	if diff := cmp.Diff(http.Header{"Accept": {"*/*"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzDecodeRequest(f *testing.F) {
	text, err := full().Encode()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{text, with(nil), with(map[string]any{"headers": pairs{{"a", "b"}}}), "{}", "[", `{"forebay":`,
		with(map[string]any{"body64": "YQ=="}), with(map[string]any{"url": "/%2e%2e"}), `{"forebay":"queued-http/1","id":"\ud800"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r, err := queued.DecodeRequest(body)
		if err != nil {
			if !errors.Is(err, queued.ErrFormat) && !errors.Is(err, queued.ErrVersion) {
				t.Fatalf("%q: the error %v is of no kind", body, err)
			}
			return
		}
		again, err := r.Encode()
		if err != nil {
			t.Fatalf("%q: what was read cannot be written: %v", body, err)
		}
		same, err := queued.DecodeRequest(again)
		if err != nil {
			t.Fatalf("%q: what was written cannot be read: %v", again, err)
		}
		if diff := cmp.Diff(r, same); diff != "" {
			t.Fatalf("%q changed:\n%s", body, diff)
		}
		if _, err := r.HTTP(t.Context(), queued.Trace{}); err != nil {
			t.Fatalf("%q: no HTTP request: %v", body, err)
		}
	})
}

func FuzzDecodeReply(f *testing.F) {
	for _, seed := range []string{
		`{"forebay":"queued-http/1","re":"1","status":200,"body":"x","last":true}`,
		`{"forebay":"queued-http/1","re":"1","attempt":"a","seq":3,"trailers":[["A","b"]],"last":true}`,
		`{"forebay":"queued-http/1","re":"1","attempt":"a","status":103,"headers":[["Link","x"]]}`,
		`{"forebay":"queued-http/1","re":"1","status":304,"last":true,"abort":false}`, "{}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r, err := queued.DecodeReply(body)
		if err != nil {
			return
		}
		again, err := r.Encode()
		if err != nil {
			t.Fatalf("%q: what was read cannot be written: %v", body, err)
		}
		same, err := queued.DecodeReply(again)
		if err != nil || cmp.Diff(r, same) != "" {
			t.Fatalf("%q changed: %v\n%s", body, err, cmp.Diff(r, same))
		}
	})
}
