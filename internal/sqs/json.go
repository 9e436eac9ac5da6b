package sqs

import (
	"iter"
	"net/http"
	"strings"
	"sync"

	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/sqs/awsjson"
)

// jsonProtocol is the AWS JSON 1.0 form.
type jsonProtocol struct {
	documents *sync.Pool // of *awsjson.Document
}

const jsonType = "application/x-amz-json-1.0"

// isJSON tells whether a request is in this form; all others are in the Query form.
func isJSON(r *http.Request) bool {
	return r.Header.Get("X-Amz-Target") != "" || strings.HasPrefix(r.Header.Get("Content-Type"), jsonType)
}

func (jsonProtocol) String() string      { return "json" }
func (jsonProtocol) contentType() string { return jsonType }

func (p jsonProtocol) parse(r *http.Request, body []byte) (*request, error) {
	doc := p.documents.Get().(*awsjson.Document)
	root, err := doc.Parse(body)
	if err != nil {
		p.documents.Put(doc)
		return nil, queue.Errorf(queue.CodeMalformedInput, "%s", err.Error())
	}
	f := &failure{}
	req := &request{
		fields:  jsonFields{root, f},
		failure: f,
		header:  r.Header,
		release: func() { p.documents.Put(doc) },
	}
	req.action, _ = strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	return req, nil
}

func (jsonProtocol) appendResult(b []byte, x *exchange, _ string, write func(*reply)) []byte {
	if write == nil {
		return b
	}
	m := &jsonMembers{Writer: awsjson.Writer{Buf: b}}
	m.Open('{')
	write(x.reply(m))
	m.Close('}')
	return m.Buf
}

func (jsonProtocol) appendError(b []byte, _ *exchange, e wireError, err *queue.Error) []byte {
	w := awsjson.Writer{Buf: b}
	w.Open('{')
	w.Key("__type")
	w.Text(e.family + e.shape)
	if err.Code == queue.CodeAccessDenied {
		w.Key("Message") // the one answer that is spelt so
	} else {
		w.Key("message")
	}
	w.Text(err.Message)
	w.Close('}')
	return w.Buf
}

// jsonFields reads a JSON object.
type jsonFields struct {
	object  awsjson.Value
	failure *failure
}

// member returns a member that is given.
func (f jsonFields) member(name string) (awsjson.Value, bool) {
	v, err := f.object.Member(name)
	if err != nil {
		f.failure.malformed(err)
		return v, false
	}
	return v, v.Given()
}

// read returns a member as get sees it.
func read[T any](f jsonFields, name string, get func(awsjson.Value) (T, error)) (value T, given bool) {
	v, ok := f.member(name)
	if !ok {
		return value, false
	}
	value, err := get(v)
	if err != nil {
		f.failure.malformed(err)
		return value, false
	}
	return value, true
}

func (f jsonFields) text(name string) (string, bool)  { return read(f, name, awsjson.Value.Text) }
func (f jsonFields) bytes(name string) ([]byte, bool) { return read(f, name, awsjson.Value.Bytes) }
func (f jsonFields) blob(name string) ([]byte, bool)  { return read(f, name, awsjson.Value.Blob) }

func (f jsonFields) number(name string) queue.Int {
	n, ok := read(f, name, awsjson.Value.Int)
	return queue.Int{N: n, Set: ok}
}

func (f jsonFields) texts(n names) []string {
	if _, given := f.member(n.json); !given {
		return nil // most are not, and looking is cheaper than an iterator
	}
	var list []string
	for v := range f.elements(n.json) {
		s, err := v.Text()
		if err != nil {
			f.failure.malformed(err)
		}
		list = append(list, s)
	}
	return list
}

func (f jsonFields) pairs(n names) map[string]string {
	var pairs map[string]string
	for key, v := range f.members(n.json) {
		s, err := v.Text()
		if err != nil {
			f.failure.malformed(err)
		}
		if pairs == nil {
			pairs = make(map[string]string)
		}
		pairs[key] = s
	}
	return pairs
}

func (f jsonFields) structures(n names) []fields {
	var list []fields
	for v := range f.elements(n.json) {
		list = append(list, jsonFields{v, f.failure})
	}
	return list
}

func (f jsonFields) entries(n names) []entry {
	if _, given := f.member(n.json); !given {
		return nil
	}
	var list []entry
	for key, v := range f.members(n.json) {
		list = append(list, entry{key, jsonFields{v, f.failure}})
	}
	return list
}

// elements returns the elements of a list, none when it is absent.
func (f jsonFields) elements(name string) iter.Seq[awsjson.Value] {
	list, ok := read(f, name, awsjson.Value.Elements)
	if !ok {
		return func(func(awsjson.Value) bool) {}
	}
	return list
}

// members returns the members of a map, none when it is absent.
func (f jsonFields) members(name string) iter.Seq2[string, awsjson.Value] {
	list, ok := read(f, name, awsjson.Value.Members)
	if !ok {
		return func(func(string, awsjson.Value) bool) {}
	}
	return list
}

// jsonMembers writes the members of a JSON object. Begun lists and maps are remembered by where they start, so
// that an empty one can be taken back.
type jsonMembers struct {
	awsjson.Writer
	begun []int
}

func (m *jsonMembers) text(name, value string)         { m.Key(name); m.Text(value) }
func (m *jsonMembers) bytes(name string, value []byte) { m.Key(name); m.Bytes(value) }
func (m *jsonMembers) blob(name string, value []byte)  { m.Key(name); m.Blob(value) }
func (m *jsonMembers) number(name string, n int64)     { m.Key(name); m.Int(n) }
func (m *jsonMembers) boolean(name string, b bool)     { m.Key(name); m.Bool(b) }
func (m *jsonMembers) absent(string)                   {}

func (m *jsonMembers) beginList(n names)      { m.begin(n, '[') }
func (m *jsonMembers) element(value string)   { m.Text(value) }
func (m *jsonMembers) beginItem()             { m.Open('{') }
func (m *jsonMembers) endItem()               { m.Close('}') }
func (m *jsonMembers) endList()               { m.end('[', ']') }
func (m *jsonMembers) beginMap(n names)       { m.begin(n, '{') }
func (m *jsonMembers) pair(key, value string) { m.text(key, value) }
func (m *jsonMembers) beginEntry(key string)  { m.Key(key); m.Open('{') }
func (m *jsonMembers) endEntry()              { m.Close('}') }
func (m *jsonMembers) endMap()                { m.end('{', '}') }

func (m *jsonMembers) begin(n names, bracket byte) {
	m.begun = append(m.begun, len(m.Buf))
	m.Key(n.json)
	m.Open(bracket)
}

func (m *jsonMembers) end(opening, closing byte) {
	last := len(m.begun) - 1
	start := m.begun[last]
	m.begun = m.begun[:last]
	if m.Buf[len(m.Buf)-1] == opening {
		m.Buf = m.Buf[:start]
		return
	}
	m.Close(closing)
}
