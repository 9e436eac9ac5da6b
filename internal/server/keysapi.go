package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/access"
	"github.com/forebay-mq/forebay/internal/queue"
)

// KeysAPI is where keys are managed: GET lists them and POST makes one; below it, PATCH KeysAPI/NAME changes one,
// DELETE deletes it, and POST KeysAPI/NAME/rotate gives it a new id and secret.
const KeysAPI = "/forebay/v1/keys"

// KeyRequest is the body of POST /forebay/v1/keys.
type KeyRequest struct {
	Name    string         `json:"name"`
	Account string         `json:"account,omitempty"`
	Admin   bool           `json:"admin,omitempty"`
	Grants  []queue.Grant  `json:"grants,omitempty"`
	Expires string         `json:"expires,omitempty"` // RFC 3339; empty or never: never
	Limits  *access.Limits `json:"limits,omitempty"`
}

// KeyPatch is the body of PATCH /forebay/v1/keys/NAME. What is left out stays as it is.
type KeyPatch struct {
	Disabled *bool          `json:"disabled,omitempty"`
	Grants   *[]queue.Grant `json:"grants,omitempty"`
	Expires  string         `json:"expires,omitempty"` // RFC 3339, or never
	Limits   *access.Limits `json:"limits,omitempty"`
}

// KeyRotation is the body of POST /forebay/v1/keys/NAME/rotate.
type KeyRotation struct {
	OverlapSeconds float64 `json:"overlap_seconds"` // how long the old pair is accepted still; zero: not at all
}

// KeyList is the answer to GET /forebay/v1/keys.
type KeyList struct {
	Keys []access.Shown `json:"keys"`
}

// servesKeys reports whether a path belongs to the management of keys.
func servesKeys(path string) bool {
	return path == KeysAPI || strings.HasPrefix(path, KeysAPI+"/")
}

// manageKeys answers requests about keys, all of which are for owners alone.
func (s *Server) manageKeys(w http.ResponseWriter, r *http.Request) {
	v, body, ok := s.admit(w, r, "ManageKeys", "manage keys")
	if !ok {
		return
	}
	name, verb, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, KeysAPI), "/"), "/")
	v.object = name
	if s.keys == nil {
		v.refuse(http.StatusConflict, "NoKeys", "This server has no keys: it accepts any credentials.")
		return
	}
	if r.Method != http.MethodGet && !v.isJSON() {
		v.refuse(http.StatusUnsupportedMediaType, "InvalidRequest", "Send the header Content-Type: application/json.")
		return
	}
	switch route := r.Method + " " + verb; {
	case name == "" && route == "GET ":
		v.show(KeyList{Keys: access.ShowAll(s.keys, s.now())})
	case name == "" && route == "POST ":
		s.createKey(v, body)
	case name != "" && route == "GET ":
		s.showKey(v, name)
	case name != "" && route == "PATCH ":
		s.changeKey(v, name, body)
	case name != "" && route == "DELETE ":
		s.deleteKey(v, name)
	case name != "" && route == "POST rotate":
		s.rotateKey(v, name, body)
	default:
		v.refuse(http.StatusNotFound, "NotFound", "There is nothing at "+r.Method+" "+r.URL.Path+". See docs/api.md.")
	}
}

func (s *Server) now() time.Time { return time.Now() }

func (s *Server) createKey(v *visit, body []byte) {
	var in KeyRequest
	if !v.read(body, &in) {
		return
	}
	v.action, v.object = "CreateKey", in.Name
	opts, err := in.Options()
	var key access.Key
	if err == nil {
		key, err = s.keys.Create(in.Name, opts)
	}
	s.changed(v, in.Name, key, err)
}

func (s *Server) changeKey(v *visit, name string, body []byte) {
	v.action = "ChangeKey"
	var in KeyPatch
	if !v.read(body, &in) {
		return
	}
	change, err := in.Change()
	if err == nil {
		err = s.keys.Change(name, change)
	}
	s.changed(v, name, access.Key{}, err)
}

