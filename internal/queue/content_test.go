package queue

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func stringAttribute(name, dataType, value string) MessageAttribute {
	return MessageAttribute{Name: name, DataType: dataType, Kind: KindString, Value: []byte(value)}
}

func binaryAttribute(name, dataType string, value ...byte) MessageAttribute {
	return MessageAttribute{Name: name, DataType: dataType, Kind: KindBinary, Value: value}
}

func TestCheckBody(t *testing.T) {
	tests := []struct {
		name, part string
		ok         bool
	}{
		{"plain text passes", "hello, world", true},
		{"tab, line feed and carriage return pass", "\t\n\r", true},
		{"blank and delete pass", " \x7f", true},
		{"an emoji passes", "😀", true},
		{"two and three byte characters pass", "é€", true},
		{"the last character before the surrogates passes", "\uD7FF", true},
		{"the first one behind them passes", "\uE000", true},
		{"U+FFFD passes", "\uFFFD", true},
		{"the last character of all passes", "\U0010FFFF", true},
		{"NUL is refused", "\x00", false},
		{"backspace is refused", "\x08", false},
		{"vertical tab is refused", "\x0b", false},
		{"form feed is refused", "\x0c", false},
		{"escape is refused", "\x1b", false},
		{"unit separator is refused", "\x1f", false},
		{"U+FFFE is refused", "\uFFFE", false},
		{"U+FFFF is refused", "\uFFFF", false},
		{"a surrogate in UTF-8 is refused", "\xed\xa0\x80", false},
		{"a byte that starts nothing is refused", "\xff", false},
		{"a cut character is refused", "\xf0\x9f\x98", false},
		{"an overlong form is refused", "\xc0\x80", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for before := range 18 {
				for _, after := range []int{0, 1, 7, 8, 20} {
					body := []byte(strings.Repeat("a", before) + tt.part + strings.Repeat("z", after))
					code, want := CodeInvalidMessageContents, "Invalid characters found. Valid unicode characters are #x9 | #xA | "+
						"#xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
					if tt.ok {
						code, want = 0, ""
					}
					checkRefusal(t, string(body), CheckBody(body), code, want)
				}
			}
		})
	}
}

// allowedPlainly is what allowed means, one character after the other.
func allowedPlainly(text []byte) bool {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		text = text[n:]
		switch {
		case r == utf8.RuneError && n == 1:
			return false
		case r == 0x9 || r == 0xA || r == 0xD || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000:
		default:
			return false
		}
	}
	return true
}

func FuzzCheckBody(f *testing.F) {
	for _, s := range []string{"", "hello, world", "a\tb\r\n", "é😀 and more text behind it", "1234567\x00", "\uFFFE", "12345678\x1f2345678"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if got, want := allowed(body), allowedPlainly(body); got != want {
			t.Errorf("%q: got %v, want %v", body, got, want)
		}
	})
}

func TestCheckID(t *testing.T) {
	const punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	tests := []struct {
		name, id string
		ok       bool
	}{
		{"letters and digits pass", "azAZ09", true},
		{"every punctuation mark passes", punctuation, true},
		{"128 characters pass", strings.Repeat("x", 128), true},
		{"129 characters are too many", strings.Repeat("x", 129), false},
		{"an empty id is refused", "", false},
		{"a blank is refused", "a b", false},
		{"delete is refused", "a\x7f", false},
		{"a control character is refused", "a\n", false},
		{"letters beyond ASCII are refused", "é", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, want := CodeInvalidParameterValue, "Value "+tt.id+" for parameter MessageGroupId is invalid. Reason: MessageGroupId can "+
				"only include alphanumeric and punctuation characters. 1 to 128 in length."
			if tt.ok {
				code, want = 0, ""
			}
			checkRefusal(t, tt.id, CheckID(tt.id, "MessageGroupId"), code, want)
		})
	}
}

func TestBodyMD5(t *testing.T) {
	for body, want := range map[string]string{
		"hello":                          "5d41402abc4b2a76b9719d911017c592",
		"a\r\nb <&>\"' \u00e9\U0001F600": "cbc05c744d8263287a3f8062ed2bd610",
	} {
		if got := BodyMD5([]byte(body)).String(); got != want {
			t.Errorf("%q: got %s, want %s", body, got, want)
		}
	}
}

