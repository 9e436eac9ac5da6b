package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"strings"
	"sync"

	"github.com/forebay-mq/forebay/internal/sigv4/sign"
)

// signingKeysMax bounds the signing keys that are remembered, about 2 KiB each while they are in use.
const signingKeysMax = 1024

// signingKeys remembers the keys that are derived from secrets: one serves all requests of a client for a day.
// The zero value is ready for use.
type signingKeys struct {
	mu   sync.RWMutex
	keys map[signingScope]*signingKey
}

// signingScope is what a signing key is derived from. The secret is in it, so that another one needs no flush.
type signingScope struct{ secret, date, region, service string }

// signingKey signs for a secret and a scope. Many goroutines may use it.
type signingKey struct {
	signers sync.Pool // of *signer
}

// signer is what one signature is made with: the hash, its key already taken in, and room to write.
type signer struct {
	mac  hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

func newSigningKey(key []byte) *signingKey {
	k := new(signingKey)
	k.signers.New = func() any { return &signer{mac: hmac.New(sha256.New, key), text: make([]byte, 0, 1024)} }
	return k
}

// get returns the signing key for a secret and the scope of a claim.
//
// Keys for requests that fail later are remembered as well: whether there is one must not tell who exists.
func (s *signingKeys) get(secret string, c *claim) *signingKey {
	scope := signingScope{secret, c.date, c.region, c.service}
	s.mu.RLock()
	key := s.keys[scope]
	s.mu.RUnlock()
	if key != nil {
		return key
	}
	key = newSigningKey(sign.Key(secret, c.date, c.region, c.service))
	scope = signingScope{secret, strings.Clone(c.date), strings.Clone(c.region), strings.Clone(c.service)} // lets go of the request
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil || len(s.keys) >= signingKeysMax {
		s.keys = make(map[signingScope]*signingKey)
	}
	s.keys[scope] = key
	return key
}
