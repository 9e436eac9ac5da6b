package testkit

import "github.com/forebay-mq/forebay/internal/queue"

// WireError is how an error travels.
type WireError struct {
	Code   queue.Code
	Type   string // the JSON protocol's __type
	Query  string // the Query protocol's Code
	Status int    // of HTTP, in both protocols
}

// Prefixes of the names of errors on the wire.
const (
	modelled = "com.amazonaws.sqs#"
	generic  = "com.amazon.coral.service#"
	service  = "AWS.SimpleQueueService."
)

// Errors returns the contract's table of errors, one row for each code of package queue. It is written down
// here a second time on purpose: the server's own table is what it checks.
func Errors() []WireError {
	return []WireError{
		{queue.CodeBatchEntryIdsNotDistinct, modelled + "BatchEntryIdsNotDistinct", service + "BatchEntryIdsNotDistinct", 400},
		{queue.CodeBatchRequestTooLong, modelled + "BatchRequestTooLong", service + "BatchRequestTooLong", 400},
		{queue.CodeEmptyBatchRequest, modelled + "EmptyBatchRequest", service + "EmptyBatchRequest", 400},
		{queue.CodeInvalidAddress, modelled + "InvalidAddress", "InvalidAddress", 404},
		{queue.CodeInvalidAttributeName, modelled + "InvalidAttributeName", "InvalidAttributeName", 400},
		{queue.CodeInvalidAttributeValue, modelled + "InvalidAttributeValue", "InvalidAttributeValue", 400},
		{queue.CodeInvalidBatchEntryID, modelled + "InvalidBatchEntryId", service + "InvalidBatchEntryId", 400},
		{queue.CodeInvalidIDFormat, modelled + "InvalidIdFormat", "InvalidIdFormat", 400},
		{queue.CodeInvalidMessageContents, modelled + "InvalidMessageContents", "InvalidMessageContents", 400},
		{queue.CodeInvalidSecurity, modelled + "InvalidSecurity", "InvalidSecurity", 403},
		{queue.CodeKmsAccessDenied, modelled + "KmsAccessDenied", "KMS.AccessDeniedException", 400},
		{queue.CodeKmsDisabled, modelled + "KmsDisabled", "KMS.DisabledException", 400},
		{queue.CodeKmsInvalidKeyUsage, modelled + "KmsInvalidKeyUsage", "KMS.InvalidKeyUsageException", 400},
		{queue.CodeKmsInvalidState, modelled + "KmsInvalidState", "KMS.InvalidStateException", 400},
		{queue.CodeKmsNotFound, modelled + "KmsNotFound", "KMS.NotFoundException", 400},
		{queue.CodeKmsThrottled, modelled + "KmsThrottled", "KMS.ThrottlingException", 400},
		{queue.CodeKmsOptInRequired, modelled + "KmsOptInRequired", "KMS.OptInRequired", 403},
		{queue.CodeMessageNotInflight, modelled + "MessageNotInflight", service + "MessageNotInflight", 400},
		{queue.CodeOverLimit, modelled + "OverLimit", "OverLimit", 403},
		{queue.CodePurgeQueueInProgress, modelled + "PurgeQueueInProgress", service + "PurgeQueueInProgress", 403},
		{queue.CodeQueueDeletedRecently, modelled + "QueueDeletedRecently", service + "QueueDeletedRecently", 400},
		{queue.CodeQueueDoesNotExist, modelled + "QueueDoesNotExist", service + "NonExistentQueue", 400},
		{queue.CodeQueueNameExists, modelled + "QueueNameExists", "QueueAlreadyExists", 400},
		{queue.CodeReceiptHandleIsInvalid, modelled + "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404},
		{queue.CodeRequestThrottled, modelled + "RequestThrottled", "RequestThrottled", 403},
		{queue.CodeResourceNotFound, modelled + "ResourceNotFoundException", "ResourceNotFoundException", 404},
		{queue.CodeTooManyEntriesInBatchRequest, modelled + "TooManyEntriesInBatchRequest", service + "TooManyEntriesInBatchRequest", 400},
		{queue.CodeUnsupportedOperation, modelled + "UnsupportedOperation", service + "UnsupportedOperation", 400},

		{queue.CodeInvalidParameterValue, generic + "InvalidParameterValueException", "InvalidParameterValue", 400},
		{queue.CodeMissingParameter, generic + "MissingRequiredParameterException", "MissingParameter", 400},
		{queue.CodeMalformedInput, generic + "SerializationException", "MalformedInput", 400},
		{queue.CodeUnknownAction, generic + "UnknownOperationException", "InvalidAction", 400},
		{queue.CodeAccessDenied, generic + "AccessDeniedException", "AccessDenied", 403},
		{queue.CodeUnrecognizedClient, generic + "UnrecognizedClientException", "InvalidClientTokenId", 403},
		{queue.CodeInvalidSignature, generic + "InvalidSignatureException", "SignatureDoesNotMatch", 403},
		{queue.CodeIncompleteSignature, generic + "IncompleteSignatureException", "IncompleteSignature", 400},
		{queue.CodeExpiredToken, generic + "ExpiredTokenException", "ExpiredToken", 403},
		{queue.CodeInternal, generic + "InternalFailure", "InternalError", 500},
		{queue.CodeUnavailable, generic + "ServiceUnavailableException", "ServiceUnavailable", 503},
		{queue.CodeThrottled, generic + "ThrottlingException", "ThrottlingException", 400},
	}
}

// wireError returns the row of a Query code; ok is false for a code outside the contract.
func wireError(query string) (row WireError, ok bool) {
	for _, e := range Errors() {
		if e.Query == query {
			return e, true
		}
	}
	return WireError{}, false
}
