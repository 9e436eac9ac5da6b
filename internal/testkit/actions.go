package testkit

import (
	"fmt"
	"maps"
	"net/http"
	"testing/synctest"
	"time"
)

// OK calls and stops the test unless the call succeeds.
func (c *Client) OK(action string, in Map) Map {
	c.t.Helper()
	r := c.Call(action, in)
	if r.Status != http.StatusOK {
		c.t.Fatalf("%s %.300v: got %d %s %q, want 200", action, in, r.Status, r.Code, r.Message)
	}
	return r.Result
}

// Refused calls and reports unless the call fails with this Query code and text; an empty text is any.
func (c *Client) Refused(action string, in Map, code, text string) {
	c.t.Helper()
	r := c.Call(action, in)
	if r.Code != code || (text != "" && r.Message != text) {
		c.t.Errorf("%s %.300v:\ngot  %d %s %q\nwant %s %q", action, in, r.Status, r.Code, r.Message, code, text)
	}
}

// NoQueue reports unless the call says that there is no such queue, in the protocol's words.
func (c *Client) NoQueue(action string, in Map) {
	c.t.Helper()
	text := "The specified queue does not exist."
	if c.Protocol == Query {
		text = "The specified queue does not exist for this wsdl version."
	}
	c.Refused(action, in, "AWS.SimpleQueueService.NonExistentQueue", text)
}

// CreateQueue makes a queue with these attributes (nil: none) and returns its URL.
func (c *Client) CreateQueue(name string, attributes Map) string {
	c.t.Helper()
	in := Map{"QueueName": name}
	if attributes != nil {
		in["Attributes"] = attributes
	}
	url, _ := c.OK("CreateQueue", in)["QueueUrl"].(string)
	return url
}

// CreateFIFO makes a FIFO queue with content-based deduplication, so that sends need no id; attributes are
// added to that and may override it.
func (c *Client) CreateFIFO(name string, attributes Map) string {
	c.t.Helper()
	all := Map{"FifoQueue": "true", "ContentBasedDeduplication": "true"}
	maps.Copy(all, attributes)
	return c.CreateQueue(name, all)
}

