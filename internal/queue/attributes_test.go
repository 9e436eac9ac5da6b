package queue

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	testDLQ     = `{"deadLetterTargetArn":"arn:aws:sqs:r:000000000000:dlq","maxReceiveCount":5}`
	testPolicy  = `{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]}`
	scopeText   = "You can specify the DeduplicationScope only when FifoQueue is set to true."
	limitText   = "You can specify the FifoThroughputLimit only when FifoQueue is set to true."
	pairText    = "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup."
	sseText     = "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE."
	changedText = "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."
)

// shown returns every settable attribute that a shows, by name.
func shown(a *Attributes) map[string]string {
	values := map[string]string{}
	for _, name := range a.Names() {
		values[name], _ = a.Render(name)
	}
	return values
}

func TestNewAttributes(t *testing.T) {
	standard := map[string]string{
		"VisibilityTimeout": "30", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600", "DelaySeconds": "0",
		"ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true",
	}
	fifo := maps.Clone(standard)
	maps.Copy(fifo, map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "false",
		"DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"})
	for isFIFO, want := range map[bool]map[string]string{false: standard, true: fifo} {
		a := NewAttributes(isFIFO)
		if got := shown(&a); !maps.Equal(got, want) {
			t.Errorf("fifo %v: got %v, want %v", isFIFO, got, want)
		}
		if !slices.IsSorted(a.Names()) {
			t.Errorf("fifo %v: %v is not sorted", isFIFO, a.Names())
		}
	}
}

func TestSettingsAreSorted(t *testing.T) {
	for _, s := range settings {
		if findSetting(s.name) == nil {
			t.Errorf("%s is not found: the table is not in order", s.name)
		}
	}
}

func TestNumbersHaveRanges(t *testing.T) {
	for name, limits := range map[string][2]int{
		"VisibilityTimeout": {0, 43200}, "MaximumMessageSize": {1024, 1048576}, "MessageRetentionPeriod": {60, 1209600},
		"DelaySeconds": {0, 900}, "ReceiveMessageWaitTimeSeconds": {0, 20}, "KmsDataKeyReusePeriodSeconds": {60, 86400},
	} {
		for _, n := range limits {
			a := NewAttributes(false)
			a.KMSKey = "key"
			if err := a.Apply(map[string]string{name: fmt.Sprint(n)}, false); err != nil {
				t.Errorf("%s %d: got error %v, want none", name, n, err)
			}
			if got, _ := a.Render(name); got != fmt.Sprint(n) {
				t.Errorf("%s: got %s, want %d", name, got, n)
			}
		}
		wrong := []string{fmt.Sprint(limits[0] - 1), fmt.Sprint(limits[1] + 1), "", "abc", "60.0", "+60", "-60", " 60", "60 ", "6e1", "0x40",
			"6_0", "６０", "99999999999999999999999999", "9223372036854775808"}
		for _, value := range wrong {
			a := NewAttributes(false)
			err := a.Apply(map[string]string{name: value}, false)
			checkRefusal(t, name+"="+value, err, CodeInvalidAttributeValue, "Invalid value for the parameter "+name+".")
		}
	}
}

