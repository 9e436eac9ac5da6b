package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// The groups in which the help lists commands.
const (
	groupMessages = "messages"
	groupQueues   = "queues"
	groupWorkers  = "workers"
	groupHTTP     = "http"
	groupOperate  = "operate"
	groupMeasure  = "measure"
)

// addCommands gives root all commands, in the order of the help.
func (a *app) addCommands(root *cobra.Command) {
	cobra.EnableCommandSorting = false
	for _, group := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{groupMessages, "Messages:", []*cobra.Command{a.sendCommand(), a.receiveCommand(), a.peekCommand(), a.deleteCommand()}},
		{groupQueues, "Queues:", []*cobra.Command{a.queuesCommand(), a.redriveCommand(), a.topCommand()}},
		{groupWorkers, "Workers:", []*cobra.Command{a.workCommand(), a.poolCommand()}},
		{groupHTTP, "HTTP through queues:", []*cobra.Command{a.gatewayCommand(), a.backendCommand()}},
		{groupOperate, "Operate a server:", []*cobra.Command{a.serveCommand(), a.demoCommand(), a.envCommand(), a.contextCommand(), a.awsCommand(),
			a.keysCommand(), a.configCommand(), a.doctorCommand(), a.backupCommand(), a.restoreCommand(), a.versionCommand()}},
		{groupMeasure, "Measure:", []*cobra.Command{a.benchCommand(), a.simCommand(), a.verifyCommand()}},
	} {
		root.AddGroup(&cobra.Group{ID: group.id, Title: group.title})
		for _, cmd := range group.commands {
			cmd.GroupID = group.id
			root.AddCommand(cmd)
		}
	}
	root.SetHelpCommandGroupID(groupOperate)
	root.SetCompletionCommandGroupID(groupOperate)
	root.AddCommand(attributesTopic(), exitCodesTopic(), a.poolsCommand(), a.keeperCommand())
}

// renamed makes cmd, with all below it, an old spelling: it is in no help, does what it did, and says how it is called now.
func (a *app) renamed(cmd *cobra.Command, now string) *cobra.Command {
	cmd.Hidden = true
	a.hint(cmd, now)
	return cmd
}

func (a *app) hint(cmd *cobra.Command, now string) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			a.remark("%q is called %q now.", cmd.CommandPath(), now)
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		a.hint(sub, fmt.Sprintf("%s %s", now, sub.Name()))
	}
}
