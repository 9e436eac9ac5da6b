package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"sync"
)

// signingKeysMax bounds the signing keys that are remembered, about 300 bytes each.
const signingKeysMax = 1024

// signingKeys remembers the keys that are derived from secrets: one serves all requests of a client for a day.
// The zero value is ready for use.
type signingKeys struct {
	mu   sync.RWMutex
	keys map[signingScope][]byte
}

// signingScope is what a signing key is derived from. The secret is in it, so that another one needs no flush.
type signingScope struct{ secret, date, region, service string }

// get returns the signing key for a secret and the scope of a claim. The caller must not change it.
//
// Keys for requests that fail later are remembered as well: whether there is one must not tell who exists.
func (s *signingKeys) get(secret string, c *claim) []byte {
	scope := signingScope{secret, c.date, c.region, c.service}
	s.mu.RLock()
	key := s.keys[scope]
	s.mu.RUnlock()
	if key != nil {
		return key
	}
	key = deriveKey(scope)
	scope = signingScope{secret, strings.Clone(c.date), strings.Clone(c.region), strings.Clone(c.service)} // lets go of the request
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil || len(s.keys) >= signingKeysMax {
		s.keys = make(map[signingScope][]byte)
	}
	s.keys[scope] = key
	return key
}

func deriveKey(s signingScope) []byte {
	key := []byte("AWS4" + s.secret)
	for _, part := range [...]string{s.date, s.region, s.service, "aws4_request"} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return key
}
