package queue

import (
	"math"
	"strings"
	"sync"
	"testing"
)

var testReceipts = []Receipt{
	{},
	{Queue: 1, Seq: 2, Attempt: 3, Epoch: 4},
	{Queue: math.MaxUint64, Seq: math.MaxUint64, Attempt: math.MaxUint32, Epoch: math.MaxUint32},
}

func TestReceiptComesBack(t *testing.T) {
	s := NewSealer([32]byte{1})
	for _, r := range testReceipts {
		handle := s.Seal(r)
		if got, ok := s.Open(handle); got != r || !ok {
			t.Errorf("%s: got %+v %v, want %+v", handle, got, ok, r)
		}
		if again := s.Seal(r); again != handle {
			t.Errorf("%+v: sealed as %s and as %s", r, handle, again)
		}
	}
}

// Handles outlive the process, so this one must be understood by every later version.
func TestReceiptFormStays(t *testing.T) {
	s := NewSealer([32]byte([]byte("0123456789abcdef0123456789abcdef")))
	want := Receipt{Queue: 7, Seq: 1 << 40, Attempt: 2, Epoch: 9}
	const handle = "AQAAAAAAAAAHAAABAAAAAAAAAAACAAAACWK6Xhcj0MAjE2rafVmNA1iiYe8ZuonupqbPnyiJV-If"
	if got := s.Seal(want); got != handle {
		t.Errorf("got %s, want %s", got, handle)
	}
	if got, ok := s.Open(handle); got != want || !ok {
		t.Errorf("got %+v %v, want %+v", got, ok, want)
	}
}

func TestReceiptHandleIsSafeText(t *testing.T) {
	for i := range 200 {
		handle := NewSealer([32]byte{byte(i)}).Seal(Receipt{Queue: ID(i), Seq: Seq(i * i)})
		if len(handle) > 200 || !isWord(handle, 200) || strings.HasPrefix(handle, "-") {
			t.Errorf("handle %q is not safe in a URL or for a shell", handle)
		}
	}
}

func TestReceiptRefusesEveryChange(t *testing.T) {
	s := NewSealer([32]byte{1})
	handle := s.Seal(testReceipts[1])
	refused := func(what, changed string) {
		t.Helper()
		if r, ok := s.Open(changed); ok || r != (Receipt{}) {
			t.Errorf("%s: %q was opened as %+v", what, changed, r)
		}
	}
	for i := range len(handle) {
		for c := range 256 {
			if byte(c) != handle[i] {
				refused("another byte", handle[:i]+string([]byte{byte(c)})+handle[i+1:])
			}
		}
		refused("cut at the end", handle[:i])
		refused("cut at the start", handle[i+1:])
		refused("a line break inside", handle[:i]+"\n"+handle[i:])
		refused("a line break instead", handle[:i]+"\n"+handle[i+1:])
	}
	refused("something behind", handle+"A")
	refused("padding", handle+"=")
	refused("twice", handle+handle)
	refused("a handle of another server", NewSealer([32]byte{2}).Seal(testReceipts[1]))
	refused("very long", strings.Repeat("A", 1<<20))
}

func TestSealerIsSafeForConcurrentUse(t *testing.T) {
	s := NewSealer([32]byte{1})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				want := Receipt{Queue: ID(g), Seq: Seq(i)}
				if got, ok := s.Open(s.Seal(want)); got != want || !ok {
					t.Errorf("got %+v %v, want %+v", got, ok, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestInvalidReceipt(t *testing.T) {
	tests := []struct{ name, handle, want string }{
		{"the text repeats the handle", "abc", `The input receipt handle "abc" is not a valid receipt handle.`},
		{"a handle of the S3 extended client is recognised", "-..s3BucketName..-b-..s3BucketName..--..s3Key..-k-..s3Key..-h",
			"made by the S3 extended client library"},
		{"bytes that are no text are replaced", "a\xff", `handle "a` + "\uFFFD" + `" is`},
		{"a long handle is cut", strings.Repeat("x", 5000), strings.Repeat("x", 1024) + `…"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkRefusal(t, tt.handle, InvalidReceipt(tt.handle), CodeReceiptHandleIsInvalid, tt.want)
		})
	}
}

func FuzzSealerOpen(f *testing.F) {
	s := NewSealer([32]byte{1})
	for _, r := range testReceipts {
		f.Add(s.Seal(r))
	}
	f.Add("")
	f.Add("-..s3BucketName..-b-..s3BucketName..-")
	f.Fuzz(func(t *testing.T, handle string) {
		if r, ok := s.Open(handle); ok && s.Seal(r) != handle {
			t.Errorf("%q was opened as %+v, whose handle is %q", handle, r, s.Seal(r))
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	s := NewSealer([32]byte{1})
	b.ReportAllocs()
	for b.Loop() {
		s.Seal(testReceipts[1])
	}
}

func BenchmarkOpen(b *testing.B) {
	s := NewSealer([32]byte{1})
	handle := s.Seal(testReceipts[1])
	b.ReportAllocs()
	for b.Loop() {
		s.Open(handle)
	}
}
