package queue

import "fmt"

// Code is what went wrong, in the words of the SQS API. A front owns the one table from Code to its wire form.
type Code uint8

// The codes. Names are the service model's shapes, without "Exception" for the generic ones.
const (
	CodeInternal Code = iota // a fault of the server; the zero value, so that an unset code never blames the caller
	CodeUnavailable
	CodeThrottled
	CodeAccessDenied
	CodeUnrecognizedClient
	CodeInvalidSignature
	CodeIncompleteSignature
	CodeExpiredToken
	CodeMalformedInput
	CodeUnknownAction
	CodeMissingParameter
	CodeInvalidParameterValue
	CodeBatchEntryIdsNotDistinct
	CodeBatchRequestTooLong
	CodeEmptyBatchRequest
	CodeInvalidAddress
	CodeInvalidAttributeName
	CodeInvalidAttributeValue
	CodeInvalidBatchEntryID
	CodeInvalidIDFormat
	CodeInvalidMessageContents
	CodeInvalidSecurity
	CodeKmsAccessDenied
	CodeKmsDisabled
	CodeKmsInvalidKeyUsage
	CodeKmsInvalidState
	CodeKmsNotFound
	CodeKmsOptInRequired
	CodeKmsThrottled
	CodeMessageNotInflight
	CodeOverLimit
	CodePurgeQueueInProgress
	CodeQueueDeletedRecently
	CodeQueueDoesNotExist
	CodeQueueNameExists
	CodeReceiptHandleIsInvalid
	CodeRequestThrottled
	CodeResourceNotFound
	CodeTooManyEntriesInBatchRequest
	CodeUnsupportedOperation

	// CodeCount is how many codes there are. Tables are arrays of this length, so that none can be missed.
	CodeCount
)

// Error is a refusal or fault as the caller may see it.
type Error struct {
	Code    Code   // what the caller may act on
	Message string // the text of the SQS specification, for people and for tests that match on it
	Queue   string // the queue concerned, empty when none is
	Err     error  // the cause, for the log only; never shown to a client
}

// Error returns the text for people.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Message, e.Err)
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error with a formatted text.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Internal wraps a fault of the server; the cause is for the log, the client sees a neutral text.
func Internal(cause error) *Error {
	return &Error{Code: CodeInternal, Message: "We encountered an internal error. Please try again.", Err: cause}
}

// MissingQueue is the answer for a queue that is not there.
func MissingQueue(name string) *Error {
	return &Error{Code: CodeQueueDoesNotExist, Message: "The specified queue does not exist.", Queue: name}
}

// MissingParameter is the answer for a required member that is absent or empty.
func MissingParameter(name string) *Error {
	return Errorf(CodeMissingParameter, "The request must contain the parameter %s.", name)
}

// invalidValue is the common form of InvalidParameterValue.
func invalidValue(value any, parameter, reason string) *Error {
	return Errorf(CodeInvalidParameterValue, "Value %v for parameter %s is invalid. Reason: %s", value, parameter, reason)
}
