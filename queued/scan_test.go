package queued

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzScan holds the short ways against encoding/json.
func FuzzScan(f *testing.F) {
	for _, text := range []string{
		`{"forebay":"queued-http/1","id":"a","headers":[["A","b"],["C","d"]],"last":true,"status":200}`,
		` { "a" : [ [ ] , [ "x" , "y" , "z" ] ] , "b":{"c":[1,{"d":"}]"}]} , "e\u0041":"f\"g\\","p":[["\/\\","\t\"","\u00e9\\"]], "n":null } `,
		`{"a":"\\","b":"\"","c":-0,"d":1e3,"e":2.5,"f":[["a\n"]],"g":[[null]],"h":[],"i":false,"j":12345678901234567890}`,
		`{"a":[["b"],7],"b":"ü\ud800","c":"\ud83d\ude00"}`, `{}`, `[]`, `"x"`, `{"a":1}{}`, `{"a":1`, `{"a":}`, `{1:2}`, ``,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // parse refuses it before
		}
		o := &object{members: make(map[string]string)}
		err := o.split(text)
		want := make(map[string]json.RawMessage)
		if bad := json.Unmarshal([]byte(text), &want); bad != nil || strings.TrimSpace(text) == "null" {
			if err == nil {
				t.Fatalf("%q is split into %v; encoding/json says %v", text, o.members, bad)
			}
			return
		}
		if err != nil && !strings.Contains(err.Error(), "comes twice") {
			t.Fatalf("%q: %v; encoding/json reads %v", text, err, want)
		}
		if err != nil {
			return
		}
		got := make(map[string]json.RawMessage)
		for name, raw := range o.members {
			got[name] = json.RawMessage(raw)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q: members (-encoding/json +ours):\n%s", text, diff)
		}
		for _, raw := range want {
			alike[string](t, raw)
			alike[*string](t, raw)
			alike[bool](t, raw)
			alike[int](t, raw)
			alike[[]string](t, raw)
			alike[[][]string](t, raw)
		}
	})
}

// alike decodes a value in both ways.
func alike[T any](t *testing.T, raw []byte) {
	t.Helper()
	var got, want T
	err, bad := decode(string(raw), &got), json.Unmarshal(raw, &want)
	if (err == nil) != (bad == nil) {
		t.Fatalf("%s as %T: error %v, encoding/json says %v", raw, got, err, bad)
	}
	if diff := cmp.Diff(want, got); err == nil && diff != "" {
		t.Fatalf("%s as %T (-encoding/json +ours):\n%s", raw, got, diff)
	}
}

// FuzzAppendText holds that what is written is read as it was.
func FuzzAppendText(f *testing.F) {
	for _, text := range []string{"", "plain", `a"b\c`, "ü\uFFFE\uFFFF\u2028\x00\x7f\n", "<&>"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got string
		if err := json.Unmarshal(appendText(nil, text), &got); err != nil || got != strings.ToValidUTF8(text, "\uFFFD") && got != text {
			if len(strings.ToValidUTF8(text, "")) == len(text) {
				t.Fatalf("%q comes back as %q, %v", text, got, err)
			}
		}
	})
}
