package queue

import (
	"math"
	"math/bits"
	"slices"
	"sort"
	"time"
)

// Buckets of a [Histogram], eight to a doubling. Bucket i holds times above BucketBound(i-1) and up to
// BucketBound(i); everything up to BucketBound(BucketFirst), nothing at all included, is in BucketFirst.
const (
	BucketsPerDoubling = 8
	BucketFirst        = -80 // a millisecond: time in a queue counts in whole ones
	BucketLast         = 170 // 29 days
)

// BucketBound is the upper bound of a bucket in seconds: 2^(i/8).
func BucketBound(i int) float64 { return math.Exp2(float64(i) / BucketsPerDoubling) }

// bounds are the upper bounds of the buckets from BucketFirst on, in whole milliseconds.
var bounds = func() (b [BucketLast - BucketFirst + 1]Millis) {
	for i := range b {
		b[i] = Millis(math.Floor(1000 * BucketBound(BucketFirst+i)))
	}
	b[0] = max(b[0], 0)
	return b
}()

// firstOf is, for each length in bits of a time in milliseconds, the first bucket such a time can be in.
var firstOf = func() (f [65]uint8) {
	for n := range f {
		least := Millis(0)
		if n > 0 {
			least = Millis(1) << min(n-1, 62)
		}
		f[n] = uint8(min(sort.Search(len(bounds), func(i int) bool { return bounds[i] >= least }), len(bounds)-1))
	}
	return f
}()

// Histogram counts times. The zero value is ready to use. It grows to 2 KB at most. Copies made by [Histogram.Clone] are independent.
type Histogram struct {
	Count  int64
	Sum    time.Duration
	Lowest int     // bucket of Counts[0]
	Counts []int64 // of neighbouring buckets
}

// add counts one time; one below zero counts as zero.
func (h *Histogram) add(d Millis) {
	d = max(d, 0)
	h.Count++
	h.Sum += time.Duration(d) * time.Millisecond
	i := int(firstOf[bits.Len64(uint64(d))])
	for i < len(bounds)-1 && bounds[i] < d {
		i++
	}
	i += BucketFirst
	if k := i - h.Lowest; k >= 0 && k < len(h.Counts) {
		h.Counts[k]++
		return
	}
	h.widen(i)
	h.Counts[i-h.Lowest]++
}

// widen makes room for bucket i.
func (h *Histogram) widen(i int) {
	switch {
	case len(h.Counts) == 0:
		h.Lowest, h.Counts = i, make([]int64, 1, 8)
	case i < h.Lowest:
		h.Counts = slices.Insert(h.Counts, 0, make([]int64, h.Lowest-i)...)
		h.Lowest = i
	default:
		h.Counts = append(h.Counts, make([]int64, i-h.Lowest+1-len(h.Counts))...)
	}
}

// Clone returns a copy that shares nothing with h.
func (h *Histogram) Clone() Histogram {
	c := *h
	c.Counts = slices.Clone(h.Counts)
	return c
}

// UpTo counts the times that are in the buckets up to and including i.
func (h *Histogram) UpTo(i int) (n int64) {
	for k, count := range h.Counts {
		if h.Lowest+k > i {
			break
		}
		n += count
	}
	return n
}

// Quantile is the time in seconds that the share p of all times does not exceed, at most a bucket's width (9 %)
// too high. It is zero as long as there are none.
func (h *Histogram) Quantile(p float64) float64 {
	if h.Count == 0 {
		return 0
	}
	rank := max(int64(math.Ceil(p*float64(h.Count))), 1)
	for k, count := range h.Counts {
		if rank -= count; rank <= 0 {
			if i := h.Lowest + k; i > BucketFirst {
				return BucketBound(i)
			}
			break
		}
	}
	return 0
}