// ARN returns the ARN of the queue of that name.
func ARN(name string) string { return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", Region, Account, name) }

// with returns the request for a queue with the members of extra added.
func with(url string, extra []Map) Map {
	in := Map{"QueueUrl": url}
	for _, e := range extra {
		maps.Copy(in, e)
	}
	return in
}

// Send sends a message and returns the result.
func (c *Client) Send(url, body string, extra ...Map) Map {
	c.t.Helper()
	in := with(url, extra)
	in["MessageBody"] = body
	return c.OK("SendMessage", in)
}

// SendGroup sends messages to a group, one after the other.
func (c *Client) SendGroup(url, group string, bodies ...string) {
	c.t.Helper()
	for _, body := range bodies {
		c.Send(url, body, Map{"MessageGroupId": group})
	}
}

// Message is a received message.
type Message struct {
	ID, Receipt, Body, BodyMD5 string
	System                     map[string]string // Attributes on the wire; nil when left out
	Attributes                 Map               // MessageAttributes; nil when left out
	AttributesMD5              string            // empty when left out
	Members                    int               // how many members the message had on the wire
}

// messages reads the Messages of a result.
func messages(result Map) []Message {
	list, _ := result["Messages"].(List)
	out := make([]Message, 0, len(list))
	for _, item := range list {
		m, _ := item.(Map)
		text := func(name string) string { s, _ := m[name].(string); return s }
		attributes, _ := m["MessageAttributes"].(Map)
		out = append(out, Message{
			ID: text("MessageId"), Receipt: text("ReceiptHandle"), Body: text("Body"), BodyMD5: text("MD5OfBody"),
			System: Texts(m["Attributes"]), Attributes: attributes, AttributesMD5: text("MD5OfMessageAttributes"),
			Members: len(m),
		})
	}
	return out
}

// Texts reads a map of texts; nil for anything else. A value that is not a text shows as a note in brackets.
func Texts(v any) map[string]string {
	m, ok := v.(Map)
	if !ok {
		return nil
	}
	out := make(map[string]string, len(m))
	for name, value := range m {
		s, ok := value.(string)
		if !ok {
			s = fmt.Sprintf("[%T %v]", value, value)
		}
		out[name] = s
	}
	return out
}

// Receive takes up to ten messages, unless extra says otherwise, with all their attributes.
func (c *Client) Receive(url string, extra ...Map) []Message {
	c.t.Helper()
	return messages(c.OK("ReceiveMessage", receiveInput(url, extra)))
}

// receiveInput is what Receive and Poll ask for unless told otherwise.
func receiveInput(url string, extra []Map) Map {
	all := Map{
		"MaxNumberOfMessages":         10,
		"MessageSystemAttributeNames": List{"All"},
		"MessageAttributeNames":       List{"All"},
	}
	return with(url, append([]Map{all}, extra...))
}

// ReceiveOne takes one message and stops the test when there is none.
func (c *Client) ReceiveOne(url string, extra ...Map) Message {
	c.t.Helper()
	got := c.Receive(url, append(extra, Map{"MaxNumberOfMessages": 1})...)
	if len(got) != 1 {
		c.t.Fatalf("receive one from %s: got %d messages", url, len(got))
	}
	return got[0]
}

// Bodies returns the bodies of messages in order.
func Bodies(messages []Message) []string {
	out := make([]string, len(messages))
	for i, m := range messages {
		out[i] = m.Body
	}
	return out
}

// Delete deletes the message of a receipt handle.
func (c *Client) Delete(url, receipt string) {
	c.t.Helper()
	c.OK("DeleteMessage", Map{"QueueUrl": url, "ReceiptHandle": receipt})
}

// Change sets the visibility timeout of a received message, in seconds.
func (c *Client) Change(url, receipt string, seconds int) {
	c.t.Helper()
	c.OK("ChangeMessageVisibility", Map{"QueueUrl": url, "ReceiptHandle": receipt, "VisibilityTimeout": seconds})
}

// Attributes returns attributes of a queue, all of them when no name is given.
func (c *Client) Attributes(url string, names ...any) map[string]string {
	c.t.Helper()
	if len(names) == 0 {
		names = List{"All"}
	}
	return Texts(c.OK("GetQueueAttributes", Map{"QueueUrl": url, "AttributeNames": names})["Attributes"])
}

// SetAttributes changes attributes of a queue.
func (c *Client) SetAttributes(url string, attributes Map) {
	c.t.Helper()
	c.OK("SetQueueAttributes", Map{"QueueUrl": url, "Attributes": attributes})
}

// Counts returns how many messages of a queue are visible, in flight and delayed, as "1 visible, 0 in flight,
// 2 delayed".
func (c *Client) Counts(url string) string {
	c.t.Helper()
	a := c.Attributes(url)
	return fmt.Sprintf("%s visible, %s in flight, %s delayed", a["ApproximateNumberOfMessages"],
		a["ApproximateNumberOfMessagesNotVisible"], a["ApproximateNumberOfMessagesDelayed"])
}

// Poll is a receive under way.
type Poll struct {
	done     chan struct{}
	response Response
	took     time.Duration
}

// Poll starts a receive that waits for 20 seconds, unless extra says otherwise.
func (c *Client) Poll(url string, extra ...Map) *Poll {
	p := &Poll{done: make(chan struct{})}
	in := receiveInput(url, append([]Map{{"WaitTimeSeconds": 20}}, extra...))
	start := time.Now()
	go func() {
		defer close(p.done)
		p.response = c.Call("ReceiveMessage", in)
		p.took = time.Since(start)
	}()
	synctest.Wait()
	return p
}

// Ended reports whether the answer has come by now.
func (p *Poll) Ended() bool {
	synctest.Wait()
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Wait lets time pass until the answer comes, and returns it and how long it took in virtual time.
func (p *Poll) Wait() (Response, time.Duration) {
	<-p.done
	return p.response, p.took
}

// Bodies waits for the answer and returns the bodies received.
func (p *Poll) Bodies() []string {
	<-p.done
	return Bodies(messages(p.response.Result))
}
