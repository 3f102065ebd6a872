package load

import (
	"math"
	"slices"
	"time"
)

// A Latency sums up how long something took, with each value counted. In JSON the times are nanoseconds.
type Latency struct {
	Count int           `json:"count"`
	P50   time.Duration `json:"p50_nanoseconds"`
	P95   time.Duration `json:"p95_nanoseconds"`
	P99   time.Duration `json:"p99_nanoseconds"`
	Max   time.Duration `json:"max_nanoseconds"`
}

// Summarize returns the summary of values in nanoseconds, which it sorts in place. Without values the result is zero,
// and its Count says so.
func Summarize(nanos []int64) Latency {
	if len(nanos) == 0 {
		return Latency{}
	}
	slices.Sort(nanos)
	return Latency{
		Count: len(nanos), P50: quantile(nanos, 0.50), P95: quantile(nanos, 0.95), P99: quantile(nanos, 0.99),
		Max: time.Duration(nanos[len(nanos)-1]),
	}
}

// quantile returns the smallest value that at least the fraction q of the ascending values does not exceed.
func quantile(ascending []int64, q float64) time.Duration {
	rank := int(math.Ceil(float64(len(ascending)) * q))
	return time.Duration(ascending[max(rank, 1)-1])
}
