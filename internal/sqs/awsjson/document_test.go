package awsjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseRefuses(t *testing.T) {
	deep := strings.Repeat(`{"a":`, DepthMax) + `{}` + strings.Repeat(`}`, DepthMax)
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", "The request is not a JSON object."},
		{"a list", `[{}]`, "The request is not a JSON object."},
		{"a text", `"{}"`, "The request is not a JSON object."},
		{"a cut object", `{"a":1`, "The JSON text ends too early."},
		{"a cut text", `{"a":"b`, "The JSON text ends too early."},
		{"a cut word", `{"a":tru`, "The JSON text has an unexpected character at byte 5."},
		{"something behind the object", `{} {}`, "The JSON text has an unexpected character at byte 3."},
		{"a comma at the end", `{"a":1,}`, "The JSON text has an unexpected character at byte 7."},
		{"a comma at the end of a list", `{"a":[1,]}`, "The JSON text has an unexpected character at byte 8."},
		{"a name without quotes", `{a:1}`, "The JSON text has an unexpected character at byte 1."},
		{"a number with a leading zero", `{"a":01}`, "The JSON text has an unexpected character at byte 6."},
		{"a number without digits", `{"a":-}`, "The JSON text has an unexpected character at byte 6."},
		{"a fraction without digits", `{"a":1.}`, "The JSON text has an unexpected character at byte 7."},
		{"an exponent without digits", `{"a":1e+}`, "The JSON text has an unexpected character at byte 8."},
		{"a raw line feed in a text", "{\"a\":\"\n\"}", "The JSON text has an unexpected character at byte 6."},
		{"an unknown escape", `{"a":"\x"}`, "The JSON text has an unexpected character at byte 6."},
		{"half a surrogate pair", `{"a":"\ud83d"}`, "The JSON text has an unexpected character at byte 6."},
		{"a surrogate pair turned round", `{"a":"\ude00\ud83d"}`, "The JSON text has an unexpected character at byte 6."},
		{"bytes that are not UTF-8", "{\"a\":\"\xff\"}", "The JSON text is not valid UTF-8."},
		{"a surrogate in UTF-8", "{\"a\":\"\xed\xa0\x80\"}", "The JSON text is not valid UTF-8."},
		{"33 levels", deep, "The JSON text is nested deeper than 32 levels."},
		{"a million brackets", `{"a":` + strings.Repeat("[", 1e6), "The JSON text is nested deeper than 32 levels."},
		{"a million values", `{"a":[` + strings.Repeat("0,", 1e6) + `0]}`, "The JSON text holds more than 16384 values."},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := new(Document).Parse([]byte(test.text))
			if err == nil || err.Error() != test.want {
				t.Errorf("Parse of %.40q: got %v, want %s", test.text, err, test.want)
			}
		})
	}
}

