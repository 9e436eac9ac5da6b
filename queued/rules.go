package queued

import (
	"maps"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of single members. Their sum is bounded by MessageBytesMax.
const (
	// IDBytesMax is how long an id, and the name of an attempt, may be.
	IDBytesMax = 128
	// TokenBytesMax is how long a token may be.
	TokenBytesMax = 1024
	// MethodBytesMax is how long a method may be.
	MethodBytesMax = 32
	// URLBytesMax is how long path and query may be together.
	URLBytesMax = 8192
	// HeaderFieldsMax is how many fields headers, and trailers, may have.
	HeaderFieldsMax = 128
	// HeaderBytesMax is how long all names and values of headers, or of trailers, may be together.
	HeaderBytesMax = 64 << 10
)

// hopByHop are the fields that speak of one connection and never travel.
var hopByHop = []string{"Connection", "Http2-Settings", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// noTrailer are the fields that mean something only before the body.
var noTrailer = []string{"Authorization", "Cache-Control", "Content-Encoding", "Content-Length", "Content-Range",
	"Content-Type", "Host", "Set-Cookie"}

// CleanHeader returns a copy of h without what belongs to one connection: the hop-by-hop fields, those that
// Connection names, and Host, which has a member of its own.
func CleanHeader(h http.Header) http.Header {
	out := h.Clone()
	if out == nil {
		return http.Header{}
	}
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			out.Del(textproto.TrimString(name))
		}
	}
	for _, name := range hopByHop {
		delete(out, name)
	}
	delete(out, "Host")
	return out
}

// checkHeader says what of h may not travel. Member is the name of the list in errors.
func checkHeader(member string, h http.Header) error {
	count, size := 0, 0
	for name, values := range h {
		if !isToken(name) {
			return wrong(member, "%q is no name of a header field", clip(name))
		}
		key := textproto.CanonicalMIMEHeaderKey(name)
		if slices.Contains(hopByHop, key) {
			return wrong(member, "%s speaks of one connection and does not travel; leave it out", key)
		}
		if key == "Host" {
			return wrong(member, "Host has a member of its own, \"host\"")
		}
		if member == "trailers" && slices.Contains(noTrailer, key) {
			return wrong(member, "%s cannot be a trailer", key)
		}
		for _, value := range values {
			count++
			size += len(name) + len(value)
			if !isValue(value) {
				return wrong(member, "the value of %s has a line end or control character, or begins or ends with a space", key)
			}
		}
	}
	if count > HeaderFieldsMax {
		return wrong(member, "%d fields, at most %d", count, HeaderFieldsMax)
	}
	if size > HeaderBytesMax {
		return wrong(member, "%d bytes, at most %d", size, HeaderBytesMax)
	}
	return nil
}

// contentLength returns the value of Content-Length, or -1 when there is none.
func contentLength(h http.Header) (int64, error) {
	values := h["Content-Length"]
	if len(values) == 0 {
		return -1, nil
	}
	n, err := strconv.ParseUint(values[0], 10, 63)
	if len(values) > 1 || err != nil {
		return 0, wrong("headers", "Content-Length must be one number, not %q", clip(strings.Join(values, ", ")))
	}
	return int64(n), nil
}

// header reads a list of pairs. The values of the fields in latin1 become bytes.
func (o *object) header(name string, latin1 []string) http.Header {
	var pairs [][]string
	o.read(name, &pairs)
	if o.err != nil || len(pairs) == 0 {
		return nil
	}
	if len(pairs) > HeaderFieldsMax {
		o.err = wrong(name, "%d fields, at most %d", len(pairs), HeaderFieldsMax)
		return nil
	}
	h := make(http.Header, len(pairs))
	for _, pair := range pairs {
		if len(pair) != 2 {
			o.err = wrong(name, "an entry has %d strings; each is [name, value]", len(pair))
			return nil
		}
		key := textproto.CanonicalMIMEHeaderKey(pair[0])
		if values := h[key]; values != nil {
			h[key] = append(values, pair[1])
		} else {
			h[key] = pair[1:]
		}
	}
	if o.err = fromLatin1(name, h, latin1); o.err == nil {
		o.err = checkHeader(name, h)
	}
	return h
}

