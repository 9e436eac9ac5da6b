package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// errUnknownAttribute is what QueueAttribute returns for a name that it does not know.
var errUnknownAttribute = errors.New("unknown queue attribute")

// attribute is a queue attribute as people write it.
type attribute struct {
	name   string // in configuration files
	api    string // in the SQS API
	value  func(string) (string, error)
	usage  string   // what it is, its limits and default
	values []string // what it can be, where that is a few words
}

// The values of attributes that are words.
var (
	booleans = []string{"true", "false"}
	scopes   = []string{"queue", "messageGroup"}
	limits   = []string{"perQueue", "perMessageGroupId"}
)

var attributes = []attribute{
	{"visibility_timeout", "VisibilityTimeout", seconds, "how long a received message stays hidden: 0s to 12h (30s)", nil},
	{"delay", "DelaySeconds", seconds, "how long a new message stays hidden: 0s to 15m (0s)", nil},
	{"retention", "MessageRetentionPeriod", seconds, "how long a message is kept at most: 1m to 14d (4d)", nil},
	{"wait", "ReceiveMessageWaitTimeSeconds", seconds, "how long a receive waits for a message: 0s to 20s (0s)", nil},
	{"max_message_size", "MaximumMessageSize", bytes, "the largest message with its attributes: 1KiB to 1MiB (1MiB)", nil},
	{"policy", "Policy", asGiven, "who else may use the queue: a policy in JSON", nil},
	{"redrive_policy", "RedrivePolicy", asGiven, "where messages go that fail too often, in JSON; simpler: --dead-letter", nil},
	{"redrive_allow_policy", "RedriveAllowPolicy", asGiven, "which queues may send their dead letters here, in JSON", nil},
	{"content_based_deduplication", "ContentBasedDeduplication", boolean, "FIFO: equal bodies within 5 minutes are one message", booleans},
	{"deduplication_scope", "DeduplicationScope", asGiven, "FIFO: deduplication ids count in the queue or in each group", scopes},
	{"fifo_throughput_limit", "FifoThroughputLimit", asGiven, "FIFO: throughput is limited in the queue or in each group", limits},
	{"kms_master_key_id", "KmsMasterKeyId", asGiven, "kept for clients that set it; has no effect", nil},
	{"kms_data_key_reuse_period", "KmsDataKeyReusePeriodSeconds", seconds, "kept for clients that set it; has no effect: 1m to 1d", nil},
	{"managed_sse", "SqsManagedSseEnabled", boolean, "kept for clients that set it; has no effect", booleans},
	{"fifo", "FifoQueue", boolean, "a FIFO queue; at creation, and implied by a name with .fifo", booleans},
}

// AttributeHelp is what can be said of a queue attribute to the person who sets it.
type AttributeHelp struct {
	Name   string   // as in configuration files
	API    string   // as in the SQS API
	Usage  string   // what it is, its limits, and the default in brackets
	Values []string // what it can be, where that is a few words; nil otherwise
}

// QueueAttributes lists the attributes that [QueueAttribute] knows. The caller must not change Values.
func QueueAttributes() []AttributeHelp {
	all := make([]AttributeHelp, 0, len(attributes))
	for _, a := range attributes {
		all = append(all, AttributeHelp{a.name, a.api, a.usage, a.values})
	}
	return all
}

// QueueAttribute turns a queue attribute as people write it (visibility_timeout = 45s) into the name and text
// of the SQS API (VisibilityTimeout, 45). Names of the API are accepted too. Whether the value is within the
// limits is for the server to say.
func QueueAttribute(name, text string) (api, value string, err error) {
	for _, a := range attributes {
		if name == a.name || name == a.api {
			value, err := a.value(text)
			if err != nil {
				return "", "", fmt.Errorf("%s: %w", name, err)
			}
			return a.api, value, nil
		}
	}
	if best := Nearest(name, attributeNames()); best != "" {
		return "", "", fmt.Errorf("%w %q. Did you mean %q?", errUnknownAttribute, name, best)
	}
	return "", "", fmt.Errorf("%w %q; known are %s", errUnknownAttribute, name, strings.Join(attributeNames(), ", "))
}

func attributeNames() []string {
	names := make([]string, 0, len(attributes))
	for _, a := range attributes {
		names = append(names, a.name)
	}
	return names
}

// seconds reads 45, 45s, 10m, 12h or 4d as whole seconds.
func seconds(text string) (string, error) {
	d, err := Duration(text)
	if err != nil {
		return "", err
	}
	if d%time.Second != 0 {
		return "", fmt.Errorf("%s is not a whole number of seconds", text)
	}
	return strconv.FormatInt(int64(d/time.Second), 10), nil
}

// Duration reads a time such as 20s, 1m30s, 12h or 4d; a bare number counts seconds.
func Duration(text string) (time.Duration, error) {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no time; write it like 30s, 10m, 12h or 4d", text)
	}
	return d, nil
}

func bytes(text string) (string, error) {
	n, err := Size(text)
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(n, 10), nil
}

func boolean(text string) (string, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on":
		return "true", nil
	case "false", "no", "off":
		return "false", nil
	}
	return "", fmt.Errorf("%q is neither true nor false", text)
}

func asGiven(text string) (string, error) { return text, nil }
