package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"
)

// queueShown is all that is known about a queue.
type queueShown struct {
	Name       string            `json:"name"`
	URL        string            `json:"QueueUrl"`
	Attributes map[string]string `json:"Attributes"`
	Tags       map[string]string `json:"Tags,omitempty"`
	Moves      []moveShown       `json:"MessageMoveTasks,omitempty"`
}

// moveShown is a move task.
type moveShown struct {
	Status  string
	Moved   int64  `json:"ApproximateNumberOfMessagesMoved"`
	ToMove  *int64 `json:"ApproximateNumberOfMessagesToMove,omitempty"`
	Started string
	Failure string `json:"FailureReason,omitempty"`
}

func (a *app) queuesShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "show NAME",
		Short:             "Show attributes, tags and move tasks of a queue",
		Args:              exactly(1),
		ValidArgsFunction: a.completeQueue,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			c, url, err := a.reach(ctx, args[0])
			if err != nil {
				return err
			}
			q := queueShown{Name: nameOf(url), URL: url}
			attributes, err := c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
				QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
			if err != nil {
				return c.explain(ctx, args[0], err)
			}
			q.Attributes = attributes.Attributes
			tags, err := c.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &url})
			if err != nil {
				return c.explain(ctx, args[0], err)
			}
			q.Tags = tags.Tags
			arn := q.Attributes[string(types.QueueAttributeNameQueueArn)]
			// Only dead-letter queues have move tasks; the server refuses the question for others.
			if moves, err := c.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &arn, MaxResults: aws.Int32(10)}); err == nil {
				for _, m := range moves.Results {
					q.Moves = append(q.Moves, moveShown{
						aws.ToString(m.Status), m.ApproximateNumberOfMessagesMoved, m.ApproximateNumberOfMessagesToMove,
						time.UnixMilli(m.StartedTimestamp).UTC().Format(time.RFC3339), aws.ToString(m.FailureReason)})
				}
			}
			return a.showQueue(q)
		},
	}
	a.targetFlags(cmd)
	return cmd
}

func (a *app) showQueue(q queueShown) error {
	if !a.text() {
		return a.print(listing{single: true, rows: []row{{name: q.Name, item: q}}})
	}
	l := listing{columns: []string{"ATTRIBUTE", "VALUE"}}
	add := func(name, value string) { l.rows = append(l.rows, row{cells: []string{name, value}}) }
	add("QueueUrl", q.URL)
	for _, name := range slices.Sorted(maps.Keys(q.Attributes)) {
		value := q.Attributes[name]
		if strings.HasSuffix(name, "Timestamp") {
			if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
				value = time.Unix(seconds, 0).UTC().Format(time.RFC3339)
			}
		}
		add(name, value)
	}
	for _, key := range slices.Sorted(maps.Keys(q.Tags)) {
		add("tag "+key, q.Tags[key])
	}
	for _, m := range q.Moves {
		text := fmt.Sprintf("%s, %d moved", strings.ToLower(m.Status), m.Moved)
		if m.ToMove != nil {
			text += fmt.Sprintf(" of %d", *m.ToMove)
		}
		if m.Failure != "" {
			text += ": " + m.Failure
		}
		add("move of "+m.Started, text)
	}
	return a.print(l)
}
