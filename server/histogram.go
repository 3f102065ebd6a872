package server

import (
	"sync/atomic"
	"time"
)

// histogramBounds are the upper bounds of the buckets of every histogram that the server keeps itself: from what a
// message takes on a quiet machine to what somebody who waits calls broken.
var histogramBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// histogram counts durations in buckets that are there from the start: observing one is two additions and no allocation.
type histogram struct {
	counts [len(histogramBounds) + 1]atomic.Uint64
	sum    atomic.Int64
}

// observe counts one duration. A negative one, for which a clock was set back, counts as none.
func (h *histogram) observe(d time.Duration) {
	d = max(d, 0)
	i := 0
	for i < len(histogramBounds) && d > histogramBounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

// Histogram is how often something took how long.
type Histogram struct {
	// Bounds are the upper bounds of all buckets but the last, which has none. Not to be changed.
	Bounds []time.Duration
	// Counts has the number of those that took at most the bound and more than the bound before.
	Counts []uint64
	// Total is the sum of all durations.
	Total time.Duration
}

// read returns the figures of this moment. Buckets may be an observation ahead of each other.
func (h *histogram) read() Histogram {
	counts := make([]uint64, len(h.counts))
	for i := range h.counts {
		counts[i] = h.counts[i].Load()
	}
	return Histogram{Bounds: histogramBounds[:], Counts: counts, Total: time.Duration(h.sum.Load())}
}
