package awsjson

import (
	"encoding/base64"
	"fmt"
	"iter"
	"slices"
	"strconv"
)

// Value is one value of a [Document]. The zero Value stands for one that is absent.
type Value struct {
	doc *Document
	at  int
}

// Given tells whether there is a value. Null counts as none.
func (v Value) Given() bool { return v.doc != nil && v.node().kind != kindNull }

func (v Value) node() *node { return &v.doc.nodes[v.at] }

// literal returns the bytes of the value as they stand in the body, of a text without its quotes.
func (v Value) literal() []byte { return v.doc.body[v.node().start:v.node().end] }

// Member returns the member of that name of an object; the zero Value when there is none. A name that is there
// twice is an error, for else two readers of one request could see two different requests.
func (v Value) Member(name string) (Value, error) {
	if v.node().kind != kindObject {
		return Value{}, v.mismatch("a structure")
	}
	var found Value
	for key, value := range v.members() {
		if !key.is(name) {
			continue
		}
		if found.doc != nil {
			return Value{}, duplicate(name)
		}
		found = value
	}
	return found, nil
}

// Members returns the members of an object, as they are ordered in the text. Those that are null are left out.
func (v Value) Members() (iter.Seq2[string, Value], error) {
	if v.node().kind != kindObject {
		return nil, v.mismatch("a structure or map")
	}
	seen := make(map[string]bool)
	for key := range v.members() {
		name := key.text()
		if seen[name] {
			return nil, duplicate(name)
		}
		seen[name] = true
	}
	return func(yield func(string, Value) bool) {
		for key, value := range v.members() {
			if value.Given() && !yield(key.text(), value) {
				return
			}
		}
	}, nil
}

// Elements returns the elements of a list. Those that are null are left out.
func (v Value) Elements() (iter.Seq[Value], error) {
	if v.node().kind != kindList {
		return nil, v.mismatch("a list")
	}
	return func(yield func(Value) bool) {
		for i := v.at + 1; i < v.node().next; i = v.doc.nodes[i].next {
			if e := (Value{v.doc, i}); e.Given() && !yield(e) {
				return
			}
		}
	}, nil
}

// Bytes returns a text, number or boolean as text. The slice may be a part of the document's body.
func (v Value) Bytes() ([]byte, error) {
	switch n := v.node(); {
	case n.kind == kindObject:
		return nil, Error("Start of structure or map found where not expected.")
	case n.kind == kindList:
		return nil, Error("Start of list found where not expected")
	case n.escaped:
		return unescape(make([]byte, 0, n.end-n.start), v.literal()), nil
	}
	// The capacity ends with the text: who appends to it must not write over what follows in the body.
	return slices.Clip(v.literal()), nil
}

// Text is Bytes as a string of its own.
func (v Value) Text() (string, error) {
	b, err := v.Bytes()
	return string(b), err
}

// Blob returns the bytes of a base64 text, in memory of their own.
func (v Value) Blob() ([]byte, error) {
	b, err := v.Bytes()
	if err != nil {
		return nil, err
	}
	blob, err := base64.StdEncoding.AppendDecode(make([]byte, 0, base64.StdEncoding.DecodedLen(len(b))), b)
	if err != nil {
		return nil, Error("A binary value is not valid base64.")
	}
	return blob, nil
}

// Int returns a whole number, or a text that is one.
func (v Value) Int() (int64, error) {
	b, err := v.Bytes()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0, Error(v.kindName() + " can not be converted to an Integer")
	}
	return n, nil
}

// members returns the names and values of an object.
func (v Value) members() iter.Seq2[Value, Value] {
	return func(yield func(key, value Value) bool) {
		for i := v.at + 1; i < v.node().next; i = v.doc.nodes[i+1].next {
			if !yield(Value{v.doc, i}, Value{v.doc, i + 1}) {
				return
			}
		}
	}
}

// text returns a member's name.
func (v Value) text() string {
	if v.node().escaped {
		return string(unescape(nil, v.literal()))
	}
	return string(v.literal())
}

// is compares a member's name.
func (v Value) is(name string) bool {
	if v.node().escaped {
		return v.text() == name
	}
	return string(v.literal()) == name
}

func duplicate(name string) error { return Error(fmt.Sprintf("The member %q is given twice.", name)) }

// mismatch is the error for a value of another kind than wanted.
func (v Value) mismatch(wanted string) error {
	return Error(fmt.Sprintf("%s found where %s is expected.", v.kindName(), wanted))
}

func (v Value) kindName() string {
	switch v.node().kind {
	case kindBool:
		return "BOOLEAN_VALUE"
	case kindNumber:
		return "NUMBER_VALUE"
	case kindText:
		return "STRING_VALUE"
	case kindList:
		return "LIST_VALUE"
	case kindObject:
		return "STRUCTURE_VALUE"
	}
	return "NULL_VALUE"
}
