package awsquery

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"
)

// Writer appends XML to Buf. Elements are the caller's to match. Names are written as they are.
type Writer struct {
	Buf []byte
}

// Header begins the document and its root element, in the given namespace unless that is empty.
func (w *Writer) Header(root, namespace string) {
	w.Buf = append(w.Buf, `<?xml version="1.0"?><`...)
	w.Buf = append(w.Buf, root...)
	if namespace != "" {
		w.Buf = append(w.Buf, ` xmlns="`...)
		w.Buf = append(w.Buf, namespace...)
		w.Buf = append(w.Buf, '"')
	}
	w.Buf = append(w.Buf, '>')
}

// Open begins an element.
func (w *Writer) Open(name string) {
	w.Buf = append(w.Buf, '<')
	w.Buf = append(w.Buf, name...)
	w.Buf = append(w.Buf, '>')
}

// Close ends an element. One that has no content is written as <name/>.
func (w *Writer) Close(name string) {
	if open := len(w.Buf) - len(name) - 2; open >= 0 &&
		w.Buf[open] == '<' && string(w.Buf[open+1:len(w.Buf)-1]) == name && w.Buf[len(w.Buf)-1] == '>' {
		w.Buf = append(w.Buf[:len(w.Buf)-1], '/', '>')
		return
	}
	w.Buf = append(w.Buf, '<', '/')
	w.Buf = append(w.Buf, name...)
	w.Buf = append(w.Buf, '>')
}

// Text writes an element that contains s.
func (w *Writer) Text(name, s string) { w.Bytes(name, []byte(s)) }

// Bytes writes an element that contains b as text.
func (w *Writer) Bytes(name string, b []byte) {
	w.Open(name)
	w.Buf = appendText(w.Buf, b)
	w.Close(name)
}

// Blob writes an element that contains b as base64.
func (w *Writer) Blob(name string, b []byte) {
	w.Open(name)
	w.Buf = base64.StdEncoding.AppendEncode(w.Buf, b)
	w.Close(name)
}

// Int writes an element that contains a number.
func (w *Writer) Int(name string, n int64) {
	w.Open(name)
	w.Buf = strconv.AppendInt(w.Buf, n, 10)
	w.Close(name)
}

// Bool writes an element that contains a boolean.
func (w *Writer) Bool(name string, b bool) {
	w.Open(name)
	w.Buf = strconv.AppendBool(w.Buf, b)
	w.Close(name)
}

// appendText appends s with what XML would misread escaped. A carriage return is escaped too, since a reader
// would make a line feed of it. Characters that XML cannot hold at all become U+FFFD.
func appendText(b, s []byte) []byte {
	for len(s) > 0 {
		n := 0
		for n < len(s) && isPlain(s[n]) {
			n++
		}
		b, s = append(b, s[:n]...), s[n:]
		if len(s) == 0 {
			break
		}
		r, n := utf8.DecodeRune(s)
		b, s = appendRune(b, r), s[n:]
	}
	return b
}

// isPlain tells whether a byte is a character that needs no escape.
func isPlain(c byte) bool {
	return ' ' <= c && c < utf8.RuneSelf && c != '&' && c != '<' && c != '>' && c != '"' || c == '\n' || c == '\t'
}

func appendRune(b []byte, r rune) []byte {
	switch {
	case r == '&':
		return append(b, "&amp;"...)
	case r == '<':
		return append(b, "&lt;"...)
	case r == '>':
		return append(b, "&gt;"...)
	case r == '"':
		return append(b, "&quot;"...)
	case r == '\r':
		return append(b, "&#xD;"...)
	case r < ' ', r == 0xFFFE, r == 0xFFFF:
		return utf8.AppendRune(b, utf8.RuneError)
	}
	return utf8.AppendRune(b, r)
}
