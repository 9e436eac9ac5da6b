package queued

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// A message is JSON that a program has written, nearly always without escapes. What is below reads and writes such text
// directly, and leaves the rest to encoding/json, with the same result.

// scanner walks over JSON that is known to be valid.
type scanner struct {
	text []byte
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
func (s *scanner) value() []byte {
	first := s.peek()
	start := s.at
	switch first {
	case '"':
		s.quoted()
	case '{', '[':
		s.nested()
	default:
		for s.at < len(s.text) && bytes.IndexByte([]byte(",]} \t\r\n"), s.text[s.at]) < 0 {
			s.at++
		}
	}
	return s.text[start:s.at:s.at]
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

// unquote decodes a valid value into a string if it is one without escapes.
func unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' || bytes.IndexByte(raw, '\\') >= 0 {
		return "", false
	}
	return string(raw[1 : len(raw)-1]), true
}

// unquotePairs decodes a valid value if it is a list of lists of strings without escapes.
func unquotePairs(raw []byte) ([][]string, bool) {
	s := scanner{text: raw}
	if !s.skip('[') {
		return nil, false
	}
	out := [][]string{}
	for !s.skip(']') {
		s.skip(',')
		if !s.skip('[') {
			return nil, false
		}
		pair := make([]string, 0, 2)
		for !s.skip(']') {
			s.skip(',')
			one, ok := unquote(s.value())
			if !ok {
				return nil, false
			}
			pair = append(pair, one)
		}
		out = append(out, pair)
	}
	return out, true
}

// decode is json.Unmarshal for a valid value, shorter for what is simple.
func decode(raw []byte, to any) error {
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
		if text := string(raw); text == "true" || text == "false" {
			*to = text == "true"
			return nil
		}
	case *int:
		if n, err := strconv.Atoi(string(raw)); err == nil {
			*to = n
			return nil
		}
	case *[][]string:
		if pairs, ok := unquotePairs(raw); ok {
			*to = pairs
			return nil
		}
	}
	return json.Unmarshal(raw, to)
}

// appendText appends a string as JSON.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return append(b, encodeJSON(s)...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
