package main

import (
	"errors"
	"os"
	"os/exec"
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
			"All arguments go to aws. Which server is meant: its own --endpoint-url, FOREBAY_CONTEXT, FOREBAY_DATA, FOREBAY_ENDPOINT,\n" +
			"AWS_ENDPOINT_URL_SQS, the context in use, or the server on this machine.",
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
			named, err := awsEndpoint(args)
			if err != nil {
				return err
			}
			t.endpoint = named
			environ, err := t.awsEnvironment()
			if err != nil {
				return err
			}
			if named == "" {
				args = append([]string{"--endpoint-url", t.endpoint}, args...)
			}
			run := exec.CommandContext(cmd.Context(), path, args...)
			run.Stdin, run.Stdout, run.Stderr, run.Env = a.in, a.out.to, a.errs, environ // the files themselves, which may be a terminal
			err = run.Run()
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				return &failure{code: max(exit.ExitCode(), exitFailed), err: err} // aws has said why
			}
			return err
		},
	}
}

// awsEndpoint is the server that the arguments of the aws program name, if they do. A profile among them is refused, since it
// has a key of its own that may be for another server.
func awsEndpoint(args []string) (endpoint string, err error) {
	for i, arg := range args {
		name, value, given := strings.Cut(arg, "=")
		if !given && i+1 < len(args) {
			value = args[i+1]
		}
		switch name {
		case "--endpoint-url":
			endpoint = value
		case "--profile":
			return "", &failure{code: exitUsage, what: "--profile has a key of its own, and may be for another server than the one filled in here",
				hints: []string{"Leave it out, or use it alone:  aws --profile " + quoteSh(value) + " …"}}
		}
	}
	return endpoint, nil
}

// awsEnvironment is the environment in which aws finds the server and its key. For a server that the user has named to aws
// and that no key was found for, aws looks for one by itself, but not among those of other servers.
func (t *target) awsEnvironment() ([]string, error) {
	named := t.endpoint != ""
	err := t.resolve()
	if err == nil {
		return t.found.Environ(os.Environ()), nil
	}
	if !named || asFailure(err).code != exitDenied || os.Getenv("AWS_ACCESS_KEY_ID") != "" {
		return nil, err
	}
	return os.Environ(), nil
}
