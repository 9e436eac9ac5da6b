package awsquery

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// ParamsMax is how many parameters a request may have. A batch of ten messages with ten attributes each has
// about 400.
const ParamsMax = 1000

// Error is why a form cannot be read, in words for the client.
type Error string

// Error returns the words.
func (e Error) Error() string { return string(e) }

// Params are the parameters of a request that begin with one prefix, without it. The zero value has none.
type Params struct {
	all    []param // sorted by key
	prefix int     // bytes of each key that are not looked at
}

// param is one parameter. What was decoded has memory of its own, the rest is a slice of the form.
type param struct {
	key   string
	value []byte
}

// Parse reads forms, such as the query of the URL and the body. Of parameters of the same name the last one counts,
// but for Values. Errors are of type [Error].
func Parse(forms ...[]byte) (Params, error) {
	var all []param
	for _, form := range forms {
		for len(form) > 0 {
			var pair []byte
			pair, form, _ = bytes.Cut(form, []byte{'&'})
			if len(pair) == 0 {
				continue
			}
			if len(all) == ParamsMax {
				return Params{}, Error(fmt.Sprintf("The request has more than %d parameters.", ParamsMax))
			}
			p, err := parsePair(pair)
			if err != nil {
				return Params{}, err
			}
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b param) int { return compareKeys(a.key, b.key) })
	return Params{all: all}, nil
}

func parsePair(pair []byte) (param, error) {
	key, value, _ := bytes.Cut(pair, []byte{'='})
	key, err := unescape(key)
	if err != nil {
		return param{}, err
	}
	value, err = unescape(value)
	return param{string(key), value}, err
}

// unescape resolves the escapes of a form. Without any, it returns b itself.
func unescape(b []byte) ([]byte, error) {
	if bytes.IndexByte(b, '%') >= 0 || bytes.IndexByte(b, '+') >= 0 {
		out := make([]byte, 0, len(b))
		for i := 0; i < len(b); i++ {
			switch c := b[i]; {
			case c == '+':
				out = append(out, ' ')
			case c != '%':
				out = append(out, c)
			case i+2 < len(b) && isHex(b[i+1]) && isHex(b[i+2]):
				out = append(out, fromHex(b[i+1])<<4|fromHex(b[i+2]))
				i += 2
			default:
				return nil, Error("The request has a percent sign that is not followed by two hexadecimal digits.")
			}
		}
		b = out
	}
	if !utf8.Valid(b) {
		return nil, Error("The request is not valid UTF-8.")
	}
	return slices.Clip(b), nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func fromHex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// compareKeys orders keys so that all below one branch stand together: the dot comes before every other byte.
func compareKeys(a, b string) int {
	for i := range min(len(a), len(b)) {
		if x, y := a[i], b[i]; x != y {
			if x == '.' {
				return -1
			}
			if y == '.' {
				return 1
			}
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}

// Value returns the last parameter of that name. The slice may be a part of the form.
func (p Params) Value(name string) (value []byte, ok bool) {
	same := p.named(name)
	if len(same) == 0 {
		return nil, false
	}
	return same[len(same)-1].value, true
}

// Values returns all parameters of that name, in the order in which they were given.
func (p Params) Values(name string) [][]byte {
	var values [][]byte
	for _, e := range p.named(name) {
		values = append(values, e.value)
	}
	return values
}

// named returns the parameters of that name.
func (p Params) named(name string) []param {
	start, _ := slices.BinarySearchFunc(p.all, name, func(e param, name string) int {
		return compareKeys(e.key[p.prefix:], name)
	})
	end := start
	for end < len(p.all) && p.all[end].key[p.prefix:] == name {
		end++
	}
	return p.all[start:end]
}

// Under returns the parameters that begin with name and a dot.
func (p Params) Under(name string) Params {
	name += "."
	start, _ := slices.BinarySearchFunc(p.all, name, func(e param, name string) int {
		return compareKeys(e.key[p.prefix:], name)
	})
	rest := p.all[start:]
	n := 0
	for n < len(rest) && strings.HasPrefix(rest[n].key[p.prefix:], name) {
		n++
	}
	return Params{all: rest[:n], prefix: p.prefix + len(name)}
}

// Empty reports whether there are none.
func (p Params) Empty() bool { return len(p.all) == 0 }

// Numbers returns the numbers that the parameters begin with, in rising order and as they are written. Gaps are
// fine, and so is any size. The first part of a name that is no number is returned as other, empty when there is none.
func (p Params) Numbers() (numbers []string, other string) {
	for _, e := range p.all {
		number, _, _ := strings.Cut(e.key[p.prefix:], ".")
		switch {
		case !isNumber(number):
			other = number
		case len(numbers) == 0 || numbers[len(numbers)-1] != number:
			numbers = append(numbers, number)
		}
	}
	slices.SortFunc(numbers, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	})
	return numbers, other
}

// isNumber reports whether s is decimal digits without a leading zero.
func isNumber(s string) bool {
	if s == "" || s[0] == '0' && s != "0" {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}
