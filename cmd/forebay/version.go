package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is the release; a build may set another with -ldflags "-X main.version=…".
var version = "0.1.0"

// build says what this binary is.
type build struct {
	Version   string `json:"version"`
	Revision  string `json:"revision,omitempty"`
	Modified  bool   `json:"modified,omitempty"`
	GoVersion string `json:"goVersion"`
	Platform  string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: version, GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// text is the build for people, on a line.
func (b build) text() string {
	revision := b.Revision[:min(len(b.Revision), 12)]
	if revision != "" {
		revision = "revision " + revision + ", "
	}
	return "forebay " + b.Version + " (" + revision + b.GoVersion + ", " + b.Platform + ")"
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version",
		Args:  exactly(0),
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			if a.text() {
				_, err := fmt.Fprintln(a.out, b.text())
				return err
			}
			return a.print(listing{single: true, rows: []row{{name: b.Version, item: b}}})
		},
	}
}