// The vectors are recorded from the service or computed by an independent program (SQS-MD5-01).
func TestAttributesMD5(t *testing.T) {
	tests := []struct {
		name  string
		attrs []MessageAttribute
		want  string
	}{
		{"one of each type", []MessageAttribute{stringAttribute("color", "String", "blue"), stringAttribute("count", "Number", "3"), binaryAttribute("blob", "Binary", 1, 2, 3)},
			"d838729972a4b70e2d2acd9d59ac847c"},
		{"one text", []MessageAttribute{stringAttribute("color", "String", "blue")}, "da1b33cc3cbfe8b1630921e78e6b9880"},
		{"another text", []MessageAttribute{stringAttribute("Hello", "String", "There")}, "a311262e065454b75da111d535b8dacd"},
		{"two texts", []MessageAttribute{stringAttribute("Hello", "String", "There"), stringAttribute("General", "String", "Kenobi")}, "fca026605781cb4126a1e9044df24232"},
		{"a name with a dot", []MessageAttribute{stringAttribute("Hello", "String", "There"), stringAttribute("General", "String", "Kenobi"), stringAttribute("Help.Me", "String", "Me")},
			"4c360f3fdafd970e05fae2f149d997f5"},
		{"a number", []MessageAttribute{stringAttribute("timestamp", "Number", "1493147359900")}, "235c5c510d26fb653d073faed50ae77c"},
		{"labelled types", []MessageAttribute{stringAttribute("a", "String.json", `{"x":1}`), stringAttribute("b", "Number.int", "-4.50"), binaryAttribute("c", "Binary.png", 0, 0xff, 0x10)},
			"ca9be38f27e87efbb06491767a958c18"},
		{"names in byte order", []MessageAttribute{stringAttribute("Z", "String", "1"), stringAttribute("_", "String", "2"), stringAttribute("a", "String", "é😀")},
			"1a5f738ae87c7df34c3371599fb3926e"},
		{"the trace header", []MessageAttribute{stringAttribute("AWSTraceHeader", "String",
			"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")}, "5ae4d5d7636402d80f4eb6d213245a88"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := AttributesMD5(tt.attrs).String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			first := tt.attrs[0].Name
			slices.Reverse(tt.attrs)
			if got := AttributesMD5(tt.attrs).String(); got != tt.want {
				t.Errorf("reversed: got %s, want %s", got, tt.want)
			}
			if tt.attrs[len(tt.attrs)-1].Name != first {
				t.Error("the order of the argument was changed")
			}
		})
	}
	if got := AttributesMD5(nil); got != (Digest{}) {
		t.Errorf("no attributes: got %s, want no digest", got)
	}
}

func TestAttributesMD5OfMuch(t *testing.T) {
	value := bytes.Repeat([]byte{7}, 100_000)
	want := md5.New()
	want.Write([]byte("\x00\x00\x00\x01n\x00\x00\x00\x06Binary\x02\x00\x01\x86\xa0"))
	want.Write(value)
	if got := AttributesMD5([]MessageAttribute{binaryAttribute("n", "Binary", value...)}); got.String() != hex.EncodeToString(want.Sum(nil)) {
		t.Errorf("got %s, want %x", got, want.Sum(nil))
	}
	many := make([]MessageAttribute, AttributesMax+5)
	for i := range many {
		many[i] = stringAttribute(string(rune('a'+i)), "String", "x")
	}
	reversed := slices.Clone(many)
	slices.Reverse(reversed)
	if a, b := AttributesMD5(many), AttributesMD5(reversed); a != b {
		t.Errorf("more attributes than a message may have: got %s and, reversed, %s", a, b)
	}
}

func TestMessageSize(t *testing.T) {
	attrs := []MessageAttribute{stringAttribute("né", "String.x", "é"), binaryAttribute("b", "Binary", 0xff, 0xfe)}
	if got, want := MessageSize([]byte("héllo"), attrs), 6+(3+8+2)+(1+6+2); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}

func BenchmarkCheckBody(b *testing.B) {
	for name, body := range map[string][]byte{
		"ascii1KiB": bytes.Repeat([]byte("0123456789abcdef"), 64),
		"json1KiB":  bytes.Repeat([]byte("\n  \"id\": 1234,"), 74)[:1024],
		"greek1KiB": bytes.Repeat([]byte("λ"), 512),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if CheckBody(body) != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkAttributesMD5(b *testing.B) {
	attrs := []MessageAttribute{stringAttribute("color", "String", "blue"), stringAttribute("count", "Number", "3"), binaryAttribute("blob", "Binary", 1, 2, 3)}
	b.ReportAllocs()
	for b.Loop() {
		AttributesMD5(attrs)
	}
}
