package queue

import (
	"reflect"
	"strings"
	"testing"
)

const testTarget = "arn:aws:sqs:eu-central-1:000000000000:dlq"

func TestRedrivePolicy(t *testing.T) {
	const target = `"deadLetterTargetArn":"` + testTarget + `"`
	want := `{` + target + `,"maxReceiveCount":5}`
	tests := []struct {
		name, in, want string
		code           Code
		text           string
	}{
		{"a number", `{` + target + `,"maxReceiveCount":5}`, want, 0, ""},
		{"a number as text", `{"maxReceiveCount":"5", ` + target + ` }`, want, 0, ""},
		{"nothing removes it", "", "", 0, ""},
		{"1 is the least", `{` + target + `,"maxReceiveCount":1}`, strings.Replace(want, "5", "1", 1), 0, ""},
		{"1000 is the most", `{` + target + `,"maxReceiveCount":1000}`, strings.Replace(want, "5", "1000", 1), 0, ""},
		{"characters that a web page would escape stay", `{"deadLetterTargetArn":"arn:aws:sqs:r:1:<&>","maxReceiveCount":1}`,
			`{"deadLetterTargetArn":"arn:aws:sqs:r:1:<&>","maxReceiveCount":1}`, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			policy, err := parseRedrivePolicy(tt.in)
			checkRefusal(t, tt.in, err, tt.code, tt.text)
			if got := policy.String(); got != tt.want {
				t.Errorf("%s: got %s, want %s", tt.in, got, tt.want)
			}
		})
	}
}

func TestRedrivePolicyRefusals(t *testing.T) {
	const target = `"deadLetterTargetArn":"` + testTarget + `"`
	const notJSON = "Invalid value for the parameter RedrivePolicy. Reason: Redrive policy is not a valid JSON map."
	count := func(n string) string {
		return "Invalid value for maxReceiveCount: " + n + ", valid values are from 1 to 1000 both inclusive."
	}
	tests := []struct{ name, in, reason string }{
		{"no JSON", `{`, ""},
		{"no object", `[]`, ""},
		{"null", `null`, ""},
		{"a text", `"x"`, ""},
		{"two objects", `{}{}`, ""},
		{"something behind it", `{}]`, ""},
		{"a very long text", `{"a":"` + strings.Repeat("x", 10_000) + `"}`, ""},
		{"no count", `{` + target + `}`, "Redrive policy does not contain mandatory attribute: maxReceiveCount."},
		{"no target", `{"maxReceiveCount":5}`, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."},
		{"names have one case only", `{` + target + `,"MaxReceiveCount":5}`, "Redrive policy does not contain mandatory attribute: maxReceiveCount."},
		{"another key", `{` + target + `,"maxReceiveCount":5,"x":1}`,
			"Only following attributes are supported: [maxReceiveCount, deadLetterTargetArn]."},
		{"count 0", `{` + target + `,"maxReceiveCount":0}`, count("0")},
		{"count 1001", `{` + target + `,"maxReceiveCount":"1001"}`, count("1001")},
		{"a negative count", `{` + target + `,"maxReceiveCount":-1}`, count("-1")},
		{"a fraction", `{` + target + `,"maxReceiveCount":1.5}`, count("1.5")},
		{"a huge count", `{` + target + `,"maxReceiveCount":18446744073709551617}`, count("18446744073709551617")},
		{"a count that is no number", `{` + target + `,"maxReceiveCount":[1]}`, count("[1]")},
		{"a name instead of an ARN", `{"deadLetterTargetArn":"dlq","maxReceiveCount":5}`, "Dead-letter target ARN should be fully qualified ARN."},
		{"a number instead of an ARN", `{"deadLetterTargetArn":7,"maxReceiveCount":5}`, "Dead-letter target ARN should be fully qualified ARN."},
		{"an ARN without account", `{"deadLetterTargetArn":"arn:aws:sqs:r::dlq","maxReceiveCount":5}`,
			"Dead-letter target ARN should be fully qualified ARN."},
		{"an ARN of a topic", `{"deadLetterTargetArn":"arn:aws:sns:r:1:dlq","maxReceiveCount":5}`,
			"Only SQS queues are valid resources for deadLetterTargetArn."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, text := CodeInvalidAttributeValue, notJSON
			if tt.reason != "" {
				code, text = CodeInvalidParameterValue, "Value "+tt.in+" for parameter RedrivePolicy is invalid. Reason: "+tt.reason
			}
			a := NewAttributes(false)
			checkRefusal(t, tt.in, a.Apply(map[string]string{"RedrivePolicy": tt.in}, false), code, text)
			if a.Redrive != nil {
				t.Errorf("%s: was set to %v", tt.in, a.Redrive)
			}
		})
	}
}