func TestApply(t *testing.T) {
	tests := []struct {
		name   string
		fifo   bool
		values map[string]string
		code   Code
		text   string
	}{
		{"no attributes are a missing parameter", false, nil, CodeMissingParameter, "The request must contain the parameter Attribute.Name."},
		{"an unknown name", false, map[string]string{"Colour": "red"}, CodeInvalidAttributeName, "Unknown Attribute Colour."},
		{"names have one case only", false, map[string]string{"delayseconds": "1"}, CodeInvalidAttributeName, "Unknown Attribute delayseconds."},
		{"All is no attribute", false, map[string]string{"All": "1"}, CodeInvalidAttributeName, "Unknown Attribute All."},
		{"QueueArn is read-only", false, map[string]string{"QueueArn": "x"}, CodeInvalidAttributeName, "Unknown Attribute QueueArn."},
		{"counts are read-only", false, map[string]string{"ApproximateNumberOfMessages": "0"},
			CodeInvalidAttributeName, "Unknown Attribute ApproximateNumberOfMessages."},
		{"names are checked before values", false, map[string]string{"DelaySeconds": "x", "Zebra": "1"}, CodeInvalidAttributeName, "Unknown Attribute Zebra."},
		{"the first wrong value is told", false, map[string]string{"VisibilityTimeout": "x", "DelaySeconds": "x"},
			CodeInvalidAttributeValue, "parameter DelaySeconds."},

		{"FifoQueue is unknown to a standard queue", false, map[string]string{"FifoQueue": "true"}, CodeInvalidAttributeName, "Unknown Attribute FifoQueue."},
		{"FifoQueue false too", false, map[string]string{"FifoQueue": "false"}, CodeInvalidAttributeName, "Unknown Attribute FifoQueue."},
		{"content deduplication is unknown to a standard queue", false, map[string]string{"ContentBasedDeduplication": "false"},
			CodeInvalidAttributeName, "Unknown Attribute ContentBasedDeduplication."},
		{"the scope needs a FIFO queue", false, map[string]string{"DeduplicationScope": "queue"}, CodeInvalidAttributeName, scopeText},
		{"the throughput limit needs a FIFO queue", false, map[string]string{"FifoThroughputLimit": "perQueue"}, CodeInvalidAttributeName, limitText},
		{"FifoQueue true again changes nothing", true, map[string]string{"FifoQueue": "TRUE"}, 0, ""},
		{"a FIFO queue stays one", true, map[string]string{"FifoQueue": "false"}, CodeInvalidAttributeValue, changedText},
		{"a limit per group needs the scope", true, map[string]string{"FifoThroughputLimit": "perMessageGroupId"}, CodeInvalidAttributeValue, pairText},
		{"a limit per group contradicts the scope", true,
			map[string]string{"FifoThroughputLimit": "perMessageGroupId", "DeduplicationScope": "queue"}, CodeInvalidAttributeValue, pairText},
		{"both together are high throughput", true,
			map[string]string{"FifoThroughputLimit": "perMessageGroupId", "DeduplicationScope": "messageGroup"}, 0, ""},
		{"the scope has two words", true, map[string]string{"DeduplicationScope": "messagegroup"}, CodeInvalidAttributeValue, "parameter DeduplicationScope."},
		{"a flag is true or false", true, map[string]string{"ContentBasedDeduplication": "yes"},
			CodeInvalidAttributeValue, "parameter ContentBasedDeduplication."},
		{"a flag is not empty", false, map[string]string{"SqsManagedSseEnabled": ""}, CodeInvalidAttributeValue, "parameter SqsManagedSseEnabled."},

		{"two ways of encryption", false, map[string]string{"KmsMasterKeyId": "k", "SqsManagedSseEnabled": "true"}, CodeInvalidAttributeName, sseText},
		{"a key and no SSE of the queue's own", false, map[string]string{"KmsMasterKeyId": "alias/aws/sqs", "SqsManagedSseEnabled": "false"}, 0, ""},
		{"a key with control characters", false, map[string]string{"KmsMasterKeyId": "a\nb"}, CodeInvalidAttributeValue, "parameter KmsMasterKeyId."},
		{"a very long key", false, map[string]string{"KmsMasterKeyId": strings.Repeat("k", 2049)}, CodeInvalidAttributeValue, "parameter KmsMasterKeyId."},

		{"a policy", false, map[string]string{"Policy": testPolicy}, 0, ""},
		{"a policy that is not JSON", false, map[string]string{"Policy": "{"}, CodeInvalidAttributeValue, "Invalid value for the parameter Policy."},
		{"a policy that is not text", false, map[string]string{"Policy": `{"Id":"` + "\xff" + `"}`},
			CodeInvalidAttributeValue, "Invalid value for the parameter Policy."},
		{"a policy of 8,193 bytes", false, map[string]string{"Policy": testPolicy + strings.Repeat(" ", 8193-len(testPolicy))},
			CodeInvalidAttributeValue, "Invalid value for the parameter Policy."},
		{"a policy of 8,192 bytes", false, map[string]string{"Policy": testPolicy + strings.Repeat(" ", 8192-len(testPolicy))}, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := NewAttributes(tt.fifo)
			before := a
			checkRefusal(t, tt.values, a.Apply(tt.values, false), tt.code, tt.text)
			if tt.text != "" && a != before {
				t.Errorf("%v: a refused change left %+v", tt.values, a)
			}
		})
	}
}

func TestApplyIsAllOrNothing(t *testing.T) {
	a := NewAttributes(false)
	err := a.Apply(map[string]string{"DelaySeconds": "7", "RedrivePolicy": testDLQ, "VisibilityTimeout": "43201"}, false)
	checkRefusal(t, "one wrong of three", err, CodeInvalidAttributeValue, "VisibilityTimeout")
	if a != NewAttributes(false) {
		t.Errorf("a refused change left %+v", a)
	}
}