// header writes a list of pairs, sorted by name; the values of one name keep their order. Those of the fields in latin1
// are written with a letter for each byte.
func (w *writer) header(name string, h http.Header, latin1 []string) {
	next := byte('[')
	for _, field := range slices.Sorted(maps.Keys(h)) {
		bytewise := slices.Contains(latin1, textproto.CanonicalMIMEHeaderKey(field))
		for _, value := range h[field] {
			if bytewise {
				value = toLatin1(value)
			}
			if next == '[' {
				w.name(name)
			}
			w.b = append(w.b, next, '[')
			w.b = appendText(w.b, field)
			w.b = append(w.b, ',')
			w.b = appendText(w.b, value)
			w.b = append(w.b, ']')
			next = ','
		}
	}
	if next == ',' {
		w.b = append(w.b, ']')
	}
}

// checkWord wants a text of printable ASCII without spaces.
func checkWord(member, s string, max int) error {
	if len(s) > max {
		return wrong(member, "%d bytes, at most %d", len(s), max)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return wrong(member, "%q has a character outside printable ASCII", clip(s))
		}
	}
	return nil
}

// needWord is checkWord for what may not be empty.
func needWord(member, s string, max int) error {
	if s == "" {
		return wrong(member, "is missing")
	}
	return checkWord(member, s, max)
}

// checkMethod wants a token that names a request with a path.
func checkMethod(method string) error {
	switch {
	case method == "":
		return wrong("method", "is missing")
	case len(method) > MethodBytesMax || !isToken(method):
		return wrong("method", "%q is no HTTP method", clip(method))
	case method == http.MethodConnect:
		return wrong("method", "CONNECT opens a connection, and there is none")
	}
	return nil
}

// checkURL wants path and query as they stand on the first line of a request, and nothing in the path that one reader
// resolves and another does not.
func checkURL(text string) error {
	if text == "" {
		return wrong("url", "is missing")
	}
	if len(text) > URLBytesMax {
		return wrong("url", "%d bytes, at most %d", len(text), URLBytesMax)
	}
	if text[0] != '/' || strings.HasPrefix(text, "//") {
		return wrong("url", "%q must begin with one slash", clip(text))
	}
	path, _, _ := strings.Cut(text, "?")
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c > '~' || c == '#' || c == '\\' && i < len(path) {
			return wrong("url", "%q holds %q, which must be percent-encoded", clip(text), c)
		}
	}
	decoded, err := url.PathUnescape(path)
	if err != nil {
		return wrong("url", "%q has a percent sign without two hexadecimal digits", clip(text))
	}
	if strings.ContainsRune(decoded, 0) {
		return wrong("url", "%q holds a zero byte", clip(text))
	}
	for segment := range strings.FieldsFuncSeq(decoded, func(r rune) bool { return r == '/' || r == '\\' }) {
		if segment == "." || segment == ".." {
			return wrong("url", "%q has the segment %q; send the path resolved", clip(text), segment)
		}
	}
	if _, err := url.ParseRequestURI(text); err != nil {
		return wrong("url", "%q is no path and query", clip(text))
	}
	return nil
}

// checkHost wants a host with or without a port, or nothing.
func checkHost(host string) error {
	if host == "" {
		return nil
	}
	u, err := url.Parse("http://" + host + "/")
	if err != nil || u.Host != host || u.Hostname() == "" || len(host) > 255 || checkWord("host", host, 255) != nil {
		return wrong("host", "%q is no host with an optional port", clip(host))
	}
	return nil
}

// checkRemote wants an IP address with or without a port, or nothing.
func checkRemote(remote string) error {
	if remote == "" {
		return nil
	}
	if _, err := netip.ParseAddrPort(remote); err == nil {
		return nil
	}
	if _, err := netip.ParseAddr(remote); err == nil {
		return nil
	}
	return wrong("remote", "%q is no IP address with an optional port", clip(remote))
}

// isToken says whether s is a token of HTTP, as names and methods are.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && c != '-' && strings.IndexByte("!#$%&'*+.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// isValue reports whether s can be the value of a header field. It need not be UTF-8: HTTP knows bytes.
func isValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return textproto.TrimString(s) == s
}

// isText reports whether s can be the value of a message attribute, which is text.
func isText(s string) bool { return isValue(s) && utf8.ValidString(s) }