func TestParseAcceptsTheLimits(t *testing.T) {
	for name, text := range map[string]string{
		"32 levels":    strings.Repeat(`{"a":`, DepthMax-1) + `{}` + strings.Repeat(`}`, DepthMax-1),
		"16384 values": `{"a":[` + strings.Repeat("0,", ValuesMax-4) + `0]}`,
		"white space":  " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : null } \n",
	} {
		if _, err := new(Document).Parse([]byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValues(t *testing.T) {
	doc := new(Document)
	root, err := doc.Parse([]byte(`{"text":"a\n\u00e9\ud83d\ude00","plain":"abc","int":-12,"intText":"34","big":99999999999999999999,` +
		`"frac":1.5,"yes":true,"null":null,"twice":1,"twice":2,"\u0065scaped":"k","blob":"AQL/","bad":"AQL","list":[1,null,2],"map":{"x":1,"x":2}}`))
	if err != nil {
		t.Fatal(err)
	}
	text := func(v Value) (any, error) { return v.Text() }
	number := func(v Value) (any, error) { return v.Int() }
	blob := func(v Value) (any, error) { return v.Blob() }
	list := func(v Value) (any, error) { _, err := v.Elements(); return nil, err }
	members := func(v Value) (any, error) { _, err := v.Members(); return nil, err }
	for _, test := range []struct {
		name string
		get  func(Value) (any, error)
		want any
		err  string
	}{
		{"text", text, "a\né😀", ""},
		{"int", text, "-12", ""},
		{"yes", text, "true", ""},
		{"escaped", text, "k", ""},
		{"list", text, "", "Start of list found where not expected"},
		{"map", text, "", "Start of structure or map found where not expected."},
		{"int", number, int64(-12), ""},
		{"intText", number, int64(34), ""},
		{"plain", number, int64(0), "STRING_VALUE can not be converted to an Integer"},
		{"frac", number, int64(0), "NUMBER_VALUE can not be converted to an Integer"},
		{"big", number, int64(0), "NUMBER_VALUE can not be converted to an Integer"},
		{"yes", number, int64(0), "BOOLEAN_VALUE can not be converted to an Integer"},
		{"blob", blob, []byte{1, 2, 255}, ""},
		{"bad", blob, []byte(nil), "A binary value is not valid base64."},
		{"plain", list, nil, "STRING_VALUE found where a list is expected."},
		{"list", members, nil, "LIST_VALUE found where a structure or map is expected."},
		{"map", members, nil, `The member "x" is given twice.`},
	} {
		v, err := root.Member(test.name)
		if err != nil || !v.Given() {
			t.Fatalf("member %s: %v", test.name, err)
		}
		got, err := test.get(v)
		if errText(err) != test.err {
			t.Errorf("%s: error %q, want %q", test.name, errText(err), test.err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	if _, err := root.Member("twice"); errText(err) != `The member "twice" is given twice.` {
		t.Errorf("a member given twice: error %v", err)
	}
	for _, name := range []string{"null", "absent"} {
		if v, err := root.Member(name); err != nil || v.Given() {
			t.Errorf("%s: given %v, error %v", name, v.Given(), err)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// decoded turns a Value into what encoding/json makes of the same text.
func decoded(t *testing.T, v Value) any {
	switch v.node().kind {
	case kindObject:
		members, err := v.Members()
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]any{}
		for key, value := range members {
			m[key] = decoded(t, value)
		}
		return m
	case kindList:
		elements, err := v.Elements()
		if err != nil {
			t.Fatal(err)
		}
		list := []any{}
		for e := range elements {
			list = append(list, decoded(t, e))
		}
		return list
	case kindNumber:
		s, _ := v.Text()
		return json.Number(s)
	case kindBool:
		s, _ := v.Text()
		return s == "true"
	}
	s, err := v.Text()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// withoutNulls is what is left when null counts as absent.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			if e == nil {
				delete(v, key)
			} else {
				v[key] = withoutNulls(e)
			}
		}
		return v
	case []any:
		list := []any{}
		for _, e := range v {
			if e != nil {
				list = append(list, withoutNulls(e))
			}
		}
		return list
	}
	return v
}

// repeatsName tells whether an object of a valid text has a name twice, which encoding/json lets pass.
func repeatsName(d *json.Decoder) bool {
	token, _ := d.Token()
	repeated := false
	switch token {
	case json.Delim('{'):
		seen := map[any]bool{}
		for d.More() {
			name, _ := d.Token()
			repeated = seen[name] || repeated
			seen[name] = true
			repeated = repeatsName(d) || repeated
		}
		_, _ = d.Token()
	case json.Delim('['):
		for d.More() {
			repeated = repeatsName(d) || repeated
		}
		_, _ = d.Token()
	}
	return repeated
}

// FuzzParse holds the reader equal to encoding/json wherever that one is strict enough.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":"b"}`, `{"QueueUrl":"x","Entries":[{"Id":"1","MessageBody":"\u00e9\ud83d\ude00"}]}`, `{"a":1e5,"b":[true,null,-0.5]}`,
		`{"a":{"a":{}}}`, `{"a":"\ud83d"}`, "{\"a\":\"\xff\"}", `{"a":1,"a":2}`, `{"a":"` + strings.Repeat("x", 50) + `\n"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		root, err := new(Document).Parse(text)
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var want map[string]any
		valid := json.Valid(text) && d.Decode(&want) == nil && want != nil
		if err != nil {
			stricter := !utf8.Valid(text) || bytes.Contains(bytes.ToLower(text), []byte(`\ud`)) ||
				strings.Contains(err.Error(), "nested deeper") || strings.Contains(err.Error(), "more than")
			if valid && !stricter {
				t.Fatalf("Parse of %q: %v", text, err)
			}
			return
		}
		if !valid {
			t.Fatalf("Parse of %q succeeds, encoding/json refuses it", text)
		}
		if repeatsName(json.NewDecoder(bytes.NewReader(text))) {
			return
		}
		if diff := cmp.Diff(withoutNulls(want), decoded(t, root)); diff != "" {
			t.Fatalf("Parse of %q (-want +got):\n%s", text, diff)
		}
	})
}

// TestWriterIsRead writes random texts and reads them back, here and with encoding/json.
func TestWriterIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z"\\<&\x00-\x1f]{0,40}`)).Draw(t, "text")
		blob := rapid.SliceOf(rapid.Byte()).Draw(t, "blob")
		var w Writer
		w.Open('{')
		w.Key("text")
		w.Text(text)
		w.Key(text + "!")
		w.Bytes([]byte(text))
		w.Key("blob")
		w.Blob(blob)
		w.Key("list")
		w.Open('[')
		w.Int(-1)
		w.Bool(true)
		w.Close(']')
		w.Close('}')

		root, err := new(Document).Parse(w.Buf)
		if err != nil {
			t.Fatalf("Parse of %q: %v", w.Buf, err)
		}
		v, _ := root.Member("text")
		if got, err := v.Text(); got != text || err != nil {
			t.Errorf("read %q (%v), wrote %q", got, err, text)
		}
		v, _ = root.Member("blob")
		if got, err := v.Blob(); !bytes.Equal(got, blob) || err != nil {
			t.Errorf("read %q (%v), wrote %q", got, err, blob)
		}
		var std map[string]any
		if err := json.Unmarshal(w.Buf, &std); err != nil || std[text+"!"] != text {
			t.Errorf("encoding/json reads %q (%v), wrote %q", std[text+"!"], err, text)
		}
	})
}

