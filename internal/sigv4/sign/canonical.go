package sign

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
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

// NormalPath returns a path without empty segments and dot segments, which are resolved as RFC 3986, section 5.2.4,
// has it. A slash at the end stays. SDKs differ in whether they sign a path as it is sent or in this form.
func NormalPath(path string) string {
	if isNormal(path) {
		return path
	}
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
		}
	}
	normal := "/" + strings.Join(kept, "/")
	if len(kept) > 0 && strings.HasSuffix(path, "/") {
		normal += "/"
	}
	return normal
}

// isNormal reports whether a path has nothing to resolve: no segment is empty but the last, and none is dots.
func isNormal(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	for i := range len(path) - 1 {
		if path[i] == '/' && (path[i+1] == '/' || path[i+1] == '.') {
			return false
		}
	}
	return true
}

// AppendPath appends a path in canonical form: as it stands in the request, encoded once more, as every service but
// S3 has it. It resolves neither dots nor double slashes.
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