func TestApplyTakesNoneAtCreation(t *testing.T) {
	a := NewAttributes(true)
	checkRefusal(t, "none", a.Apply(nil, true), 0, "")
	checkRefusal(t, "FifoQueue", a.Apply(map[string]string{"FifoQueue": "True", "ContentBasedDeduplication": "TRUE"}, true), 0, "")
	if got, _ := a.Render("ContentBasedDeduplication"); got != "true" {
		t.Errorf("got %q, want true in lower case", got)
	}
}

// Each step is one SetQueueAttributes; want is what is shown after it, "-" for not shown.
func TestAttributesDependOnEachOther(t *testing.T) {
	type step struct{ set, want map[string]string }
	tests := []struct {
		name  string
		fifo  bool
		steps []step
	}{
		{"a key turns managed encryption off, and it stays off", false, []step{
			{map[string]string{"KmsMasterKeyId": "k"}, map[string]string{"SqsManagedSseEnabled": "false", "KmsMasterKeyId": "k", "KmsDataKeyReusePeriodSeconds": "300"}},
			{map[string]string{"KmsMasterKeyId": ""}, map[string]string{"SqsManagedSseEnabled": "false", "KmsMasterKeyId": "-", "KmsDataKeyReusePeriodSeconds": "-"}},
		}},
		{"managed encryption drops the key and its period", false, []step{
			{map[string]string{"KmsMasterKeyId": "k", "KmsDataKeyReusePeriodSeconds": "60"}, map[string]string{"KmsDataKeyReusePeriodSeconds": "60"}},
			{map[string]string{"SqsManagedSseEnabled": "True"}, map[string]string{"SqsManagedSseEnabled": "true", "KmsMasterKeyId": "-", "KmsDataKeyReusePeriodSeconds": "-"}},
			{map[string]string{"KmsMasterKeyId": "k"}, map[string]string{"KmsDataKeyReusePeriodSeconds": "300"}},
		}},
		{"a period without a key waits for one", false, []step{
			{map[string]string{"KmsDataKeyReusePeriodSeconds": "90"}, map[string]string{"KmsDataKeyReusePeriodSeconds": "-"}},
			{map[string]string{"KmsMasterKeyId": "k"}, map[string]string{"KmsDataKeyReusePeriodSeconds": "90"}},
		}},
		{"an empty text removes policies", false, []step{
			{map[string]string{"Policy": testPolicy, "RedrivePolicy": testDLQ, "RedriveAllowPolicy": `{"redrivePermission":"denyAll"}`},
				map[string]string{"Policy": testPolicy, "RedrivePolicy": testDLQ, "RedriveAllowPolicy": `{"redrivePermission":"denyAll"}`}},
			{map[string]string{"Policy": "", "RedrivePolicy": "", "RedriveAllowPolicy": ""},
				map[string]string{"Policy": "-", "RedrivePolicy": "-", "RedriveAllowPolicy": "-"}},
		}},
		{"the throughput pair can be set one by one", true, []step{
			{map[string]string{"DeduplicationScope": "messageGroup"}, map[string]string{"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perQueue"}},
			{map[string]string{"FifoThroughputLimit": "perMessageGroupId"}, map[string]string{"FifoThroughputLimit": "perMessageGroupId"}},
			{map[string]string{"FifoThroughputLimit": "perQueue", "DeduplicationScope": "queue"}, map[string]string{"DeduplicationScope": "queue"}},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := NewAttributes(tt.fifo)
			for _, s := range tt.steps {
				checkRefusal(t, s.set, a.Apply(s.set, false), 0, "")
				for name, want := range s.want {
					got, ok := a.Render(name)
					if !ok {
						got = "-"
					}
					if got != want {
						t.Errorf("after %v: %s is %q, want %q", s.set, name, got, want)
					}
				}
			}
		})
	}
}

func TestScopeCannotBeTakenFromTheLimit(t *testing.T) {
	a := NewAttributes(true)
	a.DedupByGroup, a.LimitPerGroup = true, true
	checkRefusal(t, "scope alone", a.Apply(map[string]string{"DeduplicationScope": "queue"}, false), CodeInvalidAttributeValue, pairText)
}

func TestKnownAttribute(t *testing.T) {
	known := []string{"All", "QueueArn", "CreatedTimestamp", "LastModifiedTimestamp", "ApproximateNumberOfMessages",
		"ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed", "Policy", "FifoQueue", "RedriveAllowPolicy"}
	for _, name := range known {
		if !KnownAttribute(name) {
			t.Errorf("%s is not known", name)
		}
	}
	for _, name := range []string{"", "all", "Colour", "policy"} {
		if KnownAttribute(name) {
			t.Errorf("%q is known", name)
		}
	}
}

