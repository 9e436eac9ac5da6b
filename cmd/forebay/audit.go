package main

import (
	"io"
	"path/filepath"

	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/platform/logfile"
)

// auditFile is the name of the audit log in the data folder.
const auditFile = "audit.log"

// auditLog returns what opens the audit log that the settings ask for, nil when they ask for none.
func (a *app) auditLog(cfg *config.Config, data string) func() (io.WriteCloser, error) {
	if cfg.AuditEvents == "none" {
		return nil
	}
	return func() (io.WriteCloser, error) {
		path := cfg.AuditLog
		switch path {
		case "-":
			return unclosed{a.errs}, nil
		case "":
			path = filepath.Join(data, auditFile)
		}
		file, err := logfile.Open(path, logfile.Options{})
		if err != nil {
			return nil, &failure{code: exitFailed, what: "the audit log cannot be opened: " + err.Error(), err: err, hints: []string{
				"Let it be kept elsewhere:  forebay serve --audit-log FILE", "Or do without it:          forebay serve --audit-events none"}}
		}
		return file, nil
	}
}

// unclosed is a stream that outlives what writes to it.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }
