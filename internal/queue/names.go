package queue

import "strings"

// fifoSuffix ends the name of every FIFO queue and of no other.
const fifoSuffix = ".fifo"

// Realm is the account and region in which all queues of a server live.
type Realm struct {
	Account string // 12 digits
	Region  string
}

// ARN returns the ARN of the queue called name.
func (r Realm) ARN(name string) string {
	return "arn:aws:sqs:" + r.Region + ":" + r.Account + ":" + name
}

// ParseARN splits an ARN of the form arn:partition:service:region:account:resource. The resource may contain
// further colons; region and account may be empty, as they are in ARNs of services without them. ok is false
// when the text does not have that form.
func ParseARN(arn string) (partition, service, region, account, resource string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] == "" || parts[2] == "" || parts[5] == "" {
		return "", "", "", "", "", false
	}
	return parts[1], parts[2], parts[3], parts[4], parts[5], true
}

// IsFIFOName says whether name is one that only a FIFO queue can have.
func IsFIFOName(name string) bool { return strings.HasSuffix(name, fifoSuffix) }

// CheckName says why a queue cannot be created under name, or nil. fifo is whether FifoQueue is true.
func CheckName(name string, fifo bool) error {
	if name == "" {
		return Errorf(CodeInvalidParameterValue, "Value for parameter QueueName is invalid. Reason: Must specify a queue name.")
	}
	base := name
	if fifo {
		base = strings.TrimSuffix(name, fifoSuffix)
		if !IsFIFOName(name) || !isWord(base, NameLenMax-len(fifoSuffix)) {
			return Errorf(CodeInvalidParameterValue, "The name of a FIFO queue can only include alphanumeric characters, "+
				"hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.")
		}
		return nil
	}
	if !isWord(base, NameLenMax) {
		return Errorf(CodeInvalidParameterValue, "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	return nil
}

// isWord says whether s is 1 to max ASCII letters, digits, hyphens and underscores.
func isWord(s string, max int) bool {
	if s == "" || len(s) > max {
		return false
	}
	for i := range len(s) {
		if !isWordByte(s[i]) {
			return false
		}
	}
	return true
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}
