package queue

import (
	"maps"
	"slices"
	"time"
)

// Attributes are a queue's settable attributes, parsed. The zero value is not useful; see [NewAttributes].
//
// What the pointers lead to is never changed, so a copy of Attributes is independent of the original.
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

// kmsReuseDefault is KmsDataKeyReusePeriodSeconds as long as nobody sets it.
const kmsReuseDefault = 5 * time.Minute

// NewAttributes returns the attributes of a queue for which none were given.
func NewAttributes(fifo bool) Attributes {
	return Attributes{
		Visibility: 30 * time.Second,
		MaxBytes:   MessageBytesMax,
		Retention:  RetentionDefault,
		KMSReuse:   kmsReuseDefault,
		ManagedSSE: true,
		FIFO:       fifo,
	}
}

// KnownAttribute says whether GetQueueAttributes takes name, whichever type the queue has.
func KnownAttribute(name string) bool {
	return name == "All" || findSetting(name) != nil || slices.Contains(readOnlyAttributes[:], name) || extraAttributes[name] != nil
}

// Apply sets attributes from their texts: all of them, or none when it returns an error. Which error does not
// depend on the order of the map. creating is whether the texts come from CreateQueue, which may have none.
//
// Whether the target of a RedrivePolicy exists and agrees is for the caller to find out.
func (a *Attributes) Apply(values map[string]string, creating bool) error {
	if len(values) == 0 && !creating {
		return MissingParameter("Attribute.Name")
	}
	names := slices.Sorted(maps.Keys(values))
	for _, name := range names {
		if err := a.checkAttributeName(name); err != nil {
			return err
		}
	}
	next := *a
	for _, name := range names {
		if err := findSetting(name).parse(&next, values[name]); err != nil {
			return err
		}
	}
	if err := next.link(values); err != nil {
		return err
	}
	*a = next
	return nil
}

// checkAttributeName says that a queue of this type cannot have the attribute called name, or nil.
func (a *Attributes) checkAttributeName(name string) error {
	s := findSetting(name)
	switch {
	case s == nil:
		return unknownAttribute(name)
	case a.FIFO || !s.fifo:
		return nil
	case name == "DeduplicationScope" || name == "FifoThroughputLimit":
		return Errorf(CodeInvalidAttributeName, "You can specify the %s only when FifoQueue is set to true.", name)
	default:
		return unknownAttribute(name)
	}
}

// link settles what attributes mean to each other, after those in values have been set.
func (a *Attributes) link(values map[string]string) error {
	if a.LimitPerGroup && !a.DedupByGroup {
		return Errorf(CodeInvalidAttributeValue,
			"The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.")
	}
	_, asksSSE := values["SqsManagedSseEnabled"]
	asksSSE = asksSSE && a.ManagedSSE
	switch asksKMS := values["KmsMasterKeyId"] != ""; {
	case asksKMS && asksSSE:
		return Errorf(CodeInvalidAttributeName, "You can use one type of server-side encryption (SSE) at one time. "+
			"You can either enable KMS SSE or SQS SSE.")
	case asksKMS:
		a.ManagedSSE = false
	case asksSSE:
		a.KMSKey = ""
		if _, given := values["KmsDataKeyReusePeriodSeconds"]; !given {
			a.KMSReuse = kmsReuseDefault
		}
	}
	return nil
}

// Render returns the text of a settable attribute; ok is false when the queue does not show it: it has no
// value, or does not apply to a queue of this type.
func (a *Attributes) Render(name string) (value string, ok bool) {
	s := findSetting(name)
	if s == nil || s.fifo && !a.FIFO || name == "KmsDataKeyReusePeriodSeconds" && a.KMSKey == "" {
		return "", false
	}
	value = s.text(a)
	return value, value != ""
}

// Names returns the settable attributes that the queue shows when all are asked for, sorted.
func (a *Attributes) Names() []string {
	names := make([]string, 0, len(settings))
	for i := range settings {
		if _, ok := a.Render(settings[i].name); ok {
			names = append(names, settings[i].name)
		}
	}
	return names
}

// Differing compares the texts of a CreateQueue with the queue that is there: it returns the first name, in
// sorted order, whose value is another one, and "" when all agree. Texts that could not make a queue of this
// type are an error.
func (a *Attributes) Differing(values map[string]string) (name string, err error) {
	asked := NewAttributes(a.FIFO)
	if err := asked.Apply(values, true); err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if s := findSetting(name); s.text(a) != s.text(&asked) {
			return name, nil
		}
	}
	return "", nil
}

// unknownAttribute refuses an attribute name.
func unknownAttribute(name string) error {
	return Errorf(CodeInvalidAttributeName, "Unknown Attribute %s.", excerpt(name))
}

// badAttribute refuses an attribute's value.
func badAttribute(name string) error {
	return Errorf(CodeInvalidAttributeValue, "Invalid value for the parameter %s.", name)
}
