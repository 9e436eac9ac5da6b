package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/cobra"

	where "github.com/forebay-mq/forebay/internal/target"
)

// shells are the values of --shell.
var shells = []string{"sh", "fish", "powershell", "dotenv", "json"}

func (a *app) envCommand() *cobra.Command {
	var shell string
	var unset bool
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print the settings that point AWS clients at this server",
		Long: "Print the settings that point AWS clients at this server.\n\n" +
			"    eval \"$(forebay env)\"                         sh, bash, zsh\n" +
			"    forebay env --shell fish | source             fish\n" +
			"    forebay env --shell powershell | Out-String | Invoke-Expression\n" +
			"    forebay env --shell dotenv > .env             for tools that read such a file\n" +
			"    eval \"$(forebay env --unset)\"                 takes it back",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.format == "json" {
				shell = "json"
			}
			if !slices.Contains(shells, shell) {
				return usage("--shell: %q is not one of %s", shell, strings.Join(shells, ", "))
			}
			t := a.target
			if unset {
				return a.printUnset(shell, (where.Target{CAFile: t.caFile}).Variables())
			}
			if err := t.resolve(); err != nil {
				return envFailure(err)
			}
			if err := t.checkUsable(cmd.Context()); err != nil {
				return err
			}
			return a.printEnv(shell, &t)
		},
	}
	a.targetFlags(cmd)
	cmd.Flags().StringVar(&shell, "shell", "sh", "for which shell: "+strings.Join(shells, ", "))
	cmd.Flags().BoolVar(&unset, "unset", false, "print what takes the settings back")
	return cmd
}

// envFailure is for a shell that evaluates what env prints: without a server there is nothing to set.
func envFailure(err error) error {
	f := asFailure(err)
	if f.code == exitUnreachable {
		f.code = exitNotFound
	}
	return f
}

// checkUsable refuses to hand out a key that the server does not accept. Where none was found, a server under --dev still
// accepts any, so it is asked.
func (t target) checkUsable(ctx context.Context) error {
	if t.found.KeySource != "" || t.found.Open {
		return nil
	}
	c, err := t.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, dialMax)
	defer cancel()
	if _, err = c.ListQueues(ctx, &sqs.ListQueuesInput{MaxResults: aws.Int32(1)}); err == nil {
		return nil
	}
	f := &failure{code: exitNotFound, what: "no key was found for the server at " + t.endpoint, err: err, hints: []string{
		"Name the server's data folder:  forebay env --data FOLDER",
		"Or a name that you gave it:     forebay env --context NAME     (forebay context ls lists them)"}}
	if connectionFailure(t.endpoint, err) != nil {
		f.what = "no server is known here, and none answers at " + t.endpoint
		f.hints = append([]string{"Start one:                      forebay serve"}, f.hints...)
	}
	if t.found.Note != "" {
		f.hints = append(f.hints, "Not used: "+t.found.Note)
	}
	return f
}

func (a *app) printEnv(shell string, t *target) error {
	variables := t.found.Variables()
	if shell == "json" {
		values := map[string]string{}
		for _, v := range variables {
			values[v.Name] = v.Value
		}
		encoder := json.NewEncoder(a.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(values)
	}
	for _, v := range variables {
		var line string
		switch shell {
		case "sh":
			line = "export " + v.Name + "=" + quoteSh(v.Value)
		case "fish":
			line = "set -gx " + v.Name + " '" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v.Value) + "'"
		case "powershell":
			line = "$Env:" + v.Name + " = '" + strings.ReplaceAll(v.Value, "'", "''") + "'"
		case "dotenv":
			line = v.Name + "=" + v.Value
		}
		if _, err := fmt.Fprintln(a.out, line); err != nil {
			return err
		}
	}
	if shell == "dotenv" {
		return nil
	}
	var others []where.Variable // that would go before those above
	for _, name := range t.found.Misleading(os.LookupEnv) {
		others = append(others, where.Variable{Name: name})
	}
	return a.printUnset(shell, others)
}

func (a *app) printUnset(shell string, variables []where.Variable) error {
	for _, v := range variables {
		var line string
		switch shell {
		case "sh":
			line = "unset " + v.Name
		case "fish":
			line = "set -e " + v.Name
		case "powershell":
			line = "Remove-Item Env:" + v.Name + " -ErrorAction SilentlyContinue"
		default:
			return usage("--unset makes no sense with --shell %s", shell)
		}
		if _, err := fmt.Fprintln(a.out, line); err != nil {
			return err
		}
	}
	return nil
}

// quoteSh quotes text for a POSIX shell, if it has to be.
func quoteSh(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:+=@") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
