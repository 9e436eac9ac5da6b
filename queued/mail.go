package queued

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// What the temporary queues client of AWS for Java puts on messages. Its requester names a queue for the one message that
// answers, whose URL may end in # and the name of a virtual queue; messages for that go to the queue before the #, with the
// virtual queue's name in an attribute.
const (
	attributeResponseQueue = "ResponseQueueUrl"
	attributeVirtualQueue  = "__AmazonSQSVirtualQueuesClient.QueueName"
)

// The attributes of a plain reply, which has no other place for them.
const (
	attributeStatus   = "forebay-status"   // Number: the HTTP status
	attributeEncoding = "forebay-encoding" // String: base64, when the body is no text
)

// errGone says that nobody can be answered any more.
var errGone = errors.New("the queue for the reply is gone")

// sendingFor is how long a reply is tried to be sent.
const sendingFor = time.Minute

// mail sends the replies to one request.
type mail struct {
	*server
	to      string // name or URL of a queue; empty: nobody wants a reply
	virtual string // queue within that queue, of the temporary queues client
	single  bool   // the asker takes one message only
	plain   bool   // the asker wants the body alone
	re      string
	token   string
	stream  bool
}

func newMail(j *job) *mail {
	m := &mail{server: j.server}
	if j.request == nil {
		return m
	}
	m.to, m.re, m.token, m.stream = j.request.ReplyTo, j.request.ID, j.request.Token, j.request.Stream
	if m.to == "" {
		m.to = attribute(j.message, attributeResponseQueue)
		m.single = m.to != ""
		m.plain = m.single && j.plain
		m.stream = m.stream && !m.single
	}
	m.to, m.virtual, _ = strings.Cut(m.to, "#")
	return m
}

// attribute is the text of a message attribute, or empty.
func attribute(m types.Message, name string) string {
	return aws.ToString(m.MessageAttributes[name].StringValue)
}

// plainRequest makes a request from a message that is in no format: its body is posted to path.
func plainRequest(m types.Message, path string) (*Request, error) {
	r := &Request{
		ID: aws.ToString(m.MessageId), Method: http.MethodPost, URL: path, Body: []byte(aws.ToString(m.Body)),
		Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
	}
	return r, r.check()
}

// gone says whether the queue for replies is known not to be there. A server that does not answer leaves that open.
func (m *mail) gone(ctx context.Context) bool {
	if m.to == "" {
		return false
	}
	_, err := m.book.find(ctx, m.to, true)
	return err != nil && queueGone(err)
}

// send sends a message of a reply, and tries for a while. The error is errGone when there is nobody to send it to. It does
// not end with ctx, since what a handler has done must be told.
func (m *mail) send(ctx context.Context, r *Reply) error {
	if m.to == "" {
		return nil
	}
	in, err := m.write(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendingFor)
	defer cancel()
	for n := 0; ; n++ {
		err := m.post(ctx, in)
		switch {
		case err == nil:
			return nil
		case queueGone(err):
			m.book.forget(m.to)
			m.Logger.Info("the asker has gone, its reply is dropped", "request", m.re)
			return errGone
		case hopeless(err) || !pause(ctx, backoff(n, 200*time.Millisecond, 5*time.Second)):
			return err
		}
		m.Logger.Warn("a reply could not be sent yet", "request", m.re, "err", err)
	}
}

// post sends the message once.
func (m *mail) post(ctx context.Context, in *sqs.SendMessageInput) error {
	url, err := m.book.find(ctx, m.to, false)
	if err != nil {
		return err
	}
	in.QueueUrl = &url
	return m.sender.Send(ctx, in)
}

// write makes the SQS message.
func (m *mail) write(r *Reply) (*sqs.SendMessageInput, error) {
	in := &sqs.SendMessageInput{}
	if m.plain {
		in.MessageBody, in.MessageAttributes = plainReply(r)
	} else {
		r.Re, r.Token = m.re, m.token
		body, err := r.Encode()
		if err != nil {
			return nil, err
		}
		in.MessageBody = &body
		in.MessageAttributes = Attributes(m.Keys.Sign(KindReply, body, time.Now()), Trace{})
	}
	if m.virtual != "" {
		if in.MessageAttributes == nil {
			in.MessageAttributes = make(map[string]types.MessageAttributeValue)
		}
		in.MessageAttributes[attributeVirtualQueue] = textAttribute("String", m.virtual)
	}
	if strings.HasSuffix(m.to, ".fifo") {
		in.MessageGroupId = aws.String(m.re)
		in.MessageDeduplicationId = aws.String(r.Attempt + "-" + strconv.Itoa(r.Seq))
	}
	return in, nil
}

// plainReply is the body of a reply alone, as far as a queue can carry it. An empty one becomes its status in words, since a
// message cannot be empty.
func plainReply(r *Reply) (*string, map[string]types.MessageAttributeValue) {
	status := orElse(r.Status, http.StatusBadGateway) // broken off before it began
	attributes := map[string]types.MessageAttributeValue{attributeStatus: textAttribute("Number", strconv.Itoa(status))}
	text := string(r.Body)
	switch {
	case text == "":
		text = strconv.Itoa(status) + " " + http.StatusText(status)
	case !carried(text):
		text = base64.StdEncoding.EncodeToString(r.Body)
		attributes[attributeEncoding] = textAttribute("String", "base64")
	}
	return &text, attributes
}

func textAttribute(kind, value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: &kind, StringValue: &value}
}

// carried says whether SQS takes a text as it stands.
func carried(text string) bool {
	for i, r := range text {
		switch {
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0xfffe, r == 0xffff:
			return false
		case r == 0xfffd && !strings.HasPrefix(text[i:], "\uFFFD"):
			return false // a byte that is no UTF-8
		}
	}
	return true
}
