package main

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// awsCommand runs the user's own aws program against this server. It passes the endpoint as a flag, because
// version 1 of the program ignores the environment for SQS and would go to the real AWS.
func (a *app) awsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "aws ARGUMENTS...",
		Short: "Run the aws program against this server",
		Long: "Run the aws program against this server: its endpoint and key are filled in.\n\n" +
			"    forebay aws sqs list-queues\n\n" +
			"All arguments go to aws. Which server is meant: FOREBAY_ENDPOINT, AWS_ENDPOINT_URL_SQS, or the one on this machine.",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
				return cmd.Help()
			}
			path, err := exec.LookPath("aws")
			if err != nil {
				return &failure{code: exitNotFound, what: "there is no program aws on this machine", hints: []string{
					"Install the AWS CLI, or do without it:  forebay send, receive, peek, delete, queues"}}
			}
			t := a.target
			if err := t.resolve(); err != nil {
				return err
			}
			if !slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--endpoint-url") }) {
				args = append([]string{"--endpoint-url", t.endpoint}, args...)
			}
			run := exec.CommandContext(cmd.Context(), path, args...)
			run.Stdin, run.Stdout, run.Stderr = a.in, a.out.to, a.errs // the files themselves, which may be a terminal
			run.Env = os.Environ()
			for _, v := range t.variables() {
				run.Env = append(run.Env, v.name+"="+v.value)
			}
			err = run.Run()
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				return &failure{code: max(exit.ExitCode(), exitFailed), err: err} // aws has said why
			}
			return err
		},
	}
}
