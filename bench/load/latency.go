package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Latency sums up how long something took, with each value counted. In JSON the times are nanoseconds.
type Latency struct {
	Count int64         `json:"count"`
	P50   time.Duration `json:"p50_nanoseconds"`
	P95   time.Duration `json:"p95_nanoseconds"`
	P99   time.Duration `json:"p99_nanoseconds"`
	Max   time.Duration `json:"max_nanoseconds"`
	// Curve is the distribution: how long at most the given share of all took.
	Curve []Quantile `json:"curve,omitempty"`
}

// A Quantile is a point of a distribution.
type Quantile struct {
	Share float64       `json:"share"`
	Took  time.Duration `json:"nanoseconds"`
}

// curveShares are the points of a distribution that are kept.
var curveShares = []float64{0, 10, 25, 50, 75, 90, 95, 98, 99, 99.5, 99.9, 99.95, 99.99, 100}

// maxLatency is the longest time that is told from longer ones.
const maxLatency = 10 * time.Minute

// A recorder counts times in a histogram of three digits. The zero value is ready.
type recorder struct{ histogram *hdrhistogram.Histogram }

func (r *recorder) record(nanos int64) {
	if r.histogram == nil {
		r.histogram = hdrhistogram.New(1, int64(maxLatency/time.Microsecond), 3)
	}
	micros := min(max(nanos/1000, 1), int64(maxLatency/time.Microsecond))
	_ = r.histogram.RecordValue(micros) // it is within the range
}

// latency sums up. Without values the result is zero, and its Count says so.
func (r *recorder) latency() Latency {
	h := r.histogram
	if h == nil || h.TotalCount() == 0 {
		return Latency{}
	}
	at := func(percent float64) time.Duration {
		return time.Duration(h.ValueAtQuantile(percent)) * time.Microsecond
	}
	l := Latency{Count: h.TotalCount(), P50: at(50), P95: at(95), P99: at(99), Max: at(100)}
	for _, percent := range curveShares {
		l.Curve = append(l.Curve, Quantile{Share: percent / 100, Took: at(percent)})
	}
	return l
}

// Summarize returns the summary of times in nanoseconds.
func Summarize(nanos []int64) Latency {
	var r recorder
	for _, n := range nanos {
		r.record(n)
	}
	return r.latency()
}
