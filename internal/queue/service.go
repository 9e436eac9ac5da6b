package queue

import (
	"context"
	"net/netip"
)

// Service is the whole SQS API in Go words. Fronts call it; the broker is it.
//
// Every method may be called from many goroutines. An answer is durable before it is returned. Errors are
// [*Error]; any other error is a fault of the server. Arguments belong to the callee until it returns, results
// to the caller, who must not change them. A canceled ctx ends a long poll without taking a message; it does
// not undo what has been accepted.
type Service interface {
	CreateQueue(context.Context, Caller, *CreateQueueInput) (*CreateQueueOutput, error)
	DeleteQueue(context.Context, Caller, *DeleteQueueInput) error
	ListQueues(context.Context, Caller, *ListQueuesInput) (*ListQueuesOutput, error)
	GetQueueURL(context.Context, Caller, *GetQueueURLInput) (*GetQueueURLOutput, error)
	GetQueueAttributes(context.Context, Caller, *GetQueueAttributesInput) (*GetQueueAttributesOutput, error)
	SetQueueAttributes(context.Context, Caller, *SetQueueAttributesInput) error
	PurgeQueue(context.Context, Caller, *PurgeQueueInput) error
	TagQueue(context.Context, Caller, *TagQueueInput) error
	UntagQueue(context.Context, Caller, *UntagQueueInput) error
	ListQueueTags(context.Context, Caller, *ListQueueTagsInput) (*ListQueueTagsOutput, error)
	ListDeadLetterSourceQueues(context.Context, Caller, *ListDeadLetterSourceQueuesInput) (*ListQueuesOutput, error)
	AddPermission(context.Context, Caller, *AddPermissionInput) error
	RemovePermission(context.Context, Caller, *RemovePermissionInput) error

	SendMessage(context.Context, Caller, *SendMessageInput) (*SendMessageOutput, error)
	SendMessageBatch(context.Context, Caller, *SendMessageBatchInput) (*SendMessageBatchOutput, error)
	ReceiveMessage(context.Context, Caller, *ReceiveMessageInput) (*ReceiveMessageOutput, error)
	DeleteMessage(context.Context, Caller, *DeleteMessageInput) error
	DeleteMessageBatch(context.Context, Caller, *DeleteMessageBatchInput) (*BatchOutput, error)
	ChangeMessageVisibility(context.Context, Caller, *ChangeMessageVisibilityInput) error
	ChangeMessageVisibilityBatch(context.Context, Caller, *ChangeMessageVisibilityBatchInput) (*BatchOutput, error)

	StartMessageMoveTask(context.Context, Caller, *StartMessageMoveTaskInput) (*StartMessageMoveTaskOutput, error)
	CancelMessageMoveTask(context.Context, Caller, *CancelMessageMoveTaskInput) (*CancelMessageMoveTaskOutput, error)
	ListMessageMoveTasks(context.Context, Caller, *ListMessageMoveTasksInput) (*ListMessageMoveTasksOutput, error)

	// Peek shows messages and changes nothing. It is not part of SQS.
	Peek(context.Context, Caller, *PeekInput) (*PeekOutput, error)
}

// Caller is who asks, as a front learned it from the request. The zero value is an anonymous stranger.
type Caller struct {
	Account   string     // 12 digits; empty for anonymous
	Principal string     // ARN, e.g. arn:aws:iam::000000000000:user/web; empty for anonymous
	ID        string     // what a message's SenderId shows
	Grants    *Policy    // what the key itself may do; nil: nothing beyond what queue policies allow
	Owner     bool       // may do everything in its own account: the root key, and anybody under --dev
	Source    netip.Addr // where the request came from; the zero Addr: unknown
	Secure    bool       // whether it came over TLS
	Inside    bool       // the server itself asks, as for its configuration file: there is no request, and so no address
}

// Ref names a queue as a request does. The fronts take it from the QueueUrl; an absent one is the zero Ref,
// for which every action answers QueueDoesNotExist.
type Ref struct {
	Account string // empty: the server's own
	Name    string
}

// Int is an optional whole number of a request. The zero value is absent.
type Int struct {
	N   int64
	Set bool
}

// IntOf returns the number n as given.
func IntOf(n int64) Int { return Int{N: n, Set: true} }

// CreateQueueInput asks for a queue. Attributes are texts as on the wire.
type CreateQueueInput struct {
	Name       string
	Attributes map[string]string
	Tags       map[string]string
}

// CreateQueueOutput names the queue, new or present.
type CreateQueueOutput struct{ Queue Ref }

// DeleteQueueInput names the queue that goes, with all its messages.
type DeleteQueueInput struct{ Queue Ref }

