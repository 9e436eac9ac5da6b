package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// ID names a request. It is chance, made by the gateway.
type ID [16]byte

// String returns the id as 32 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Instance names one gateway, for as long as its state folder exists.
type Instance [8]byte

// String returns the name as 16 hexadecimal digits.
func (i Instance) String() string { return hex.EncodeToString(i[:]) }

// purpose says what a token allows. One for fetching cannot be used to answer, nor the other way round.
type purpose byte

const (
	toFetch  purpose = 'f' // given to the client
	toAnswer purpose = 'a' // given to the backend, inside the request
	toAsk    purpose = 'q' // given by one gateway to another, with a question
)

// token is what a text such as the end of /forebay/v1/replies/… stands for.
type token struct {
	purpose  purpose
	owner    Instance // who took the request and waits for its reply
	id       ID
	deadline time.Time // of the request, in whole seconds
	expires  time.Time // of its reply, in whole seconds
}

// The letters of a token: version, purpose, owner, id, deadline, expiry and the code that proves them.
const (
	tokenVersion = 1
	tokenPlain   = 1 + 1 + 8 + 16 + 8 + 8
	tokenCode    = 16
	tokenBytes   = tokenPlain + tokenCode
)

var (
	// errForged is for a text that no gateway with our key has written.
	errForged = errors.New("this is no token of this site")
	// errExpired is for a token of ours whose time is over.
	errExpired = errors.New("this token has expired")
)

// tokenText is the alphabet of tokens. Strict: a token has one spelling only.
var tokenText = base64.RawURLEncoding.Strict()

// sign writes a token, proved by the first of the keys.
func (k *Keys) sign(t token) string {
	var b [tokenBytes]byte
	b[0], b[1] = tokenVersion, byte(t.purpose)
	copy(b[2:], t.owner[:])
	copy(b[10:], t.id[:])
	binary.BigEndian.PutUint64(b[26:], uint64(t.deadline.Unix()))
	binary.BigEndian.PutUint64(b[34:], uint64(t.expires.Unix()))
	copy(b[tokenPlain:], code(k.all[0], b[:tokenPlain]))
	return tokenText.EncodeToString(b[:])
}

// open reads a token that allows want. It returns errForged or errExpired, the latter with the token.
func (k *Keys) open(text string, want purpose, now time.Time) (token, error) {
	if len(text) != tokenText.EncodedLen(tokenBytes) {
		return token{}, errForged
	}
	b, err := tokenText.DecodeString(text)
	if err != nil || b[0] != tokenVersion || purpose(b[1]) != want {
		return token{}, errForged
	}
	proved := 0
	for _, key := range k.all {
		proved |= subtle.ConstantTimeCompare(b[tokenPlain:], code(key, b[:tokenPlain]))
	}
	deadline, expires := binary.BigEndian.Uint64(b[26:]), binary.BigEndian.Uint64(b[34:])
	if proved == 0 || deadline > 1<<40 || expires > 1<<40 {
		return token{}, errForged
	}
	t := token{purpose: want, deadline: time.Unix(int64(deadline), 0), expires: time.Unix(int64(expires), 0)}
	copy(t.owner[:], b[2:])
	copy(t.id[:], b[10:])
	if !now.Before(t.expires) {
		return t, errExpired
	}
	return t, nil
}

// code proves that whoever wrote plain has the key.
func code(key, plain []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("forebay gateway token\n"))
	mac.Write(plain)
	return mac.Sum(nil)[:tokenCode]
}

// ParseInstance reads what Instance.String writes.
func ParseInstance(text string) (i Instance, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(i) {
		return i, fmt.Errorf("%q is no name of a gateway instance: it has 16 hexadecimal digits", text)
	}
	copy(i[:], b)
	return i, nil
}
