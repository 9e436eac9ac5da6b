package queue

import (
	"slices"
	"strings"
	"testing"
)

func TestCheckAttributes(t *testing.T) {
	const ipv = CodeInvalidParameterValue
	const (
		reserved = "You can't use message attribute names beginning with 'AWS.' or 'Amazon'. These strings are reserved for internal use."
		badName  = "Invalid message (user) attribute name"
		badType  = "The type of message (user) attribute 'a' is invalid. You must use only the following supported type prefixes: Binary, Number, String."
		lists    = "Message attribute list values in SendMessage operation are not supported."
	)
	named := func(name string) []MessageAttribute { return []MessageAttribute{stringAttribute(name, "String", "x")} }
	typed := func(dataType string) []MessageAttribute {
		return []MessageAttribute{stringAttribute("a", dataType, "1")}
	}
	tests := []struct {
		name  string
		attrs []MessageAttribute
		code  Code
		text  string
	}{
		{"none pass", nil, 0, ""},
		{"ten pass", numberedAttributes(10), 0, ""},
		{"eleven are too many", numberedAttributes(11), ipv, "Number of message attributes [11] exceeds the allowed maximum [10]."},
		{"a name of letters, digits, hyphen, underscore and dot", named("aZ09-_.x"), 0, ""},
		{"a name of 256 characters", named(strings.Repeat("n", 256)), 0, ""},
		{"a name of 257 characters", named(strings.Repeat("n", 257)), ipv, "Message (user) attribute name must be shorter than 256 bytes."},
		{"an empty name", named(""), ipv, "The request must contain non-empty message (user) attribute names."},
		{"a name that begins with AWS.", named("AWS.x"), ipv, reserved},
		{"a name that begins with amazon.", named("amazon.x"), ipv, reserved},
		{"a name that begins with AWS and no dot", named("AWSx"), 0, ""},
		{"a leading dot", named(".a"), ipv, badName},
		{"a trailing dot", named("a."), ipv, badName},
		{"two dots", named("a..b"), ipv, badName},
		{"a blank in a name", named("a b"), ipv, badName},
		{"a letter beyond ASCII in a name", named("attr.1øßä"), 0, ""},
		{"letters of any script in a name", named("名前.имя"), 0, ""},
		{"a sign beyond ASCII in a name", named("a€"), ipv, badName},
		{"bytes that are no text in a name", named("a\xff"), ipv, badName},
		{"a doubled dot between letters beyond ASCII", named("ø..ß"), ipv, badName},
		{"a name twice", []MessageAttribute{stringAttribute("a", "String", "1"), stringAttribute("b", "String", "1"), stringAttribute("a", "String", "2")}, ipv,
			"Message (user) attribute name 'a' already exists."},
		{"names that differ in case", []MessageAttribute{stringAttribute("a", "String", "1"), stringAttribute("A", "String", "1")}, 0, ""},

		{"labels of each type", []MessageAttribute{stringAttribute("a", "String.x", "1"), stringAttribute("b", "Number.int", "1"), binaryAttribute("c", "Binary.png", 0)}, 0, ""},
		{"no type", typed(""), ipv, "The message (user) attribute 'a' must contain a non-empty message attribute type."},
		{"a type that begins like one", typed("Strings"), ipv, badType},
		{"a type in lower case", typed("string"), ipv, badType},
		{"an empty label", typed("String."), ipv, badType},
		{"a label with a blank", typed("String.a b"), ipv, badType},
		{"a type of 256 bytes", typed("String." + strings.Repeat("x", 249)), 0, ""},
		{"a type of 257 bytes", typed("String." + strings.Repeat("x", 250)), ipv, "Message (user) attribute type must be shorter than 256 bytes."},

		{"no value", []MessageAttribute{{Name: "a", DataType: "String"}}, ipv,
			"The message (user) attribute 'a' must contain a non-empty message attribute value."},
		{"an empty text", []MessageAttribute{stringAttribute("a", "String", "")}, ipv, "Message (user) attribute 'a' must contain a non-empty value of type 'String'."},
		{"an empty number", []MessageAttribute{stringAttribute("a", "Number", "")}, ipv, "Message (user) attribute 'a' must contain a non-empty value of type 'Number'."},
		{"empty bytes", []MessageAttribute{binaryAttribute("a", "Binary")}, ipv, "Message (user) attribute 'a' must contain a non-empty value of type 'Binary'."},
		{"a list", []MessageAttribute{{Name: "a", DataType: "String", Kind: KindList}}, CodeUnsupportedOperation, lists},
		{"text for bytes", []MessageAttribute{stringAttribute("a", "Binary", "x")}, ipv, "The message attribute 'a' with type 'Binary' must use field 'Binary'."},
		{"bytes for text", []MessageAttribute{binaryAttribute("a", "String.x", 'x')}, ipv, "The message attribute 'a' with type 'String' must use field 'String'."},
		{"bytes for a number", []MessageAttribute{binaryAttribute("a", "Number", '1')}, ipv, "The message attribute 'a' with type 'Number' must use field 'String'."},
		{"a control character", []MessageAttribute{stringAttribute("a", "String", "x\x01")}, ipv, "Invalid characters found in the value of message (user) attribute 'a'."},
		{"any bytes in Binary", []MessageAttribute{binaryAttribute("a", "Binary", 0, 1, 0xff)}, 0, ""},
		{"a word for a number", []MessageAttribute{stringAttribute("a", "Number", "abc")}, ipv, "Can't cast the value of message (user) attribute 'a' to a number."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkRefusal(t, tt.attrs, CheckAttributes(tt.attrs), tt.code, tt.text)
		})
	}
}

