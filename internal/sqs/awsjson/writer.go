package awsjson

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"
)

// Writer appends JSON to Buf. Commas come by themselves; brackets are the caller's to match.
type Writer struct {
	Buf []byte
}

// comma separates what follows from the value before it.
func (w *Writer) comma() {
	if len(w.Buf) == 0 {
		return
	}
	switch w.Buf[len(w.Buf)-1] {
	case '{', '[', ':':
	default:
		w.Buf = append(w.Buf, ',')
	}
}

// Key begins a member of an object.
func (w *Writer) Key(name string) {
	w.comma()
	w.Buf = append(appendText(w.Buf, []byte(name)), ':')
}

// Open begins an object or list with its bracket.
func (w *Writer) Open(bracket byte) {
	w.comma()
	w.Buf = append(w.Buf, bracket)
}

// Close ends an object or list with its bracket.
func (w *Writer) Close(bracket byte) { w.Buf = append(w.Buf, bracket) }

// Text writes s. What is not UTF-8 in it becomes U+FFFD.
func (w *Writer) Text(s string) {
	w.comma()
	w.Buf = appendText(w.Buf, []byte(s))
}

// Bytes writes b like a string with these bytes.
func (w *Writer) Bytes(b []byte) {
	w.comma()
	w.Buf = appendText(w.Buf, b)
}

// Null writes null.
func (w *Writer) Null() {
	w.comma()
	w.Buf = append(w.Buf, "null"...)
}

// Blob writes b as base64.
func (w *Writer) Blob(b []byte) {
	w.comma()
	w.Buf = append(w.Buf, '"')
	w.Buf = base64.StdEncoding.AppendEncode(w.Buf, b)
	w.Buf = append(w.Buf, '"')
}

// Int writes a number.
func (w *Writer) Int(n int64) {
	w.comma()
	w.Buf = strconv.AppendInt(w.Buf, n, 10)
}

// Bool writes a boolean.
func (w *Writer) Bool(b bool) {
	w.comma()
	w.Buf = strconv.AppendBool(w.Buf, b)
}

const hexDigits = "0123456789abcdef"

// appendText appends s in quotes.
func appendText(b, s []byte) []byte {
	b = append(b, '"')
	for len(s) > 0 {
		n := plainLen(s)
		b, s = append(b, s[:n]...), s[n:]
		switch {
		case len(s) == 0:
		case s[0] < utf8.RuneSelf:
			b, s = appendEscape(b, s[0]), s[1:]
		default:
			r, n := utf8.DecodeRune(s)
			b, s = utf8.AppendRune(b, r), s[n:]
		}
	}
	return append(b, '"')
}

// appendEscape appends an ASCII character that cannot stand in a text as it is.
func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
