package sqs

import (
	"net/http"
	"strings"

	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/sqs/awsjson"
)

// localStackReceipt stands where a receipt handle would: test suites written for LocalStack expect a text here.
const localStackReceipt = "SQS/BACKDOOR/ACCESS"

// localStackMessages answers LocalStack's peek as LocalStack does: like a ReceiveMessage in the Query form, and
// with "Accept: application/json" the same tree in JSON.
func (x *exchange) localStackMessages() error {
	body, err := x.readBody()
	if err != nil {
		return err
	}
	asJSON := strings.Contains(x.r.Header.Get("Accept"), "application/json")
	x.protocol = x.front.query
	if err := x.authenticate(body); err != nil {
		return err
	}
	req, err := x.front.query.parse(x.r, body)
	if err != nil {
		return err
	}
	x.action = "Peek"
	req.path = queue.Ref{}
	peeked, err := x.opts.Service.Peek(x.r.Context(), x.caller, &queue.PeekInput{Queue: req.queue(), Max: queue.ListMax})
	if err != nil {
		return err
	}
	write := func(w *reply) { writeReceiveMessage(w, asReceived(peeked)) }
	contentType := x.protocol.contentType()
	if asJSON {
		contentType = "application/json"
	}
	x.answer(http.StatusOK, contentType, func(b []byte) []byte {
		if asJSON {
			return x.appendTree(b, write)
		}
		return x.protocol.appendResult(b, x, "ReceiveMessage", write)
	})
	return nil
}

// asReceived returns peeked messages as if they had been received.
func asReceived(peeked *queue.PeekOutput) *queue.ReceiveMessageOutput {
	out := &queue.ReceiveMessageOutput{}
	for _, p := range peeked.Messages {
		m := p.ReceivedMessage
		m.Receipt = localStackReceipt
		m.Shown = peekAttributes(peeked.FIFO)
		m.Attributes, m.AttributesMD5 = m.Message.Attributes, m.Message.AttributesMD5
		out.Messages = append(out.Messages, m)
	}
	return out
}

// appendTree writes the XML of a ReceiveMessage as JSON.
func (x *exchange) appendTree(b []byte, write func(*reply)) []byte {
	m := &treeMembers{jsonMembers: jsonMembers{Writer: awsjson.Writer{Buf: b}}, listName: func(n names) string { return n.query }}
	return m.appendTree(x, "ReceiveMessage", write)
}