// numberedAttributes returns n attributes, each with a name of its own.
func numberedAttributes(n int) (attrs []MessageAttribute) {
	for i := range n {
		attrs = append(attrs, stringAttribute("n"+string(rune('a'+i)), "String", "x"))
	}
	return attrs
}

func TestIsNumber(t *testing.T) {
	nines := strings.Repeat("9", 38)
	good := []string{"0", "-0", "+1", "1e10", "-0.50", "1E+5", "1e-5", ".5", "5.", "007", nines, "-" + nines, "0." + nines, nines + "00", "00" + nines,
		"1e126", "10e125", "0.1e127", "9.99e125", "-1e126", "1e-128", "0.1e-127", "1493147359900", "0e9999", "1" + strings.Repeat("0", 126)}
	for _, text := range good {
		if !isNumber(text) {
			t.Errorf("%q is not taken for a number", text)
		}
	}
	bad := []string{"", "-", "+", ".", "abc", "1a", "1 ", " 1", "--1", "+-1", "1.2.3", "e5", "1e", "1e+", "1e5.0", "1e1e1", "0x10", "1_0", "NaN", "Inf",
		"９", "1,5", nines + "9", "1." + nines, "1.1e126", "2e126", "1e127", "0.9e-128", "1e-129", "1e9999999999999999999", "1e-9999999999999999999"}
	for _, text := range bad {
		if isNumber(text) {
			t.Errorf("%q is taken for a number", text)
		}
	}
}

func TestSelectAttributes(t *testing.T) {
	attrs := []MessageAttribute{stringAttribute("color", "String", "blue"), stringAttribute("Hello", "String", "There"), stringAttribute("Help.Me", "String", "Me"),
		stringAttribute("General", "String", "Kenobi")}
	m := &Message{Attributes: attrs, AttributesMD5: AttributesMD5(attrs)}
	tests := []struct {
		name  string
		names []string
		want  []string
	}{
		{"nothing is asked for", nil, nil},
		{"an exact name", []string{"color"}, []string{"color"}},
		{"names are case-sensitive", []string{"Color"}, nil},
		{"All", []string{"All"}, []string{"color", "Hello", "Help.Me", "General"}},
		{"dot star", []string{".*"}, []string{"color", "Hello", "Help.Me", "General"}},
		{"star", []string{"*"}, []string{"color", "Hello", "Help.Me", "General"}},
		{"a prefix", []string{"Hel.*"}, []string{"Hello", "Help.Me"}},
		{"a prefix need not end at a dot", []string{"col.*"}, []string{"color"}},
		{"a prefix may be the whole name", []string{"Help.Me.*"}, []string{"Help.Me"}},
		{"a star without its dot is no prefix", []string{"col*"}, nil},
		{"several overlap", []string{"Hello", "Hel.*", "Hello", "General"}, []string{"Hello", "Help.Me", "General"}},
		{"names that match nothing, even illegal ones", []string{"AWS.", "", "x"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, digest := SelectAttributes(m, tt.names)
			var names []string
			for _, a := range got {
				names = append(names, a.Name)
			}
			if !slices.Equal(names, tt.want) {
				t.Errorf("%q: got %q, want %q", tt.names, names, tt.want)
			}
			if want := AttributesMD5(got); digest != want {
				t.Errorf("%q: got digest %s, want %s", tt.names, digest, want)
			}
		})
	}
	if got, digest := SelectAttributes(&Message{}, []string{"All"}); len(got) != 0 || digest != (Digest{}) {
		t.Errorf("a message without attributes: got %v %s", got, digest)
	}
}
