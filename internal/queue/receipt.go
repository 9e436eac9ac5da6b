package queue

// Sealer turns receipts into handles that cannot be forged, and back. It is safe for concurrent use.
type Sealer struct{}

// NewSealer returns a Sealer for a secret key that must stay the same as long as handles are to be understood.
func NewSealer(key [32]byte) *Sealer { return &Sealer{} }

// Seal returns the handle.
func (s *Sealer) Seal(r Receipt) string { return "" }

// Open returns the receipt; ok is false when the text is no handle of this server.
func (s *Sealer) Open(handle string) (r Receipt, ok bool) { return Receipt{}, false }
