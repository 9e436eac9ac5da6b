package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

// completeQueue offers the names of queues for the first argument.
func (a *app) completeQueue(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	client, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
	defer cancel()
	return client.names(ctx, prefix), cobra.ShellCompDirectiveNoFileComp
}
