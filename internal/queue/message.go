package queue

// Message is what was sent. It is immutable once it is in a queue, so it may be shared without a lock.
type Message struct {
	ID              MessageID
	Sent            Millis // SentTimestamp, and the start of retention
	Due             Millis // when its own delay ends (standard queues); zero: no delay of its own
	Body            []byte
	BodyMD5         Digest
	Attributes      []MessageAttribute // in the order sent; nil for none
	AttributesMD5   Digest             // over all of Attributes; zero for none
	TraceHeader     string             // AWSTraceHeader; empty for none
	SenderID        string
	GroupID         string // FIFO always; standard when sent with one
	DeduplicationID string // FIFO only: the given one, or the SHA-256 hex of the body
	SourceARN       string // DeadLetterQueueSourceArn: set by a dead-letter move
	Receives        uint32 // receives before it came into this queue (dead-letter moves carry the count on)
	First           Millis // first receive before it came into this queue; zero: none
	Size            int    // bytes as SQS counts them: body, and name, type and value of each attribute
}

// ValueKind says which member of a message attribute's value was given.
type ValueKind uint8

// The kinds. Lists are known only to be refused.
const (
	KindNone ValueKind = iota
	KindString
	KindBinary
	KindList
)

// MessageAttribute is one user attribute of a message.
type MessageAttribute struct {
	Name     string
	DataType string // String, Number or Binary, with an optional ".label"
	Kind     ValueKind
	Value    []byte // UTF-8 text or raw bytes, never base64
}

// SystemAttributes is a set of message system attributes.
type SystemAttributes uint16

// The system attributes that a receive can ask for.
const (
	SystemSenderID SystemAttributes = 1 << iota
	SystemSentTimestamp
	SystemReceiveCount
	SystemFirstReceive
	SystemGroupID
	SystemDeduplicationID
	SystemSequenceNumber
	SystemTraceHeader
	SystemSourceARN
	SystemAll SystemAttributes = 1<<iota - 1
)

// systemNames are the wire names in the order of the bits.
var systemNames = [...]string{
	"SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp", "MessageGroupId",
	"MessageDeduplicationId", "SequenceNumber", "AWSTraceHeader", "DeadLetterQueueSourceArn",
}

// ParseSystemAttribute returns the set for one wire name: "All" is all of them, an unknown name is none.
func ParseSystemAttribute(name string) SystemAttributes {
	if name == "All" {
		return SystemAll
	}
	for i, n := range systemNames {
		if n == name {
			return 1 << i
		}
	}
	return 0
}
