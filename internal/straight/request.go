package straight

import (
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
)

// bufferLen is what is written at once at most: nearly every request as a whole.
const bufferLen = 32 << 10

// headRoom is what there is for a request's head; what is behind it is for the body.
const headRoom = bufferLen / 2

// buffers holds a *[bufferLen]byte for each request that is being written.
var buffers = sync.Pool{New: func() any { return new([bufferLen]byte) }}

// simple tells whether a request is one of those that Transport makes itself: of a usual method, with a body of known
// length that can be had again.
func simple(r *http.Request) bool {
	body := r.ContentLength > 0 && r.Body != nil && r.GetBody != nil || r.ContentLength == 0 && (r.Body == nil || r.Body == http.NoBody)
	//lint:ignore SA1019 who still uses Cancel gets it from net/http
	old := r.Cancel != nil
	return body && !old && (r.Method == http.MethodPost || r.Method == http.MethodGet) && !r.Close &&
		r.URL != nil && (r.URL.Scheme == "http" || r.URL.Scheme == "https") && r.URL.Opaque == "" && r.URL.Host != "" &&
		r.Header != nil && len(r.TransferEncoding) == 0 && len(r.Trailer) == 0 &&
		httptrace.ContextClientTrace(r.Context()) == nil
}

// appendHead appends a request's first line and headers. It reports false when the request asks for more than they
// can say here, or would not be understood as it was meant.
func appendHead(b []byte, r *http.Request) ([]byte, bool) {
	host, uri := r.Host, r.URL.RequestURI()
	if host == "" {
		host = r.URL.Host
	}
	if !all(host, inHost) || !all(r.URL.Host, inHost) || !all(uri, inURI) {
		return nil, false
	}
	b = append(b, r.Method...)
	b = append(b, ' ')
	b = append(b, uri...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, host...)
	b = append(b, "\r\n"...)
	if _, named := r.Header["User-Agent"]; !named {
		b = append(b, "User-Agent: Go-http-client/1.1\r\n"...)
	}
	if r.ContentLength > 0 || r.Method == http.MethodPost {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, r.ContentLength, 10)
		b = append(b, "\r\n"...)
	}
	for name, values := range r.Header {
		switch textproto.CanonicalMIMEHeaderKey(name) {
		case "Host", "Content-Length":
			continue // they are written from the fields of the request, as net/http does
		case "Connection", "Expect", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
			return nil, false
		}
		if name == "" || !all(name, inName) {
			return nil, false
		}
		for _, value := range values {
			if !all(value, inValue) {
				return nil, false
			}
			if value == "" && name == "User-Agent" {
				continue // which means: none
			}
			b = append(b, name...)
			b = append(b, ": "...)
			b = append(b, strings.Trim(value, " \t")...)
			b = append(b, "\r\n"...)
		}
	}
	return append(b, "\r\n"...), len(b) < headRoom
}

// The places of a head in which a character may stand.
const (
	inHost = 1 << iota
	inURI
	inName
	inValue
)

// allowed tells for each character where it may stand. Of hosts it knows those in ASCII, without the zone of an address.
var allowed = func() (table [256]uint8) {
	for c := range table {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' && c < 0x80 || '0' <= c && c <= '9'
		if letter || c < 0x80 && strings.IndexByte(".-_:[]", byte(c)) >= 0 {
			table[c] |= inHost
		}
		if letter || c < 0x80 && strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) >= 0 {
			table[c] |= inName
		}
		if c > ' ' && c != 0x7f {
			table[c] |= inURI | inValue
		}
	}
	table[' '] |= inValue
	table['\t'] |= inValue
	return table
}()

// all tells whether all of text may stand in a place.
func all(text string, in uint8) bool {
	for i := range len(text) {
		if allowed[text[i]]&in == 0 {
			return false
		}
	}
	return true
}
