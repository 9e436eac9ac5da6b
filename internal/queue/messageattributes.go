package queue

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// traceAttribute is the one system attribute that a sender can set.
const traceAttribute = "AWSTraceHeader"

// CheckAttributes says what is wrong with the attributes of a message, or nil: their number, names, types and
// values.
func CheckAttributes(attrs []MessageAttribute) error {
	if len(attrs) > AttributesMax {
		return Errorf(CodeInvalidParameterValue, "Number of message attributes [%d] exceeds the allowed maximum [%d].",
			len(attrs), AttributesMax)
	}
	for i := range attrs {
		a := &attrs[i]
		if err := checkAttributeName(a.Name); err != nil {
			return err
		}
		for j := range i {
			if attrs[j].Name == a.Name {
				return Errorf(CodeInvalidParameterValue, "Message (user) attribute name '%s' already exists.", a.Name)
			}
		}
		if err := checkAttributeValue(a); err != nil {
			return err
		}
	}
	return nil
}

// checkSystemAttributes says what is wrong with the system attributes of a message, or nil. AWSTraceHeader is
// the only one that a sender can set.
func checkSystemAttributes(attrs []MessageAttribute) error {
	for i := range attrs {
		a := &attrs[i]
		if a.Name != traceAttribute || i > 0 {
			return Errorf(CodeInvalidParameterValue, "Message system attribute name '%s' is invalid.", excerpt(a.Name))
		}
		if a.DataType != "String" {
			return Errorf(CodeInvalidParameterValue,
				"The type of message (system) attribute '%s' is invalid. You must use only the type String.", a.Name)
		}
		if a.Kind != KindString || len(a.Value) == 0 {
			return Errorf(CodeInvalidParameterValue,
				"Message (system) attribute '%s' must contain a non-empty value of type 'String'.", a.Name)
		}
		if len(a.Value) > TraceHeaderMax || !allowed(a.Value) {
			return Errorf(CodeInvalidParameterValue,
				"The value of message (system) attribute '%s' is invalid. It can be at most %d bytes long.", a.Name, TraceHeaderMax)
		}
	}
	return nil
}

// SelectAttributes returns the attributes of m that the names ask for (exact, "All", ".*", "*", "prefix.*"),
// and the digest over them, zero for none. The slice may be the message's own.
func SelectAttributes(m *Message, names []string) ([]MessageAttribute, Digest) {
	var selected []MessageAttribute
	for i := range m.Attributes {
		if slices.ContainsFunc(names, func(pattern string) bool { return selects(pattern, m.Attributes[i].Name) }) {
			selected = append(selected, m.Attributes[i])
		}
	}
	if len(selected) == len(m.Attributes) {
		return m.Attributes, m.AttributesMD5
	}
	return selected, AttributesMD5(selected)
}

// selects says whether pattern asks for the attribute called name. A prefix need not end at a dot.
func selects(pattern, name string) bool {
	if pattern == "All" || pattern == "*" || pattern == name {
		return true
	}
	prefix, ok := strings.CutSuffix(pattern, ".*")
	return ok && strings.HasPrefix(name, prefix)
}

// checkAttributeName says what is wrong with the name of a message attribute, or nil.
func checkAttributeName(name string) error {
	switch {
	case name == "":
		return Errorf(CodeInvalidParameterValue, "The request must contain non-empty message (user) attribute names.")
	case len(name) > AttributeNameMax:
		return Errorf(CodeInvalidParameterValue, "Message (user) attribute name must be shorter than 256 bytes.")
	case hasPrefixFold(name, "aws.") || hasPrefixFold(name, "amazon."):
		return Errorf(CodeInvalidParameterValue, "You can't use message attribute names beginning with 'AWS.' or 'Amazon'. "+
			"These strings are reserved for internal use.")
	case !isAttributeName(name):
		return Errorf(CodeInvalidParameterValue, "Invalid message (user) attribute name '%s'. It can only include alphanumeric "+
			"characters, hyphens, underscores and single periods between them.", excerpt(name))
	}
	return nil
}

