package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/smithy-go"

	"github.com/forebay-mq/forebay/internal/access"
	"github.com/forebay-mq/forebay/internal/server"
	where "github.com/forebay-mq/forebay/internal/target"
)

// keyStore is where keys are managed: a running server, or the data folder.
type keyStore interface {
	list(ctx context.Context) ([]access.Shown, error)
	create(ctx context.Context, in server.KeyRequest) (access.Shown, error)
	change(ctx context.Context, name string, in server.KeyPatch) error
	rotate(ctx context.Context, name string, overlap time.Duration) (access.Shown, error)
	remove(ctx context.Context, name string) error
}

// keys finds where keys are managed. With --endpoint that is the server there. Else it is the server that runs on the
// data folder, so that what is changed holds at once and ends what waits; and the folder itself when none answers,
// which is also how to get in again after the last key was lost.
func (a *app) keys() (keyStore, error) {
	if a.target.endpoint != "" {
		c, err := a.connect()
		if err != nil {
			return nil, err
		}
		return serverKeys{c}, nil
	}
	folder, err := a.target.folder()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(folder, keysFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, &failure{code: exitNotFound, what: "there are no keys in " + folder, hints: []string{
			"The first start of a server makes them:  forebay serve",
			"Or name its data folder:                 --data FOLDER"}}
	}
	keys, _, err := access.OpenKeys(path)
	if err != nil {
		return nil, err
	}
	stopped := folderKeys{keys}
	endpoint, running := where.Running(folder)
	admin, ok := keys.ActiveAdmin()
	if !running || !ok {
		return stopped, nil
	}
	c, err := target{
		endpoint: endpoint, region: defaultRegion, keyID: admin.ID, secret: admin.Secret.Reveal(), caFile: a.target.caFile,
	}.client()
	if err != nil {
		return nil, err
	}
	c.http.Timeout = keysTime
	return eitherKeys{running: serverKeys{c}, stopped: stopped}, nil
}

// keysAt says whose keys are managed, for what is asked before something is changed, and said afterwards.
func (a *app) keysAt() string {
	if a.target.endpoint != "" {
		return " of the server at " + a.target.endpoint
	}
	folder, err := a.target.folder()
	if err != nil {
		return ""
	}
	return " of the server in " + folder
}

// keysTime bounds the wait for a server that may not be there any more.
const keysTime = 10 * time.Second

// folderKeys are the keys in a data folder.
type folderKeys struct{ keys *access.Keys }

func (f folderKeys) list(context.Context) ([]access.Shown, error) {
	return access.ShowAll(f.keys, time.Now()), nil
}

func (f folderKeys) create(_ context.Context, in server.KeyRequest) (access.Shown, error) {
	opts, err := in.Options()
	if err != nil {
		return access.Shown{}, err
	}
	key, err := f.keys.Create(in.Name, opts)
	return f.fresh(key), err
}

func (f folderKeys) change(_ context.Context, name string, in server.KeyPatch) error {
	change, err := in.Change()
	if err != nil {
		return err
	}
	return f.keys.Change(name, change)
}

func (f folderKeys) rotate(_ context.Context, name string, overlap time.Duration) (access.Shown, error) {
	key, err := f.keys.Rotate(name, overlap)
	return f.fresh(key), err
}

func (f folderKeys) remove(_ context.Context, name string) error { return f.keys.Delete(name) }

// fresh shows a key with its secret.
func (folderKeys) fresh(key access.Key) access.Shown {
	shown := access.Show(&key, time.Now())
	shown.Secret = key.Secret.Reveal()
	return shown
}

// serverKeys are the keys of a running server.
type serverKeys struct{ client *client }

// ask sends a request about keys, and reads the answer into out unless that is nil.
func (s serverKeys) ask(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	if method == http.MethodGet {
		body = nil
	}
	text, err := s.client.signed(ctx, method, server.KeysAPI+path, body)
	if err != nil {
		return keyRefusal(err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s does not know how to manage keys: it is no Forebay server of this version", s.client.target.endpoint)
	}
	return nil
}

// keyRefusal gives what a server has said about keys the meaning that it has in the folder.
func keyRefusal(err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	for code, known := range map[string]error{
		"KeyNotFound": access.ErrKeyMissing, "KeyExists": access.ErrKeyExists, "LastAdmin": access.ErrLastAdmin,
		"InvalidRequest": access.ErrKeyInvalid,
	} {
		if api.ErrorCode() == code {
			return &told{text: api.ErrorMessage(), kind: known}
		}
	}
	return err
}

// told is an error in the words of the server.
type told struct {
	text string
	kind error
}

// Error returns the server's words.
func (t *told) Error() string { return t.text }

// Unwrap returns what they mean.
func (t *told) Unwrap() error { return t.kind }

func (s serverKeys) list(ctx context.Context) ([]access.Shown, error) {
	var all server.KeyList
	err := s.ask(ctx, http.MethodGet, "", nil, &all)
	return all.Keys, err
}

func (s serverKeys) create(ctx context.Context, in server.KeyRequest) (made access.Shown, err error) {
	return made, s.ask(ctx, http.MethodPost, "", in, &made)
}

func (s serverKeys) change(ctx context.Context, name string, in server.KeyPatch) error {
	return s.ask(ctx, http.MethodPatch, "/"+url.PathEscape(name), in, nil)
}

func (s serverKeys) rotate(ctx context.Context, name string, overlap time.Duration) (made access.Shown, err error) {
	in := server.KeyRotation{OverlapSeconds: overlap.Seconds()}
	return made, s.ask(ctx, http.MethodPost, "/"+url.PathEscape(name)+"/rotate", in, &made)
}

func (s serverKeys) remove(ctx context.Context, name string) error {
	return s.ask(ctx, http.MethodDelete, "/"+url.PathEscape(name), struct{}{}, nil)
}

// eitherKeys asks the running server, and the folder when the server does not answer about keys.
type eitherKeys struct {
	running serverKeys
	stopped folderKeys
}

// unanswered reports whether the running server has said nothing about the keys, so that the folder must be asked.
func unanswered(err error) bool {
	_, answered := errors.AsType[*told](err)
	return err != nil && !answered
}

func (e eitherKeys) list(ctx context.Context) ([]access.Shown, error) {
	all, err := e.running.list(ctx)
	if unanswered(err) {
		return e.stopped.list(ctx)
	}
	return all, err
}

func (e eitherKeys) create(ctx context.Context, in server.KeyRequest) (access.Shown, error) {
	made, err := e.running.create(ctx, in)
	if unanswered(err) {
		return e.stopped.create(ctx, in)
	}
	return made, err
}

func (e eitherKeys) change(ctx context.Context, name string, in server.KeyPatch) error {
	err := e.running.change(ctx, name, in)
	if unanswered(err) {
		return e.stopped.change(ctx, name, in)
	}
	return err
}

func (e eitherKeys) rotate(ctx context.Context, name string, overlap time.Duration) (access.Shown, error) {
	made, err := e.running.rotate(ctx, name, overlap)
	if unanswered(err) {
		return e.stopped.rotate(ctx, name, overlap)
	}
	return made, err
}

func (e eitherKeys) remove(ctx context.Context, name string) error {
	err := e.running.remove(ctx, name)
	if unanswered(err) {
		return e.stopped.remove(ctx, name)
	}
	return err
}