func (s *Server) rotateKey(v *visit, name string, body []byte) {
	v.action = "RotateKey"
	var in KeyRotation
	if len(body) > 0 && !v.read(body, &in) {
		return
	}
	// What is no length of time at all is more than can be allowed.
	overlap := access.OverlapMax + 1
	if in.OverlapSeconds >= 0 && in.OverlapSeconds <= access.OverlapMax.Seconds() {
		overlap = time.Duration(in.OverlapSeconds * float64(time.Second))
	}
	key, err := s.keys.Rotate(name, overlap)
	s.changed(v, name, key, err)
}

func (s *Server) deleteKey(v *visit, name string) {
	v.action = "DeleteKey"
	if err := s.keys.Delete(name); err != nil {
		v.refuseChange(err)
		return
	}
	v.done(struct {
		Name string `json:"name"`
	}{name})
}

// changed answers with the key as it is now, and with its secret when that is given.
func (s *Server) changed(v *visit, name string, key access.Key, err error) {
	if err != nil {
		v.refuseChange(err)
		return
	}
	if shown, ok := s.shownKey(v, name); ok {
		shown.Secret = key.Secret.Reveal() // the only time that it is shown
		v.done(shown)
	}
}

// showKey answers with one key, without its secret.
func (s *Server) showKey(v *visit, name string) {
	if shown, ok := s.shownKey(v, name); ok {
		v.show(shown)
	}
}

// shownKey returns a key as it is shown, or answers that there is none of that name.
func (s *Server) shownKey(v *visit, name string) (access.Shown, bool) {
	for _, shown := range access.ShowAll(s.keys, s.now()) {
		if shown.Name == name {
			return shown, true
		}
	}
	v.refuse(http.StatusNotFound, "KeyNotFound", "There is no key of that name.")
	return access.Shown{}, false
}

// refuseChange answers why the keys have stayed as they were.
func (v *visit) refuseChange(err error) {
	status, code := http.StatusInternalServerError, "InternalError"
	switch {
	case errors.Is(err, access.ErrKeyMissing):
		status, code = http.StatusNotFound, "KeyNotFound"
	case errors.Is(err, access.ErrKeyExists):
		status, code = http.StatusConflict, "KeyExists"
	case errors.Is(err, access.ErrLastAdmin):
		status, code = http.StatusConflict, "LastAdmin"
	case errors.Is(err, access.ErrKeyInvalid):
		status, code = http.StatusBadRequest, "InvalidRequest"
	}
	v.refuse(status, code, err.Error())
}

// read reads a body of JSON. It refuses members that it does not know: a misspelt limit must not be none.
func (v *visit) read(body []byte, into any) bool {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the JSON")
		}
	}
	if err != nil {
		v.refuse(http.StatusBadRequest, "InvalidRequest", "The body cannot be read: "+err.Error()+". See docs/api.md.")
	}
	return err == nil
}

// Options returns what is asked for as package access takes it. The error wraps access.ErrKeyInvalid.
func (in *KeyRequest) Options() (access.KeyOptions, error) {
	opts := access.KeyOptions{Account: in.Account, Admin: in.Admin, Grants: in.Grants}
	if in.Limits != nil {
		opts.Limits = *in.Limits
	}
	var err error
	opts.Expires, err = expiry(in.Expires)
	return opts, err
}

// Change returns what is asked for as package access takes it. The error wraps access.ErrKeyInvalid.
func (in *KeyPatch) Change() (access.KeyChange, error) {
	change := access.KeyChange{Disabled: in.Disabled, Grants: in.Grants, Limits: in.Limits}
	if in.Expires == "" {
		return change, nil
	}
	expires, err := expiry(in.Expires)
	change.Expires = &expires
	return change, err
}

// expiry reads a moment; the empty text and never are none.
func expiry(text string) (time.Time, error) {
	if text == "" || text == "never" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: expires is %.40q; write a moment like 2027-01-31T12:00:00Z, or never", access.ErrKeyInvalid, text)
	}
	return at, nil
}
