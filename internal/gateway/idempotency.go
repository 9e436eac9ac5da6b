package gateway

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The length of an Idempotency-Key, in bytes. Requests without credentials share one scope, so their keys must be
// hard to guess.
const (
	keyBytesMax       = 255
	keyAnonymousBytes = 16
)

// kept is what an Idempotency-Key stands for.
type kept struct {
	ID          ID       `json:"id"`
	Fingerprint [32]byte `json:"fingerprint"` // of the request
	Expires     int64    `json:"expires"`     // seconds since 1970
	Sent        bool     `json:"sent"`        // the queue has acknowledged the request
}

// scope is what one Idempotency-Key is unique in, hashed: the route, and whose request it is.
type scope [32]byte

// scopeOf returns the scope and key of a request. ok is false when it has no key. The error is for the client.
func scopeOf(route *Route, r *http.Request) (s scope, ok bool, err error) {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return s, false, nil
	}
	key := strings.Trim(values[0], `"`)
	if len(values) > 1 || key == "" || len(key) > keyBytesMax {
		return s, false, fmt.Errorf("Idempotency-Key must be one text of 1 to %d bytes", keyBytesMax)
	}
	credential := credentialOf(route, r)
	if credential == "" && len(key) < keyAnonymousBytes {
		return s, false, fmt.Errorf("a request without credentials needs an Idempotency-Key of at least %d bytes that "+
			"nobody can guess, such as a UUID: whoever has the key gets the reply", keyAnonymousBytes)
	}
	return digest(route.Name, credential, key), true, nil
}

// credentialOf joins the headers that say whose request it is; empty: nobody says.
func credentialOf(route *Route, r *http.Request) string {
	var all []string
	for _, name := range route.Credential {
		all = append(all, r.Header.Values(name)...)
	}
	return strings.Join(all, "\n")
}

// fingerprint tells one request from another that has the same key.
func fingerprint(method, url, contentType string, body []byte) [32]byte {
	return digest(method, url, contentType, string(body))
}

// digest hashes texts so that no two lists of texts are alike.
func digest(texts ...string) [32]byte {
	h := sha256.New()
	for _, text := range texts {
		fmt.Fprintf(h, "%d:", len(text))
		h.Write([]byte(text))
	}
	return [32]byte(h.Sum(nil))
}

// keep makes what the key of a request stands for durable, unless it stands for something already: then that is
// returned, and found is true.
func (s *store) keep(key scope, k kept, now time.Time) (was kept, found bool, err error) {
	lock := &s.keys[int(key[0])%stripes]
	lock.Lock()
	defer lock.Unlock()
	was, err = s.kept(key)
	if err != nil || now.Unix() < was.Expires {
		return was, err == nil, err
	}
	if s.full() {
		return kept{}, false, errFull
	}
	if was.Expires == 0 {
		s.bytes.Add(recordCost)
	}
	return kept{}, false, s.writeKept(key, k, true)
}

// kept returns what a key stands for; the zero value: nothing.
func (s *store) kept(key scope) (k kept, err error) {
	text, err := s.get(keyOf(kindKey, key[:]))
	if text == nil || err != nil {
		return kept{}, err
	}
	if err := json.Unmarshal(text, &k); err != nil {
		return kept{}, fmt.Errorf("damaged record of a key: %w", err)
	}
	return k, nil
}

// sent notes that the request behind a key is in its queue. It does not wait for the disk: a gateway that has forgotten
// sends the request again, under the same id.
func (s *store) sent(key scope, k kept) error {
	k.Sent = true
	return s.writeKept(key, k, false)
}

func (s *store) writeKept(key scope, k kept, durable bool) error {
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	owner := keyOf(kindKey, key[:])
	b := s.db.NewBatch()
	b.Set(owner, text)
	b.Set(dueKey(k.Expires, owner), nil)
	return s.db.Commit(b, durable)
}
