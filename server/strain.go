package server

import (
	runtimemetrics "runtime/metrics"
	"time"
)

// strain tells how short the CPU is, by how long goroutines wait for one. Where it is short, the log writes its groups at
// a distance (storage.Options.Pace): what comes for a document meanwhile is merged, an fsync and a system call for each
// connection carry more, and the CPU that this saves is what was short. The distance follows from what it achieves: as the
// waits become shorter, so does it. Where the CPU is not short, nothing ever waits.
//
// It belongs to the log's writer, which asks before each group.
type strain struct {
	sample [1]runtimemetrics.Sample
	counts []uint64 // of the histogram when it was looked at last
	looked time.Time
	pace   time.Duration
}

const (
	// mostPace is the greatest distance. Beside what a keystroke takes where the CPU is so short, it is little.
	mostPace = 20 * time.Millisecond
	// paceForWait is how many times the usual wait the distance is. A few places on the way of an update have to wait for
	// the CPU one after the other.
	paceForWait = 20
	// easyWait is a wait that is no sign of anything.
	easyWait = 100 * time.Microsecond
	// fewWaits is how many say too little. The runtime measures one in eight.
	fewWaits = 16
	// lookEvery is how often the runtime is asked, which takes some microseconds.
	lookEvery = 50 * time.Millisecond
)

// distance returns how far apart groups are to be now.
func (s *strain) distance() time.Duration {
	now := time.Now()
	since := now.Sub(s.looked)
	if since < lookEvery {
		return s.pace
	}
	if since > 2*lookEvery {
		s.pace = 0 // there was so little to do that nobody asked
	}
	s.looked = now
	s.sample[0].Name = "/sched/latencies:seconds"
	runtimemetrics.Read(s.sample[:])
	if s.sample[0].Value.Kind() == runtimemetrics.KindFloat64Histogram {
		s.adjust(s.sample[0].Value.Float64Histogram())
	}
	return s.pace
}

// adjust goes half of the way to the distance that the waits since the last time call for.
func (s *strain) adjust(h *runtimemetrics.Float64Histogram) {
	target := time.Duration(0)
	if usual, waits := s.usualWait(h); waits >= fewWaits && usual > easyWait {
		target = min(paceForWait*usual, mostPace)
	}
	s.pace = (s.pace + target) / 2
}

// usualWait returns what three quarters of the waits since the last time did not exceed, but for the width of a bucket,
// and how many there were.
func (s *strain) usualWait(h *runtimemetrics.Float64Histogram) (usual time.Duration, waits uint64) {
	if len(s.counts) != len(h.Counts) {
		s.counts = make([]uint64, len(h.Counts))
	}
	for i, n := range h.Counts {
		waits += n - s.counts[i]
	}
	var seen uint64
	for i, n := range h.Counts {
		if seen += n - s.counts[i]; seen*4 >= waits*3 {
			usual = time.Duration(max(0, h.Buckets[i]) * float64(time.Second)) // the first begins below zero
			break
		}
	}
	copy(s.counts, h.Counts)
	return usual, waits
}
