package queue

// Config is what a queue is set up to be: everything about it but its messages.
type Config struct {
	Name       string
	Created    Millis
	Modified   Millis // LastModifiedTimestamp
	Purged     Millis // last PurgeQueue; zero: never
	Attributes Attributes
	Tags       map[string]string
}
