package bench

import (
	"bytes"
	"html"
	"net/url"
	"strconv"
	"strings"
)

// queryCodec is the Query form: a form goes out, XML comes back.
type queryCodec struct{}

func (queryCodec) contentType() string  { return "application/x-www-form-urlencoded" }
func (queryCodec) target(action) string { return "" }
func (queryCodec) path(q *queue) string { return q.path }

func (queryCodec) appendAction(b []byte, act action) []byte {
	b = append(b, "Action="...)
	b = append(b, actionNames[act]...)
	return append(b, "&Version=2012-11-05"...)
}

func (c queryCodec) appendSend(b []byte, q *queue, batch []outgoing) []byte {
	if len(batch) == 1 {
		b = c.appendAction(b, sendMessage)
		return appendQueryMessage(b, q, "&", "", &batch[0])
	}
	b = c.appendAction(b, sendMessageBatch)
	for i := range batch {
		const prefix = "&SendMessageBatchRequestEntry."
		b = appendEntryID(b, prefix, i)
		b = appendQueryMessage(b, q, prefix, entryNumbers[i], &batch[i])
	}
	return b
}

// entryNumbers are the places of entries as parameter names count them.
var entryNumbers = [batchMax]string{"1.", "2.", "3.", "4.", "5.", "6.", "7.", "8.", "9.", "10."}

// appendEntryID appends the id of entry i of a batch.
func appendEntryID(b []byte, prefix string, i int) []byte {
	b = append(b, prefix...)
	b = append(b, entryNumbers[i]...)
	b = append(b, "Id="...)
	return append(b, entryIDs[i]...)
}

func appendQueryMessage(b []byte, q *queue, prefix, number string, m *outgoing) []byte {
	parameter := func(name string) {
		b = append(b, prefix...)
		b = append(b, number...)
		b = append(b, name...)
	}
	parameter("MessageBody=")
	b = append(b, m.stamp[:]...)
	b = append(b, m.rest...)
	if q.fifo {
		parameter("MessageGroupId=")
		b = append(b, m.stamp[groupFrom:groupTo]...)
		parameter("MessageDeduplicationId=")
		b = append(b, m.stamp[:dedupLen]...)
	}
	return b
}

func (c queryCodec) appendReceive(b []byte, _ *queue, most, wait, visibility int) []byte {
	b = c.appendAction(b, receiveMessage)
	b = append(b, "&MaxNumberOfMessages="...)
	b = strconv.AppendInt(b, int64(most), 10)
	b = append(b, "&WaitTimeSeconds="...)
	b = strconv.AppendInt(b, int64(wait), 10)
	b = append(b, "&VisibilityTimeout="...)
	return strconv.AppendInt(b, int64(visibility), 10)
}

func (c queryCodec) appendDelete(b []byte, _ *queue, batch []incoming) []byte {
	if len(batch) == 1 {
		b = c.appendAction(b, deleteMessage)
		b = append(b, "&ReceiptHandle="...)
		return appendHandle(b, batch[0].handle)
	}
	b = c.appendAction(b, deleteMessageBatch)
	for i := range batch {
		const prefix = "&DeleteMessageBatchRequestEntry."
		b = appendEntryID(b, prefix, i)
		b = append(b, prefix...)
		b = append(b, entryNumbers[i]...)
		b = append(b, "ReceiptHandle="...)
		b = appendHandle(b, batch[i].handle)
	}
	return b
}

// appendHandle appends a receipt handle that came in XML.
func appendHandle(b, handle []byte) []byte {
	if bytes.IndexByte(handle, '&') >= 0 {
		handle = []byte(html.UnescapeString(string(handle)))
	}
	for _, c := range handle {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~':
			b = append(b, c)
		default:
			const digits = "0123456789ABCDEF"
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}

func (c queryCodec) appendName(b []byte, act action, name string) []byte {
	b = c.appendAction(b, act)
	b = append(b, "&QueueName="+url.QueryEscape(name)...)
	if act == createQueue && strings.HasSuffix(name, fifoSuffix) {
		b = append(b, "&Attribute.1.Name=FifoQueue&Attribute.1.Value=true"...)
	}
	return b
}

func (c queryCodec) appendQueue(b []byte, act action, queueURL string) []byte {
	b = c.appendAction(b, act)
	return append(b, "&QueueUrl="+url.QueryEscape(queueURL)...)
}

func (queryCodec) messages(reply []byte, into []incoming) []incoming {
	into = into[:0]
	for {
		message, rest, ok := element(reply, "Message")
		if !ok {
			return into
		}
		reply = rest
		var m incoming
		m.handle, _, ok = element(message, "ReceiptHandle")
		m.body, _, _ = element(message, "Body")
		if ok {
			into = append(into, m)
		}
	}
}

func (queryCodec) results(reply []byte, into []result) []result {
	into = into[:0]
	for _, name := range [...]string{"SendMessageBatchResultEntry", "DeleteMessageBatchResultEntry", "BatchResultErrorEntry"} {
		rest := reply
		for {
			entry, behind, ok := element(rest, name)
			if !ok {
				break
			}
			rest = behind
			id, _, _ := element(entry, "Id")
			r := result{index: entryIndex(id)}
			if name == "BatchResultErrorEntry" {
				code, _, _ := element(entry, "Code")
				r.code = string(code)
				if r.code == "" {
					r.code = "unnamed"
				}
			}
			into = append(into, r)
		}
	}
	return into
}

func (queryCodec) queueURL(reply []byte) string {
	text, _, _ := element(reply, "QueueUrl")
	return html.UnescapeString(string(text))
}

func (queryCodec) failure(status int, reply []byte) *apiError {
	code, _, ok := element(reply, "Code")
	if !ok {
		return &apiError{status: status, code: "HTTP " + strconv.Itoa(status)}
	}
	message, _, _ := element(reply, "Message")
	return &apiError{status, string(code), html.UnescapeString(string(message))}
}
