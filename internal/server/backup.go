package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// backupBodyMax bounds the body of a request for a backup, in bytes.
const backupBodyMax = 64 << 10

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

// backupError is the answer when no backup was made.
type backupError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// backup makes a copy of the data folder while everything goes on. Only the owner may ask, and only with JSON,
// which a web page cannot send here behind its reader's back.
func (s *Server) backup(w http.ResponseWriter, r *http.Request) {
	if s.heads != nil {
		if known, err := s.heads(r); !known {
			refuse(w, err)
			return
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, backupBodyMax))
	if err != nil {
		writeJSON(w, http.StatusBadRequest, backupError{"InvalidRequest", "The body cannot be read, or is too long."})
		return
	}
	caller, err := s.auth(r, body)
	if err != nil || !caller.Owner {
		refuse(w, err)
		return
	}
	var in BackupRequest
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" || json.Unmarshal(body, &in) != nil || !filepath.IsAbs(in.Directory) {
		writeJSON(w, http.StatusBadRequest, backupError{"InvalidRequest",
			`Send JSON like {"directory": "/backup/forebay"}, with an absolute path on the server's machine.`})
		return
	}
	if s.opts.FS != nil {
		writeJSON(w, http.StatusConflict, backupError{"InMemory", "This server keeps its data in memory: there is nothing to back up."})
		return
	}
	reply, err := s.Backup(in.Directory)
	if err != nil {
		s.log.Error("the backup was not made", "directory", in.Directory, "err", err)
		status, code := http.StatusInternalServerError, "BackupFailed"
		if errors.Is(err, fs.ErrExist) {
			status, code = http.StatusConflict, "DirectoryNotEmpty"
		}
		writeJSON(w, status, backupError{code, err.Error()})
		return
	}
	s.log.Info("backup made", "directory", reply.Directory, "bytes", reply.Bytes, "dur", time.Duration(reply.Seconds*float64(time.Second)))
	writeJSON(w, http.StatusOK, reply)
}

// refuse answers a caller who may not make backups. err says why, when that is about the signature.
func refuse(w http.ResponseWriter, err error) {
	message := "Only the root key may make backups."
	if known, ok := errors.AsType[*queue.Error](err); ok {
		message = known.Message
	}
	writeJSON(w, http.StatusForbidden, backupError{"AccessDenied", message})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
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
