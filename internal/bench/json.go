package bench

import (
	"encoding/json"
	"strconv"
	"strings"
)

// jsonCodec is the AWS JSON 1.0 form.
type jsonCodec struct {
	targets [actionCount]string
}

func newJSONCodec() *jsonCodec {
	c := &jsonCodec{}
	for act, name := range actionNames {
		c.targets[act] = "AmazonSQS." + name
	}
	return c
}

func (*jsonCodec) contentType() string        { return "application/x-amz-json-1.0" }
func (c *jsonCodec) target(act action) string { return c.targets[act] }
func (*jsonCodec) path(*queue) string         { return "/" }

func (*jsonCodec) appendSend(b []byte, q *queue, batch []outgoing) []byte {
	b = append(b, `{"QueueUrl":`...)
	b = append(b, q.urlJSON...)
	if len(batch) == 1 {
		b = append(b, ',')
		return append(appendJSONMessage(b, q, &batch[0]), '}')
	}
	b = append(b, `,"Entries":[`...)
	for i := range batch {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"Id":"`...)
		b = append(b, entryIDs[i]...)
		b = append(b, `",`...)
		b = append(appendJSONMessage(b, q, &batch[i]), '}')
	}
	return append(b, "]}"...)
}

func appendJSONMessage(b []byte, q *queue, m *outgoing) []byte {
	b = append(b, `"MessageBody":"`...)
	b = append(b, m.stamp[:]...)
	b = append(b, m.rest...)
	if q.fifo {
		b = append(b, `","MessageGroupId":"`...)
		b = append(b, m.stamp[groupFrom:groupTo]...)
		b = append(b, `","MessageDeduplicationId":"`...)
		b = append(b, m.stamp[:dedupLen]...)
	}
	return append(b, '"')
}

func (*jsonCodec) appendReceive(b []byte, q *queue, most, wait, visibility int) []byte {
	b = append(b, `{"QueueUrl":`...)
	b = append(b, q.urlJSON...)
	b = append(b, `,"MaxNumberOfMessages":`...)
	b = strconv.AppendInt(b, int64(most), 10)
	b = append(b, `,"WaitTimeSeconds":`...)
	b = strconv.AppendInt(b, int64(wait), 10)
	b = append(b, `,"VisibilityTimeout":`...)
	b = strconv.AppendInt(b, int64(visibility), 10)
	return append(b, '}')
}

// appendDelete repeats receipt handles as they came, escapes and all.
func (*jsonCodec) appendDelete(b []byte, q *queue, batch []incoming) []byte {
	b = append(b, `{"QueueUrl":`...)
	b = append(b, q.urlJSON...)
	if len(batch) == 1 {
		b = append(b, `,"ReceiptHandle":"`...)
		b = append(b, batch[0].handle...)
		return append(b, `"}`...)
	}
	b = append(b, `,"Entries":[`...)
	for i := range batch {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"Id":"`...)
		b = append(b, entryIDs[i]...)
		b = append(b, `","ReceiptHandle":"`...)
		b = append(b, batch[i].handle...)
		b = append(b, `"}`...)
	}
	return append(b, "]}"...)
}

func (*jsonCodec) appendName(b []byte, act action, name string) []byte {
	b = append(b, `{"QueueName":`...)
	b = append(b, quoted(name)...)
	if act == createQueue && strings.HasSuffix(name, fifoSuffix) {
		b = append(b, `,"Attributes":{"FifoQueue":"true"}`...)
	}
	return append(b, '}')
}

func (*jsonCodec) appendQueue(b []byte, _ action, url string) []byte {
	b = append(b, `{"QueueUrl":`...)
	b = append(b, quoted(url)...)
	return append(b, '}')
}

// quoted is text as a JSON string.
func quoted(text string) []byte {
	b, _ := json.Marshal(text) // a string cannot fail
	return b
}

func (*jsonCodec) messages(reply []byte, into []incoming) []incoming {
	into = into[:0]
	s := jsonScanner{text: reply}
	var m incoming
	for s.next() {
		if s.depth != entryDepth {
			continue
		}
		switch {
		case s.kind == closing && m.handle != nil:
			into = append(into, m)
			m = incoming{}
		case s.kind == textual && string(s.key) == "ReceiptHandle":
			m.handle = s.value
		case s.kind == textual && string(s.key) == "Body":
			m.body = s.value
		}
	}
	return into
}

func (*jsonCodec) results(reply []byte, into []result) []result {
	into = into[:0]
	s := jsonScanner{text: reply}
	r, failed := result{index: -1}, false
	for s.next() {
		switch {
		case s.kind == opening && s.depth == entryDepth-1:
			failed = string(s.key) == "Failed"
		case s.depth != entryDepth:
		case s.kind == closing:
			if failed && r.code == "" {
				r.code = "unnamed"
			}
			into = append(into, r)
			r = result{index: -1}
		case s.kind == textual && string(s.key) == "Id":
			r.index = entryIndex(s.value)
		case s.kind == textual && string(s.key) == "Code" && failed:
			r.code = string(s.value)
		}
	}
	return into
}

func (*jsonCodec) queueURL(reply []byte) string {
	var out struct {
		QueueURL string `json:"QueueUrl"`
	}
	if json.Unmarshal(reply, &out) != nil {
		return ""
	}
	return out.QueueURL
}

func (*jsonCodec) failure(status int, reply []byte) *apiError {
	var out struct {
		Type    string `json:"__type"`
		Message string `json:"message"` // in any case
	}
	_ = json.Unmarshal(reply, &out) // what is no JSON has no code, which the next line names
	code := out.Type[strings.LastIndexByte(out.Type, '#')+1:]
	if code == "" {
		code = "HTTP " + strconv.Itoa(status)
	}
	return &apiError{status, code, out.Message}
}
