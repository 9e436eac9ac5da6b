package http1

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
)

// The limits of a request's head. What is above them is refused.
const (
	headBytesMax   = 16 << 10 // request line and fields, with all line ends
	targetBytesMax = 8 << 10
	fieldsMax      = 100
)

// refusal is why a request is not served. The connection is closed after it.
type refusal struct {
	status int
	text   string // for people
}

func (r *refusal) Error() string { return r.text }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

func malformed(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, format, args...)
}

// span is a part of the head, by offsets.
type span struct{ from, to int }

func (s span) of(text string) string { return text[s.from:s.to] }

// field is one header field.
type field struct{ name, value span }

// head is what the head of a request says. Its spans are offsets into the bytes that it was read from.
type head struct {
	method, target span
	minor          int // of the version, 1.0 or 1.1
	fields         []field
	host           span
	hosts          int
	length         int64 // Content-Length, -1 when it is absent
	chunked        bool
	close          bool // the client wants no further request
	keepAlive      bool // the client of HTTP/1.0 wants one
	expect         bool // the client waits for 100 Continue
}

// parse reads b, which ends with the empty line. It brings the names of the fields to canonical form in place.
func (h *head) parse(b []byte) *refusal {
	*h = head{fields: h.fields[:0], length: -1}
	end := bytes.IndexByte(b, '\n')
	if end < 1 || b[end-1] != '\r' {
		return errBareLine
	}
	if r := h.parseRequestLine(b[:end-1]); r != nil {
		return r
	}
	for at := end + 1; ; {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 1 || b[at+n-1] != '\r' {
			return errBareLine
		}
		if n == 1 { // the empty line
			return h.check()
		}
		if len(h.fields) == fieldsMax {
			return refuse(http.StatusRequestHeaderFieldsTooLarge, "more than %d header fields", fieldsMax)
		}
		f, r := parseField(b, span{at, at + n - 1})
		if r != nil {
			return r
		}
		if r := h.note(f, b); r != nil {
			return r
		}
		at += n + 1
	}
}

var (
	errBareLine = malformed("a line does not end with CR LF")
	errVersion  = refuse(http.StatusHTTPVersionNotSupported, "only HTTP/1.1 and HTTP/1.0 are spoken here")
)

// parseRequestLine reads three words with one space between them.
func (h *head) parseRequestLine(line []byte) *refusal {
	first := bytes.IndexByte(line, ' ')
	last := bytes.LastIndexByte(line, ' ')
	if first < 1 || last <= first+1 {
		return malformed("the request line is not a method, a target and a version")
	}
	h.method, h.target = span{0, first}, span{first + 1, last}
	for _, c := range line[:first] {
		if !tokenByte[c] {
			return malformed("the method is not a token")
		}
	}
	for _, c := range line[first+1 : last] {
		if c <= ' ' || c == 0x7f {
			return malformed("the request target has a space or a control character")
		}
	}
	switch version := line[last+1:]; {
	case string(version) == "HTTP/1.1":
		h.minor = 1
	case string(version) == "HTTP/1.0":
	case len(version) == len("HTTP/2.0") && bytes.HasPrefix(version, []byte("HTTP/")):
		return errVersion
	default:
		return malformed("the request line does not end with a version")
	}
	if h.target.to-h.target.from > targetBytesMax {
		return refuse(http.StatusRequestURITooLong, "the request target is longer than %d bytes", targetBytesMax)
	}
	return nil
}

