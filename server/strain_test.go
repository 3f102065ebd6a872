package server

import (
	"math"
	runtimemetrics "runtime/metrics"
	"testing"
	"time"
)

// TestStrain: the distance between groups follows how long goroutines wait, up to its bound, and is none where they wait
// for as long as they always do, or too few of them did to say.
func TestStrain(t *testing.T) {
	buckets := []float64{math.Inf(-1), 0, 10e-6, 200e-6, 500e-6, 5e-3, math.Inf(1)}
	for _, c := range []struct {
		name  string
		waits [6]uint64 // since the last time, by bucket
		want  time.Duration
	}{
		{"nobody waits", [6]uint64{}, 0},
		{"nobody waits long", [6]uint64{0, 1000, 10, 1, 0, 0}, 0},
		{"a few wait long", [6]uint64{0, 100, 0, 0, 0, 30}, 0},
		{"most wait", [6]uint64{0, 10, 0, 90, 0, 0}, paceForWait * 200 * time.Microsecond},
		{"three quarters wait for no longer", [6]uint64{0, 0, 0, 75, 0, 25}, paceForWait * 200 * time.Microsecond},
		{"all wait long", [6]uint64{0, 0, 0, 0, 50, 50}, mostPace},
		{"too few to say", [6]uint64{0, 0, 0, 0, 0, fewWaits - 1}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s strain
			h := &runtimemetrics.Float64Histogram{Buckets: buckets, Counts: []uint64{0, 7, 0, 900, 0, 900}} // of before
			s.usualWait(h)
			for range 20 { // it goes there by halves
				for i, n := range c.waits {
					h.Counts[i] += n
				}
				s.adjust(h)
			}
			if diff := s.pace - c.want; diff.Abs() > time.Microsecond {
				t.Errorf("a distance of %v, want %v", s.pace, c.want)
			}
			for range 20 {
				s.adjust(h) // nobody waits any more
			}
			if s.pace > time.Microsecond {
				t.Errorf("a distance of %v when it is over", s.pace)
			}
		})
	}
}

// TestStrainIsForgotten: who was not asked for a while does not say how it was then.
func TestStrainIsForgotten(t *testing.T) {
	s := strain{pace: mostPace, looked: time.Now().Add(-time.Minute)}
	s.distance()
	if s.pace > mostPace/2 { // half of what the waits of this moment call for, at most
		t.Errorf("a distance of %v is left of a minute ago", s.pace)
	}
	if s.counts == nil {
		t.Error("the runtime does not tell how long goroutines wait")
	}
}