// ListQueuesInput asks for a page of the queues in name order.
type ListQueuesInput struct {
	Prefix     string // case-sensitive; empty: all
	MaxResults Int    // 1 to ListMax; absent: up to ListMax and no next page
	NextToken  string // from the page before; empty: the first page
}

// ListQueuesOutput is a page of queues.
type ListQueuesOutput struct {
	Queues    []Ref
	NextToken string // empty: no more
}

// GetQueueURLInput asks whether a queue exists.
type GetQueueURLInput struct {
	Name         string
	OwnerAccount string // QueueOwnerAWSAccountId; empty: the server's own
}

// GetQueueURLOutput names the queue.
type GetQueueURLOutput struct{ Queue Ref }

// GetQueueAttributesInput asks for attributes by name; "All" is all of them.
type GetQueueAttributesInput struct {
	Queue Ref
	Names []string
}

// GetQueueAttributesOutput holds the attributes that have a value.
type GetQueueAttributesOutput struct{ Attributes map[string]string }

// SetQueueAttributesInput changes attributes, all or none.
type SetQueueAttributesInput struct {
	Queue      Ref
	Attributes map[string]string
}

// PurgeQueueInput names the queue to empty.
type PurgeQueueInput struct{ Queue Ref }

// TagQueueInput adds tags and overwrites those with equal keys.
type TagQueueInput struct {
	Queue Ref
	Tags  map[string]string
}

// UntagQueueInput removes tags; missing keys are fine.
type UntagQueueInput struct {
	Queue Ref
	Keys  []string
}

// ListQueueTagsInput asks for the tags of a queue.
type ListQueueTagsInput struct{ Queue Ref }

// ListQueueTagsOutput holds the tags, nil for none.
type ListQueueTagsOutput struct{ Tags map[string]string }

// ListDeadLetterSourceQueuesInput asks for a page of the queues whose RedrivePolicy names this one.
type ListDeadLetterSourceQueuesInput struct {
	Queue      Ref
	MaxResults Int
	NextToken  string
}

// AddPermissionInput adds an Allow statement to the queue's Policy.
type AddPermissionInput struct {
	Queue    Ref
	Label    string
	Accounts []string // AWSAccountIds
	Actions  []string // without the "sqs:" prefix
}

// RemovePermissionInput removes the statement with this label.
type RemovePermissionInput struct {
	Queue Ref
	Label string
}

// Draft is a message as its sender wrote it.
type Draft struct {
	Body             []byte
	Delay            Int // DelaySeconds
	Attributes       []MessageAttribute
	SystemAttributes []MessageAttribute
	GroupID          string
	GroupIDSet       bool // distinguishes an empty id, which is malformed, from an absent one
	DeduplicationID  string
	DedupIDSet       bool
	TraceHeader      string // X-Amzn-Trace-Id of the HTTP request; used when no AWSTraceHeader attribute is given
}

// SendMessageInput sends one message.
type SendMessageInput struct {
	Queue Ref
	Draft
}

// Sent tells what became of one sent message.
type Sent struct {
	ID                  MessageID
	BodyMD5             Digest
	AttributesMD5       Digest // zero: no message attributes were sent
	SystemAttributesMD5 Digest // zero: no system attributes were sent
	Sequence            Seq    // FIFO only; zero on standard queues
}

// SendMessageOutput tells what became of the message.
type SendMessageOutput struct{ Sent }

// SendMessageBatchInput sends up to BatchEntriesMax messages.
type SendMessageBatchInput struct {
	Queue   Ref
	Entries []SendMessageBatchEntry
}

// SendMessageBatchEntry is one message of a batch.
type SendMessageBatchEntry struct {
	ID      string
	IDEmpty bool // distinguishes an empty id, which is malformed, from an absent one
	Draft
}

// SendMessageBatchOutput holds the fates of the entries, in request order within each list.
type SendMessageBatchOutput struct {
	Successful []SentEntry
	Failed     []BatchFailure
}

// SentEntry is an accepted entry.
type SentEntry struct {
	EntryID string
	Sent
}

// BatchFailure is a refused entry. Codes below 500 are the sender's fault.
type BatchFailure struct {
	EntryID string
	Code    Code
	Message string
}

// BatchOutput holds the fates of the entries of a delete or change batch.
type BatchOutput struct {
	Successful []string // entry ids
	Failed     []BatchFailure
}

// ReceiveMessageInput asks for messages.
type ReceiveMessageInput struct {
	Queue          Ref
	Max            Int // 1 to ReceiveMax; absent: 1
	Visibility     Int // seconds; absent: the queue's
	Wait           Int // seconds; absent: the queue's
	System         SystemAttributes
	AttributeNames []string // MessageAttributeNames: exact, "All", ".*", "prefix.*"
	AttemptID      string   // ReceiveRequestAttemptId
	AttemptIDSet   bool
	Consumer       string // who asks, of the header X-Forebay-Consumer: 1 to 128 visible ASCII characters
	ConsumerSet    bool
}

