package worker

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Message is a message as it was received, with all its attributes, and what they say in Go's words.
type Message struct {
	types.Message
}

// ID is the message's id, the same at each receive.
func (m *Message) ID() string { return aws.ToString(m.MessageId) }

// Receives is how often the message was received, this time included; at least 1.
func (m *Message) Receives() int {
	n, err := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
	if err != nil || n < 1 {
		return 1
	}
	return n
}

// Group is the message group, empty when there is none.
func (m *Message) Group() string { return m.Attributes["MessageGroupId"] }

// Sent is when the message was sent, and zero when the server did not say.
func (m *Message) Sent() time.Time { return m.stamp("SentTimestamp") }

// FirstReceived is when anybody first received the message, and zero when the server did not say.
func (m *Message) FirstReceived() time.Time { return m.stamp("ApproximateFirstReceiveTimestamp") }

func (m *Message) stamp(name string) time.Time {
	ms, err := strconv.ParseInt(m.Attributes[name], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Attribute is the text of a message attribute, empty when it is missing or binary.
func (m *Message) Attribute(name string) string {
	return aws.ToString(m.MessageAttributes[name].StringValue)
}

// Trace is the W3C trace context that the sender gave: the message attributes traceparent and tracestate, else what the
// system attribute AWSTraceHeader says of the same. Both are empty when there is none, or none that is valid.
func (m *Message) Trace() (parent, state string) {
	if parent = m.Attribute("traceparent"); validParent(parent) {
		return parent, m.Attribute("tracestate")
	}
	return parentOfXRay(m.Attributes["AWSTraceHeader"]), ""
}

// validParent checks a traceparent of version 00: 00-TRACE-SPAN-FLAGS.
func validParent(text string) bool {
	fields := strings.Split(text, "-")
	return len(fields) == 4 && fields[0] == "00" && lowerHex(fields[1], 32) && lowerHex(fields[2], 16) && lowerHex(fields[3], 2) &&
		strings.Trim(fields[1], "0") != "" && strings.Trim(fields[2], "0") != ""
}

func lowerHex(text string, length int) bool {
	_, err := hex.DecodeString(text)
	return err == nil && len(text) == length && text == strings.ToLower(text)
}

// parentOfXRay translates Root=1-TIME-REST;Parent=SPAN;Sampled=1. It returns nothing when root or parent is missing.
func parentOfXRay(header string) string {
	var root, parent string
	flags := "00"
	for field := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch name {
		case "Root":
			root = strings.ReplaceAll(strings.TrimPrefix(value, "1-"), "-", "")
		case "Parent":
			parent = value
		case "Sampled":
			if value == "1" {
				flags = "01"
			}
		}
	}
	text := "00-" + strings.ToLower(root) + "-" + strings.ToLower(parent) + "-" + flags
	if !validParent(text) {
		return ""
	}
	return text
}
