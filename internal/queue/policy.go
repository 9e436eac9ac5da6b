package queue

// Policy is a parsed SQS access policy. It is immutable.
type Policy struct{}
