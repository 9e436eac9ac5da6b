package bench

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"time"
)

const (
	algorithm   = "AWS4-HMAC-SHA256"
	service     = "sqs"
	stampLayout = "20060102T150405Z"
)

// signer signs requests with AWS Signature Version 4. What stays the same from request to request is kept: the
// key for a day, the time for a second, all buffers. It belongs to one goroutine.
type signer struct {
	keyID, secret, region string
	host, contentType     string

	second int64        // that date is the text of
	date   []byte       // 20261120T120000Z
	mac    hash.Hash    // with the signing key of the day
	day    string       // of mac
	text   []byte       // the canonical request, then the string to sign
	sum    [32]byte     // of a hash
	digits [2 * 32]byte // of sum
}

func newSigner(keyID, secret, region, host, contentType string) *signer {
	return &signer{keyID: keyID, secret: secret, region: region, host: host, contentType: contentType, second: -1}
}

// appendHeaders appends the header lines that sign a POST of body to path. target is the value of the header
// X-Amz-Target, empty for none. path must be in canonical form.
func (s *signer) appendHeaders(b []byte, path, target string, body []byte, now time.Time) []byte {
	s.setTime(now)
	signedHeaders := "content-type;host;x-amz-date"
	t := append(s.text[:0], "POST\n"...)
	t = append(t, path...)
	t = append(t, "\n\ncontent-type:"...)
	t = append(t, s.contentType...)
	t = append(t, "\nhost:"...)
	t = append(t, s.host...)
	t = append(t, "\nx-amz-date:"...)
	t = append(t, s.date...)
	if target != "" {
		signedHeaders = "content-type;host;x-amz-date;x-amz-target"
		t = append(t, "\nx-amz-target:"...)
		t = append(t, target...)
	}
	t = append(t, "\n\n"...)
	t = append(t, signedHeaders...)
	t = append(t, '\n')
	t = append(t, s.hexHash(body)...)

	hashed := s.hexHash(t)
	t = append(t[:0], algorithm+"\n"...)
	t = append(t, s.date...)
	t = append(t, '\n')
	t = s.appendScope(t)
	t = append(t, '\n')
	t = append(t, hashed...)
	s.text = t

	b = append(b, "X-Amz-Date: "...)
	b = append(b, s.date...)
	b = append(b, "\r\nAuthorization: "+algorithm+" Credential="...)
	b = append(b, s.keyID...)
	b = append(b, '/')
	b = s.appendScope(b)
	b = append(b, ", SignedHeaders="...)
	b = append(b, signedHeaders...)
	b = append(b, ", Signature="...)
	s.mac.Reset()
	s.mac.Write(t)
	b = hex.AppendEncode(b, s.mac.Sum(s.sum[:0]))
	return append(b, "\r\n"...)
}

// appendScope appends what the signing key is good for.
func (s *signer) appendScope(b []byte) []byte {
	b = append(b, s.day...)
	b = append(b, '/')
	b = append(b, s.region...)
	return append(b, "/"+service+"/aws4_request"...)
}

// hexHash returns the hash of text in hexadecimal digits, until it is called again.
func (s *signer) hexHash(text []byte) []byte {
	s.sum = sha256.Sum256(text)
	hex.Encode(s.digits[:], s.sum[:])
	return s.digits[:]
}

// setTime brings the time, and with a new day the key, up to date.
func (s *signer) setTime(now time.Time) {
	if now.Unix() == s.second {
		return
	}
	s.second = now.Unix()
	s.date = now.UTC().AppendFormat(s.date[:0], stampLayout)
	if day := string(s.date[:8]); day != s.day {
		s.day = day
		key := keyed([]byte("AWS4"+s.secret), day)
		key = keyed(keyed(keyed(key, s.region), service), "aws4_request")
		s.mac = hmac.New(sha256.New, key)
	}
}

// keyed is one link of the chain from the secret to the signing key.
func keyed(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
