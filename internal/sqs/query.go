package sqs

import (
	"encoding/base64"
	"fmt"
	"iter"
	"net/http"
	"strconv"

	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/sigv4/sign"
	"github.com/forebay-mq/forebay/internal/sqs/awsquery"
)

// queryProtocol is the Query form: parameters in, XML out.
type queryProtocol struct{}

const xmlNamespace = "http://queue.amazonaws.com/doc/2012-11-05/"

func (queryProtocol) String() string      { return "query" }
func (queryProtocol) contentType() string { return "text/xml" }

// parse merges the parameters of the URL and of the body. Those of a signature (X-Amz-Signature, and the ones of
// older versions) stay among them; no action has members of these names.
func (queryProtocol) parse(r *http.Request, body []byte) (*request, error) {
	params, err := awsquery.Parse([]byte(r.URL.RawQuery), body)
	if err != nil {
		return nil, queue.Errorf(queue.CodeMalformedInput, "%s", err.Error())
	}
	f := &failure{}
	req := &request{fields: queryFields{params, f}, failure: f, header: r.Header}
	req.action = req.optional("Action")
	// The signature may be for the normalised path alone, so that form says which queue is meant.
	req.path, _ = parseQueuePath(sign.NormalPath(r.URL.Path))
	return req, nil
}

func (queryProtocol) appendResult(b []byte, x *exchange, action string, write func(*reply)) []byte {
	return appendXML(b, x, xmlNamespace, action, write)
}

// appendXML appends the answer to an action of the service that the namespace is of.
func appendXML(b []byte, x *exchange, namespace, action string, write func(*reply)) []byte {
	m := &queryMembers{Writer: awsquery.Writer{Buf: b}}
	response, result := action+"Response", action+"Result"
	m.Header(response, namespace)
	if write != nil {
		m.Open(result)
		write(x.reply(m))
		m.Writer.Close(result)
	}
	m.Open("ResponseMetadata")
	m.Text("RequestId", x.id)
	m.Writer.Close("ResponseMetadata")
	m.Writer.Close(response)
	return m.Buf
}

func (queryProtocol) appendError(b []byte, x *exchange, e wireError, err *queue.Error) []byte {
	w := awsquery.Writer{Buf: b}
	w.Header("ErrorResponse", xmlNamespace)
	w.Open("Error")
	w.Text("Type", e.kind())
	w.Text("Code", e.code)
	w.Text("Message", queryMessage(err.Code, err.Message))
	w.Text("Detail", "")
	w.Close("Error")
	w.Text("RequestId", x.id)
	w.Close("ErrorResponse")
	return w.Buf
}

// queryFields reads the parameters under one prefix.
type queryFields struct {
	params  awsquery.Params
	failure *failure
}

func (f queryFields) text(name string) (string, bool) {
	v, ok := f.params.Value(name)
	return string(v), ok
}

func (f queryFields) bytes(name string) ([]byte, bool) { return f.params.Value(name) }

func (f queryFields) blob(name string) ([]byte, bool) {
	v, ok := f.params.Value(name)
	if !ok {
		return nil, false
	}
	b, err := base64.StdEncoding.AppendDecode(nil, v)
	if err != nil {
		f.failure.malformed(awsquery.Error("A binary value is not valid base64."))
		return nil, false
	}
	return b, true
}

func (f queryFields) number(name string) queue.Int {
	s, ok := f.text(name)
	if !ok {
		return queue.Int{}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f.failure.malformed(awsquery.Error("STRING_VALUE can not be converted to an Integer"))
		return queue.Int{}
	}
	return queue.IntOf(n)
}

// under returns the parameters of a list or map, and the name that the client gives it. Some clients number the plural.
func (f queryFields) under(n names) (awsquery.Params, string) {
	if p := f.params.Under(n.query); !p.Empty() {
		return p, n.query
	}
	return f.params.Under(n.json), n.json
}

// notNumbered notes that an item of a list or map has something else where its number belongs.
func (f queryFields) notNumbered(list, item string) {
	f.failure.malformed(awsquery.Error(fmt.Sprintf("%s.%s is no item of a list: number the items, as in %s.1.", list, item, list)))
}

