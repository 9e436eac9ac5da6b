package sqs

import (
	"fmt"
	"strconv"

	"github.com/forebay-mq/forebay/internal/queue"
)

// readDraft reads what a sender says of one message, alone or in a batch. The body may be a part of the
// request's, see readBody.
func readDraft(f fields, d *queue.Draft) {
	d.Body, _ = f.bytes("MessageBody")
	d.Delay = f.number("DelaySeconds")
	d.Attributes = readAttributes(f, messageAttributesMap())
	d.SystemAttributes = readAttributes(f, names{"MessageSystemAttributes", "MessageSystemAttribute", "Name"})
	d.GroupID, d.GroupIDSet = f.text("MessageGroupId")
	d.DeduplicationID, d.DedupIDSet = f.text("MessageDeduplicationId")
}

func messageAttributesMap() names { return names{"MessageAttributes", "MessageAttribute", "Name"} }

func readAttributes(f fields, n names) []queue.MessageAttribute {
	var list []queue.MessageAttribute
	for _, e := range f.entries(n) {
		a := queue.MessageAttribute{Name: e.key}
		a.DataType, _ = e.value.text("DataType")
		a.Kind, a.Value = readAttributeValue(e.value)
		list = append(list, a)
	}
	return list
}

// readAttributeValue returns the value that is given. Some clients send the others too, empty.
func readAttributeValue(f fields) (queue.ValueKind, []byte) {
	if f.texts(names{json: "StringListValues", query: "StringListValue"}) != nil ||
		f.texts(names{json: "BinaryListValues", query: "BinaryListValue"}) != nil {
		return queue.KindList, nil
	}
	text, isText := f.bytes("StringValue")
	blob, isBlob := f.blob("BinaryValue")
	switch {
	case len(text) > 0:
		return queue.KindString, text
	case len(blob) > 0:
		return queue.KindBinary, blob
	case isText:
		return queue.KindString, nil
	case isBlob:
		return queue.KindBinary, nil
	}
	return queue.KindNone, nil
}

// writeAttributes writes the user attributes of a message as a map of that name.
func writeAttributes(w *reply, n names, list []queue.MessageAttribute) {
	w.beginMap(n)
	for _, a := range list {
		w.beginEntry(a.Name)
		if a.Kind == queue.KindBinary {
			w.blob("BinaryValue", a.Value)
		} else {
			w.bytes("StringValue", a.Value)
		}
		w.text("DataType", a.DataType)
		w.endEntry()
	}
	w.endMap()
}

// writeSystemAttributes writes those of the system attributes in shown that the message has, as a map of that
// name.
func writeSystemAttributes(w *reply, n names, m *queue.ReceivedMessage, shown queue.SystemAttributes) {
	w.beginMap(n)
	pair := func(which queue.SystemAttributes, name, value string) {
		if shown&which != 0 && value != "" {
			w.pair(name, value)
		}
	}
	pair(queue.SystemSenderID, "SenderId", m.Message.SenderID)
	pair(queue.SystemSentTimestamp, "SentTimestamp", millisText(m.Message.Sent))
	pair(queue.SystemReceiveCount, "ApproximateReceiveCount", strconv.FormatUint(uint64(m.Receives), 10))
	pair(queue.SystemFirstReceive, "ApproximateFirstReceiveTimestamp", millisText(m.First))
	pair(queue.SystemGroupID, "MessageGroupId", m.Message.GroupID)
	pair(queue.SystemDeduplicationID, "MessageDeduplicationId", m.Message.DeduplicationID)
	pair(queue.SystemSequenceNumber, "SequenceNumber", sequenceText(m.Sequence))
	pair(queue.SystemTraceHeader, "AWSTraceHeader", m.Message.TraceHeader)
	pair(queue.SystemSourceARN, "DeadLetterQueueSourceArn", m.Message.SourceARN)
	w.endMap()
}

// millisText returns a moment as the API writes it, empty for never.
func millisText(m queue.Millis) string {
	if m == 0 {
		return ""
	}
	return strconv.FormatInt(int64(m), 10)
}

// sequenceText returns a sequence number in its 20 digits, empty for none.
func sequenceText(s queue.Seq) string {
	if s == 0 {
		return ""
	}
	return fmt.Sprintf("%020d", s)
}
