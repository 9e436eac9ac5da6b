package queued

import (
	"net/http"
	"net/textproto"
	"slices"
	"unicode/utf8"
)

// A value of a header field is bytes, and JSON holds text. Where the values of a field are UTF-8 they travel as they are.
// The others travel with the letter U+0000 to U+00FF for each byte, as Latin-1 has it, and the member "latin1" names
// their fields. A reader that does not know the member sees the letters that were most probably meant.

// latin1Names are the fields of all headers with a value that is not UTF-8, sorted, in canonical form.
func latin1Names(headers ...http.Header) []string {
	var out []string
	for _, h := range headers {
		for name, values := range h {
			if slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
				out = append(out, textproto.CanonicalMIMEHeaderKey(name))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// toLatin1 turns each byte into a letter.
func toLatin1(value string) string {
	out := make([]rune, len(value))
	for i := range len(value) {
		out[i] = rune(value[i])
	}
	return string(out)
}

// fromLatin1 turns the values of the named fields from letters into bytes, in place. Member is the list in errors.
func fromLatin1(member string, h http.Header, names []string) error {
	for _, name := range names {
		for i, value := range h[textproto.CanonicalMIMEHeaderKey(name)] {
			out := make([]byte, 0, len(value))
			for _, r := range value {
				if r > 0xff {
					return wrong(member, "the value of %s has the letter %q, and latin1 names the field: its letters are "+
						"U+0000 to U+00FF", clip(name), r)
				}
				out = append(out, byte(r))
			}
			h[textproto.CanonicalMIMEHeaderKey(name)][i] = string(out)
		}
	}
	return nil
}

// latin1 reads the names of the fields whose values are bytes.
func (o *object) latin1() (names []string) {
	o.read("latin1", &names)
	if o.err == nil && len(names) > 2*HeaderFieldsMax {
		o.err = wrong("latin1", "%d fields, at most %d", len(names), 2*HeaderFieldsMax)
	}
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		key := textproto.CanonicalMIMEHeaderKey(name)
		if o.err == nil && seen[key] {
			o.err = wrong("latin1", "%s comes twice", clip(name))
		}
		seen[key] = true
	}
	return names
}

// latin1 writes what latin1Names returns.
func (w *writer) latin1(names []string) {
	for i, name := range names {
		if i == 0 {
			w.name("latin1")
		}
		w.b = append(w.b, "[,"[min(i, 1)])
		w.b = appendText(w.b, name)
	}
	if len(names) > 0 {
		w.b = append(w.b, ']')
	}
}
