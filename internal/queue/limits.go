package queue

import "time"

// Limits of the SQS contract. They are what clients were written against, so they are constants.
const (
	NameLenMax        = 80      // characters of a queue name, ".fifo" included
	BatchEntriesMax   = 10      // entries of a batch request
	BatchBytesMax     = 1 << 20 // bytes of all entries of a batch together
	EntryIDLenMax     = 80      // characters of a batch entry id
	MessageBytesMin   = 1 << 10 // lowest MaximumMessageSize
	MessageBytesMax   = 1 << 20 // highest, and default, MaximumMessageSize
	AttributesMax     = 10      // message attributes of a message
	AttributeNameMax  = 256     // bytes of a message attribute's name, and of its type
	IDLenMax          = 128     // characters of a group, deduplication or receive attempt id
	TraceHeaderMax    = 2048    // bytes of an AWSTraceHeader
	ReceiveMax        = 10      // messages of one receive
	InFlightMax       = 120_000 // received and not deleted messages of a queue
	MaxReceivesMax    = 1000    // highest maxReceiveCount
	TagsMax           = 50      // tags of a queue
	TagKeyLenMax      = 128     // characters of a tag's key
	TagValueLenMax    = 256     // characters of a tag's value
	PolicyBytesMax    = 8192    // bytes of a Policy
	StatementsMax     = 20      // statements of a Policy
	PrincipalsMax     = 50      // principals of a Policy
	ConditionsMax     = 10      // conditions of a Policy
	StatementActsMax  = 7       // actions of one statement
	ListMax           = 1000    // queue URLs of one page
	MoveRateMax       = 500     // messages a second of a move task
	MoveTasksMax      = 100     // active move tasks of an account
	AllowSourcesMax   = 10      // source queues of a RedriveAllowPolicy
	ReceiptLenMax     = 1024    // characters of a receipt handle
	MoveTasksListMax  = 10      // move tasks of one ListMessageMoveTasks
	MoveTasksKeptMax  = 10      // ended move tasks remembered for a source
	QueuesMax         = 100_000 // queues of one server; CreateQueue beyond answers OverLimit
	RememberedSendMax = 4 << 20 // deduplication ids remembered for a queue; sends beyond answer RequestThrottled
)

// Times of the SQS contract.
const (
	VisibilityMax    = 12 * time.Hour
	ReceiptMax       = 12 * time.Hour // how long a receipt handle of a standard queue is good, from its receive
	DelayMax         = 15 * time.Minute
	WaitMax          = 20 * time.Second
	RetentionMin     = time.Minute
	RetentionMax     = 14 * 24 * time.Hour
	RetentionDefault = 4 * 24 * time.Hour
	DedupWindow      = 5 * time.Minute  // from the first accepted send of an id
	AttemptWindow    = 5 * time.Minute  // how long a ReceiveRequestAttemptId is remembered
	CoolDown         = 60 * time.Second // between DeleteQueue and CreateQueue of a name, and between two purges
	MoveTaskMax      = 36 * time.Hour   // longest life of a move task
)
