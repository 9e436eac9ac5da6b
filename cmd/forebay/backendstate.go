package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/forebay-mq/forebay/internal/backend"
	"github.com/forebay-mq/forebay/internal/pebblestore"
)

// backendsMax is how many backends of one queue share the folder that is used when none is given.
const backendsMax = 100

// openUses opens the memory of signed requests, which is nil when requests need not be signed. Backends that are
// given no folder take the first of theirs that no other uses, so that one that starts again remembers what it did.
func openUses(f *backendFlags, queue string, logger *slog.Logger) (*backend.Uses, error) {
	if f.keys == "" {
		return nil, nil
	}
	o := backend.UsesOptions{AcceptLoss: f.acceptLoss, Logger: logger, Fatal: fatal(logger)}
	if f.state != "" {
		return openUsesIn(filepath.Join(f.state, queue), o)
	}
	base, ok := stateHome()
	if !ok {
		logger.Warn("copies of signed requests are noticed until this backend ends; for longer, give --state FOLDER")
		return nil, nil
	}
	for n := 1; ; n++ {
		folder := filepath.Join(base, "backend", fmt.Sprintf("%s-%d", queue, n))
		uses, err := openUsesIn(folder, o)
		if pebblestore.InUse(err) && n < backendsMax {
			continue
		}
		if err == nil {
			logger.Info("signed requests are remembered", "folder", folder)
		}
		return uses, err
	}
}

func openUsesIn(folder string, o backend.UsesOptions) (*backend.Uses, error) {
	if err := os.MkdirAll(filepath.Dir(folder), 0o700); err != nil {
		what := fmt.Sprintf("signed requests cannot be remembered: %v", err)
		return nil, &failure{code: exitFailed, what: what, err: err,
			hints: []string{"Choose a folder:  forebay backend --state FOLDER"}}
	}
	uses, err := backend.OpenUses(folder, o)
	if err != nil {
		return nil, &failure{code: exitFailed, what: err.Error(), err: err}
	}
	return uses, nil
}

// stateHome is where programs keep what must survive them, if there is such a place.
func stateHome() (string, bool) {
	if folder, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); folder != "" {
		return folder, true
	}
	base := os.Getenv("XDG_STATE_HOME")
	if home, err := os.UserHomeDir(); base == "" && err == nil {
		base = filepath.Join(home, ".local", "state")
	}
	if base == "" {
		return "", false
	}
	base = filepath.Join(base, "forebay")
	return base, os.MkdirAll(base, 0o700) == nil
}
