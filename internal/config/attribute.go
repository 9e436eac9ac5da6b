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
	name  string // in configuration files
	api   string // in the SQS API
	value func(string) (string, error)
}

var attributes = []attribute{
	{"visibility_timeout", "VisibilityTimeout", seconds},
	{"delay", "DelaySeconds", seconds},
	{"retention", "MessageRetentionPeriod", seconds},
	{"wait", "ReceiveMessageWaitTimeSeconds", seconds},
	{"max_message_size", "MaximumMessageSize", bytes},
	{"policy", "Policy", asGiven},
	{"redrive_policy", "RedrivePolicy", asGiven},
	{"redrive_allow_policy", "RedriveAllowPolicy", asGiven},
	{"content_based_deduplication", "ContentBasedDeduplication", boolean},
	{"deduplication_scope", "DeduplicationScope", asGiven},
	{"fifo_throughput_limit", "FifoThroughputLimit", asGiven},
	{"kms_master_key_id", "KmsMasterKeyId", asGiven},
	{"kms_data_key_reuse_period", "KmsDataKeyReusePeriodSeconds", seconds},
	{"managed_sse", "SqsManagedSseEnabled", boolean},
	{"fifo", "FifoQueue", boolean},
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