func TestRedriveAllowPolicy(t *testing.T) {
	const one = `"arn:aws:sqs:r:1:a"`
	const prefix = "for parameter RedriveAllowPolicy is invalid. Reason: Amazon SQS can't create the redrive allow policy"
	const unsupported = ", as it’s in an unsupported format."
	arns := func(n int) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	tests := []struct{ name, in, want, reason string }{
		{"everybody", `{ "redrivePermission": "allowAll" }`, `{"redrivePermission":"allowAll"}`, ""},
		{"nobody", `{"redrivePermission":"denyAll","sourceQueueArns":[]}`, `{"redrivePermission":"denyAll"}`, ""},
		{"one queue", `{"sourceQueueArns":[` + one + `], "redrivePermission":"byQueue"}`, `{"redrivePermission":"byQueue","sourceQueueArns":[` + one + `]}`, ""},
		{"ten queues", `{"redrivePermission":"byQueue","sourceQueueArns":[` + arns(10) + `]}`,
			`{"redrivePermission":"byQueue","sourceQueueArns":[` + arns(10) + `]}`, ""},
		{"nothing removes it", "", "", ""},
		{"eleven queues", `{"redrivePermission":"byQueue","sourceQueueArns":[` + arns(11) + `]}`, "",
			". The maximum number of source queue ARNs you can specify is 10."},
		{"byQueue without queues", `{"redrivePermission":"byQueue"}`, "",
			". When you specify the byQueue permission type, you must also specify one or more sourceQueueArns values."},
		{"byQueue with an empty list", `{"redrivePermission":"byQueue","sourceQueueArns":[]}`, "",
			". When you specify the byQueue permission type, you must also specify one or more sourceQueueArns values."},
		{"allowAll with queues", `{"redrivePermission":"allowAll","sourceQueueArns":[` + one + `]}`, "",
			". To specify one or more source queue ARNs, you must set redrivePermission to byQueue."},
		{"an unknown permission", `{"redrivePermission":"ByQueue"}`, "", unsupported},
		{"no permission", `{}`, "", unsupported},
		{"no JSON", `allowAll`, "", unsupported},
		{"null", `null`, "", unsupported},
		{"another key", `{"redrivePermission":"allowAll","x":1}`, "", unsupported},
		{"a queue that is no list", `{"redrivePermission":"byQueue","sourceQueueArns":` + one + `}`, "", unsupported},
		{"a list of numbers", `{"redrivePermission":"byQueue","sourceQueueArns":[1]}`, "", unsupported},
		{"a name instead of an ARN", `{"redrivePermission":"byQueue","sourceQueueArns":["a"]}`, "", unsupported},
		{"an ARN of a topic", `{"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sns:r:1:a"]}`, "", unsupported},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, text := CodeInvalidParameterValue, prefix+tt.reason
			if tt.reason == "" {
				code, text = 0, ""
			}
			policy, err := parseRedriveAllowPolicy(tt.in)
			checkRefusal(t, tt.in, err, code, text)
			if got := policy.String(); got != tt.want {
				t.Errorf("%s: got %s, want %s", tt.in, got, tt.want)
			}
		})
	}
}

// What is accepted reads back as a text that means the same, and nothing panics.
func FuzzRedrivePolicies(f *testing.F) {
	f.Add(`{"deadLetterTargetArn":"` + testTarget + `","maxReceiveCount":5}`)
	f.Add(`{"deadLetterTargetArn":"arn:aws:sqs:r:1:\ud800<","maxReceiveCount":"1000"}`)
	f.Add(`{"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sqs:r:1:a"]}`)
	f.Add(`{"redrivePermission":"allowAll"}`)
	f.Add(`{`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"RedrivePolicy", "RedriveAllowPolicy"} {
			a := NewAttributes(false)
			if a.Apply(map[string]string{name: text}, false) != nil {
				continue
			}
			normal, ok := a.Render(name)
			if ok != (text != "") {
				t.Errorf("%s %q: shown is %v", name, text, ok)
			}
			again := NewAttributes(false)
			if err := again.Apply(map[string]string{name: normal}, false); err != nil {
				t.Errorf("%s %q: its normal form %q is refused: %v", name, text, normal, err)
			}
			if !reflect.DeepEqual(a, again) {
				t.Errorf("%s %q: its normal form %q means something else", name, text, normal)
			}
		}
	})
}