// texts also takes items without a number, as the service's own older examples have them: AttributeName=All.
func (f queryFields) texts(n names) []string {
	var texts []string
	for _, name := range [...]string{n.query, n.json} {
		for _, v := range f.params.Values(name) {
			texts = append(texts, string(v))
		}
	}
	list, name := f.under(n)
	numbers, other := list.Numbers()
	if other != "" {
		f.notNumbered(name, other)
	}
	for _, number := range numbers {
		if v, ok := list.Value(number); ok {
			texts = append(texts, string(v))
		}
	}
	return texts
}

func (f queryFields) pairs(n names) map[string]string {
	var pairs map[string]string
	for key, e := range f.numbered(n) {
		if pairs == nil {
			pairs = make(map[string]string)
		}
		pairs[key], _ = e.text("Value")
	}
	return pairs
}

// structures also takes one structure without a number.
func (f queryFields) structures(n names) []fields {
	list, _ := f.under(n)
	numbers, other := list.Numbers()
	var all []fields
	if other != "" {
		all = append(all, queryFields{list, f.failure})
	}
	for _, number := range numbers {
		all = append(all, queryFields{list.Under(number), f.failure})
	}
	return all
}

func (f queryFields) entries(n names) []entry {
	var list []entry
	place := make(map[string]int) // of a key in the list
	for key, e := range f.numbered(n) {
		value := queryFields{e.params.Under("Value"), f.failure}
		if i, repeated := place[key]; repeated {
			list[i].value = value
			continue
		}
		place[key] = len(list)
		list = append(list, entry{key, value})
	}
	return list
}

// numbered returns the keys of a map with what stands beside them. A key may be repeated; then the last one
// counts. Old tools leave out the number of a single entry.
func (f queryFields) numbered(n names) iter.Seq2[string, queryFields] {
	return func(yield func(string, queryFields) bool) {
		params, name := f.under(n)
		list := queryFields{params, f.failure}
		numbers, other := params.Numbers()
		if key, ok := list.text(n.key); ok {
			if !yield(key, list) {
				return
			}
		} else if other != "" {
			f.notNumbered(name, other)
		}
		for _, number := range numbers {
			e := queryFields{list.params.Under(number), f.failure}
			if key, _ := e.text(n.key); !yield(key, e) {
				return
			}
		}
	}
}

// queryMembers writes elements of XML.
type queryMembers struct {
	awsquery.Writer
	begun []names // lists and maps not yet ended
}

func (m *queryMembers) text(name, value string)         { m.Text(name, value) }
func (m *queryMembers) bytes(name string, value []byte) { m.Bytes(name, value) }
func (m *queryMembers) blob(name string, value []byte)  { m.Blob(name, value) }
func (m *queryMembers) number(name string, n int64)     { m.Int(name, n) }
func (m *queryMembers) boolean(name string, b bool)     { m.Bool(name, b) }
func (m *queryMembers) absent(string)                   {}

// present is the list or map begun last.
func (m *queryMembers) present() names { return m.begun[len(m.begun)-1] }

func (m *queryMembers) beginList(n names)    { m.begun = append(m.begun, n) }
func (m *queryMembers) element(value string) { m.Text(m.present().query, value) }
func (m *queryMembers) beginItem()           { m.Open(m.present().query) }
func (m *queryMembers) endItem()             { m.Close(m.present().query) }
func (m *queryMembers) endList()             { m.begun = m.begun[:len(m.begun)-1] }
func (m *queryMembers) beginMap(n names)     { m.beginList(n) }
func (m *queryMembers) endMap()              { m.endList() }

func (m *queryMembers) pair(key, value string) {
	m.beginItem()
	m.Text(m.present().key, key)
	m.Text("Value", value)
	m.endItem()
}

func (m *queryMembers) beginEntry(key string) {
	m.beginItem()
	m.Text(m.present().key, key)
	m.Open("Value")
}

func (m *queryMembers) endEntry() {
	m.Close("Value")
	m.endItem()
}
