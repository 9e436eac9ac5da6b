package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/forebay-mq/forebay/internal/sigv4/sign"
)

// appendCanonical appends the canonical request: what the client has hashed and signed. path is the one that it has
// signed, encoded as in the request.
func appendCanonical(b []byte, r *http.Request, path string, c *claim, bodyHash []byte) ([]byte, error) {
	b = append(b, r.Method...)
	b = append(b, '\n')
	b = sign.AppendPath(b, path)
	b = append(b, '\n')
	b, err := appendQuery(b, r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	b = append(b, '\n')
	for name := range strings.SplitSeq(c.signedHeaders, ";") {
		if b, err = appendHeader(b, r, name); err != nil {
			return nil, err
		}
	}
	b = append(b, '\n')
	b = append(b, c.signedHeaders...)
	b = append(b, '\n')
	return append(b, bodyHash...), nil
}

// appendQuery appends the parameters, but for the signature, in canonical encoding and order. Parameters that
// are the same once decoded come out the same, however they were written.
func appendQuery(b []byte, raw string) ([]byte, error) {
	if raw == "" {
		return b, nil
	}
	var pairs []queryPair
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" || parameterName(pair) == paramSignature {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		var p queryPair
		var ok bool
		if p.name, ok = reencode(name); ok {
			p.value, ok = reencode(value)
		}
		if !ok {
			return nil, mismatch("The query string is not encoded correctly.")
		}
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, queryPair.compare)
	for i, p := range pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p.name...)
		b = append(b, '=')
		b = append(b, p.value...)
	}
	return b, nil
}

type queryPair struct{ name, value string }

func (p queryPair) compare(q queryPair) int {
	if order := strings.Compare(p.name, q.name); order != 0 {
		return order
	}
	return strings.Compare(p.value, q.value)
}

// reencode brings an encoded text to canonical encoding; a plus is a space, as in every form. It reports
// whether the text was encoded correctly.
func reencode(text string) (string, bool) {
	b := make([]byte, 0, len(text)+16)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if i+2 >= len(text) {
				return "", false
			}
			n, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			c = byte(n)
			i += 2
		}
		b = sign.AppendEncoded(b, c)
	}
	return string(b), true
}

// appendHeader appends the line of one signed header. A header that was signed and has not arrived is an error.
func appendHeader(b []byte, r *http.Request, name string) ([]byte, error) {
	b = append(b, name...)
	b = append(b, ':')
	values := headerValues(r.Header, name)
	switch {
	case name == "host":
		b = appendFolded(b, r.Host)
	case name == "content-length" && len(values) == 0 && r.ContentLength >= 0:
		b = strconv.AppendInt(b, r.ContentLength, 10)
	case len(values) == 0:
		return nil, mismatch("The signed header '" + name + "' is not in the request.")
	default:
		for i, v := range values {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendFolded(b, v)
		}
	}
	return append(b, '\n'), nil
}

// appendFolded appends a header's value without white space around it and with single spaces in it.
func appendFolded(b []byte, value string) []byte {
	value = strings.Trim(value, " \t")
	for i := range len(value) {
		if value[i] == ' ' && value[i-1] == ' ' {
			continue
		}
		b = append(b, value[i])
	}
	return b
}

// headerValues looks up a lower-case name. It does what http.Header.Values does, without allocating.
func headerValues(h http.Header, name string) []string {
	var key [64]byte
	if len(name) > len(key) {
		return h.Values(name)
	}
	upper := true
	for i := range len(name) {
		c := name[i]
		if upper && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper = c == '-'
		key[i] = c
	}
	return h[string(key[:len(name)])]
}
