package queue

import "time"

// Command is one thing that a Catalog can be told to do. The commands of the SQS control actions are
// [Control]; the rest are the types below.
type Command interface {
	step(c *Catalog, now Millis) (any, error)
}

// Result is what a command led to. Value may be shown once the records stepped with it are durable; the other
// fields are effects that the caller carries out at once.
type Result struct {
	// Value is the answer to the command: what its comment says, or nil.
	Value any
	// Ready names queues in which a waiting Receive may now find something, or that are gone.
	Ready []ID
	// Refills ask for messages from the store, to be brought back as Refilled.
	Refills []Refill
	// Departures are messages that must change queues, to be brought back as Arrive.
	Departures []Departure
	// Policies names queues whose Policy has changed, so that who waits there may have lost the right to.
	Policies []ID
	// Busy names the consumers whose Busy has grown.
	Busy []*Consumer
}

// Control carries one of the control actions. In is a pointer to the action's input: *CreateQueueInput,
// *DeleteQueueInput, *ListQueuesInput, *GetQueueURLInput, *GetQueueAttributesInput, *SetQueueAttributesInput,
// *PurgeQueueInput, *TagQueueInput, *UntagQueueInput, *ListQueueTagsInput, *ListDeadLetterSourceQueuesInput,
// *AddPermissionInput, *RemovePermissionInput, *StartMessageMoveTaskInput, *CancelMessageMoveTaskInput or
// *ListMessageMoveTasksInput. Value is a pointer to the action's output, nil for an action without one.
type Control struct {
	By Caller
	In any
}

// Send puts messages into a queue. Value is []SendOutcome, one for each entry.
type Send struct {
	By      Caller
	Queue   Ref
	Entries []Prepared
	Batch   bool  // SendMessageBatch: entries fail one by one
	Invalid error // what is wrong with the request as a whole; told once the queue is known to exist
}

// Prepared is a draft that has been checked as far as that is possible without its queue. See [Prepare].
type Prepared struct {
	EntryID   string
	Message   *Message // complete but for ID, Sent and Due, which the step fills in; nil when Err is set
	Delay     Int
	SystemMD5 Digest
	Err       *Error // why this entry cannot be sent
}

// SendOutcome is the fate of one entry: Err, or Sent when that is nil.
type SendOutcome struct {
	Sent Sent
	Err  *Error
}

// Receive takes messages. Value is *Received.
type Receive struct {
	By Caller
	In *ReceiveMessageInput
	// Again marks the repetition of a command that has been waiting: it never answers OverLimit.
	Again bool
}

// Received is the answer to Receive.
type Received struct {
	Queue      ID
	FIFO       bool
	Deliveries []Delivery
	// Wait is how long the consumer is ready to wait when Deliveries is empty; zero: answer now.
	Wait time.Duration
	// Pending says that Deliveries is empty only because messages are on their way from the store or to a
	// dead-letter queue: repeat the command, also for a short poll, when the queue is Ready.
	Pending bool
	// Consumer is who asked; nil: somebody without a name.
	Consumer *Consumer
}

// Delivery is one message handed out.
type Delivery struct {
	Seq      Seq
	Receipt  Receipt
	Receives uint32
	First    Millis
	Message  *Message // nil: not in memory, to be read from the store
}

// Receipt says which receive of which message a handle was given for. See [Sealer].
type Receipt struct {
	Queue   ID
	Seq     Seq
	Attempt uint32 // the receive count at that receive
	Epoch   uint32 // the start of the server in which it happened
}

// HeldReceipt is a receipt handle of a request, opened, and the timeout to set, if any.
type HeldReceipt struct {
	Receipt    Receipt
	Text       string // as the client sent it
	Err        *Error // why it cannot be used: malformed, or its entry is
	Visibility Int    // ChangeVisibility only, seconds
}

// Delete deletes received messages. Value is []*Error, one for each entry, nil where it succeeded.
type Delete struct {
	By      Caller
	Queue   Ref
	Entries []HeldReceipt
	Invalid error // as in Send
}

// ChangeVisibility sets the timeouts of received messages. Value is []*Error, as for Delete.
type ChangeVisibility struct {
	By      Caller
	Queue   Ref
	Entries []HeldReceipt
	Batch   bool  // ChangeMessageVisibilityBatch: an entry whose message is not in flight fails, with a code of its own
	Invalid error // as in Send
}

// Tick does what is due: ends delays and timeouts, expires, forgets, moves. Step it at NextDeadline.
type Tick struct{}

// Refill asks for the messages of a queue with After < sequence <= UpTo, in order, at most Limit of them or
// about Bytes, read after every batch that was handed to the store before it.
type Refill struct {
	Queue       ID
	Number      uint64 // to be returned
	After, UpTo Seq
	Limit       int
	Bytes       int
}

// Refilled brings the messages of a Refill.
type Refilled struct {
	Refill Refill
	Items  []Stored
	End    bool // nothing is left up to Refill.UpTo
}

// Stored is a message as the store knows it.
type Stored struct {
	Seq     Seq
	Message *Message
	Partial bool // Body and Attributes were left in the store because they are large
}

// Departure is a message that must move to another queue, in one batch with its deletion from the first.
type Departure struct {
	Queue   ID
	Seq     Seq
	To      ID
	Task    string   // handle of the move task; empty for a dead-letter move
	Message *Message // nil: to be read from the store before Arrive
}

// Arrive completes departures. A Departure whose Message is still nil was not in the store any more.
type Arrive struct{ Departures []Departure }

// Locate finds a queue for Peek. Value is Located.
type Locate struct {
	By    Caller
	Queue Ref
}

// Located is where a queue's messages are.
type Located struct {
	Queue ID
	FIFO  bool
	Low   Seq // no message at or below it
	Next  Seq // no message at or above it
}

// States asks in which state messages are. Value is []StateNow, one for each of Seqs.
type States struct {
	Queue ID
	Seqs  []Seq
}

// StateNow is the state of one message.
type StateNow struct {
	Gone     bool // deleted or expired meanwhile
	State    PeekedState
	Until    Millis
	Receives uint32
	First    Millis
}
