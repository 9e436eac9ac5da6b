package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/config"
)

// settings are the flags of a command that reads the configuration of a server.
type settings struct {
	file  string
	given map[string]*settingFlag // by flag name
}

// settingFlag is the flag of a setting: text, which package config understands. It implements pflag.Value.
type settingFlag struct {
	text string
	kind string // bool or string, for the help
}

// String returns the text.
func (f *settingFlag) String() string { return f.text }

// Set takes the text of the command line.
func (f *settingFlag) Set(text string) error { f.text = text; return nil }

// Type names the kind of value.
func (f *settingFlag) Type() string { return f.kind }

// settingsFlags gives cmd a flag for every setting.
func settingsFlags(cmd *cobra.Command) *settings {
	s := &settings{given: map[string]*settingFlag{}}
	flags := cmd.Flags()
	flags.StringVar(&s.file, "config", "", "configuration file (also FOREBAY_CONFIG)")
	for _, setting := range config.Settings() {
		value := &settingFlag{text: setting.Default(), kind: "string"}
		if setting.Bool {
			value = &settingFlag{kind: "bool"}
		}
		s.given[setting.Flag()] = value
		flags.Var(value, setting.Flag(), setting.Usage)
		if setting.Bool {
			flags.Lookup(setting.Flag()).NoOptDefVal = "true"
		}
	}
	return s
}

// load works out the configuration of cmd.
func (s *settings) load(cmd *cobra.Command) (*config.Config, []config.Value, error) {
	from := config.Sources{File: s.file, Env: os.LookupEnv, Flags: map[string]string{}}
	if from.File == "" {
		from.File = os.Getenv("FOREBAY_CONFIG")
	}
	for name, value := range s.given {
		if cmd.Flags().Changed(name) {
			from.Flags[name] = value.text
		}
	}
	cfg, values, err := config.Load(from)
	if err != nil {
		return nil, nil, fileFailure(err)
	}
	return cfg, values, nil
}

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show every setting of serve and where its value comes from",
		Long: "Show every setting of serve and where its value comes from.\n\n" +
			"A flag wins over the environment, the environment over the file, the file over the default.\n" +
			"Takes the flags of serve: put config in place of serve to see what serve would do.",
		Args: exactly(0),
	}
	settings := settingsFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, values, err := settings.load(cmd)
		if err != nil {
			return err
		}
		l := listing{columns: []string{"SETTING", "VALUE", "ORIGIN"}}
		for _, v := range values {
			if v.Key == "data" && v.Text == "" && !cfg.Ephemeral {
				if v.Text, err = config.DataFolder("", os.LookupEnv); err != nil {
					return err
				}
			}
			l.rows = append(l.rows, row{
				name:  v.Key,
				cells: []string{v.Key, v.Text, v.Origin},
				item: struct {
					Setting string `json:"setting"`
					Value   string `json:"value"`
					Origin  string `json:"origin"`
				}{v.Key, v.Text, v.Origin},
			})
		}
		return a.print(l)
	}
	return cmd
}
