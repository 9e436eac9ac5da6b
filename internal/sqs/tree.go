package sqs

import (
	"net/http"
	"strings"

	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/sqs/awsjson"
)

// queryJSONProtocol is the Query form for a client that accepts JSON: parameters in, the tree of the XML as JSON out.
// The service answers so, and what is built on its answers, such as integrations of API gateways, relies on it.
type queryJSONProtocol struct{ queryProtocol }

// wantsJSON reports whether a request accepts JSON before it accepts XML.
func wantsJSON(r *http.Request) bool {
	for _, value := range r.Header["Accept"] {
		for accepted := range strings.SplitSeq(value, ",") {
			mediaType, _, _ := strings.Cut(accepted, ";")
			switch strings.ToLower(strings.TrimSpace(mediaType)) {
			case "application/json":
				return true
			case "text/xml", "application/xml", "*/*":
				return false
			}
		}
	}
	return false
}

func (queryJSONProtocol) contentType() string { return "application/json" }

func (queryJSONProtocol) appendResult(b []byte, x *exchange, action string, write func(*reply)) []byte {
	m := &treeMembers{jsonMembers: jsonMembers{Writer: awsjson.Writer{Buf: b}}, listName: queryJSONName, nulls: true}
	return m.appendTree(x, action, write)
}

// queryJSONName is what a list is called in this form: as in the JSON protocol, but for two that the service has always
// spelt in lower case here.
func queryJSONName(n names) string {
	switch n.json {
	case "QueueUrls":
		return "queueUrls"
	case "Messages":
		return "messages"
	}
	return n.json
}

func (queryJSONProtocol) appendError(b []byte, x *exchange, e wireError, err *queue.Error) []byte {
	w := awsjson.Writer{Buf: b}
	w.Open('{')
	w.Key("Error")
	w.Open('{')
	for _, member := range [...]struct{ name, value string }{
		{"Type", e.kind()}, {"Code", e.code}, {"Message", queryMessage(err.Code, err.Message)},
	} {
		w.Key(member.name)
		w.Text(member.value)
	}
	w.Key("Detail")
	w.Null()
	w.Close('}')
	w.Key("RequestId")
	w.Text(x.id)
	w.Close('}')
	return w.Buf
}

// treeMembers writes JSON in the shape of the XML: maps are lists of entries.
type treeMembers struct {
	jsonMembers
	begun    []names
	listName func(names) string // what a list or map is called
	nulls    bool               // write null for what is absent
}

// appendTree writes the answer to an action as JSON. write is nil for an action without result.
func (m *treeMembers) appendTree(x *exchange, action string, write func(*reply)) []byte {
	m.Open('{')
	m.Key(action + "Response")
	m.Open('{')
	if write != nil {
		m.Key(action + "Result")
		m.Open('{')
		write(x.reply(m))
		m.Close('}')
	}
	m.Key("ResponseMetadata")
	m.Open('{')
	m.text("RequestId", x.id)
	m.Close('}')
	m.Close('}')
	m.Close('}')
	return m.Buf
}

func (m *treeMembers) absent(name string) {
	if m.nulls {
		m.Key(name)
		m.Null()
	}
}

func (m *treeMembers) beginList(n names) {
	m.begun = append(m.begun, n)
	m.jsonMembers.beginList(names{json: m.listName(n)})
}

// endList leaves null in place of an empty list, or nothing.
func (m *treeMembers) endList() {
	last := len(m.begun) - 1
	n, before := m.begun[last], len(m.Buf)
	m.begun = m.begun[:last]
	m.jsonMembers.endList()
	if len(m.Buf) < before {
		m.absent(m.listName(n))
	}
}

func (m *treeMembers) beginMap(n names) { m.beginList(n) }
func (m *treeMembers) endMap()          { m.endList() }

func (m *treeMembers) pair(key, value string) {
	m.Open('{')
	m.text(m.begun[len(m.begun)-1].key, key)
	m.text("Value", value)
	m.Close('}')
}

func (m *treeMembers) beginEntry(key string) {
	m.Open('{')
	m.text(m.begun[len(m.begun)-1].key, key)
	m.Key("Value")
	m.Open('{')
}

func (m *treeMembers) endEntry() {
	m.Close('}')
	m.Close('}')
}
