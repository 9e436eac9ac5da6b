package bench

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// stamp is what a body begins with: where it comes from, its place there, and when it was sent. It is written as
// 40 hexadecimal digits, so that it is the same text in both wire forms.
type stamp struct {
	run      uint32        // tells the messages of this run from those of others
	source   uint32        // a producer, or a message group
	sequence uint32        // counts the messages of the source from 0
	sent     time.Duration // since the run began
}

const (
	stampLen  = 40
	dedupLen  = 24 // the digits of run, source and sequence name the message
	groupFrom = 8  // the digits of the source name the group
	groupTo   = 16
)

// put writes the stamp.
func (s stamp) put(b *[stampLen]byte) {
	putHex(b[0:8], uint64(s.run))
	putHex(b[8:16], uint64(s.source))
	putHex(b[16:24], uint64(s.sequence))
	putHex(b[24:40], uint64(s.sent))
}

func putHex(b []byte, n uint64) {
	const digits = "0123456789abcdef"
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = digits[n&15]
		n >>= 4
	}
}

// readStamp reads the stamp of a body. Bodies that another program has sent have none.
func readStamp(body []byte) (stamp, bool) {
	if len(body) < stampLen {
		return stamp{}, false
	}
	var n [4]uint64
	for i, field := range [4][2]int{{0, 8}, {8, 16}, {16, 24}, {24, 40}} {
		var ok bool
		if n[i], ok = getHex(body[field[0]:field[1]]); !ok {
			return stamp{}, false
		}
	}
	s := stamp{uint32(n[0]), uint32(n[1]), uint32(n[2]), time.Duration(n[3])}
	return s, s.source < sourcesMax && s.sequence < sequenceMax
}

func getHex(b []byte) (uint64, bool) {
	var n uint64
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

var sizeDists = []string{"fixed", "uniform", "exponential"}

// sizer draws the sizes of bodies.
type sizer struct {
	mean   int
	dist   string
	chance *rand.Rand
}

// next returns the bytes of the next body.
func (s *sizer) next() int {
	n := s.mean
	switch s.dist {
	case "uniform":
		n = stampLen + s.chance.IntN(2*(s.mean-stampLen)+1)
	case "exponential":
		n = stampLen + int(s.chance.ExpFloat64()*float64(s.mean-stampLen))
	}
	return min(n, batchBytes)
}

// paddingLen is more than a body, so that bodies begin at different places of the padding.
const paddingLen = batchBytes + 64<<10

// newPadding makes the text that bodies are filled up with. It looks like chance, for a store that compresses
// must not have it easier than with real messages.
func newPadding() []byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	chance := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, paddingLen)
	for i := 0; i < len(b); i += 8 {
		n := chance.Uint64()
		for j := range min(8, len(b)-i) {
			b[i+j] = letters[n>>(8*j)&63]
		}
	}
	return b
}

// outgoing is a message to send: its stamp and the rest of its body.
type outgoing struct {
	stamp [stampLen]byte
	rest  []byte
}

// size is the bytes of the body.
func (m *outgoing) size() int { return stampLen + len(m.rest) }

// entryIDs are the ids of the entries of a batch.
var entryIDs = [batchMax]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}

// entryIndex is the place of an entry with this id, or -1.
func entryIndex(id []byte) int {
	n, err := strconv.Atoi(string(id))
	if err != nil || n < 0 || n >= batchMax {
		return -1
	}
	return n
}
