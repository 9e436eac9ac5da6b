package queue

import "time"

// comingSlots is a power of two above the seconds of the longest delay.
const comingSlots = 1024

// coming counts the delayed messages in memory by the second in which they show. The zero value is ready to use.
type coming struct {
	slots *[comingSlots]int32 // by second modulo their number; nil: there never was a delayed message
}

func (c *coming) count(at Millis, change int32) {
	if c.slots == nil {
		c.slots = new([comingSlots]int32)
	}
	c.slots[(at/1000)%comingSlots] += change
}

// within counts the messages that show up to so many whole seconds after the second of now.
func (c *coming) within(now Millis, d time.Duration) (n int64) {
	if c.slots == nil {
		return 0
	}
	first := now / 1000
	for s := first; s <= first+Millis(d/time.Second); s++ {
		n += int64(c.slots[s%comingSlots])
	}
	return n
}
