package queue

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"strings"
	"sync"
)

// A handle is the base64url text of a version byte, the receipt's numbers in big-endian order, and an
// HMAC-SHA256 over both. The version byte also makes every handle start with "AQ", so none looks like an
// option to a shell. 57 bytes fill 76 characters exactly: there are no spare bits, hence one text per receipt.
const (
	receiptVersion = 1
	receiptSealed  = 1 + 8 + 8 + 4 + 4 // bytes under the seal
	receiptBytes   = receiptSealed + sha256.Size
	receiptChars   = receiptBytes / 3 * 4
)

// receiptText is strict, although its length leaves nothing to be strict about: nobody should have to prove that.
var receiptText = base64.RawURLEncoding.Strict()

// Sealer turns receipts into handles that cannot be forged, and back. It is safe for concurrent use.
//
// A handle is authentic, not secret: it needs no nonce, so the same receipt always gives the same handle.
type Sealer struct {
	macs sync.Pool // of *receiptMAC, keyed
}

// receiptMAC is a keyed hash and room for what goes in and out of it, kept together so that sealing and
// opening need no memory of their own.
type receiptMAC struct {
	hash hash.Hash
	data [receiptBytes]byte
	sum  [sha256.Size]byte
}

// NewSealer returns a Sealer for a secret key that must stay the same as long as handles are to be understood.
func NewSealer(key [32]byte) *Sealer {
	s := &Sealer{}
	s.macs.New = func() any { return &receiptMAC{hash: hmac.New(sha256.New, key[:])} }
	return s
}

// Seal returns the handle, which is 76 letters, digits, hyphens and underscores.
func (s *Sealer) Seal(r Receipt) string {
	m := s.macs.Get().(*receiptMAC)
	defer s.macs.Put(m)
	b := append(m.data[:0], receiptVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Queue))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Seq))
	b = binary.BigEndian.AppendUint32(b, r.Attempt)
	b = binary.BigEndian.AppendUint32(b, r.Epoch)
	b = append(b, m.seal()...)
	var text [receiptChars]byte
	receiptText.Encode(text[:], b)
	return string(text[:])
}

// Open returns the receipt; ok is false when the text is no handle of this server.
func (s *Sealer) Open(handle string) (r Receipt, ok bool) {
	if len(handle) != receiptChars {
		return Receipt{}, false
	}
	m := s.macs.Get().(*receiptMAC)
	defer s.macs.Put(m)
	var text [receiptChars]byte
	copy(text[:], handle)
	n, err := receiptText.Decode(m.data[:], text[:])
	if err != nil || n != receiptBytes || m.data[0] != receiptVersion {
		return Receipt{}, false
	}
	if !hmac.Equal(m.seal(), m.data[receiptSealed:]) {
		return Receipt{}, false
	}
	return Receipt{
		Queue:   ID(binary.BigEndian.Uint64(m.data[1:])),
		Seq:     Seq(binary.BigEndian.Uint64(m.data[9:])),
		Attempt: binary.BigEndian.Uint32(m.data[17:]),
		Epoch:   binary.BigEndian.Uint32(m.data[21:]),
	}, true
}

// seal returns the sum over the part of data that is sealed, valid until the next call.
func (m *receiptMAC) seal() []byte {
	m.hash.Reset()
	m.hash.Write(m.data[:receiptSealed])
	return m.hash.Sum(m.sum[:0])
}

// extendedMark is in the handles that the S3 extended client library makes: it puts the place of the payload
// in front of the handle and takes it off again before it calls SQS.
const extendedMark = "-..s3BucketName..-"

// foreignReceipt is the answer for a receipt handle of this server that is for another queue.
func foreignReceipt(handle string) *Error {
	return Errorf(CodeReceiptHandleIsInvalid, `The receipt handle "%s" is not valid for this queue.`, excerpt(handle))
}

// InvalidReceipt is the answer for a receipt handle that is none of this server.
func InvalidReceipt(handle string) *Error {
	text := `The input receipt handle "` + excerpt(handle) + `" is not a valid receipt handle.`
	if strings.HasPrefix(handle, extendedMark) {
		text += " It was made by the S3 extended client library; only that library can use it."
	}
	return &Error{Code: CodeReceiptHandleIsInvalid, Message: text}
}
