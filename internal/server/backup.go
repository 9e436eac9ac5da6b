package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// BackupRequest is the body of POST /forebay/v1/backup.
type BackupRequest struct {
	Directory string `json:"directory"` // on the server's machine, absolute; missing or empty
}

// BackupReply tells about a backup that was made.
type BackupReply struct {
	Directory string  `json:"directory"`
	Bytes     int64   `json:"bytes"`
	Seconds   float64 `json:"seconds"`
	Keys      bool    `json:"keys"` // whether the access keys are in it
}

// backup makes a copy of the data folder while everything goes on. Only the owner may ask, and only with JSON,
// which a web page cannot send here behind its reader's back.
func (s *Server) backup(w http.ResponseWriter, r *http.Request) {
	v, body, ok := s.admit(w, r, "MakeBackup", "make backups")
	if !ok {
		return
	}
	var in BackupRequest
	if !v.isJSON() || json.Unmarshal(body, &in) != nil || !filepath.IsAbs(in.Directory) {
		v.refuse(http.StatusBadRequest, "InvalidRequest",
			`Send JSON like {"directory": "/backup/forebay"}, with an absolute path on the server's machine.`)
		return
	}
	v.object = in.Directory
	if s.opts.FS != nil {
		v.refuse(http.StatusConflict, "InMemory", "This server keeps its data in memory: there is nothing to back up.")
		return
	}
	reply, err := s.Backup(in.Directory)
	if err != nil {
		s.log.Error("the backup was not made", "directory", in.Directory, "err", err)
		status, code := http.StatusInternalServerError, "BackupFailed"
		if errors.Is(err, fs.ErrExist) {
			status, code = http.StatusConflict, "DirectoryNotEmpty"
		}
		v.refuse(status, code, err.Error())
		return
	}
	s.log.Info("backup made", "directory", reply.Directory, "bytes", reply.Bytes, "dur", time.Duration(reply.Seconds*float64(time.Second)))
	v.done(reply)
}

// Backup copies the data folder into directory, which must be missing or empty, while the server goes on. The
// copy is a data folder itself, as of a moment during the call, with the access keys (readable for their
// owner alone).
func (s *Server) Backup(directory string) (BackupReply, error) {
	s.backups.Lock()
	defer s.backups.Unlock()
	began := time.Now()
	if err := missingOrEmpty(directory); err != nil {
		return BackupReply{}, err
	}
	if err := os.MkdirAll(filepath.Dir(directory), 0o700); err != nil {
		return BackupReply{}, err
	}
	if err := s.store.Checkpoint(directory); err != nil {
		return BackupReply{}, err
	}
	if hasKeys(s.opts.Data) {
		if err := copyFile(KeysPath(s.opts.Data), KeysPath(directory)); err != nil {
			return BackupReply{}, fmt.Errorf("copy the keys: %w", err)
		}
	}
	return replyFor(directory, began)
}

func replyFor(directory string, began time.Time) (BackupReply, error) {
	bytes, err := sizeOf(directory)
	return BackupReply{directory, bytes, time.Since(began).Seconds(), hasKeys(directory)}, err
}

// missingOrEmpty returns an error that is fs.ErrExist when there is something in directory.
func missingOrEmpty(directory string) error {
	entries, err := os.ReadDir(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty: %w", directory, fs.ErrExist)
	}
	return os.Remove(directory) // the store makes it
}

// copyFile copies a file for its owner alone, and syncs the copy.
func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, source)
	return errors.Join(err, f.Sync(), f.Close())
}

// sizeOf adds up the files below directory.
func sizeOf(directory string) (int64, error) {
	var total int64
	err := filepath.WalkDir(directory, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
