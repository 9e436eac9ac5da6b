package forwarded

import "strings"

// element is what one proxy has added to Forwarded.
type element struct{ node, proto string }

// parseElements reads the header Forwarded. It is not ok when the header breaks the rules of RFC 7239: a quote that
// does not end, a pair without a value, a parameter given twice, an element without "for".
func parseElements(header string) (elements []element, ok bool) {
	for {
		var e element
		var named bool
		for {
			pair, rest, stop, ok := nextPair(header)
			if !ok {
				return nil, false
			}
			switch name, value := pair[0], pair[1]; name {
			case "for":
				if named {
					return nil, false
				}
				e.node, named = value, true
			case "proto":
				if e.proto != "" || value == "" {
					return nil, false
				}
				e.proto = value
			}
			header = rest
			if stop != ';' {
				if !named {
					return nil, false
				}
				elements = append(elements, e)
				if stop == 0 {
					return elements, true
				}
				break
			}
		}
	}
}

// nextPair reads name=value up to the separator that follows: a semicolon, a comma, or zero for the end. The name is
// returned in small letters, the value without its quotes.
func nextPair(header string) (pair [2]string, rest string, stop byte, ok bool) {
	name, rest, found := strings.Cut(header, "=")
	name = strings.Trim(name, " \t")
	if !found || name == "" || strings.ContainsAny(name, ` ",;`+"\t") {
		return pair, "", 0, false
	}
	pair[0] = strings.ToLower(name)
	if strings.HasPrefix(rest, `"`) {
		if pair[1], rest, ok = quoted(rest[1:]); !ok {
			return pair, "", 0, false
		}
	} else {
		end := strings.IndexAny(rest, ";,")
		if end < 0 {
			end = len(rest)
		}
		pair[1], rest = strings.Trim(rest[:end], " \t"), rest[end:]
	}
	rest = strings.TrimLeft(rest, " \t")
	if rest == "" {
		return pair, "", 0, true
	}
	return pair, rest[1:], rest[0], rest[0] == ';' || rest[0] == ','
}

// quoted reads a quoted text whose opening quote has been read.
func quoted(text string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:], true
		case '\\':
			if i++; i == len(text) {
				return "", "", false
			}
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}
