package sqs

import (
	"context"

	"github.com/forebay-mq/forebay/internal/queue"
)

// actions is the whole API.
var actions = map[string]action{
	"CreateQueue":                on(queue.Service.CreateQueue, readCreateQueue, writeCreateQueue).atRoot().changing(),
	"DeleteQueue":                do(queue.Service.DeleteQueue, readDeleteQueue).changing(),
	"ListQueues":                 on(queue.Service.ListQueues, readListQueues, writeListQueues).atRoot(),
	"GetQueueUrl":                on(queue.Service.GetQueueURL, readGetQueueURL, writeGetQueueURL),
	"GetQueueAttributes":         on(queue.Service.GetQueueAttributes, readGetQueueAttributes, writeGetQueueAttributes),
	"SetQueueAttributes":         do(queue.Service.SetQueueAttributes, readSetQueueAttributes).changing(),
	"PurgeQueue":                 do(queue.Service.PurgeQueue, readPurgeQueue).changing(),
	"TagQueue":                   do(queue.Service.TagQueue, readTagQueue).changing(),
	"UntagQueue":                 do(queue.Service.UntagQueue, readUntagQueue).changing(),
	"ListQueueTags":              on(queue.Service.ListQueueTags, readListQueueTags, writeListQueueTags),
	"ListDeadLetterSourceQueues": on(queue.Service.ListDeadLetterSourceQueues, readListDeadLetterSourceQueues, writeListDeadLetterSourceQueues),
	"AddPermission":              do(queue.Service.AddPermission, readAddPermission).changing(),
	"RemovePermission":           do(queue.Service.RemovePermission, readRemovePermission).changing(),

	"SendMessage":                  on(queue.Service.SendMessage, readSendMessage, writeSendMessage),
	"SendMessageBatch":             on(queue.Service.SendMessageBatch, readSendMessageBatch, writeSendMessageBatch),
	"ReceiveMessage":               on(queue.Service.ReceiveMessage, readReceiveMessage, writeReceiveMessage),
	"DeleteMessage":                do(queue.Service.DeleteMessage, readDeleteMessage),
	"DeleteMessageBatch":           on(queue.Service.DeleteMessageBatch, readDeleteMessageBatch, writeDeleteMessageBatch),
	"ChangeMessageVisibility":      do(queue.Service.ChangeMessageVisibility, readChangeMessageVisibility),
	"ChangeMessageVisibilityBatch": on(queue.Service.ChangeMessageVisibilityBatch, readChangeMessageVisibilityBatch, writeChangeMessageVisibilityBatch),

	"StartMessageMoveTask":  on(queue.Service.StartMessageMoveTask, readStartMessageMoveTask, writeStartMessageMoveTask).changing(),
	"CancelMessageMoveTask": on(queue.Service.CancelMessageMoveTask, readCancelMessageMoveTask, writeCancelMessageMoveTask).changing(),
	"ListMessageMoveTasks":  on(queue.Service.ListMessageMoveTasks, readListMessageMoveTasks, writeListMessageMoveTasks),
}

// action is one row of the table.
type action struct {
	// run reads the input, asks the service, and returns what writes the result; nil for an action without one.
	run func(context.Context, queue.Service, queue.Caller, *request) (func(*reply), error)
	// rootOnly refuses the action at the path of a queue, in Query.
	rootOnly bool
	// changes says that the action changes more than messages, so that the audit log has it.
	changes bool
}

// atRoot marks an action that makes no sense at the path of a queue.
func (a action) atRoot() action {
	a.rootOnly = true
	return a
}

// changing marks an action that the audit log has.
func (a action) changing() action {
	a.changes = true
	return a
}

// on makes an action with a result.
func on[In, Out any](
	call func(queue.Service, context.Context, queue.Caller, *In) (*Out, error),
	read func(*request, *In),
	write func(*reply, *Out),
) action {
	return action{run: func(ctx context.Context, s queue.Service, by queue.Caller, r *request) (func(*reply), error) {
		in := new(In)
		if err := r.decode(func() { read(r, in) }); err != nil {
			return nil, err
		}
		out, err := call(s, ctx, by, in)
		if err != nil {
			return nil, err
		}
		return func(w *reply) { write(w, out) }, nil
	}}
}

// do makes an action without a result.
func do[In any](call func(queue.Service, context.Context, queue.Caller, *In) error, read func(*request, *In)) action {
	return action{run: func(ctx context.Context, s queue.Service, by queue.Caller, r *request) (func(*reply), error) {
		in := new(In)
		if err := r.decode(func() { read(r, in) }); err != nil {
			return nil, err
		}
		return nil, call(s, ctx, by, in)
	}}
}
