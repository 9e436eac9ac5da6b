package awsjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a quoted text and checks that it is Unicode.
func (p *parser) text() error {
	i, err := p.add(kindText)
	if err != nil {
		return err
	}
	p.at++
	start, ascii := p.at, true
	for {
		p.at += plainLen(p.body[p.at:])
		if p.at >= len(p.body) {
			return p.unexpected()
		}
		switch c := p.body[p.at]; {
		case c == '"':
			if !ascii && !utf8.Valid(p.body[start:p.at]) {
				return Error("The JSON text is not valid UTF-8.")
			}
			p.close(i)
			p.nodes[i].start = start
			p.at++
			return nil
		case c == '\\':
			_, n := escape(p.body[p.at:])
			if n == 0 {
				return p.unexpected()
			}
			p.nodes[i].escaped = true
			p.at += n
		case c < ' ':
			return p.unexpected()
		default:
			ascii = false
			p.at++
		}
	}
}

// plainLen returns how many bytes at the start of b are ASCII and neither a quote, a backslash nor a control
// character. It looks at eight of them at a time: each term below sets the highest bit of a byte that is of the
// kind looked for. A borrow may set it for bytes behind that one too, but never before it.
func plainLen(b []byte) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	n := 0
	for len(b)-n >= 8 {
		w := binary.LittleEndian.Uint64(b[n:])
		quote, backslash := w^('"'*ones), w^('\\'*ones)
		control := (w - ' '*ones) &^ w
		if found := (w | control | (quote-ones)&^quote | (backslash-ones)&^backslash) & highs; found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
		n += 8
	}
	for n < len(b) && ' ' <= b[n] && b[n] < utf8.RuneSelf && b[n] != '"' && b[n] != '\\' {
		n++
	}
	return n
}

// escape returns the character that the escape at the start of b stands for, and the escape's length: zero when
// it is none, and when it is half of a surrogate pair without the other.
func escape(b []byte) (rune, int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	high, ok := hexEscape(b)
	switch {
	case !ok:
		return 0, 0
	case !utf16.IsSurrogate(high):
		return high, 6
	}
	low, ok := hexEscape(b[6:])
	r := utf16.DecodeRune(high, low)
	if !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

// hexEscape reads \uXXXX.
func hexEscape(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape appends text, which has been checked, to b with its escapes resolved.
func unescape(b, text []byte) []byte {
	for len(text) > 0 {
		n := plainLen(text)
		b, text = append(b, text[:n]...), text[n:]
		if len(text) == 0 {
			break
		}
		if text[0] != '\\' {
			b, text = append(b, text[0]), text[1:]
			continue
		}
		r, n := escape(text)
		b, text = utf8.AppendRune(b, r), text[n:]
	}
	return b
}
