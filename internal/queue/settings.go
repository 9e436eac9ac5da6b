package queue

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// setting is a settable attribute: how its text is read, and how it is written.
type setting struct {
	name  string
	fifo  bool                                   // of FIFO queues only
	parse func(a *Attributes, text string) error // sets the value, or says what is wrong with text
	text  func(a *Attributes) string             // the normal form; empty: no value
}

// settings are all settable attributes, sorted by name.
var settings = [...]setting{
	flag("ContentBasedDeduplication", func(a *Attributes) *bool { return &a.ContentDedup }).onFIFO(),
	choice("DeduplicationScope", "queue", "messageGroup", func(a *Attributes) *bool { return &a.DedupByGroup }).onFIFO(),
	seconds("DelaySeconds", 0, DelayMax, func(a *Attributes) *time.Duration { return &a.Delay }),
	{name: "FifoQueue", fifo: true, parse: parseFIFO, text: func(*Attributes) string { return "true" }},
	choice("FifoThroughputLimit", "perQueue", "perMessageGroupId", func(a *Attributes) *bool { return &a.LimitPerGroup }).onFIFO(),
	seconds("KmsDataKeyReusePeriodSeconds", time.Minute, 24*time.Hour, func(a *Attributes) *time.Duration { return &a.KMSReuse }),
	{name: "KmsMasterKeyId", parse: parseKMSKey, text: func(a *Attributes) string { return a.KMSKey }},
	{name: "MaximumMessageSize", parse: parseMaxBytes, text: func(a *Attributes) string { return strconv.Itoa(a.MaxBytes) }},
	seconds("MessageRetentionPeriod", RetentionMin, RetentionMax, func(a *Attributes) *time.Duration { return &a.Retention }),
	{name: "Policy", parse: parsePolicy, text: func(a *Attributes) string { return a.Policy }},
	seconds("ReceiveMessageWaitTimeSeconds", 0, WaitMax, func(a *Attributes) *time.Duration { return &a.Wait }),
	{name: "RedriveAllowPolicy", parse: parseRedriveFrom, text: func(a *Attributes) string { return a.RedriveFrom.String() }},
	{name: "RedrivePolicy", parse: parseRedrive, text: func(a *Attributes) string { return a.Redrive.String() }},
	flag("SqsManagedSseEnabled", func(a *Attributes) *bool { return &a.ManagedSSE }),
	seconds("VisibilityTimeout", 0, VisibilityMax, func(a *Attributes) *time.Duration { return &a.Visibility }),
}

// findSetting returns the setting called name, nil if there is none.
func findSetting(name string) *setting {
	i, ok := slices.BinarySearchFunc(settings[:], name, func(s setting, name string) int { return strings.Compare(s.name, name) })
	if !ok {
		return nil
	}
	return &settings[i]
}

// onFIFO returns s as a setting of FIFO queues only.
func (s setting) onFIFO() setting {
	s.fifo = true
	return s
}

// seconds is a setting of a time in whole seconds from min to max.
func seconds(name string, min, max time.Duration, field func(*Attributes) *time.Duration) setting {
	return setting{
		name: name,
		parse: func(a *Attributes, text string) error {
			n, err := parseNumber(name, text, int64(min/time.Second), int64(max/time.Second))
			if err == nil {
				*field(a) = time.Duration(n) * time.Second
			}
			return err
		},
		text: func(a *Attributes) string { return strconv.FormatInt(int64(*field(a)/time.Second), 10) },
	}
}

// flag is a setting that is true or false, in any case.
func flag(name string, field func(*Attributes) *bool) setting {
	return setting{
		name: name,
		parse: func(a *Attributes, text string) error {
			on := strings.EqualFold(text, "true")
			if !on && !strings.EqualFold(text, "false") {
				return badAttribute(name)
			}
			*field(a) = on
			return nil
		},
		text: func(a *Attributes) string { return strconv.FormatBool(*field(a)) },
	}
}

// choice is a setting with two words: off, which is the default, and on.
func choice(name, off, on string, field func(*Attributes) *bool) setting {
	return setting{
		name: name,
		parse: func(a *Attributes, text string) error {
			if text != off && text != on {
				return badAttribute(name)
			}
			*field(a) = text == on
			return nil
		},
		text: func(a *Attributes) string {
			if *field(a) {
				return on
			}
			return off
		},
	}
}

// parseNumber reads plain decimal digits that make a number from min to max.
func parseNumber(name, text string, min, max int64) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 63) // unsigned: takes no sign
	if err != nil || int64(n) < min || int64(n) > max {
		return 0, badAttribute(name)
	}
	return int64(n), nil
}

func parseMaxBytes(a *Attributes, text string) error {
	n, err := parseNumber("MaximumMessageSize", text, MessageBytesMin, MessageBytesMax)
	if err == nil {
		a.MaxBytes = int(n)
	}
	return err
}

// parseFIFO takes the type that the queue has anyway; it cannot be changed.
func parseFIFO(_ *Attributes, text string) error {
	if strings.EqualFold(text, "true") {
		return nil
	}
	return Errorf(CodeInvalidAttributeValue,
		"Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.")
}

// kmsKeyLenMax bounds a KmsMasterKeyId, in bytes.
const kmsKeyLenMax = 2048

// parseKMSKey takes any printable text: there is no key service to ask.
func parseKMSKey(a *Attributes, text string) error {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return badAttribute("KmsMasterKeyId")
		}
	}
	if len(text) > kmsKeyLenMax {
		return badAttribute("KmsMasterKeyId")
	}
	a.KMSKey = text
	return nil
}

func parsePolicy(a *Attributes, text string) error {
	if text != "" {
		if _, err := ParsePolicy(text); err != nil {
			return err
		}
	}
	a.Policy = text
	return nil
}

func parseRedrive(a *Attributes, text string) error {
	policy, err := parseRedrivePolicy(text)
	if err == nil {
		a.Redrive = policy
	}
	return err
}

func parseRedriveFrom(a *Attributes, text string) error {
	policy, err := parseRedriveAllowPolicy(text)
	if err == nil {
		a.RedriveFrom = policy
	}
	return err
}
