package queue

// Config is what a queue is set up to be: everything about it but its messages.
type Config struct {
	Name       string
	Created    Millis
	Modified   Millis // LastModifiedTimestamp
	Purged     Millis // last PurgeQueue; zero: never
	Attributes Attributes
	RedriveBy  *Setter `json:",omitempty"` // who set the RedrivePolicy; nil: none is set, or a version before 0.2 set it
	Tags       map[string]string
}
