package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// shells are the values of --shell.
var shells = []string{"sh", "fish", "powershell", "dotenv", "json"}

// variable is one environment variable that points clients at a server.
type variable struct{ name, value string }

// variables are what clients need to find the server. The endpoint is that of SQS alone, so that calls to
// other services go where they went before.
func (t *target) variables() []variable {
	return []variable{
		{"AWS_ENDPOINT_URL_SQS", t.endpoint},
		{"AWS_ACCESS_KEY_ID", t.keyID},
		{"AWS_SECRET_ACCESS_KEY", t.secret},
		{"AWS_REGION", t.region},
		{"AWS_DEFAULT_REGION", t.region},
	}
}

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
		RunE: func(*cobra.Command, []string) error {
			if a.format == "json" {
				shell = "json"
			}
			if !slices.Contains(shells, shell) {
				return usage("--shell: %q is not one of %s", shell, strings.Join(shells, ", "))
			}
			t := a.target
			if unset {
				return a.printUnset(shell, t.variables())
			}
			if err := t.resolve(); err != nil {
				return err
			}
			return a.printEnv(shell, t.variables())
		},
	}
	a.targetFlags(cmd)
	cmd.Flags().StringVar(&shell, "shell", "sh", "for which shell: "+strings.Join(shells, ", "))
	cmd.Flags().BoolVar(&unset, "unset", false, "print what takes the settings back")
	return cmd
}

func (a *app) printEnv(shell string, variables []variable) error {
	if shell == "json" {
		values := map[string]string{}
		for _, v := range variables {
			values[v.name] = v.value
		}
		encoder := json.NewEncoder(a.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(values)
	}
	for _, v := range variables {
		var line string
		switch shell {
		case "sh":
			line = "export " + v.name + "=" + quoteSh(v.value)
		case "fish":
			line = "set -gx " + v.name + " '" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v.value) + "'"
		case "powershell":
			line = "$Env:" + v.name + " = '" + strings.ReplaceAll(v.value, "'", "''") + "'"
		case "dotenv":
			line = v.name + "=" + v.value
		}
		if _, err := fmt.Fprintln(a.out, line); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printUnset(shell string, variables []variable) error {
	for _, v := range variables {
		var line string
		switch shell {
		case "sh":
			line = "unset " + v.name
		case "fish":
			line = "set -e " + v.name
		case "powershell":
			line = "Remove-Item Env:" + v.name + " -ErrorAction SilentlyContinue"
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
