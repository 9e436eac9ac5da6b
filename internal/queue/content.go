package queue

import (
	"cmp"
	"crypto/md5"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"
)

// charactersText names the characters that a body may contain, as clients know the sentence.
const charactersText = "Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"

// CheckBody says that body has a character that SQS does not take, or nil.
func CheckBody(body []byte) error {
	if !allowed(body) {
		return Errorf(CodeInvalidMessageContents, "Invalid characters found. %s", charactersText)
	}
	return nil
}

// allowed says whether text is UTF-8 of allowed characters only. It runs over every byte that is sent, so
// plain ASCII passes eight bytes at a time.
func allowed(text []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for len(text) > 0 {
		for len(text) >= 8 {
			word := binary.LittleEndian.Uint64(text)
			// A byte below 0x20 borrows from its top bit; one from 0x80 on has it set.
			if (word|(word-0x20*ones))&tops != 0 {
				break
			}
			text = text[8:]
		}
		// The part of the word that needs a closer look, or the rest of the text.
		for end := max(0, len(text)-8); len(text) > end; {
			n := allowedRune(text)
			if n == 0 {
				return false
			}
			text = text[n:]
		}
	}
	return true
}

// allowedRune returns the length of the character that text starts with, or zero if it is not allowed.
func allowedRune(text []byte) int {
	if c := text[0]; c < utf8.RuneSelf {
		if c >= 0x20 || c == '\t' || c == '\n' || c == '\r' {
			return 1
		}
		return 0
	}
	r, n := utf8.DecodeRune(text)
	if r == utf8.RuneError && n == 1 || r == 0xFFFE || r == 0xFFFF {
		return 0
	}
	return n
}

// CheckID says that value is not a good group, deduplication or receive attempt id, or nil: 1 to IDLenMax
// ASCII letters, digits and punctuation marks. parameter is the member's name in the API.
func CheckID(value, parameter string) error {
	good := value != "" && len(value) <= IDLenMax
	for i := 0; good && i < len(value); i++ {
		good = value[i] > ' ' && value[i] <= '~'
	}
	if !good {
		return invalidValue(excerpt(value), parameter,
			parameter+" can only include alphanumeric and punctuation characters. 1 to 128 in length.")
	}
	return nil
}

// excerpt makes text of a client fit to be repeated in an error: valid, and not longer than a receipt handle.
func excerpt(text string) string {
	if len(text) > ReceiptLenMax {
		text = text[:ReceiptLenMax] + "…"
	}
	return strings.ToValidUTF8(text, string(utf8.RuneError))
}

// MessageSize returns the bytes of a message as SQS counts them: the body, and the name, type and value of
// each attribute.
func MessageSize(body []byte, attrs []MessageAttribute) int {
	size := len(body)
	for i := range attrs {
		size += len(attrs[i].Name) + len(attrs[i].DataType) + len(attrs[i].Value)
	}
	return size
}

// BodyMD5 returns the digest of a body.
func BodyMD5(body []byte) Digest { return md5.Sum(body) }

// AttributesMD5 returns the digest over attrs in the order of their names, the zero Digest for none. The order
// of attrs does not matter and is not changed.
func AttributesMD5(attrs []MessageAttribute) Digest {
	if len(attrs) == 0 {
		return Digest{}
	}
	var orderRoom [AttributesMax]int
	order := orderRoom[:0]
	size := 0
	for i := range attrs {
		order = append(order, i)
		size += 4 + len(attrs[i].Name) + 4 + len(attrs[i].DataType) + 1 + 4 + len(attrs[i].Value)
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(attrs[i].Name, attrs[j].Name) })

	var room [1024]byte
	text := room[:0]
	if size > len(room) {
		text = make([]byte, 0, size)
	}
	for _, i := range order {
		a := &attrs[i]
		text = appendCounted(text, a.Name)
		text = appendCounted(text, a.DataType)
		text = append(text, transportType(a.Kind))
		text = appendCounted(text, a.Value)
	}
	return md5.Sum(text)
}

// transportType is how the digest tells text (String and Number) from bytes (Binary).
func transportType(kind ValueKind) byte {
	if kind == KindBinary {
		return 2
	}
	return 1
}

// appendCounted appends s behind its length.
func appendCounted[T string | []byte](b []byte, s T) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}
