package queued

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Format is what every message says of itself in its member "forebay": the name of the format and its major version.
const Format = "queued-http/1"

// MessageBytesMax is how long the body of a message may be, in bytes: what the largest SQS message holds. Servers
// that keep to the older limit of 256 KiB refuse more than that; see [Options.MessageBytes].
const MessageBytesMax = 1 << 20

// ErrFormat is matched by the error for a message that is no whole, valid message of this format.
var ErrFormat = errors.New("not a valid " + Format + " message")

// ErrVersion is matched by the error for a message of another major version, or one that needs a feature that this
// version does not know. A newer program may understand it.
var ErrVersion = errors.New("made for another version of queued-http")

// FormatError says what is wrong with a message. It matches [ErrFormat] or [ErrVersion].
type FormatError struct {
	Member  string // of the JSON object, or empty when the whole is wrong
	Problem string // with what was found and what is wanted
	Kind    error  // ErrFormat or ErrVersion
}

// Error returns the member and what is wrong with it.
func (e *FormatError) Error() string {
	if e.Member == "" {
		return fmt.Sprintf("%v: %s", e.Kind, e.Problem)
	}
	return fmt.Sprintf("%v: %s: %s", e.Kind, e.Member, e.Problem)
}

// Unwrap returns the kind.
func (e *FormatError) Unwrap() error { return e.Kind }

// wrong is the error for a member that is not as it must be.
func wrong(member, format string, args ...any) error {
	return &FormatError{Member: member, Problem: fmt.Sprintf(format, args...), Kind: ErrFormat}
}

// object reads a JSON object member by member. Names are compared exactly and may come once: what two parsers could
// read in two ways is refused. The first mistake stays in err and later calls do nothing.
type object struct {
	members map[string]string // as they stand in the text
	err     error
}

// parse takes the text apart and checks its version.
func parse(text string) *object {
	o := &object{members: make(map[string]string, 16)}
	switch {
	case len(text) > MessageBytesMax:
		o.err = wrong("", "%d bytes, at most %d", len(text), MessageBytesMax)
	case !utf8.ValidString(text):
		o.err = wrong("", "not UTF-8")
	default:
		o.err = o.split(text)
	}
	o.version()
	return o
}

// sharedBytesMax is up to which length a text stays in memory as long as any part of it. Of a longer one, a member does.
const sharedBytesMax = 4 << 10

// split takes the members of the object apart.
func (o *object) split(text string) error {
	if !json.Valid([]byte(text)) {
		return explain(text)
	}
	s := scanner{text: text}
	if !s.skip('{') {
		return wrong("", "not a JSON object")
	}
	for !s.skip('}') {
		s.skip(',')
		name, ok := unquote(s.value())
		if !ok {
			return wrong("", "the name of a member cannot be read")
		}
		s.skip(':')
		if _, twice := o.members[name]; twice {
			return wrong(clip(name), "comes twice")
		}
		value := s.value()
		if len(text) > sharedBytesMax {
			value = strings.Clone(value)
		}
		o.members[name] = value
	}
	return nil
}

// explain says what is wrong with a text that is not one valid JSON value.
func explain(text string) error {
	d := json.NewDecoder(strings.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return wrong("", "not a JSON object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return wrong("", "%v", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			name, _ := t.(string)
			return wrong(clip(name), "%v", err)
		}
	}
	if _, err := d.Token(); err != nil {
		return wrong("", "the object has no end")
	}
	return wrong("", "something follows the object")
}

// version refuses what was made for readers that know more than this one.
func (o *object) version() {
	if o.err != nil {
		return
	}
	var format string
	var needs []string
	o.read("forebay", &format)
	o.read("needs", &needs)
	switch {
	case o.err != nil:
	case format == "":
		o.err = wrong("forebay", "is missing; %q is wanted", Format)
	case format == Format && len(needs) > 0:
		o.err = &FormatError{"needs", fmt.Sprintf("%q is not known here", clip(needs[0])), ErrVersion}
	case strings.HasPrefix(format, "queued-http/") && format != Format:
		o.err = &FormatError{"forebay", fmt.Sprintf("%q, this program speaks %q", clip(format), Format), ErrVersion}
	case format != Format:
		o.err = wrong("forebay", "%q, want %q", clip(format), Format)
	}
}

