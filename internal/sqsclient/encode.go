package sqsclient

import (
	"github.com/aws/smithy-go"

	"github.com/forebay-mq/forebay/internal/sqs/awsjson"
)

// encode returns the JSON of a request. The SDK's inputs describe themselves to an encoder, so that no field of them
// is named here.
func encode(in smithy.Serializable) []byte {
	e := &encoder{Writer: awsjson.Writer{Buf: make([]byte, 0, 1024)}}
	in.Serialize(e)
	return e.Buf
}

// encoder writes what an input says of itself. The inputs that it is used for consist of texts, numbers, bytes, lists,
// maps and structures; what else a shape of the SDK could say is left to the nil interface within, and a test that
// fills every field of every input finds out when that is not enough any more.
type encoder struct {
	smithy.ShapeSerializer
	awsjson.Writer

	// named tells, from the innermost bracket outwards, a bit for each, whether its values go by the name of their
	// member: in structures they do, in lists and maps they do not.
	named uint64
}

// key begins a member, where there is one.
func (e *encoder) key(s *smithy.Schema) {
	if e.named&1 != 0 {
		e.Key(s.MemberName())
	}
}

func (e *encoder) open(s *smithy.Schema, bracket byte, named uint64) {
	e.key(s)
	e.Open(bracket)
	e.named = e.named<<1 | named
}

func (e *encoder) close(bracket byte) {
	e.Close(bracket)
	e.named >>= 1
}

// The methods of smithy.ShapeSerializer that inputs call.

// WriteString writes a text.
func (e *encoder) WriteString(s *smithy.Schema, v string) { e.key(s); e.Text(v) }

// WriteInt32 writes a number.
func (e *encoder) WriteInt32(s *smithy.Schema, v int32) { e.key(s); e.Int(int64(v)) }

// WriteBlob writes bytes as base64.
func (e *encoder) WriteBlob(s *smithy.Schema, v []byte) { e.key(s); e.Blob(v) }

// WriteStruct begins a structure.
func (e *encoder) WriteStruct(s *smithy.Schema) { e.open(s, '{', 1) }

// CloseStruct ends it.
func (e *encoder) CloseStruct() { e.close('}') }

// WriteList begins a list.
func (e *encoder) WriteList(s *smithy.Schema) { e.open(s, '[', 0) }

// CloseList ends it.
func (e *encoder) CloseList() { e.close(']') }

// WriteMap begins a map.
func (e *encoder) WriteMap(s *smithy.Schema) { e.open(s, '{', 0) }

// WriteKey writes the key of the map's next value.
func (e *encoder) WriteKey(_ *smithy.Schema, key string) { e.Key(key) }

// CloseMap ends it.
func (e *encoder) CloseMap() { e.close('}') }

// Bytes returns what was written.
func (e *encoder) Bytes() []byte { return e.Buf }
