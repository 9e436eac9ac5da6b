package sqsclient

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// errChecksum is what begins the text of errors about a body that has changed on its way.
const errChecksum = "message checksum validation failed"

// checkSent compares the body with the checksum that the server made of what has arrived.
func checkSent(in *sqs.SendMessageInput, out *sqs.SendMessageOutput) error {
	return checkBody(in.MessageBody, out.MD5OfMessageBody, out.MessageId)
}

// checkBatch does it for a batch.
func checkBatch(in *sqs.SendMessageBatchInput, out *sqs.SendMessageBatchOutput) error {
	var errs []error
	for i := range out.Successful {
		done := &out.Successful[i]
		for j := range in.Entries {
			if entry := &in.Entries[j]; aws.ToString(entry.Id) == aws.ToString(done.Id) {
				errs = append(errs, checkBody(entry.MessageBody, done.MD5OfMessageBody, done.MessageId))
			}
		}
	}
	return errors.Join(errs...)
}

// checkReceived compares the bodies with the checksums that came with them.
func checkReceived(messages []types.Message) error {
	var errs []error
	for i := range messages {
		m := &messages[i]
		errs = append(errs, checkBody(m.Body, m.MD5OfBody, m.MessageId))
	}
	return errors.Join(errs...)
}

// checkBody compares one. What is not there cannot be wrong.
func checkBody(body, checksum, id *string) error {
	if body == nil || checksum == nil {
		return nil
	}
	sum := md5.Sum([]byte(*body))
	var digits [2 * md5.Size]byte
	if hex.Encode(digits[:], sum[:]); string(digits[:]) == *checksum {
		return nil
	}
	return fmt.Errorf("%s, message %s has invalid checksum, expected MD5 checksum %s, got %s", errChecksum, aws.ToString(id), *checksum, digits[:])
}
