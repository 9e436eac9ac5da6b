package broker

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/forebay-mq/forebay/internal/queue"
)

// A message is stored as a header and a body part. The header holds all that the machine needs to run a
// queue; the message attributes are with the body, because together they can be as large as a message may be.
// So a store that keeps large bodies apart can load the window of a queue without touching them.
//
// Header, version 1: flags byte, ID and BodyMD5 as 16 bytes each, AttributesMD5 as 16 bytes when flagged, Sent,
// Due and First as varints, Receives and Size as uvarints, then TraceHeader, SenderID, GroupID, DeduplicationID
// and SourceARN as texts.
//
// Body part: the length of all attributes as uvarint, each attribute (Name, DataType, kind byte, Value), and the
// body up to the end. It has no version of its own: it changes together with the header. See the ritual at
// headerVersion.

// headerAttributes flags a header with AttributesMD5.
const headerAttributes = 1

// appendHeader appends the header of m.
func appendHeader(dst []byte, m *queue.Message) []byte {
	var flags byte
	if m.AttributesMD5 != (queue.Digest{}) {
		flags |= headerAttributes
	}
	dst = append(dst, headerVersion, flags)
	dst = append(dst, m.ID[:]...)
	dst = append(dst, m.BodyMD5[:]...)
	if flags&headerAttributes != 0 {
		dst = append(dst, m.AttributesMD5[:]...)
	}
	dst = appendMillis(dst, m.Sent)
	dst = appendMillis(dst, m.Due)
	dst = appendMillis(dst, m.First)
	dst = binary.AppendUvarint(dst, uint64(m.Receives))
	dst = binary.AppendUvarint(dst, uint64(m.Size))
	for _, s := range [...]string{m.TraceHeader, m.SenderID, m.GroupID, m.DeduplicationID, m.SourceARN} {
		dst = appendText(dst, s)
	}
	return dst
}

// appendAttributes appends the part of m's body part that stands before the body.
func appendAttributes(dst []byte, m *queue.Message) []byte {
	size := 0
	for i := range m.Attributes {
		a := &m.Attributes[i]
		size += framedLen(len(a.Name)) + framedLen(len(a.DataType)) + 1 + framedLen(len(a.Value))
	}
	dst = binary.AppendUvarint(dst, uint64(size))
	for i := range m.Attributes {
		a := &m.Attributes[i]
		dst = appendText(dst, a.Name)
		dst = appendText(dst, a.DataType)
		dst = append(dst, byte(a.Kind))
		dst = binary.AppendUvarint(dst, uint64(len(a.Value)))
		dst = append(dst, a.Value...)
	}
	return dst
}

// framedLen is how many bytes a length and n bytes take.
func framedLen(n int) int {
	var b [binary.MaxVarintLen64]byte
	return binary.PutUvarint(b[:], uint64(n)) + n
}

// decodeMessage returns the message of a header and its body part. With a nil body part Body and Attributes are
// left out. The message keeps body.
func decodeMessage(header, body []byte) (*queue.Message, error) {
	m := new(queue.Message)
	if err := decodeHeader(m, header); err != nil {
		return nil, err
	}
	if body == nil {
		return m, nil
	}
	if err := decodeBody(m, body); err != nil {
		return nil, fmt.Errorf("message %s: %w", m.ID, err)
	}
	return m, nil
}

func decodeHeader(m *queue.Message, data []byte) error {
	d := begin(data, headerVersion)
	flags := d.byte()
	d.fill(m.ID[:])
	d.fill(m.BodyMD5[:])
	if flags&headerAttributes != 0 {
		d.fill(m.AttributesMD5[:])
	}
	m.Sent, m.Due, m.First = d.millis(), d.millis(), d.millis()
	m.Receives, m.Size = d.uint32(), int(d.number(math.MaxInt32))
	for _, s := range [...]*string{&m.TraceHeader, &m.SenderID, &m.GroupID, &m.DeduplicationID, &m.SourceARN} {
		*s = d.text()
	}
	return d.end("message header")
}

func decodeBody(m *queue.Message, data []byte) error {
	d := decoder{rest: data}
	attributes := decoder{rest: d.bytes()}
	for len(attributes.rest) > 0 {
		m.Attributes = append(m.Attributes, queue.MessageAttribute{
			Name: attributes.text(), DataType: attributes.text(),
			Kind: queue.ValueKind(attributes.byte()), Value: attributes.bytes(),
		})
	}
	m.Body, d.rest = d.rest, nil
	if err := attributes.end("message attributes"); err != nil {
		return err
	}
	return d.end("message body")
}
