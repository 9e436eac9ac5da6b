package queued

import (
	"encoding/json"
	"strconv"
	"strings"
)

// A message is JSON that a program has written, with few escapes. What is below reads and writes such text directly, and
// leaves the rest to encoding/json, with the same result. What it reads are parts of the text, not copies.

// scanner walks over JSON that is known to be valid, and UTF-8.
type scanner struct {
	text string
	at   int
}

// peek is the next byte that is no white space.
func (s *scanner) peek() byte {
	for {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return c
		}
	}
}

// skip passes the next byte that is no white space if it is c, and says whether it was.
func (s *scanner) skip(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.at++
	return true
}

// value passes a whole value and returns it as it stands.
func (s *scanner) value() string {
	first := s.peek()
	start := s.at
	switch first {
	case '"':
		s.quoted()
	case '{', '[':
		s.nested()
	default:
		for s.at < len(s.text) && strings.IndexByte(",]} \t\r\n", s.text[s.at]) < 0 {
			s.at++
		}
	}
	return s.text[start:s.at]
}

// quoted passes a string.
func (s *scanner) quoted() {
	for s.at++; s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
}

// nested passes a list or an object.
func (s *scanner) nested() {
	for depth := 0; ; {
		switch s.text[s.at] {
		case '"':
			s.quoted()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.at++
		if depth == 0 {
			return
		}
	}
}

// The letters behind the backslash of an escape, and what they stand for. There is one more, u.
const (
	escapes = `"\/bfnrt`
	escaped = "\"\\/\b\f\n\r\t"
)

// unquote decodes a valid value into a string if it is one.
func unquote(raw string) (string, bool) {
	if raw[0] != '"' {
		return "", false
	}
	text := raw[1 : len(raw)-1]
	next := strings.IndexByte(text, '\\')
	if next < 0 {
		return text, true
	}
	var b strings.Builder
	b.Grow(len(text))
	for ; next >= 0; next = strings.IndexByte(text, '\\') {
		which := strings.IndexByte(escapes, text[next+1])
		if which < 0 {
			var long string
			err := json.Unmarshal([]byte(raw), &long)
			return long, err == nil
		}
		b.WriteString(text[:next])
		b.WriteByte(escaped[which])
		text = text[next+2:]
	}
	b.WriteString(text)
	return b.String(), true
}

// unquotePairs decodes a valid value if it is a list of lists of strings.
func unquotePairs(raw string) ([][]string, bool) {
	s := scanner{text: raw}
	if !s.skip('[') {
		return nil, false
	}
	most := strings.Count(raw, `"`) / 2
	all, out := make([]string, 0, most), make([][]string, 0, most/2)
	for !s.skip(']') {
		s.skip(',')
		if !s.skip('[') {
			return nil, false
		}
		first := len(all)
		for !s.skip(']') {
			s.skip(',')
			one, ok := unquote(s.value())
			if !ok {
				return nil, false
			}
			all = append(all, one) // in place: a string has two quotes
		}
		out = append(out, all[first:len(all):len(all)])
	}
	return out, true
}

// decode is json.Unmarshal for a valid value, shorter for what is simple.
func decode(raw string, to any) error {
	switch to := to.(type) {
	case *string:
		if text, ok := unquote(raw); ok {
			*to = text
			return nil
		}
	case **string:
		if text, ok := unquote(raw); ok {
			*to = &text
			return nil
		}
	case *bool:
		if raw == "true" || raw == "false" {
			*to = raw == "true"
			return nil
		}
	case *int:
		if n, err := strconv.Atoi(raw); err == nil {
			*to = n
			return nil
		}
	case *[][]string:
		if pairs, ok := unquotePairs(raw); ok {
			*to = pairs
			return nil
		}
	}
	return json.Unmarshal([]byte(raw), to)
}

// appendText appends a string as JSON.
func appendText(b []byte, s string) []byte {
	start, from := len(b), 0
	b = append(b, '"')
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c <= '~' && c != '"' && c != '\\' {
			continue
		}
		which := strings.IndexByte(escaped, c)
		if which < 0 {
			return append(b[:start], encodeJSON(s)...)
		}
		b = append(append(b, s[from:i]...), '\\', escapes[which])
		from = i + 1
	}
	return append(append(b, s[from:]...), '"')
}