// ReceiveMessageOutput holds what was received, possibly nothing.
type ReceiveMessageOutput struct{ Messages []ReceivedMessage }

// ReceivedMessage is a message handed to a consumer.
type ReceivedMessage struct {
	Message       *Message
	Receipt       string // the receipt handle
	Sequence      Seq    // place in the queue; shown as SequenceNumber on FIFO queues only
	Receives      uint32 // this one included
	First         Millis // first receive; zero: never received (Peek only)
	Shown         SystemAttributes
	Attributes    []MessageAttribute // those asked for
	AttributesMD5 Digest             // over Attributes; zero for none
}

// DeleteMessageInput deletes the message that the handle was given for.
type DeleteMessageInput struct {
	Queue   Ref
	Receipt string
}

// DeleteMessageBatchInput deletes up to BatchEntriesMax messages.
type DeleteMessageBatchInput struct {
	Queue   Ref
	Entries []DeleteMessageBatchEntry
}

// DeleteMessageBatchEntry is one deletion of a batch.
type DeleteMessageBatchEntry struct {
	ID      string
	IDEmpty bool // distinguishes an empty id, which is malformed, from an absent one
	Receipt string
}

// ChangeMessageVisibilityInput sets a received message's timeout, counted from now.
type ChangeMessageVisibilityInput struct {
	Queue      Ref
	Receipt    string
	Visibility Int // seconds
}

// ChangeMessageVisibilityBatchInput changes up to BatchEntriesMax messages.
type ChangeMessageVisibilityBatchInput struct {
	Queue   Ref
	Entries []ChangeMessageVisibilityBatchEntry
}

// ChangeMessageVisibilityBatchEntry is one change of a batch.
type ChangeMessageVisibilityBatchEntry struct {
	ID         string
	IDEmpty    bool // distinguishes an empty id, which is malformed, from an absent one
	Receipt    string
	Visibility Int
}

// StartMessageMoveTaskInput moves a dead-letter queue's messages elsewhere.
type StartMessageMoveTaskInput struct {
	SourceARN      string
	DestinationARN string // empty: each message back to the queue it came from
	Rate           Int    // messages a second, 1 to MoveRateMax; absent: as fast as the server sees fit
}

// StartMessageMoveTaskOutput names the task.
type StartMessageMoveTaskOutput struct{ TaskHandle string }

// CancelMessageMoveTaskInput stops a running task.
type CancelMessageMoveTaskInput struct{ TaskHandle string }

// CancelMessageMoveTaskOutput tells how far the task got.
type CancelMessageMoveTaskOutput struct{ Moved int64 }

// ListMessageMoveTasksInput asks for the newest tasks of a source.
type ListMessageMoveTasksInput struct {
	SourceARN  string
	MaxResults Int // 1 to MoveTasksListMax; absent: 1
}

// ListMessageMoveTasksOutput holds tasks, newest first.
type ListMessageMoveTasksOutput struct{ Tasks []MoveTask }

// MoveStatus is a move task's state, in the words of the API.
type MoveStatus string

// The states of a move task.
const (
	MoveRunning    MoveStatus = "RUNNING"
	MoveCompleted  MoveStatus = "COMPLETED"
	MoveCancelling MoveStatus = "CANCELLING"
	MoveCancelled  MoveStatus = "CANCELLED"
	MoveFailed     MoveStatus = "FAILED"
)

// MoveTask is a move task as it is listed and kept.
type MoveTask struct {
	Handle         string // shown only while running
	Status         MoveStatus
	SourceARN      string
	DestinationARN string // empty: not given
	Rate           int64  // zero: not given
	Moved          int64
	ToMove         int64
	Started        Millis
	FailureReason  string // only when failed
}

// PeekInput asks to look at messages without receiving them.
type PeekInput struct {
	Queue Ref
	Max   int // zero: ReceiveMax; at most 1,000
	After Seq // continue behind this message; zero: from the oldest
}

// PeekedState says where in its life a peeked message is.
type PeekedState string

// The states of a peeked message.
const (
	PeekVisible  PeekedState = "visible"
	PeekInFlight PeekedState = "in_flight"
	PeekDelayed  PeekedState = "delayed"
)

// PeekOutput holds the messages in sequence order.
type PeekOutput struct {
	FIFO     bool
	Messages []PeekedMessage
}

// PeekedMessage is a message and its state. Its Receipt is empty.
type PeekedMessage struct {
	ReceivedMessage
	State PeekedState
	Until Millis // when it becomes visible; zero when it is
}
