package sqs

import (
	"net/http"
	"strings"

	"github.com/forebay-mq/forebay/internal/queue"
)

// The two families of error shapes.
const (
	modelled = "com.amazonaws.sqs#"
	generic  = "com.amazon.coral.service#"
)

// wireError is how a code travels.
type wireError struct {
	family string // of the shape
	shape  string // __type in JSON
	code   string // in Query, and in the header x-amzn-query-error
	status int
}

// sender tells whether the client is to blame.
func (e wireError) sender() bool { return e.status < 500 }

// kind names who is to blame, in the words of the protocol.
func (e wireError) kind() string {
	if e.sender() {
		return "Sender"
	}
	return "Receiver"
}

// wireErrors holds the wire form of each code.
var wireErrors = [queue.CodeCount]wireError{
	queue.CodeInternal:              {generic, "InternalFailure", "InternalError", 500},
	queue.CodeUnavailable:           {generic, "ServiceUnavailableException", "ServiceUnavailable", 503},
	queue.CodeThrottled:             {generic, "ThrottlingException", "ThrottlingException", 400},
	queue.CodeAccessDenied:          {generic, "AccessDeniedException", "AccessDenied", 403},
	queue.CodeUnrecognizedClient:    {generic, "UnrecognizedClientException", "InvalidClientTokenId", 403},
	queue.CodeInvalidSignature:      {generic, "InvalidSignatureException", "SignatureDoesNotMatch", 403},
	queue.CodeIncompleteSignature:   {generic, "IncompleteSignatureException", "IncompleteSignature", 400},
	queue.CodeExpiredToken:          {generic, "ExpiredTokenException", "ExpiredToken", 403},
	queue.CodeMalformedInput:        {generic, "SerializationException", "MalformedInput", 400},
	queue.CodeUnknownAction:         {generic, "UnknownOperationException", "InvalidAction", 400},
	queue.CodeMissingParameter:      {generic, "MissingRequiredParameterException", "MissingParameter", 400},
	queue.CodeInvalidParameterValue: {generic, "InvalidParameterValueException", "InvalidParameterValue", 400},

	queue.CodeBatchEntryIdsNotDistinct:     {modelled, "BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400},
	queue.CodeBatchRequestTooLong:          {modelled, "BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", 400},
	queue.CodeEmptyBatchRequest:            {modelled, "EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", 400},
	queue.CodeInvalidAddress:               {modelled, "InvalidAddress", "InvalidAddress", 404},
	queue.CodeInvalidAttributeName:         {modelled, "InvalidAttributeName", "InvalidAttributeName", 400},
	queue.CodeInvalidAttributeValue:        {modelled, "InvalidAttributeValue", "InvalidAttributeValue", 400},
	queue.CodeInvalidBatchEntryID:          {modelled, "InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId", 400},
	queue.CodeInvalidIDFormat:              {modelled, "InvalidIdFormat", "InvalidIdFormat", 400},
	queue.CodeInvalidMessageContents:       {modelled, "InvalidMessageContents", "InvalidMessageContents", 400},
	queue.CodeInvalidSecurity:              {modelled, "InvalidSecurity", "InvalidSecurity", 403},
	queue.CodeKmsAccessDenied:              {modelled, "KmsAccessDenied", "KMS.AccessDeniedException", 400},
	queue.CodeKmsDisabled:                  {modelled, "KmsDisabled", "KMS.DisabledException", 400},
	queue.CodeKmsInvalidKeyUsage:           {modelled, "KmsInvalidKeyUsage", "KMS.InvalidKeyUsageException", 400},
	queue.CodeKmsInvalidState:              {modelled, "KmsInvalidState", "KMS.InvalidStateException", 400},
	queue.CodeKmsNotFound:                  {modelled, "KmsNotFound", "KMS.NotFoundException", 400},
	queue.CodeKmsOptInRequired:             {modelled, "KmsOptInRequired", "KMS.OptInRequired", 403},
	queue.CodeKmsThrottled:                 {modelled, "KmsThrottled", "KMS.ThrottlingException", 400},
	queue.CodeMessageNotInflight:           {modelled, "MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", 400},
	queue.CodeOverLimit:                    {modelled, "OverLimit", "OverLimit", 403},
	queue.CodePurgeQueueInProgress:         {modelled, "PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress", 403},
	queue.CodeQueueDeletedRecently:         {modelled, "QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently", 400},
	queue.CodeQueueDoesNotExist:            {modelled, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400},
	queue.CodeQueueNameExists:              {modelled, "QueueNameExists", "QueueAlreadyExists", 400},
	queue.CodeReceiptHandleIsInvalid:       {modelled, "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404},
	queue.CodeRequestThrottled:             {modelled, "RequestThrottled", "RequestThrottled", 403},
	queue.CodeResourceNotFound:             {modelled, "ResourceNotFoundException", "ResourceNotFoundException", 404},
	queue.CodeTooManyEntriesInBatchRequest: {modelled, "TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400},
	queue.CodeUnsupportedOperation:         {modelled, "UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", 400},
}

// wireErrorOf returns the wire form of a code. One that is unknown is a fault of the server.
func wireErrorOf(c queue.Code) wireError {
	if c >= queue.CodeCount {
		c = queue.CodeInternal
	}
	return wireErrors[c]
}

// unknownAction is the answer to an action that does not exist, or not here.
func unknownAction(name string) *queue.Error {
	return queue.Errorf(queue.CodeUnknownAction, "The action %s is not valid for this endpoint.", name)
}

// refusal is an error with a status of its own, for what goes wrong in HTTP before SQS is reached.
type refusal struct {
	err    *queue.Error
	status int
	close  bool // the connection cannot be used any more
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// The refusals of HTTP.
func bodyTooLarge(max int64) error {
	err := queue.Errorf(queue.CodeMalformedInput, "The request is larger than %d bytes.", max)
	return &refusal{err, http.StatusRequestEntityTooLarge, true}
}

func bodyTooSlow() error {
	err := queue.Errorf(queue.CodeMalformedInput, "The request took too long to arrive.")
	return &refusal{err, http.StatusRequestTimeout, true}
}

func bodyCutShort(cause error) error {
	err := &queue.Error{Code: queue.CodeMalformedInput, Message: "The request ended too early.", Err: cause}
	return &refusal{err, http.StatusBadRequest, true}
}

func methodNotAllowed(method string) error {
	err := queue.Errorf(queue.CodeUnknownAction, "The method %s is not supported. Use POST or GET.", method)
	return &refusal{err, http.StatusMethodNotAllowed, false}
}

// tooBusy is the answer when the requests in memory are as large as they may be together.
func tooBusy() *queue.Error {
	return queue.Errorf(queue.CodeUnavailable, "Too many large requests are being served. Please try again.")
}

// queryMessage returns the text of an error as the Query protocol words it.
func queryMessage(code queue.Code, text string) string {
	const missing = "The specified queue does not exist"
	if code == queue.CodeQueueDoesNotExist && text == missing+"." {
		return strings.TrimSuffix(text, ".") + " for this wsdl version."
	}
	return text
}
