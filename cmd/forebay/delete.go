package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"
)

func (a *app) deleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "delete QUEUE HANDLE...",
		Short:             "Delete received messages, by their receipt handles",
		Args:              between(2, -1),
		ValidArgsFunction: a.completeQueue,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			c, url, err := a.reach(ctx, args[0])
			if err != nil {
				return err
			}
			if err := a.deleteHandles(ctx, c, args[0], url, args[1:]); err != nil {
				return err
			}
			if !a.text() {
				return a.print(deletedHandles(args[1:]))
			}
			a.remark("deleted %s of %s%s", plural(len(args)-1, "message"), nameOf(args[0]), c.at())
			return nil
		},
	}
	a.targetFlags(cmd)
	return cmd
}

// deletedHandles lists what was deleted, for programs.
func deletedHandles(handles []string) listing {
	var found listing
	for _, handle := range handles {
		found.rows = append(found.rows, row{name: handle, item: struct {
			ReceiptHandle string `json:"ReceiptHandle"`
		}{handle}})
	}
	return found
}

// deleteHandles deletes messages in batches. It stops at the first that cannot be deleted.
func (a *app) deleteHandles(ctx context.Context, c *client, queue, url string, handles []string) error {
	done := 0
	for part := range slices.Chunk(handles, batchEntries) {
		var entries []types.DeleteMessageBatchRequestEntry
		for i, handle := range part {
			entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &handle})
		}
		out, err := c.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: entries})
		if err != nil {
			return c.explain(ctx, queue, err)
		}
		if len(out.Failed) > 0 {
			f := entryFailure(out.Failed[0])
			if i, err := strconv.Atoi(aws.ToString(out.Failed[0].Id)); err == nil && i >= 0 && i < len(part) {
				f.what = fmt.Sprintf("handle %d was refused: %s", done+i+1, f.what)
			}
			f.hints = append(f.hints, "A handle comes from receiving the message:  forebay receive "+queue)
			return f
		}
		done += len(part)
	}
	return nil
}
