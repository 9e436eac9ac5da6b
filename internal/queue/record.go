package queue

// Op is the kind of a Record.
type Op uint8

// The kinds of records, with the fields of Record that each uses besides Queue.
const (
	OpPutMessage   Op = iota + 1 // Seq, Message
	OpDropMessage                // Seq; the message and its state
	OpPutState                   // Seq, State
	OpDropMessages               // Seq; all messages and states up to and including it
	OpPutQueue                   // Config
	OpDropQueue                  // everything of the queue
	OpPutMark                    // Mark
	OpPutSend                    // Send; a remembered deduplication id
	OpDropSend                   // Send.Key
	OpDropSends                  // all remembered deduplication ids
	OpPutTask                    // Task; kept with its source queue
	OpDropTask                   // Task.ID
	OpPutDeleted                 // Name, At; a queue name in its cool-down. Queue is zero
	OpDropDeleted                // Name. Queue is zero
)

// Record is one durable change. The records of one step belong into one batch, in order.
type Record struct {
	Op      Op
	Queue   ID
	Seq     Seq
	Message *Message
	State   State
	Config  *Config
	Mark    Mark
	Send    RememberedSend
	Task    *Task
	Name    string
	At      Millis
}

// State is what changes about a message while it is in its queue. A message without one was never received
// and is not delayed. It repeats what the machine needs of the message, so that a restart need not read bodies.
type State struct {
	Visible  Millis // in flight or delayed until then
	Received Millis // start of the present receive; zero: none
	First    Millis // first receive; zero: none
	Receives uint32
	Epoch    uint32 // of the newest receipt
	Sent     Millis
	Size     uint32
	Late     uint32 // milliseconds from Sent to the moment since when it waited for its first receive
	Delayed  bool   // hidden by a delay, not by a receive
	GroupID  string
	Adopted  bool // came by a dead-letter move with an earlier Sent
}

// Mark is what a queue remembers about its messages as a whole. One is written with every batch that touches
// the queue.
type Mark struct {
	Next  Seq    // the next sequence number
	Low   Seq    // every message without a State has a higher sequence number
	Live  int64  // messages
	Bytes int64  // sum of their sizes
	Now   Millis // the clock when it was written
}

// RememberedSend is an accepted FIFO send that later ones with the same deduplication id repeat.
type RememberedSend struct {
	Key  [16]byte // of scope and id
	ID   MessageID
	Seq  Seq
	Sent Millis
}

// Task is a move task as it is kept.
type Task struct {
	ID     string // UUID text
	Source ID
	UpTo   Seq // what the task set out to move: messages up to this one
	MoveTask
	By *Setter `json:",omitempty"` // who started it; nil: a version before 0.2 started it
}
