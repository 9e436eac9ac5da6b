package queued

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// The message attributes of the format, all of type String. All but the signature are optional everywhere.
const (
	// AttributeSignature holds what [Keyring.Sign] returns.
	AttributeSignature = "forebay-signature"
	// AttributeTraceparent and AttributeTracestate hold the W3C trace context, in place of the header fields of those names.
	AttributeTraceparent = "traceparent"
	AttributeTracestate  = "tracestate"
)

// Kind says what a signed message is, so that the signature of a request never fits a reply.
type Kind string

// The kinds of messages.
const (
	KindRequest Kind = "request"
	KindReply   Kind = "reply"
)

// ErrSignature is matched by every error of [Keyring.Verify].
var ErrSignature = errors.New("the signature is not valid")

const (
	secretBytesMin = 16              // of a key; shorter ones can be guessed
	keysMax        = 100             // in a file
	clockSkewMax   = 5 * time.Minute // by which a signature may be dated ahead
)

// Key is a secret that two sides share.
type Key struct {
	// ID names the key in signatures: 1 to 64 letters, digits, and the characters - _ .
	ID string
	// Secret has at least 16 bytes.
	Secret []byte
}

// Keyring is the keys of one side. The first signs, all of them verify, so a key is replaced by adding the new one behind
// on all sides, then moving it to the front, then removing the old one. Without keys nothing is signed or checked.
type Keyring []Key

// ParseKeys reads a file of keys: one to a line, id, space, secret, where the secret is the text itself, of at least 16
// bytes without spaces. Empty lines and lines that begin with # are skipped. A file without a key is an error.
func ParseKeys(file io.Reader) (Keyring, error) {
	var keys Keyring
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		words := strings.Fields(line)
		if len(words) != 2 {
			return nil, fmt.Errorf("line %d: want an id, a space and a secret", n)
		}
		keys = append(keys, Key{ID: words[0], Secret: []byte(words[1])})
		if err := keys.Check(); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errors.New("no keys in it: write lines of id, space, secret")
	}
	return keys, nil
}

// Check says what is wrong with the keys: their number, an id, a secret that is too short, or an id that comes twice.
func (k Keyring) Check() error {
	if len(k) > keysMax {
		return fmt.Errorf("%d keys, at most %d", len(k), keysMax)
	}
	seen := make(map[string]bool, len(k))
	for _, key := range k {
		if !isKeyID(key.ID) {
			return fmt.Errorf("%q is no id of a key: use 1 to 64 letters, digits, dots, - and _", clip(key.ID))
		}
		if seen[key.ID] {
			return fmt.Errorf("the key %s comes twice", key.ID)
		}
		if len(key.Secret) < secretBytesMin {
			return fmt.Errorf("the secret of key %s has %d bytes, at least %d are needed; make one with: openssl rand -hex 32",
				key.ID, len(key.Secret), secretBytesMin)
		}
		seen[key.ID] = true
	}
	return nil
}

func isKeyID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.", c) >= 0) {
			return false
		}
	}
	return id != "" && len(id) <= 64
}

// Sign returns the signature of a message body, made with the first key at the time now, in whole seconds. Without keys
// it is empty.
func (k Keyring) Sign(kind Kind, body string, now time.Time) string {
	if len(k) == 0 {
		return ""
	}
	at := strconv.FormatInt(now.Unix(), 10)
	return fmt.Sprintf("v1 t=%s key=%s sig=%s", at, k[0].ID, hex.EncodeToString(k[0].mac(kind, at, body)))
}

// Verify checks a signature of a message body. The error matches [ErrSignature] and says what is wrong. How old a
// signature may be is not limited here: requests wait as long as they must, and their deadline is part of what is
// signed. A server takes no request whose signature is older than [SignatureAgeMax].
func (k Keyring) Verify(kind Kind, body, signature string, now time.Time) error {
	_, err := k.verify(kind, body, signature, now)
	return err
}

// verify is Verify, and returns when the message was signed.
func (k Keyring) verify(kind Kind, body, signature string, now time.Time) (signed time.Time, err error) {
	at, id, sum, err := splitSignature(signature)
	if err != nil {
		return signed, err
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return signed, fmt.Errorf("%w: t is no time in seconds", ErrSignature)
	}
	signed = time.Unix(seconds, 0)
	for _, key := range k {
		if key.ID != id {
			continue
		}
		if !hmac.Equal(sum, key.mac(kind, at, body)) {
			return signed, fmt.Errorf("%w: it does not fit the %s; key %s", ErrSignature, kind, id)
		}
		if ahead := signed.Sub(now); ahead > clockSkewMax {
			return signed, fmt.Errorf("%w: it is dated %s ahead; check the clocks", ErrSignature, ahead.Round(time.Second))
		}
		return signed, nil
	}
	return signed, fmt.Errorf("%w: the key %q is not known here", ErrSignature, clip(id))
}

// splitSignature takes "v1 t=… key=… sig=…" apart.
func splitSignature(signature string) (at, id string, sum []byte, err error) {
	if signature == "" {
		return "", "", nil, fmt.Errorf("%w: there is none", ErrSignature)
	}
	words := strings.Split(signature, " ")
	if len(words) == 4 && words[0] == "v1" {
		var t, key, sig bool
		at, t = strings.CutPrefix(words[1], "t=")
		id, key = strings.CutPrefix(words[2], "key=")
		text, isSig := strings.CutPrefix(words[3], "sig=")
		sum, err = hex.DecodeString(text)
		sig = isSig && err == nil
		if t && key && sig {
			return at, id, sum, nil
		}
	}
	return "", "", nil, fmt.Errorf("%w: want \"v1 t=SECONDS key=ID sig=HEX\"", ErrSignature)
}

// mac is the HMAC-SHA256 of what a signature covers: format and kind, time, and the body as it is sent.
func (k Key) mac(kind Kind, at, body string) []byte {
	h := hmac.New(sha256.New, k.Secret)
	io.WriteString(h, Format+" "+string(kind)+"\n"+at+"\n"+body)
	return h.Sum(nil)
}