// checkAttributeValue says what is wrong with the type or value of a message attribute, or nil.
func checkAttributeValue(a *MessageAttribute) error {
	if a.Kind == KindList {
		return Errorf(CodeUnsupportedOperation, "Message attribute list values in SendMessage operation are not supported.")
	}
	if a.DataType == "" {
		return Errorf(CodeInvalidParameterValue, "The message (user) attribute '%s' must contain a non-empty message attribute type.", a.Name)
	}
	if len(a.DataType) > AttributeNameMax {
		return Errorf(CodeInvalidParameterValue, "Message (user) attribute type must be shorter than 256 bytes.")
	}
	base, label, labelled := strings.Cut(a.DataType, ".")
	if base != "String" && base != "Number" && base != "Binary" || labelled && !isDotted(label) {
		return Errorf(CodeInvalidParameterValue, "The type of message (user) attribute '%s' is invalid. "+
			"You must use only the following supported type prefixes: Binary, Number, String.", a.Name)
	}
	if a.Kind == KindNone {
		return Errorf(CodeInvalidParameterValue, "The message (user) attribute '%s' must contain a non-empty message attribute value.", a.Name)
	}
	if len(a.Value) == 0 {
		return Errorf(CodeInvalidParameterValue, "Message (user) attribute '%s' must contain a non-empty value of type '%s'.", a.Name, base)
	}
	return checkTypedValue(a, base)
}

// checkTypedValue says that a value does not fit its type, String, Number or Binary, or nil.
func checkTypedValue(a *MessageAttribute, base string) error {
	field, kind := "String", KindString
	if base == "Binary" {
		field, kind = "Binary", KindBinary
	}
	if a.Kind != kind {
		return Errorf(CodeInvalidParameterValue, "The message attribute '%s' with type '%s' must use field '%s'.", a.Name, base, field)
	}
	if base == "String" && !allowed(a.Value) {
		return Errorf(CodeInvalidParameterValue, "Invalid characters found in the value of message (user) attribute '%s'. %s",
			a.Name, charactersText)
	}
	if base == "Number" && !isNumber(string(a.Value)) {
		return Errorf(CodeInvalidParameterValue, "Can't cast the value of message (user) attribute '%s' to a number.", a.Name)
	}
	return nil
}

// hasPrefixFold is strings.HasPrefix for any case of ASCII letters.
func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// isAttributeName reports whether name is dotted words, in which letters beyond ASCII may stand too: the service
// accepts them, although its documentation does not say so.
func isAttributeName(name string) bool {
	ascii := strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII && r != utf8.RuneError && unicode.IsLetter(r) {
			return 'a'
		}
		return r
	}, name)
	return isDotted(ascii)
}

// isDotted says whether s is made of ASCII letters, digits, hyphens and underscores with single dots between them.
func isDotted(s string) bool {
	last := byte('.')
	for i := range len(s) {
		if c := s[i]; c == '.' && last == '.' || c != '.' && !isWordByte(c) {
			return false
		}
		last = s[i]
	}
	return last != '.'
}

// Limits of a Number: significant digits, and the powers of ten between which its magnitude lies.
const (
	numberDigitsMax   = 38
	numberExponentMin = -128
	numberExponentMax = 126
)

// isNumber says whether text is a decimal number with optional sign, fraction and exponent within the limits.
func isNumber(text string) bool {
	exponent := int64(0)
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.ParseInt(text[i+1:], 10, 32); err != nil {
			return false
		}
		text = text[:i]
	}
	if text != "" && (text[0] == '+' || text[0] == '-') {
		text = text[1:]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return true // zero has no magnitude
	}
	magnitude := int64(len(digits)-len(fraction)-1) + exponent // power of ten of the first digit
	digits = strings.TrimRight(digits, "0")
	if len(digits) > numberDigitsMax || magnitude < numberExponentMin {
		return false
	}
	return magnitude < numberExponentMax || magnitude == numberExponentMax && digits == "1"
}
