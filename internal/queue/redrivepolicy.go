package queue

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// RedrivePolicy sends messages that fail too often to a dead-letter queue.
type RedrivePolicy struct {
	TargetARN   string
	MaxReceives uint32 // 1 to MaxReceivesMax
}

// parseRedrivePolicy reads the attribute; an empty text is no policy. It does not look for the target.
func parseRedrivePolicy(text string) (*RedrivePolicy, error) {
	if text == "" {
		return nil, nil
	}
	fields, ok := parseObject(text)
	if !ok {
		return nil, Errorf(CodeInvalidAttributeValue,
			"Invalid value for the parameter RedrivePolicy. Reason: Redrive policy is not a valid JSON map.")
	}
	refuse := func(reason string) (*RedrivePolicy, error) {
		return nil, invalidValue(excerpt(text), "RedrivePolicy", reason)
	}
	for _, name := range [...]string{"maxReceiveCount", "deadLetterTargetArn"} {
		if _, ok := fields[name]; !ok {
			return refuse("Redrive policy does not contain mandatory attribute: " + name + ".")
		}
	}
	if len(fields) > 2 {
		return refuse("Only following attributes are supported: [maxReceiveCount, deadLetterTargetArn].")
	}
	count := scalarText(fields["maxReceiveCount"])
	n, err := strconv.ParseUint(count, 10, 32)
	if err != nil || n < 1 || n > MaxReceivesMax {
		return refuse(fmt.Sprintf("Invalid value for maxReceiveCount: %s, valid values are from 1 to %d both inclusive.",
			excerpt(count), MaxReceivesMax))
	}
	arn := scalarText(fields["deadLetterTargetArn"])
	_, service, region, account, _, ok := ParseARN(arn)
	if !ok || service == "sqs" && (region == "" || account == "") {
		return refuse("Dead-letter target ARN should be fully qualified ARN.")
	}
	if service != "sqs" {
		return refuse("Only SQS queues are valid resources for deadLetterTargetArn.")
	}
	return &RedrivePolicy{TargetARN: arn, MaxReceives: uint32(n)}, nil
}

// String returns the policy as compact JSON with the count as a number, "" for nil.
func (p *RedrivePolicy) String() string {
	if p == nil {
		return ""
	}
	return compactJSON(struct {
		TargetARN   string `json:"deadLetterTargetArn"`
		MaxReceives uint32 `json:"maxReceiveCount"`
	}{p.TargetARN, p.MaxReceives})
}

// The permissions of a RedriveAllowPolicy.
const (
	redriveAllowAll = "allowAll"
	redriveDenyAll  = "denyAll"
	redriveByQueue  = "byQueue"
)

// RedriveAllowPolicy says which queues may use this one as their dead-letter queue.
type RedriveAllowPolicy struct {
	Permission string   // allowAll, denyAll or byQueue
	SourceARNs []string // with byQueue only
}

// parseRedriveAllowPolicy reads the attribute; an empty text is no policy. The source queues need not exist.
func parseRedriveAllowPolicy(text string) (*RedriveAllowPolicy, error) {
	if text == "" {
		return nil, nil
	}
	refuse := func(reason string) (*RedriveAllowPolicy, error) {
		return nil, invalidValue(excerpt(text), "RedriveAllowPolicy", "Amazon SQS can't create the redrive allow policy"+reason)
	}
	const unsupported = ", as it’s in an unsupported format."
	fields, ok := parseObject(text)
	if !ok {
		return refuse(unsupported)
	}
	for name := range fields {
		if name != "redrivePermission" && name != "sourceQueueArns" {
			return refuse(unsupported)
		}
	}
	permission := scalarText(fields["redrivePermission"])
	if permission != redriveAllowAll && permission != redriveDenyAll && permission != redriveByQueue {
		return refuse(unsupported)
	}
	sources, ok := queueARNs(fields["sourceQueueArns"])
	switch {
	case !ok:
		return refuse(unsupported)
	case permission == redriveByQueue && len(sources) == 0:
		return refuse(". When you specify the byQueue permission type, you must also specify one or more sourceQueueArns values.")
	case permission != redriveByQueue && len(sources) > 0:
		return refuse(". To specify one or more source queue ARNs, you must set redrivePermission to byQueue.")
	case len(sources) > AllowSourcesMax:
		return refuse(fmt.Sprintf(". The maximum number of source queue ARNs you can specify is %d.", AllowSourcesMax))
	}
	return &RedriveAllowPolicy{Permission: permission, SourceARNs: sources}, nil
}

// String returns the policy as compact JSON, "" for nil.
func (p *RedriveAllowPolicy) String() string {
	if p == nil {
		return ""
	}
	return compactJSON(struct {
		Permission string   `json:"redrivePermission"`
		SourceARNs []string `json:"sourceQueueArns,omitempty"`
	}{p.Permission, p.SourceARNs})
}

// queueARNs reads a JSON list of queue ARNs; an absent one is empty.
func queueARNs(list json.RawMessage) (arns []string, ok bool) {
	if list == nil {
		return nil, true
	}
	if json.Unmarshal(list, &arns) != nil {
		return nil, false
	}
	for _, arn := range arns {
		if _, service, _, _, _, ok := ParseARN(arn); !ok || service != "sqs" {
			return nil, false
		}
	}
	if len(arns) == 0 {
		return nil, true
	}
	return arns, true
}

// parseObject reads a JSON object of moderate size. Its values stay JSON.
func parseObject(text string) (fields map[string]json.RawMessage, ok bool) {
	if len(text) > PolicyBytesMax || json.Unmarshal([]byte(text), &fields) != nil {
		return nil, false
	}
	return fields, fields != nil
}

// scalarText returns what a JSON string says, and any other value as it is written.
func scalarText(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) != nil {
		return string(value)
	}
	return text
}

// compactJSON returns a struct of texts and numbers as JSON, without the escapes that only web pages need.
func compactJSON(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // cannot fail for texts and numbers
	return strings.TrimSuffix(b.String(), "\n")
}