// read decodes a member into the value that to points to. A member that is missing or null leaves it as it is.
func (o *object) read(name string, to any) {
	raw, ok := o.members[name]
	if !ok || o.err != nil {
		return
	}
	if err := decode(raw, to); err != nil {
		o.err = wrong(name, "is no %s", kindOf(to))
	}
}

// kindOf names a type in the words of JSON.
func kindOf(to any) string {
	switch to.(type) {
	case *string:
		return "string"
	case *bool:
		return "true or false"
	case *int:
		return "whole number"
	case *[]string:
		return "list of strings"
	case *[][]string:
		return "list of [name, value] pairs"
	default:
		return "valid value"
	}
}

// body reads the two members that hold bytes, of which only one may be there.
func (o *object) body() []byte {
	var text, encoded *string
	o.read("body", &text)
	o.read("body64", &encoded)
	switch {
	case o.err != nil:
	case text != nil && encoded != nil:
		o.err = wrong("body64", "stands beside body; give one of them")
	case text != nil && *text != "":
		return []byte(*text)
	case encoded != nil && *encoded != "":
		b, err := base64.StdEncoding.Strict().DecodeString(*encoded)
		if err != nil || strings.ContainsAny(*encoded, "\r\n") {
			o.err = wrong("body64", "is no base64 (standard alphabet, padded, no line ends)")
			return nil
		}
		return b
	}
	return nil
}

// writer writes a JSON object. Members come in the order of the calls; what is zero is left out.
type writer struct{ b []byte }

func newWriter() *writer {
	return &writer{b: append(make([]byte, 0, 1024), `{"forebay":"`+Format+`"`...)}
}

// name begins a member.
func (w *writer) name(name string) {
	w.b = append(w.b, `,"`...)
	w.b = append(w.b, name...)
	w.b = append(w.b, `":`...)
}

// needed writes a text whatever it is.
func (w *writer) needed(name, value string) {
	w.name(name)
	w.b = appendText(w.b, value)
}

func (w *writer) text(name, value string) {
	if value != "" {
		w.needed(name, value)
	}
}

// number writes a number whatever it is.
func (w *writer) number(name string, value int) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, int64(value), 10)
}

func (w *writer) flag(name string, value bool) {
	if value {
		w.name(name)
		w.b = append(w.b, "true"...)
	}
}

// body writes bytes as text, or in base64 where that is shorter or the bytes are no text that a queue can carry.
func (w *writer) body(b []byte) {
	if len(b) == 0 {
		return
	}
	if utf8.Valid(b) {
		start := len(w.b)
		w.needed("body", string(b))
		if text := len(w.b) - start - len(`,"body":`); text <= base64.StdEncoding.EncodedLen(len(b))+2 {
			return
		}
		w.b = w.b[:start]
	}
	w.name("body64")
	w.b = append(w.b, '"')
	w.b = base64.StdEncoding.AppendEncode(w.b, b)
	w.b = append(w.b, '"')
}

// end closes the object and returns it.
func (w *writer) end() (string, error) {
	w.b = append(w.b, '}')
	if n := len(w.b); n > MessageBytesMax {
		return "", wrong("", "%d bytes, at most %d", n, MessageBytesMax)
	}
	return string(w.b), nil
}

// encodeJSON encodes any string. The two code points that JSON lets stand and SQS does not are escaped.
func encodeJSON(value string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(err) // strings can always be written
	}
	out := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	out = bytes.ReplaceAll(out, []byte("\uFFFE"), []byte(`\ufffe`))
	return bytes.ReplaceAll(out, []byte("\uFFFF"), []byte(`\uffff`))
}

// clip shortens what a stranger has written before it stands in an error.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
