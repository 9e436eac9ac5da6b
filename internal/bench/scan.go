package bench

import "bytes"

// What a jsonScanner stops at.
type jsonKind int

const (
	opening jsonKind = iota // a list or an object begins
	closing                 // it ends
	textual                 // a string
)

// entryDepth is how many brackets are open around the members of an entry: object, list, object.
const entryDepth = 3

// jsonScanner walks over a reply and stops at brackets and strings. It does not check the JSON: a reply that is
// none yields nonsense, but no panic.
type jsonScanner struct {
	text []byte // what is left
	open int    // brackets

	kind  jsonKind
	depth int    // brackets that are open here, those included that open or close here
	key   []byte // of the member; nil in a list
	value []byte // textual only: between the quotes, still escaped
}

// next goes on to the next stop and reports whether there is one.
func (s *jsonScanner) next() bool {
	s.key, s.value = nil, nil
	for i := 0; i < len(s.text); i++ {
		switch s.text[i] {
		case '{', '[':
			s.open++
			s.kind, s.depth, s.text = opening, s.open, s.text[i+1:]
			return true
		case '}', ']':
			s.kind, s.depth, s.text = closing, s.open, s.text[i+1:]
			s.open--
			return true
		case '"':
			end := textEnd(s.text[i+1:])
			if end < 0 {
				return false
			}
			text := s.text[i+1 : i+1+end]
			s.text = s.text[i+end+2:]
			if s.key == nil && s.isKey() {
				s.key = text
				i = -1 // the value follows
				continue
			}
			s.kind, s.depth, s.value = textual, s.open, text
			return true
		case ',':
			s.key = nil // its value was neither a string nor in brackets
		}
	}
	return false
}

// isKey skips the colon behind a string if there is one.
func (s *jsonScanner) isKey() bool {
	rest := bytes.TrimLeft(s.text, " \t\r\n")
	if len(rest) == 0 || rest[0] != ':' {
		return false
	}
	s.text = rest[1:]
	return true
}

// textEnd finds the quote that ends a string; -1 if there is none.
func textEnd(text []byte) int {
	from := 0
	for {
		i := bytes.IndexByte(text[from:], '"')
		if i < 0 {
			return -1
		}
		end := from + i
		escapes := 0
		for end-escapes > 0 && text[end-escapes-1] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return end
		}
		from = end + 1
	}
}

// element returns what is between the next tags of this name and what follows them; ok is false when there are
// none. Elements of the same name must not nest.
func element(text []byte, name string) (inner, rest []byte, ok bool) {
	for {
		i := bytes.IndexByte(text, '<')
		if i < 0 {
			return nil, nil, false
		}
		text = text[i+1:]
		if len(text) > len(name) && string(text[:len(name)]) == name && text[len(name)] == '>' {
			break
		}
	}
	text = text[len(name)+1:]
	from := 0
	for {
		i := bytes.Index(text[from:], []byte("</"))
		if i < 0 {
			return nil, nil, false
		}
		end := from + i
		tail := text[end+2:]
		if len(tail) > len(name) && string(tail[:len(name)]) == name && tail[len(name)] == '>' {
			return text[:end], tail[len(name)+1:], true
		}
		from = end + 2
	}
}
