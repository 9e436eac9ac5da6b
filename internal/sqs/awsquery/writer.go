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
		r, n := rune(s[0]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(s)
		}
		switch {
		case r == '&':
			b = append(b, "&amp;"...)
		case r == '<':
			b = append(b, "&lt;"...)
		case r == '>':
			b = append(b, "&gt;"...)
		case r == '"':
			b = append(b, "&quot;"...)
		case r == '\r':
			b = append(b, "&#xD;"...)
		case r < ' ' && r != '\t' && r != '\n', r == 0xFFFE, r == 0xFFFF:
			b = utf8.AppendRune(b, utf8.RuneError)
		case r < utf8.RuneSelf:
			b = append(b, byte(r))
		default:
			b = utf8.AppendRune(b, r)
		}
		s = s[n:]
	}
	return b
}
