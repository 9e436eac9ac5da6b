package sign

import (
	"crypto/hmac"
	"crypto/sha256"
)

const (
	// Algorithm is what an Authorization header begins with.
	Algorithm = "AWS4-HMAC-SHA256"
	// StampLayout is how the time of a signature is written, for package time. Its first eight characters are the day.
	StampLayout = "20060102T150405Z"

	terminator = "aws4_request"
)

// Key derives the key that signs for a day, such as 20261120, in a region for a service.
func Key(secret, day, region, service string) []byte {
	key := []byte("AWS4" + secret)
	for _, part := range [...]string{day, region, service, terminator} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return key
}

// AppendPath appends a path in canonical form: as it stands in the request, encoded once more, as every service but
// S3 has it. Neither dots nor double slashes are resolved: what is signed is what is routed.
func AppendPath(b []byte, path string) []byte {
	if path == "" {
		return append(b, '/')
	}
	for i := range len(path) {
		if path[i] == '/' {
			b = append(b, '/')
		} else {
			b = AppendEncoded(b, path[i])
		}
	}
	return b
}

// AppendEncoded appends a byte in its one canonical form: RFC 3986's unreserved characters stand for
// themselves, all others are written %XX.
func AppendEncoded(b []byte, c byte) []byte {
	switch {
	case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
		return append(b, c)
	}
	const digits = "0123456789ABCDEF"
	return append(b, '%', digits[c>>4], digits[c&15])
}
