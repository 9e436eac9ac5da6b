package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/cobra"
)

// redrive is the command line of a dead-letter queue.
type redrive struct {
	queue       string
	maxReceives int
}

func (r *redrive) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.queue, "dead-letter", "", "queue that takes the messages that fail too often")
	cmd.Flags().IntVar(&r.maxReceives, "max-receives", 5, "receives after which a message has failed too often, 1 to 1000")
}

// check refuses what contradicts itself, before anything is asked of the server.
func (r *redrive) check(cmd *cobra.Command, values map[string]string) error {
	switch {
	case r.queue == "" && cmd.Flags().Changed("max-receives"):
		return usage("--max-receives: of which queue? Name the one that takes failed messages with --dead-letter QUEUE")
	case r.queue != "" && values["RedrivePolicy"] != "":
		return usage("--dead-letter and redrive_policy are the same attribute, given twice: give it once")
	}
	return nil
}

// add puts a RedrivePolicy into values when a dead-letter queue was named.
func (r *redrive) add(ctx context.Context, c *client, values map[string]string) error {
	if r.queue == "" {
		return nil
	}
	arn, err := c.queueARN(ctx, r.queue)
	if err != nil {
		return err
	}
	policy, err := json.Marshal(map[string]any{"deadLetterTargetArn": arn, "maxReceiveCount": r.maxReceives})
	values["RedrivePolicy"] = string(policy)
	return err
}

func (a *app) queuesCreateCommand() *cobra.Command {
	var dead redrive
	var tags []string
	cmd := &cobra.Command{
		Use:   "create NAME [ATTRIBUTE=VALUE...]",
		Short: "Create a queue",
		Long: "Create a queue. A name that ends with .fifo makes a FIFO queue.\n\n" +
			"    forebay queues create orders visibility_timeout=45s\n" +
			"    forebay queues create orders --dead-letter orders-dead --max-receives 3\n" +
			"    forebay queues create jobs.fifo content_based_deduplication=true\n\n" +
			"Attributes (what is in brackets is the default):\n" + attributesText(),
		Args:              between(1, -1),
		ValidArgsFunction: a.completeAttributes(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			values, err := parseAttributes(args[1:])
			if err != nil {
				return err
			}
			labels, err := parsePairs("tag", tags)
			if err != nil {
				return err
			}
			if err := dead.check(cmd, values); err != nil {
				return err
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			if err := dead.add(ctx, c, values); err != nil {
				return err
			}
			if strings.HasSuffix(args[0], ".fifo") && values["FifoQueue"] == "" {
				values["FifoQueue"] = "true"
			}
			existed := c.exists(ctx, args[0])
			out, err := c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &args[0], Attributes: values, Tags: labels})
			if err != nil {
				return c.explain(ctx, "", err)
			}
			words := "created queue " + args[0]
			if existed {
				words = "queue " + args[0] + " exists already, and has these attributes; nothing has changed"
			}
			return a.done(words, args[0], map[string]string{"QueueUrl": *out.QueueUrl})
		},
	}
	a.targetFlags(cmd)
	dead.flags(cmd)
	cmd.Flags().StringArrayVar(&tags, "tag", nil, "tag KEY=VALUE; may be repeated")
	return cmd
}

// done reports that something was done: in words, or in the format that was asked for.
func (a *app) done(words, name string, item any) error {
	if a.text() {
		_, err := fmt.Fprintln(a.out, words)
		return err
	}
	return a.print(listing{single: true, rows: []row{{name: name, item: item}}})
}

func (a *app) queuesSetCommand() *cobra.Command {
	var dead redrive
	cmd := &cobra.Command{
		Use:               "set NAME ATTRIBUTE=VALUE...",
		Short:             "Change attributes of a queue",
		Long:              "Change attributes of a queue.\n\nAttributes (what is in brackets is the default):\n" + attributesText(),
		Args:              between(1, -1),
		ValidArgsFunction: a.completeAttributes(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			values, err := parseAttributes(args[1:])
			if err != nil {
				return err
			}
			if err := dead.check(cmd, values); err != nil {
				return err
			}
			if len(values) == 0 && dead.queue == "" {
				return usage("nothing to set\n  Like this:  forebay queues set %s visibility_timeout=45s", args[0])
			}
			c, url, err := a.reach(ctx, args[0])
			if err != nil {
				return err
			}
			if err := dead.add(ctx, c, values); err != nil {
				return err
			}
			if _, err := c.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: values}); err != nil {
				return c.explain(ctx, args[0], err)
			}
			return a.done("changed queue "+args[0], args[0], values)
		},
	}
	a.targetFlags(cmd)
	dead.flags(cmd)
	return cmd
}

// destroying is the command line of a command that destroys messages.
type destroying struct{ dryRun bool }

func (a *app) destroyFlags(cmd *cobra.Command, d *destroying) {
	cmd.Flags().BoolVarP(&a.yes, "yes", "y", false, "do not ask")
	if d != nil {
		cmd.Flags().BoolVar(&d.dryRun, "dry-run", false, "only say what would be done")
	}
}

