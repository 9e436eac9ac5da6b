package sqs

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/sqs/awsjson"
)

// Paths of what is served besides the API.
const (
	peekPrefix     = "/forebay/v1/queues/"
	peekSuffix     = "/messages"
	localStackPath = "/_aws/sqs/messages"
)

// extraRoute returns what serves the request when it is not for the API.
func (x *exchange) extraRoute() func() error {
	path := x.r.URL.Path
	if path == localStackPath {
		return x.localStackMessages
	}
	if rest, ok := strings.CutPrefix(path, peekPrefix); ok {
		if name, ok := strings.CutSuffix(rest, peekSuffix); ok && name != "" && !strings.Contains(name, "/") {
			return func() error { return x.peek(name) }
		}
	}
	return nil
}

// peek answers with a page of a queue's messages as they are, in JSON. See docs/api.md.
func (x *exchange) peek(name string) error {
	x.protocol = x.front.json
	in := &queue.PeekInput{Queue: queue.Ref{Name: name}}
	query := x.r.URL.Query()
	if s := query.Get("max"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return queue.Errorf(queue.CodeInvalidParameterValue, "max must be a whole number, not %q.", s)
		}
		in.Max = n
	}
	if s := query.Get("after"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return queue.Errorf(queue.CodeInvalidParameterValue, "after must be the sequence of a message, not %q.", s)
		}
		in.After = queue.Seq(n)
	}
	out, err := x.callPeek(in)
	if err != nil {
		return err
	}
	x.answer(http.StatusOK, "application/json", func(b []byte) []byte { return x.appendPeeked(b, out) })
	return nil
}

// callPeek asks the service once the caller is known.
func (x *exchange) callPeek(in *queue.PeekInput) (*queue.PeekOutput, error) {
	body, err := x.readBody()
	if err != nil {
		return nil, err
	}
	if err := x.authenticate(body); err != nil {
		return nil, err
	}
	x.action = "Peek"
	return x.opts.Service.Peek(x.r.Context(), x.caller, in)
}

// appendPeeked writes what a peek saw.
func (x *exchange) appendPeeked(b []byte, out *queue.PeekOutput) []byte {
	m := &jsonMembers{Writer: awsjson.Writer{Buf: b}}
	w := x.reply(m)
	m.Open('{')
	w.boolean("fifo", out.FIFO)
	w.beginList(names{json: "messages"})
	for i := range out.Messages {
		p := &out.Messages[i]
		w.beginItem()
		w.text("sequence", sequenceText(p.Sequence))
		w.text("id", p.Message.ID.String())
		w.text("state", string(p.State))
		if p.Until != 0 {
			w.number("visibleAt", int64(p.Until))
		}
		w.number("sentAt", int64(p.Message.Sent))
		if p.First != 0 {
			w.number("firstReceivedAt", int64(p.First))
		}
		w.number("receives", int64(p.Receives))
		w.number("bytes", int64(p.Message.Size))
		w.text("md5", p.Message.BodyMD5.String())
		w.bytes("body", p.Message.Body)
		writeSystemAttributes(w, names{json: "systemAttributes"}, &p.ReceivedMessage, peekAttributes(out.FIFO))
		writeAttributes(w, names{json: "messageAttributes"}, p.Message.Attributes)
		w.endItem()
	}
	w.endList()
	m.Close('}')
	return m.Buf
}

// peekAttributes are the system attributes that a peek shows.
func peekAttributes(fifo bool) queue.SystemAttributes {
	if fifo {
		return queue.SystemAll
	}
	return queue.SystemAll &^ queue.SystemSequenceNumber
}
