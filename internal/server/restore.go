package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/forebay-mq/forebay/internal/pebblestore"
	"github.com/forebay-mq/forebay/internal/queue"
)

// BackupStopped does what [Server.Backup] does for a data folder that no server uses.
func BackupStopped(data, directory string) (BackupReply, error) {
	began := time.Now()
	if err := missingOrEmpty(directory); err != nil {
		return BackupReply{}, err
	}
	// Opening takes the lock, so that no server starts meanwhile, and makes sure that there is something to copy.
	store, err := pebblestore.Open(data, pebblestore.Options{ReadOnly: true})
	if err != nil {
		return BackupReply{}, err
	}
	if err := errors.Join(copyFolder(data, directory), store.Close()); err != nil {
		return BackupReply{}, err
	}
	return replyFor(directory, began)
}

// Restored tells what a restored data folder holds.
type Restored struct {
	Report pebblestore.Report // of reading every block
	Queues []queue.Stats      // each queue, by name
	Bytes  int64              // of the folder
	Keys   bool               // whether the access keys came with it
}

// Restore copies a backup into the data folder, which must be missing or empty, and checks the copy: every
// block is read, and the queues are opened and counted as a server would. The backup stays as it is.
func Restore(ctx context.Context, backup, data string) (*Restored, error) {
	if err := missingOrEmpty(data); err != nil {
		return nil, err
	}
	if _, err := os.Stat(backup); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(backup, "FORMAT")); err != nil {
		return nil, fmt.Errorf("%s is not a Forebay data folder: it has no file FORMAT", backup)
	}
	if err := copyFolder(backup, data); err != nil {
		return nil, err
	}
	return check(ctx, data)
}

// leftBehind are the files of a data folder that mean something only while a process uses it, and the space
// that is kept for a full disk.
var leftBehind = []string{"LOCK", "pid", "endpoint", "endpoint.lock", "ballast"}

// copyFolder copies a data folder that nobody uses, for its owner alone, and syncs the copy. FORMAT is copied
// last: half a copy is not taken for a data folder.
func copyFolder(from, to string) error {
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		case name == "FORMAT" || slices.Contains(leftBehind, name) || !entry.Type().IsRegular():
			return nil
		}
		return copyFile(path, target)
	})
	if err != nil {
		return err
	}
	if err := syncFolders(to); err != nil {
		return err
	}
	return errors.Join(copyFile(filepath.Join(from, "FORMAT"), filepath.Join(to, "FORMAT")), syncFolders(to))
}

// syncFolders makes the names of all files below folder durable.
func syncFolders(folder string) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

// check opens a data folder, reads all of it and counts what is in the queues.
func check(ctx context.Context, data string) (*Restored, error) {
	s, err := Start(ctx, Options{Data: data, Authenticate: func(*http.Request, []byte) (queue.Caller, error) {
		return queue.Caller{}, queue.Errorf(queue.CodeAccessDenied, "nobody may use a server that only checks its data")
	}})
	if err != nil {
		return nil, err
	}
	found := &Restored{Keys: hasKeys(data)}
	found.Report, err = s.store.Verify(ctx)
	found.Queues, _ = s.broker.Stats(0)
	if err := errors.Join(err, s.Shutdown(context.WithoutCancel(ctx))); err != nil {
		return nil, err
	}
	found.Bytes, err = sizeOf(data)
	return found, err
}