// parseField reads the line b[at.from:at.to]. A folded line begins with a space, which no name has.
func parseField(b []byte, at span) (field, *refusal) {
	i, upper := at.from, true
	for ; i < at.to && b[i] != ':'; i++ {
		c := b[i]
		switch {
		case !tokenByte[c]:
			return field{}, malformed("the name of a header field is not a token")
		case upper && 'a' <= c && c <= 'z':
			b[i] = c - 'a' + 'A'
		case !upper && 'A' <= c && c <= 'Z':
			b[i] = c - 'A' + 'a'
		}
		upper = c == '-'
	}
	if i == at.from || i == at.to {
		return field{}, malformed("a header field has no name")
	}
	f := field{name: span{at.from, i}, value: span{i + 1, at.to}}
	for f.value.from < f.value.to && isBlank(b[f.value.from]) {
		f.value.from++
	}
	for f.value.from < f.value.to && isBlank(b[f.value.to-1]) {
		f.value.to--
	}
	for _, c := range b[f.value.from:f.value.to] {
		if c < ' ' && c != '\t' || c == 0x7f {
			return field{}, malformed("a header field has a control character")
		}
	}
	return f, nil
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// note remembers a field, and what it says about the request's frame.
func (h *head) note(f field, b []byte) *refusal {
	value := b[f.value.from:f.value.to]
	switch string(b[f.name.from:f.name.to]) {
	case "Host":
		h.host = f.value
		if h.hosts++; h.hosts > 1 {
			return malformed("there are several Host fields")
		}
		for _, c := range value {
			if !hostByte[c] {
				return malformed("the Host field names no host")
			}
		}
		return nil // it is no part of http.Request.Header
	case "Content-Length":
		if h.length >= 0 {
			return malformed("there are several Content-Length fields")
		}
		n, ok := parseLength(value)
		if !ok {
			return malformed("Content-Length is not a number")
		}
		h.length = n
	case "Transfer-Encoding":
		if h.chunked {
			return malformed("there are several Transfer-Encoding fields")
		}
		if !equalFold(value, "chunked") {
			return refuse(http.StatusNotImplemented, "the only transfer coding spoken here is chunked")
		}
		h.chunked = true
		return nil // as net/http does
	case "Connection":
		h.noteConnection(value)
	case "Expect":
		if !equalFold(value, "100-continue") {
			return refuse(http.StatusExpectationFailed, "the only expectation known here is 100-continue")
		}
		h.expect = true
	}
	h.fields = append(h.fields, f)
	return nil
}

// parseLength reads digits alone. More than 18 of them are more than anybody has.
func parseLength(value []byte) (n int64, ok bool) {
	if len(value) == 0 || len(value) > 18 {
		return 0, false
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

func (h *head) noteConnection(value []byte) {
	for len(value) > 0 {
		var option []byte
		option, value, _ = bytes.Cut(value, []byte(","))
		option = bytes.Trim(option, " \t")
		h.close = h.close || equalFold(option, "close")
		h.keepAlive = h.keepAlive || equalFold(option, "keep-alive")
	}
}

// check looks at the fields together.
func (h *head) check() *refusal {
	switch {
	case h.minor == 1 && h.hosts == 0:
		return malformed("the Host field is missing")
	case h.chunked && h.length >= 0:
		return malformed("there are both Content-Length and Transfer-Encoding")
	case h.chunked && h.minor == 0:
		return malformed("HTTP/1.0 has no transfer codings")
	}
	return nil
}

// incomplete tells what can already be said against a head whose empty line has not arrived.
func incomplete(b []byte) *refusal {
	if len(b) > 0 && !tokenByte[b[0]] && b[0] != '\r' {
		return malformed("the method is not a token")
	}
	for rest := b; ; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		if i == 0 || rest[i-1] != '\r' {
			return errBareLine
		}
		rest = rest[i+1:]
	}
	if len(b) < headBytesMax {
		return nil
	}
	if bytes.IndexByte(b[:targetBytesMax], '\n') < 0 {
		return refuse(http.StatusRequestURITooLong, "the request target is longer than %d bytes", targetBytesMax)
	}
	return refuse(http.StatusRequestHeaderFieldsTooLarge, "the header is longer than %d bytes", headBytesMax)
}

// equalFold compares with a text in lower case, letters of ASCII in either case.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

var (
	// tokenByte holds the bytes of a token: methods and names of fields.
	tokenByte = bytesOf(alphanumeric + "!#$%&'*+-.^_`|~")
	// hostByte holds the bytes that a host, with or without a port, may have in a URI.
	hostByte = bytesOf(alphanumeric + "!$%&'()*+,-.:;=[]_~")
	// plainByte holds the bytes of a path that stand for themselves.
	plainByte = bytesOf(alphanumeric + "/-._~")
)

func bytesOf(set string) (table [256]bool) {
	for i := range len(set) {
		table[set[i]] = true
	}
	return table
}

// isToken tells whether s can be the name of a field.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r > 0xff || !tokenByte[byte(r)] })
}