func TestRenderOfUnknownAndForeignNames(t *testing.T) {
	a := NewAttributes(false)
	for _, name := range []string{"", "Colour", "QueueArn", "FifoQueue", "ContentBasedDeduplication", "Policy"} {
		if value, ok := a.Render(name); ok || value != "" {
			t.Errorf("%q: got %q %v, want nothing", name, value, ok)
		}
	}
}

func TestDiffering(t *testing.T) {
	present := NewAttributes(false)
	set := map[string]string{"DelaySeconds": "5", "RedrivePolicy": testDLQ, "KmsMasterKeyId": "k", "Policy": testPolicy}
	checkRefusal(t, set, present.Apply(set, true), 0, "")
	fifo := NewAttributes(true)
	tests := []struct {
		name   string
		queue  *Attributes
		values map[string]string
		want   string
		code   Code
		text   string
	}{
		{"nothing supplied agrees", &present, nil, "", 0, ""},
		{"equal values agree", &present, set, "", 0, ""},
		{"a default agrees", &present, map[string]string{"VisibilityTimeout": "030"}, "", 0, ""},
		{"another number differs", &present, map[string]string{"DelaySeconds": "6"}, "DelaySeconds", 0, ""},
		{"the default of a changed one differs", &present, map[string]string{"DelaySeconds": "0"}, "DelaySeconds", 0, ""},
		{"the first in sorted order is named", &present, map[string]string{"VisibilityTimeout": "1", "DelaySeconds": "1"}, "DelaySeconds", 0, ""},
		{"policies are compared by meaning", &present, map[string]string{
			"RedrivePolicy": `{ "maxReceiveCount": "5", "deadLetterTargetArn": "arn:aws:sqs:r:000000000000:dlq" }`}, "", 0, ""},
		{"another count differs", &present, map[string]string{"RedrivePolicy": strings.Replace(testDLQ, "5", "6", 1)}, "RedrivePolicy", 0, ""},
		{"no policy differs", &present, map[string]string{"RedrivePolicy": ""}, "RedrivePolicy", 0, ""},
		{"managed encryption differs", &present, map[string]string{"SqsManagedSseEnabled": "true"}, "SqsManagedSseEnabled", 0, ""},
		{"a wrong value is an error", &present, map[string]string{"DelaySeconds": "901"}, "", CodeInvalidAttributeValue, "parameter DelaySeconds."},
		{"an unknown name is an error", &present, map[string]string{"Colour": "1"}, "", CodeInvalidAttributeName, "Unknown Attribute Colour."},
		{"FifoQueue agrees", &fifo, map[string]string{"FifoQueue": "true"}, "", 0, ""},
		{"content deduplication differs", &fifo, map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"}, "ContentBasedDeduplication", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := *tt.queue
			got, err := tt.queue.Differing(tt.values)
			checkRefusal(t, tt.values, err, tt.code, tt.text)
			if got != tt.want {
				t.Errorf("%v: got %q, want %q", tt.values, got, tt.want)
			}
			if *tt.queue != before {
				t.Errorf("%v: the queue was changed", tt.values)
			}
		})
	}
}

func TestAttributesSurviveJSON(t *testing.T) {
	full := Attributes{
		Visibility: time.Second, MaxBytes: 2048, Retention: time.Hour, Delay: time.Minute, Wait: 20 * time.Second,
		Policy:      "{\"Id\":\"<a&b> \u2028 \u00e9 \\u0000\"}\n\t",
		Redrive:     &RedrivePolicy{TargetARN: "arn:aws:sqs:r:000000000000:dlq", MaxReceives: 1000},
		RedriveFrom: &RedriveAllowPolicy{Permission: "byQueue", SourceARNs: []string{"arn:aws:sqs:r:1:a", "arn:aws:sqs:r:1:b"}},
		KMSKey:      "alias/<key>", KMSReuse: time.Minute, ManagedSSE: true,
		FIFO: true, ContentDedup: true, DedupByGroup: true, LimitPerGroup: true,
	}
	fields := reflect.ValueOf(full)
	for i := range fields.NumField() {
		if fields.Field(i).IsZero() {
			t.Errorf("%s is zero, so its round trip is not tested", fields.Type().Field(i).Name)
		}
	}
	for _, want := range []Attributes{full, NewAttributes(false), NewAttributes(true), {RedriveFrom: &RedriveAllowPolicy{Permission: "denyAll"}}} {
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Attributes
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}
