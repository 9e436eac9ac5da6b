package queue

import "time"

// Attributes are a queue's settable attributes, parsed. The zero value is not useful; see [NewAttributes].
type Attributes struct {
	Visibility  time.Duration // VisibilityTimeout
	MaxBytes    int           // MaximumMessageSize
	Retention   time.Duration // MessageRetentionPeriod
	Delay       time.Duration // DelaySeconds
	Wait        time.Duration // ReceiveMessageWaitTimeSeconds
	Policy      string        // as given; empty: none
	Redrive     *RedrivePolicy
	RedriveFrom *RedriveAllowPolicy
	KMSKey      string        // KmsMasterKeyId; empty: none
	KMSReuse    time.Duration // KmsDataKeyReusePeriodSeconds
	ManagedSSE  bool          // SqsManagedSseEnabled

	FIFO          bool
	ContentDedup  bool // ContentBasedDeduplication
	DedupByGroup  bool // DeduplicationScope is messageGroup
	LimitPerGroup bool // FifoThroughputLimit is perMessageGroupId
}

// RedrivePolicy sends messages that fail too often to a dead-letter queue.
type RedrivePolicy struct {
	TargetARN   string
	MaxReceives uint32 // 1 to MaxReceivesMax
}

// RedriveAllowPolicy says which queues may use this one as their dead-letter queue.
type RedriveAllowPolicy struct {
	Permission string   // allowAll, denyAll or byQueue
	SourceARNs []string // with byQueue only
}
