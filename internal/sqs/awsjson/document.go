package awsjson

import "fmt"

// Limits of a request. They are far above what any action needs.
const (
	DepthMax  = 32      // objects and lists within each other
	ValuesMax = 1 << 14 // values and member names of one document
)

// Error is why a text cannot be read, in words for the client.
type Error string

// Error returns the words.
func (e Error) Error() string { return string(e) }

// Document is an index of one JSON text. The zero value is ready for [Document.Parse], and so is one that has
// been used. It is not safe for concurrent use.
type Document struct {
	body  []byte
	nodes []node
}

// node is one value or member name. What an object or list contains follows its node: an object's members as
// name and value in turns.
type node struct {
	kind    kind
	escaped bool // a text with escapes
	start   int  // of the literal in the body; of a text, without its quotes
	end     int
	next    int // index of the node behind this one and all that it contains
}

// kind is a JSON type.
type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindText
	kindList
	kindObject
)

// Parse checks that body is one JSON object and returns it. The Document and its Values refer to body, which
// must not change while they are used. Errors are of type [Error].
func (d *Document) Parse(body []byte) (Value, error) {
	d.body, d.nodes = body, d.nodes[:0]
	p := parser{Document: d}
	p.space()
	if p.peek() != '{' {
		return Value{}, Error("The request is not a JSON object.")
	}
	if err := p.value(0); err != nil {
		return Value{}, err
	}
	p.space()
	if p.at < len(body) {
		return Value{}, p.unexpected()
	}
	return Value{doc: d}, nil
}

// parser walks over the body once.
type parser struct {
	*Document
	at int
}

// peek returns the next byte, zero at the end.
func (p *parser) peek() byte {
	if p.at < len(p.body) {
		return p.body[p.at]
	}
	return 0
}

// space skips white space.
func (p *parser) space() {
	for p.at < len(p.body) {
		switch p.body[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// unexpected is the error for what stands at the present place.
func (p *parser) unexpected() error {
	if p.at >= len(p.body) {
		return Error("The JSON text ends too early.")
	}
	return Error(fmt.Sprintf("The JSON text has an unexpected character at byte %d.", p.at))
}

// add appends a node of the given kind that starts here.
func (p *parser) add(k kind) (int, error) {
	if len(p.nodes) == ValuesMax {
		return 0, Error(fmt.Sprintf("The JSON text holds more than %d values.", ValuesMax))
	}
	p.nodes = append(p.nodes, node{kind: k, start: p.at})
	return len(p.nodes) - 1, nil
}

// close ends the node at index i here.
func (p *parser) close(i int) {
	p.nodes[i].end, p.nodes[i].next = p.at, len(p.nodes)
}

// value reads a value at the given depth.
func (p *parser) value(depth int) error {
	switch c := p.peek(); {
	case c == '"':
		return p.text()
	case c == '{':
		return p.object(depth + 1)
	case c == '[':
		return p.list(depth + 1)
	case c == 't':
		return p.word(kindBool, "true")
	case c == 'f':
		return p.word(kindBool, "false")
	case c == 'n':
		return p.word(kindNull, "null")
	case c == '-' || isDigit(c):
		return p.number()
	}
	return p.unexpected()
}

// object reads an object.
func (p *parser) object(depth int) error {
	return p.sequence(kindObject, depth, '}', func() error {
		if p.peek() != '"' {
			return p.unexpected()
		}
		if err := p.text(); err != nil {
			return err
		}
		p.space()
		if p.peek() != ':' {
			return p.unexpected()
		}
		p.at++
		p.space()
		return p.value(depth)
	})
}

// list reads a list.
func (p *parser) list(depth int) error {
	return p.sequence(kindList, depth, ']', func() error { return p.value(depth) })
}

// sequence reads items between an opening bracket, commas and the closing one.
func (p *parser) sequence(k kind, depth int, closing byte, item func() error) error {
	if depth > DepthMax {
		return Error(fmt.Sprintf("The JSON text is nested deeper than %d levels.", DepthMax))
	}
	i, err := p.add(k)
	if err != nil {
		return err
	}
	p.at++
	p.space()
	if p.peek() == closing {
		p.at++
		p.close(i)
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		p.space()
		c := p.peek()
		if c != ',' && c != closing {
			return p.unexpected()
		}
		p.at++
		if c == closing {
			p.close(i)
			return nil
		}
		p.space()
	}
}

// word reads a literal word.
func (p *parser) word(k kind, w string) error {
	if len(p.body)-p.at < len(w) || string(p.body[p.at:p.at+len(w)]) != w {
		return p.unexpected()
	}
	i, err := p.add(k)
	if err != nil {
		return err
	}
	p.at += len(w)
	p.close(i)
	return nil
}

// number reads a number, which is kept as it is written.
func (p *parser) number() error {
	i, err := p.add(kindNumber)
	if err != nil {
		return err
	}
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if !p.digits() {
		return p.unexpected()
	}
	if p.peek() == '.' {
		p.at++
		if !p.digits() {
			return p.unexpected()
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if !p.digits() {
			return p.unexpected()
		}
	}
	p.close(i)
	return nil
}

// digits skips digits and tells whether there was one.
func (p *parser) digits() bool {
	start := p.at
	for isDigit(p.peek()) {
		p.at++
	}
	return p.at > start
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
