package queued_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/forebay-mq/forebay/queued"
)

// script makes a message from a word such as "a0:x", attempt a, number 0, body x. Number 0 has the status, a body that
// ends in "." is the last, and "!" breaks off.
func script(word string) *queued.Reply {
	head, body, _ := strings.Cut(word, ":")
	r := &queued.Reply{Re: "1", Attempt: head[:1]}
	fmt.Sscan(head[1:], &r.Seq)
	if r.Seq == 0 {
		r.Status = 200
	}
	r.Last = strings.HasSuffix(body, ".") || strings.HasSuffix(body, "!")
	r.Abort = strings.HasSuffix(body, "!")
	r.Body = []byte(strings.TrimSuffix(body, "!"))
	return r
}

func TestAnAnswerIsJoinedFromItsMessages(t *testing.T) {
	for _, c := range []struct {
		name, messages, want string
		whole, superseded    bool
	}{
		{name: "one message", messages: "a0:x.", want: "x."},
		{name: "in order", messages: "a0:x a1:y a2:z.", want: "x|y|z."},
		{name: "out of order", messages: "a2:z. a1:y a0:x", want: "xyz."},
		{name: "each twice", messages: "a0:x a0:x a1:y a1:y a2:z. a2:z.", want: "x|y|z."},
		{name: "a duplicate that differs", messages: "a0:x a0:X a1:y.", want: "x|y."},
		{name: "two complete answers", messages: "a0:x. b0:y.", want: "x."},
		{name: "two mixed", messages: "a0:x b0:1 a1:y b1:2. a2:z.", want: "x|y|z.", superseded: false},
		{name: "the first dies", messages: "a0:x b0:1 b1:2.", want: "x", superseded: true},
		{name: "the first dies, held back", messages: "a0:x b0:1 b1:2.", want: "12.", whole: true},
		{name: "held back", messages: "a1:y. a0:x", want: "xy.", whole: true},
		{name: "held back and never complete", messages: "a0:x a1:y", want: "", whole: true},
		{name: "broken off", messages: "a0:x a1:y!", want: "x|y"},
		{name: "a gap", messages: "a0:x a2:z.", want: "x"},
	} {
		a := queued.Assembly{Method: "GET", Whole: c.whole}
		var got []string
		for word := range strings.FieldsSeq(c.messages) {
			ready, err := a.Add(script(word))
			if err != nil {
				t.Errorf("%s: %s: %v", c.name, word, err)
			}
			text := ""
			for _, r := range ready {
				text += string(r.Body)
			}
			if text != "" {
				got = append(got, text)
			}
		}
		if joined := strings.Join(got, "|"); joined != c.want || a.Superseded() != c.superseded {
			t.Errorf("%s: %s gave %q, superseded %t; want %q, %t", c.name, c.messages, joined, a.Superseded(), c.want, c.superseded)
		}
	}
}

func TestAContradictionIsAnError(t *testing.T) {
	length := func(n string) http.Header { return http.Header{"Content-Length": {n}} }
	for _, c := range []struct {
		name, method string
		messages     []*queued.Reply
	}{
		{"a second status", "GET", []*queued.Reply{{Attempt: "a", Status: 200}, {Attempt: "a", Seq: 1, Status: 200}}},
		{"a body before the status", "GET", []*queued.Reply{{Attempt: "a", Status: 103}, {Attempt: "a", Seq: 1, Body: []byte("x")}}},
		{"more than promised", "GET", []*queued.Reply{{Status: 200, Header: length("1"), Body: []byte("xy"), Last: true}}},
		{"less than promised", "GET", []*queued.Reply{{Status: 200, Header: length("3"), Body: []byte("xy"), Last: true}}},
		{"a body for HEAD", "HEAD", []*queued.Reply{{Attempt: "a", Status: 200}, {Attempt: "a", Seq: 1, Body: []byte("x"), Last: true}}},
		{"a body for 304", "GET", []*queued.Reply{{Attempt: "a", Status: 304}, {Attempt: "a", Seq: 1, Body: []byte("x"), Last: true}}},
		{"far too early", "GET", []*queued.Reply{{Attempt: "a", Seq: 1, Body: make([]byte, 9<<20)}}},
	} {
		a := queued.Assembly{Method: c.method}
		var err error
		for _, r := range c.messages {
			_, err = a.Add(r)
		}
		if err == nil || a.Done() {
			t.Errorf("%s: error %v, done %t; want an error and no end", c.name, err, a.Done())
		}
	}
	a := queued.Assembly{Method: "HEAD"}
	if _, err := a.Add(&queued.Reply{Status: 200, Header: length("7"), Last: true}); err != nil || !a.Done() {
		t.Errorf("a length without a body for HEAD: %v, done %t; want it taken", err, a.Done())
	}
}

func TestManyAttemptsAreBounded(t *testing.T) {
	a := queued.Assembly{Whole: true}
	var refused int
	for i := range 100 {
		if _, err := a.Add(&queued.Reply{Attempt: fmt.Sprint(i), Status: 200}); err != nil {
			refused++
		}
	}
	if refused != 92 {
		t.Errorf("%d of 100 attempts were refused, want all but 8", refused)
	}
}
