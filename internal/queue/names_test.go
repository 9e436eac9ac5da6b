package queue

import (
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	const (
		plainText = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
		fifoText  = "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, " +
			"must end with .fifo suffix and be 1 to 80 in length."
	)
	tests := []struct {
		name  string
		queue string
		fifo  bool
		want  string
	}{
		{"letters, digits, hyphen and underscore pass", "Az09-_", false, ""},
		{"one character passes", "a", false, ""},
		{"80 characters pass", strings.Repeat("a", 80), false, ""},
		{"81 characters are too many", strings.Repeat("a", 81), false, plainText},
		{"an empty name is missing", "", false, "Value for parameter QueueName is invalid. Reason: Must specify a queue name."},
		{"an empty FIFO name is missing", "", true, "Must specify a queue name."},
		{"a dot is refused", "a.b", false, plainText},
		{"a slash is refused", "a/b", false, plainText},
		{"a blank is refused", "a b", false, plainText},
		{"letters beyond ASCII are refused", "é", false, plainText},
		{"the FIFO suffix needs FifoQueue", "orders.fifo", false, plainText},
		{"FifoQueue needs the suffix", "orders", true, fifoText},
		{"a FIFO name passes", "orders.fifo", true, ""},
		{"the suffix counts in the 80", strings.Repeat("a", 75) + ".fifo", true, ""},
		{"81 with the suffix are too many", strings.Repeat("a", 76) + ".fifo", true, fifoText},
		{"the suffix alone is no name", ".fifo", true, fifoText},
		{"the suffix is in lower case", "orders.FIFO", true, fifoText},
		{"the suffix comes once", "orders.fifo.fifo", true, fifoText},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code := CodeInvalidParameterValue
			if tt.want == "" {
				code = 0
			}
			checkRefusal(t, tt.queue, CheckName(tt.queue, tt.fifo), code, tt.want)
		})
	}
}

func TestIsFIFOName(t *testing.T) {
	for name, want := range map[string]bool{"a.fifo": true, "a": false, "fifo": false, "a.fifo.b": false, "": false} {
		if got := IsFIFOName(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}

func TestARN(t *testing.T) {
	realm := Realm{Account: "000000000000", Region: "eu-central-1"}
	arn := realm.ARN("orders.fifo")
	if want := "arn:aws:sqs:eu-central-1:000000000000:orders.fifo"; arn != want {
		t.Errorf("got %s, want %s", arn, want)
	}
	partition, service, region, account, resource, ok := ParseARN(arn)
	if partition != "aws" || service != "sqs" || region != realm.Region || account != realm.Account || resource != "orders.fifo" || !ok {
		t.Errorf("%s: got %q %q %q %q %q %v", arn, partition, service, region, account, resource, ok)
	}
}

func TestParseARN(t *testing.T) {
	tests := []struct {
		name, arn, resource string
		ok                  bool
	}{
		{"a resource may contain colons", "arn:aws:sns:r:1:a:b", "a:b", true},
		{"region and account may be empty", "arn:aws:s3:::bucket", "bucket", true},
		{"five parts are too few", "arn:aws:sqs:r:1", "", false},
		{"the first part is arn", "urn:aws:sqs:r:1:q", "", false},
		{"the resource is not empty", "arn:aws:sqs:r:1:", "", false},
		{"the service is not empty", "arn:aws::r:1:q", "", false},
		{"the partition is not empty", "arn::sqs:r:1:q", "", false},
		{"a name is no ARN", "orders", "", false},
		{"nothing is no ARN", "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, _, _, resource, ok := ParseARN(tt.arn); resource != tt.resource || ok != tt.ok {
				t.Errorf("%q: got %q %v, want %q %v", tt.arn, resource, ok, tt.resource, tt.ok)
			}
		})
	}
}
