package main

import (
	"context"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/forebay-mq/forebay/internal/config"
)

// app is what all commands share.
type app struct {
	in   io.Reader
	out  *output   // data
	errs io.Writer // everything else

	format   string // -o
	noHeader bool
	quiet    bool
	yes      bool // --yes of the command that runs

	target target
}

// run executes one command line and returns the exit code. It closes out if that is a file.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	a := &app{in: in, out: &output{to: out}, errs: errs}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(a.out)
	root.SetErr(errs)
	f := a.outcome(root.ExecuteContext(ctx))
	if f == nil {
		return exitOK
	}
	fmt.Fprint(errs, f.text())
	return f.code
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "forebay",
		Short: "A durable message queue that speaks the Amazon SQS API",
		Long: "Forebay is a durable message queue that speaks the Amazon SQS API.\n\n" +
			"Start a server:      forebay serve\n" +
			"See it at work:      forebay demo\n" +
			"Point clients here:  eval \"$(forebay env)\"",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.format != "" && !slices.Contains(formats, a.format) {
				return usage("--output: %q is not one of %s", a.format, strings.Join(formats, ", "))
			}
			return nil
		},
	}
	root.SetFlagErrorFunc(flagFailure)
	flags := root.PersistentFlags()
	flags.StringVarP(&a.format, "output", "o", "", "output format: "+strings.Join(formats, ", "))
	flags.BoolVar(&a.noHeader, "no-header", false, "leave out the header of tables")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no progress and no remarks")
	root.Flags().Bool("version", false, "show the version") // without the -v that cobra would give it
	root.SetVersionTemplate(thisBuild().text() + "\n")
	a.addCommands(root)
	return root
}

// interruptible returns cmd's context, ended by Ctrl-C, SIGTERM or the end of the terminal. A second signal ends the process,
// whatever it waits for.
func interruptible(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	keepHangup()
	ctx, stop := signal.NotifyContext(cmd.Context(), stopSignals()...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// noSuchCommand refuses arguments of a command that only has subcommands, and says which was probably meant.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	what := fmt.Sprintf("unknown command %q", cmd.CommandPath()+" "+args[0])
	if best := config.Nearest(args[0], names); best != "" {
		what += fmt.Sprintf(". Did you mean %q?", cmd.CommandPath()+" "+best)
	}
	return &failure{code: exitUsage, what: what, hints: []string{"List commands:  " + cmd.CommandPath() + " --help"}}
}

// flagFailure words what is wrong with the flags of cmd.
func flagFailure(cmd *cobra.Command, err error) error {
	if missing, ok := err.(*pflag.NotExistError); ok {
		name := missing.GetSpecifiedName()
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		what := fmt.Sprintf("unknown flag %q", "--"+name)
		if best := config.Nearest(name, names); best != "" {
			what += fmt.Sprintf(". Did you mean %q?", "--"+best)
		}
		return &failure{code: exitUsage, what: what, hints: []string{"List flags:  " + cmd.CommandPath() + " --help"}}
	}
	return &failure{code: exitUsage, what: err.Error(), hints: []string{"List flags:  " + cmd.CommandPath() + " --help"}}
}

// exactly wants n arguments, named by the command's usage line.
func exactly(n int) cobra.PositionalArgs { return between(n, n) }

// between wants at least low and at most high arguments; a negative high is no limit.
func between(low, high int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < low {
			return usage("%s needs more arguments\n  Usage:  %s", cmd.CommandPath(), cmd.UseLine())
		}
		if high >= 0 && len(args) > high {
			return usage("%s takes no argument %q\n  Usage:  %s", cmd.CommandPath(), args[high], cmd.UseLine())
		}
		return nil
	}
}

// remark prints something that is no data, unless the user wants quiet.
func (a *app) remark(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.errs, format+"\n", args...)
	}
}