func (a *app) queuesPurgeCommand() *cobra.Command {
	var d destroying
	cmd := &cobra.Command{
		Use:               "purge NAME",
		Short:             "Delete all messages of a queue",
		Args:              exactly(1),
		ValidArgsFunction: a.completeQueue,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			c, q, err := a.find(ctx, args[0])
			if err != nil {
				return err
			}
			amount := plural(int(q.Visible+q.InFlight+q.Delayed), "message")
			if d.dryRun {
				return a.done(fmt.Sprintf("would delete %s of queue %s%s", amount, q.Name, c.at()), q.Name, q)
			}
			if err := a.confirm(fmt.Sprintf("This deletes %s of queue %s%s for good.", amount, q.Name, c.at()), "forebay queues purge "+q.Name+a.sameServer()); err != nil {
				return err
			}
			if _, err := c.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &q.URL}); err != nil {
				return c.explain(ctx, args[0], err)
			}
			return a.done("purged "+q.Name+c.at(), q.Name, q)
		},
	}
	a.targetFlags(cmd)
	a.destroyFlags(cmd, &d)
	return cmd
}

func (a *app) queuesDeleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "delete NAME",
		Aliases:           []string{"rm"},
		Short:             "Delete a queue with all its messages",
		Args:              exactly(1),
		ValidArgsFunction: a.completeQueue,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			c, q, err := a.find(ctx, args[0])
			if err != nil {
				return err
			}
			question := fmt.Sprintf("This deletes queue %s and its %s%s for good.", q.Name, plural(int(q.Visible+q.InFlight+q.Delayed), "message"), c.at())
			if err := a.confirm(question, "forebay queues delete "+q.Name+a.sameServer()); err != nil {
				return err
			}
			if _, err := c.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &q.URL}); err != nil {
				return c.explain(ctx, args[0], err)
			}
			return a.done("deleted queue "+q.Name+c.at(), q.Name, q)
		},
	}
	a.targetFlags(cmd)
	a.destroyFlags(cmd, nil)
	return cmd
}

// reach connects and finds the URL of a queue.
func (a *app) reach(ctx context.Context, name string) (c *client, url string, err error) {
	if c, err = a.connect(); err == nil {
		url, err = c.queueURL(ctx, name)
	}
	return c, url, err
}

// find connects and looks a queue up with its counts.
func (a *app) find(ctx context.Context, name string) (*client, queueItem, error) {
	c, url, err := a.reach(ctx, name)
	if err != nil {
		return nil, queueItem{}, err
	}
	out, err := c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: counts})
	if err != nil {
		return nil, queueItem{}, c.explain(ctx, name, err)
	}
	return c, itemOf(url, out.Attributes), nil
}

// redriveCommand moves messages out of a dead-letter queue.
func (a *app) redriveCommand() *cobra.Command {
	var d destroying
	var to string
	var rate int32
	cmd := &cobra.Command{
		Use:   "redrive QUEUE",
		Short: "Move the messages of a dead-letter queue back where they came from, or elsewhere",
		Long: "Move the messages of a dead-letter queue back where they came from, or with --to to another queue.\n" +
			"The server does it in the background; `forebay queues show QUEUE` tells how far it is.\n\n" +
			"    forebay redrive orders-dead\n" +
			"    forebay redrive orders-dead --to orders-again --rate 10",
		Args:              exactly(1),
		ValidArgsFunction: a.completeQueue,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			c, q, err := a.find(ctx, args[0])
			if err != nil {
				return err
			}
			where := "the queues they came from"
			in := &sqs.StartMessageMoveTaskInput{}
			if to != "" {
				where = "queue " + to
				arn, err := c.queueARN(ctx, to)
				if err != nil {
					return err
				}
				in.DestinationArn = &arn
			}
			if rate > 0 {
				in.MaxNumberOfMessagesPerSecond = aws.Int32(rate)
			}
			if d.dryRun {
				return a.done(fmt.Sprintf("would move %s from queue %s to %s%s", plural(int(q.Visible), "message"), q.Name, where, c.at()), q.Name, q)
			}
			question := fmt.Sprintf("This moves %s from queue %s to %s%s.", plural(int(q.Visible), "message"), q.Name, where, c.at())
			again := "forebay redrive " + q.Name
			if to != "" {
				again += " --to " + to
			}
			if rate > 0 {
				again += fmt.Sprintf(" --rate %d", rate)
			}
			if err := a.confirm(question, again+a.sameServer()); err != nil {
				return err
			}
			arn, err := c.queueARN(ctx, args[0])
			if err != nil {
				return err
			}
			in.SourceArn = &arn
			out, err := c.StartMessageMoveTask(ctx, in)
			if err != nil {
				return c.explain(ctx, "", err)
			}
			return a.done(fmt.Sprintf("moving %s from queue %s to %s%s", plural(int(q.Visible), "message"), q.Name, where, c.at()),
				aws.ToString(out.TaskHandle), map[string]string{"TaskHandle": aws.ToString(out.TaskHandle)})
		},
	}
	a.targetFlags(cmd)
	a.destroyFlags(cmd, &d)
	cmd.Flags().StringVar(&to, "to", "", "queue to move to (default: where each message came from)")
	_ = cmd.RegisterFlagCompletionFunc("to", func(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return a.completeQueue(cmd, nil, prefix)
	})
	cmd.Flags().Int32Var(&rate, "rate", 0, "messages a second, 1 to 500 (default: as fast as the server sees fit)")
	return cmd
}

// oldMoves are the other names of redrive, below queues.
func (a *app) oldMoves() []*cobra.Command {
	move, redrive := a.redriveCommand(), a.redriveCommand()
	move.Use, redrive.Use = "move QUEUE", "redrive QUEUE"
	return []*cobra.Command{a.renamed(move, "forebay redrive"), a.renamed(redrive, "forebay redrive")}
}
