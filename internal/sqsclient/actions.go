package sqsclient

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/schemas"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// operation is an action of the API.
type operation struct {
	name    string
	targets []string // the one value of header X-Amz-Target
	schema  *smithy.OperationSchema
}

func newOperation(schema, in, out *smithy.Schema) *operation {
	name := schema.ID().Name
	return &operation{name: name, targets: []string{"AmazonSQS." + name}, schema: smithy.NewOperationSchema(schema, in, out)}
}

// The actions that take the short way.
var (
	sendMessage                  = newOperation(schemas.SendMessage, schemas.SendMessageRequest, schemas.SendMessageResult)
	sendMessageBatch             = newOperation(schemas.SendMessageBatch, schemas.SendMessageBatchRequest, schemas.SendMessageBatchResult)
	receiveMessage               = newOperation(schemas.ReceiveMessage, schemas.ReceiveMessageRequest, schemas.ReceiveMessageResult)
	deleteMessage                = newOperation(schemas.DeleteMessage, schemas.DeleteMessageRequest, nil)
	deleteMessageBatch           = newOperation(schemas.DeleteMessageBatch, schemas.DeleteMessageBatchRequest, schemas.DeleteMessageBatchResult)
	changeMessageVisibility      = newOperation(schemas.ChangeMessageVisibility, schemas.ChangeMessageVisibilityRequest, nil)
	changeMessageVisibilityBatch = newOperation(schemas.ChangeMessageVisibilityBatch, schemas.ChangeMessageVisibilityBatchRequest, schemas.ChangeMessageVisibilityBatchResult)
)

// do makes a call. check, unless it is nil, looks at what came back.
func do[O any, P interface {
	*O
	smithy.Deserializable
}](ctx context.Context, w *wire, op *operation, in smithy.Serializable, check func(P) error) (P, error) {
	out := P(new(O))
	err := w.call(ctx, op, encode(in), out)
	if err == nil && check != nil && !w.options.DisableMessageChecksumValidation {
		err = check(out)
	}
	if err != nil {
		return nil, &smithy.OperationError{ServiceID: sqs.ServiceID, OperationName: op.name, Err: err}
	}
	return out, nil
}

// SendMessage sends a message.
func (c *Client) SendMessage(ctx context.Context, in *sqs.SendMessageInput, optFns ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	if !c.short(optFns) || in == nil || in.QueueUrl == nil || in.MessageBody == nil || !typed(in.MessageAttributes, in.MessageSystemAttributes) {
		return c.Client.SendMessage(ctx, in, optFns...)
	}
	return do(ctx, c.wire, sendMessage, in, func(out *sqs.SendMessageOutput) error { return checkSent(in, out) })
}

// SendMessageBatch sends up to ten messages.
func (c *Client) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, optFns ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	whole := in != nil && in.QueueUrl != nil && in.Entries != nil
	for i := 0; whole && i < len(in.Entries); i++ {
		e := &in.Entries[i]
		whole = e.Id != nil && e.MessageBody != nil && typed(e.MessageAttributes, e.MessageSystemAttributes)
	}
	if !whole || !c.short(optFns) {
		return c.Client.SendMessageBatch(ctx, in, optFns...)
	}
	return do(ctx, c.wire, sendMessageBatch, in, func(out *sqs.SendMessageBatchOutput) error { return checkBatch(in, out) })
}

// ReceiveMessage receives up to ten messages.
func (c *Client) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, optFns ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	if !c.short(optFns) || in == nil || in.QueueUrl == nil {
		return c.Client.ReceiveMessage(ctx, in, optFns...)
	}
	return do(ctx, c.wire, receiveMessage, in, func(out *sqs.ReceiveMessageOutput) error { return checkReceived(out.Messages) })
}

// DeleteMessage deletes a message.
func (c *Client) DeleteMessage(ctx context.Context, in *sqs.DeleteMessageInput, optFns ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error) {
	if !c.short(optFns) || in == nil || in.QueueUrl == nil || in.ReceiptHandle == nil {
		return c.Client.DeleteMessage(ctx, in, optFns...)
	}
	return do[sqs.DeleteMessageOutput](ctx, c.wire, deleteMessage, in, nil)
}

// DeleteMessageBatch deletes up to ten messages.
func (c *Client) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, optFns ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	whole := in != nil && in.QueueUrl != nil && in.Entries != nil
	for i := 0; whole && i < len(in.Entries); i++ {
		whole = in.Entries[i].Id != nil && in.Entries[i].ReceiptHandle != nil
	}
	if !whole || !c.short(optFns) {
		return c.Client.DeleteMessageBatch(ctx, in, optFns...)
	}
	return do[sqs.DeleteMessageBatchOutput](ctx, c.wire, deleteMessageBatch, in, nil)
}

// ChangeMessageVisibility changes how long a message stays invisible.
func (c *Client) ChangeMessageVisibility(ctx context.Context, in *sqs.ChangeMessageVisibilityInput, optFns ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error) {
	if !c.short(optFns) || in == nil || in.QueueUrl == nil || in.ReceiptHandle == nil {
		return c.Client.ChangeMessageVisibility(ctx, in, optFns...)
	}
	return do[sqs.ChangeMessageVisibilityOutput](ctx, c.wire, changeMessageVisibility, in, nil)
}

// ChangeMessageVisibilityBatch does it for up to ten messages.
func (c *Client) ChangeMessageVisibilityBatch(ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, optFns ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	whole := in != nil && in.QueueUrl != nil && in.Entries != nil
	for i := 0; whole && i < len(in.Entries); i++ {
		whole = in.Entries[i].Id != nil && in.Entries[i].ReceiptHandle != nil
	}
	if !whole || !c.short(optFns) {
		return c.Client.ChangeMessageVisibilityBatch(ctx, in, optFns...)
	}
	return do[sqs.ChangeMessageVisibilityBatchOutput](ctx, c.wire, changeMessageVisibilityBatch, in, nil)
}

// typed tells whether all attributes have the type that they must have.
func typed(attributes map[string]types.MessageAttributeValue, system map[string]types.MessageSystemAttributeValue) bool {
	for _, a := range attributes {
		if a.DataType == nil {
			return false
		}
	}
	for _, a := range system {
		if a.DataType == nil {
			return false
		}
	}
	return true
}
