package child

import "sync"

// output keeps the beginning and the end of what is written, and counts the rest.
type output struct {
	mu      sync.Mutex
	half    int
	head    []byte
	tail    []byte // a ring once it is full
	at      int    // where the ring continues
	written int64
}

func newOutput(max int) *output { return &output{half: max / 2} }

// Write keeps of p what there is room for. It never fails.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(p)
	o.written += int64(n)
	if room := o.half - len(o.head); room > 0 {
		room = min(room, len(p))
		o.head = append(o.head, p[:room]...)
		p = p[room:]
	}
	p = p[max(0, len(p)-o.half):]
	if room := o.half - len(o.tail); room > 0 {
		room = min(room, len(p))
		o.tail = append(o.tail, p[:room]...)
		p = p[room:]
	}
	for len(p) > 0 {
		copied := copy(o.tail[o.at:], p)
		p = p[copied:]
		o.at = (o.at + copied) % o.half
	}
	return n, nil
}

// kept returns what is kept, with a line where something is missing, and how many bytes are.
func (o *output) kept() (text []byte, dropped int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	dropped = o.written - int64(len(o.head)+len(o.tail))
	text = append(text, o.head...)
	if dropped > 0 && o.half > 0 {
		text = append(text, "\n[…]\n"...)
	}
	text = append(text, o.tail[o.at:]...)
	return append(text, o.tail[:o.at]...), dropped
}
