package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) queuesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "queues",
		Aliases: []string{"queue"},
		Short:   "List and manage queues",
		Args:    noSuchCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.listQueues(cmd, "") },
	}
	a.targetFlags(cmd)
	cmd.AddCommand(a.queuesListCommand(), a.queuesCreateCommand(), a.queuesShowCommand(), a.queuesSetCommand(),
		a.queuesPurgeCommand(), a.queuesDeleteCommand())
	cmd.AddCommand(a.oldMoves()...)
	return cmd
}

func (a *app) queuesListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list [PREFIX]",
		Aliases: []string{"ls"},
		Short:   "List queues and what is in them",
		Args:    between(0, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.listQueues(cmd, strings.Join(args, "")) },
	}
	a.targetFlags(cmd)
	return cmd
}
