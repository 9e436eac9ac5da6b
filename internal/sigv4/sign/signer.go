package sign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"time"
)

// Options say what all requests of a Signer have in common. All fields are needed.
type Options struct {
	Region      string
	Service     string
	Host        string // header Host, as it is sent
	ContentType string
}

// Credentials are who signs. A Token goes with keys that were lent for a time; it is empty for others.
type Credentials struct{ KeyID, Secret, Token string }

// Request is what a signature is for: a POST of Body.
type Request struct {
	Path   string // canonical, as AppendPath makes it
	Target string // header X-Amz-Target, empty when there is none
	Body   []byte
}

// Signer signs requests. What stays the same from request to request is kept: the key for a day, the time for a
// second, all buffers. It belongs to one goroutine at a time.
type Signer struct {
	opts Options

	credentials Credentials // of mac
	second      int64       // that date is the text of
	date        []byte      // 20261120T120000Z
	day         string      // of mac
	mac         hash.Hash   // with the signing key of the day; nil: none yet
	text        []byte      // the canonical request, then the string to sign
	header      []byte      // the latest Authorization
	sum         [sha256.Size]byte
	digits      [2 * sha256.Size]byte // of sum
}

// New returns a Signer.
func New(opts Options) *Signer { return &Signer{opts: opts} }

// Sign signs a request and returns the values of the headers X-Amz-Date and Authorization. They are good until the
// next call. A request that is signed with a Token must send it, as X-Amz-Security-Token.
func (s *Signer) Sign(c Credentials, r Request, now time.Time) (date, authorization []byte) {
	s.prepare(c, now)
	signedHeaders := s.canonical(r)

	hashed := s.hexHash(s.text)
	t := append(s.text[:0], Algorithm+"\n"...)
	t = append(t, s.date...)
	t = append(t, '\n')
	t = s.appendScope(t)
	t = append(t, '\n')
	t = append(t, hashed...)
	s.text = t

	b := append(s.header[:0], Algorithm+" Credential="...)
	b = append(b, c.KeyID...)
	b = append(b, '/')
	b = s.appendScope(b)
	b = append(b, ", SignedHeaders="...)
	b = append(b, signedHeaders...)
	b = append(b, ", Signature="...)
	s.mac.Reset()
	s.mac.Write(t)
	s.header = hex.AppendEncode(b, s.mac.Sum(s.sum[:0]))
	return s.date, s.header
}

// canonical writes the canonical request into s.text and returns the names of the headers in it.
func (s *Signer) canonical(r Request) string {
	names := [...]string{
		"content-type;host;x-amz-date",
		"content-type;host;x-amz-date;x-amz-target",
		"content-type;host;x-amz-date;x-amz-security-token",
		"content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
	}
	which := 0
	t := append(s.text[:0], "POST\n"...)
	t = append(t, r.Path...)
	t = append(t, "\n\ncontent-type:"...)
	t = append(t, s.opts.ContentType...)
	t = append(t, "\nhost:"...)
	t = append(t, s.opts.Host...)
	t = append(t, "\nx-amz-date:"...)
	t = append(t, s.date...)
	if s.credentials.Token != "" {
		which |= 2
		t = append(t, "\nx-amz-security-token:"...)
		t = append(t, s.credentials.Token...)
	}
	if r.Target != "" {
		which |= 1
		t = append(t, "\nx-amz-target:"...)
		t = append(t, r.Target...)
	}
	t = append(t, "\n\n"...)
	t = append(t, names[which]...)
	t = append(t, '\n')
	s.text = append(t, s.hexHash(r.Body)...)
	return names[which]
}

// appendScope appends what the signing key is good for.
func (s *Signer) appendScope(b []byte) []byte {
	b = append(b, s.day...)
	b = append(b, '/')
	b = append(b, s.opts.Region...)
	b = append(b, '/')
	b = append(b, s.opts.Service...)
	return append(b, "/"+terminator...)
}

// hexHash returns the hash of text in hexadecimal digits, until it is called again.
func (s *Signer) hexHash(text []byte) []byte {
	s.sum = sha256.Sum256(text)
	hex.Encode(s.digits[:], s.sum[:])
	return s.digits[:]
}

// prepare brings the time, and with a new day or other credentials the key, up to date.
func (s *Signer) prepare(c Credentials, now time.Time) {
	if second := now.Unix(); second != s.second || s.date == nil {
		s.second = second
		s.date = now.UTC().AppendFormat(s.date[:0], StampLayout)
	}
	if day := s.date[:8]; s.mac == nil || string(day) != s.day || c != s.credentials {
		s.day, s.credentials = string(day), c
		s.mac = hmac.New(sha256.New, Key(c.Secret, s.day, s.opts.Region, s.opts.Service))
	}
}
