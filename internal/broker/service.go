package broker

import (
	"context"

	"github.com/forebay-mq/forebay/internal/queue"
)

// control has the owner step a control action. Out is the action's output; nil for an action without one.
func control[Out any](ctx context.Context, b *Broker, by queue.Caller, in any) (*Out, error) {
	value, err := b.do(ctx, &queue.Control{By: by, In: in})
	out, _ := value.(*Out)
	return out, err
}

// nothing is the output of actions without one.
type nothing struct{}

// CreateQueue makes a queue, or finds the one that is already as asked for.
func (b *Broker) CreateQueue(ctx context.Context, by queue.Caller, in *queue.CreateQueueInput) (*queue.CreateQueueOutput, error) {
	return control[queue.CreateQueueOutput](ctx, b, by, in)
}

// DeleteQueue deletes a queue with all its messages.
func (b *Broker) DeleteQueue(ctx context.Context, by queue.Caller, in *queue.DeleteQueueInput) error {
	_, err := control[nothing](ctx, b, by, in)
	return err
}

// ListQueues lists queues by name.
func (b *Broker) ListQueues(ctx context.Context, by queue.Caller, in *queue.ListQueuesInput) (*queue.ListQueuesOutput, error) {
	return control[queue.ListQueuesOutput](ctx, b, by, in)
}

// GetQueueURL finds a queue.
func (b *Broker) GetQueueURL(ctx context.Context, by queue.Caller, in *queue.GetQueueURLInput) (*queue.GetQueueURLOutput, error) {
	return control[queue.GetQueueURLOutput](ctx, b, by, in)
}

// GetQueueAttributes tells how a queue is set up and how full it is.
func (b *Broker) GetQueueAttributes(
	ctx context.Context, by queue.Caller, in *queue.GetQueueAttributesInput,
) (*queue.GetQueueAttributesOutput, error) {
	return control[queue.GetQueueAttributesOutput](ctx, b, by, in)
}

// SetQueueAttributes changes how a queue is set up.
func (b *Broker) SetQueueAttributes(ctx context.Context, by queue.Caller, in *queue.SetQueueAttributesInput) error {
	_, err := control[nothing](ctx, b, by, in)
	return err
}

// PurgeQueue deletes all messages of a queue.
func (b *Broker) PurgeQueue(ctx context.Context, by queue.Caller, in *queue.PurgeQueueInput) error {
	_, err := control[nothing](ctx, b, by, in)
	return err
}

// TagQueue adds tags.
func (b *Broker) TagQueue(ctx context.Context, by queue.Caller, in *queue.TagQueueInput) error {
	_, err := control[nothing](ctx, b, by, in)
	return err
}

// UntagQueue removes tags.
func (b *Broker) UntagQueue(ctx context.Context, by queue.Caller, in *queue.UntagQueueInput) error {
	_, err := control[nothing](ctx, b, by, in)
	return err
}

// ListQueueTags tells the tags of a queue.
func (b *Broker) ListQueueTags(
	ctx context.Context, by queue.Caller, in *queue.ListQueueTagsInput,
) (*queue.ListQueueTagsOutput, error) {
	return control[queue.ListQueueTagsOutput](ctx, b, by, in)
}

// ListDeadLetterSourceQueues lists the queues that send their dead letters to this one.
func (b *Broker) ListDeadLetterSourceQueues(
	ctx context.Context, by queue.Caller, in *queue.ListDeadLetterSourceQueuesInput,
) (*queue.ListQueuesOutput, error) {
	return control[queue.ListQueuesOutput](ctx, b, by, in)
}

// AddPermission adds a statement to a queue's policy.
func (b *Broker) AddPermission(ctx context.Context, by queue.Caller, in *queue.AddPermissionInput) error {
	_, err := control[nothing](ctx, b, by, in)
	return err
}

// RemovePermission removes a statement from a queue's policy.
func (b *Broker) RemovePermission(ctx context.Context, by queue.Caller, in *queue.RemovePermissionInput) error {
	_, err := control[nothing](ctx, b, by, in)
	return err
}

// StartMessageMoveTask begins to move the messages of a dead-letter queue.
func (b *Broker) StartMessageMoveTask(
	ctx context.Context, by queue.Caller, in *queue.StartMessageMoveTaskInput,
) (*queue.StartMessageMoveTaskOutput, error) {
	return control[queue.StartMessageMoveTaskOutput](ctx, b, by, in)
}

// CancelMessageMoveTask stops a move task.
func (b *Broker) CancelMessageMoveTask(
	ctx context.Context, by queue.Caller, in *queue.CancelMessageMoveTaskInput,
) (*queue.CancelMessageMoveTaskOutput, error) {
	return control[queue.CancelMessageMoveTaskOutput](ctx, b, by, in)
}

// ListMessageMoveTasks lists the newest move tasks of a queue.
func (b *Broker) ListMessageMoveTasks(
	ctx context.Context, by queue.Caller, in *queue.ListMessageMoveTasksInput,
) (*queue.ListMessageMoveTasksOutput, error) {
	return control[queue.ListMessageMoveTasksOutput](ctx, b, by, in)
}
