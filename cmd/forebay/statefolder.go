package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/datafolder"
)

// stateWatch is the time between two looks at whether a state folder is still there.
const stateWatch = time.Second

// holdState makes the state folder of a part that nothing else may use, and takes it until the returned function is called. When
// the folder is moved or replaced meanwhile, the returned context ends with the reason as its cause.
func holdState(ctx context.Context, folder, part string) (context.Context, func(), error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, nil, &failure{code: exitFailed, what: fmt.Sprintf("the state folder cannot be made: %v", err), err: err,
			hints: []string{"Use another one:  forebay " + part + " --state FOLDER"}}
	}
	holder, err := datafolder.Hold(folder)
	if errors.Is(err, datafolder.ErrInUse) {
		return nil, nil, &failure{code: exitConflict, what: fmt.Sprintf("the state folder %s is in use by another %s", folder, part), err: err,
			hints: []string{"Stop it first, or use another folder:  forebay " + part + " --state FOLDER"}}
	}
	if err != nil {
		return nil, nil, err
	}
	ctx, end := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(stateWatch)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if err := holder.Check(); err != nil {
					end(fmt.Errorf("%w; put the state folder back, see that one %s uses it, and start again", err, part))
				}
			}
		}
	}()
	return ctx, func() {
		end(nil)
		<-done
		_ = holder.Close()
	}, nil
}

// stateLost returns why a context of holdState has ended, when that is the folder's fault.
func stateLost(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, datafolder.ErrChanged) {
		return &failure{code: exitFailed, what: cause.Error(), err: cause}
	}
	return nil
}

// tightenState closes to others the files of a state folder that begin with one of names or end with one of suffixes, and the
// folder itself when it holds nothing else.
func tightenState(folder string, log *slog.Logger, names, suffixes []string) {
	own := func(path string) bool {
		path, _, _ = strings.Cut(path, "/")
		for _, name := range names {
			if strings.HasPrefix(path, name) {
				return true
			}
		}
		for _, suffix := range suffixes {
			if strings.HasSuffix(path, suffix) {
				return true
			}
		}
		return false
	}
	entries, err := os.ReadDir(folder)
	alone := true
	for _, entry := range entries {
		alone = alone && own(entry.Name())
	}
	err = errors.Join(err, datafolder.Tighten(folder, datafolder.Access{}, func(path string) bool { return own(path) || alone && path == "." }))
	if err != nil {
		log.Warn("the state folder is open to others: let its owner run chmod -R go-rwx on it", "state", folder, "err", err)
	}
}
