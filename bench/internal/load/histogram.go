package load

import (
	"math/bits"
	"time"
)

const (
	unit    = 256 // nanoseconds: the finest step
	steps   = 64  // in each power of two, so that a figure is off by 1 % at most
	buckets = 2048
)

// histogram counts durations in fixed memory, however many there are.
type histogram struct {
	counts [buckets]uint32
	n      int
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucket(d)]++
	h.n++
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.n += other.n
}

// percentile returns the duration that the share p of all does not exceed.
func (h *histogram) percentile(p float64) time.Duration {
	rank := max(1, int(p*float64(h.n)+0.5))
	seen := 0
	for i, n := range h.counts {
		if seen += int(n); seen >= rank {
			return middle(i)
		}
	}
	return 0
}

// bucket is linear up to 2*steps units, and has steps places in each power of
// two from there.
func bucket(d time.Duration) int {
	v := uint64(max(d, 0)) / unit
	if v < 2*steps {
		return int(v)
	}
	shift := bits.Len64(v) - bits.Len64(2*steps-1)
	return min(shift*steps+int(v>>shift), buckets-1)
}

// middle is the duration in the middle of a bucket.
func middle(i int) time.Duration {
	if i < 2*steps {
		return time.Duration(i*unit + unit/2)
	}
	shift := i/steps - 1
	return time.Duration((2*(i-shift*steps) + 1) * (unit << shift) / 2)
}