func TestWriterRepairsUTF8(t *testing.T) {
	var w Writer
	w.Text("a\xffb\xed\xa0\x80")
	if got, want := string(w.Buf), "\"a\uFFFDb\uFFFD\uFFFD\uFFFD\""; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

// TestBytesAreTheBody says who owns what Bytes returns: without escapes it is a part of the body, clipped.
func TestBytesAreTheBody(t *testing.T) {
	body := []byte(`{"a":"bcd","e":1}`)
	root, _ := new(Document).Parse(body)
	v, _ := root.Member("a")
	got, _ := v.Bytes()
	if &got[0] != &body[6] || cap(got) != 3 {
		t.Errorf("Bytes is a copy, or can be appended to over the body: cap %d", cap(got))
	}
}

// TestPlainLen holds the eight-byte steps equal to a plain loop, for every byte at every place.
func TestPlainLen(t *testing.T) {
	for c := range 256 {
		for place := range 17 {
			b := bytes.Repeat([]byte("a"), 17)
			b[place] = byte(c)
			if place < 16 {
				b[place+1] = byte(c) + 1 // a borrow must not be seen as this one
			}
			want := bytes.IndexFunc(b, func(r rune) bool { return r < ' ' || r >= utf8.RuneSelf || r == '"' || r == '\\' })
			if want < 0 {
				want = len(b)
			}
			if got := plainLen(b); got != want {
				t.Errorf("plainLen(%q) = %d, want %d", b, got, want)
			}
		}
	}
}
