package target

import (
	"fmt"
	"os"
	"slices"
	"time"
)

// steadyWindow is for how long the machine is looked at at a time: less than a tail latency that one would blame a
// server for.
const steadyWindow = 4 * time.Millisecond

// Steadiness says how even a machine runs by itself. A virtual machine whose host is busy stands still now and then, which
// no counter inside of it shows, and every server's tail latencies have that in them.
type Steadiness struct {
	// Windows of 4 ms were looked at. In Slow of them less than half was done of what is done in most.
	Windows int `json:"windows"`
	Slow    int `json:"slow"`
}

// Share returns the share of slow windows.
func (s Steadiness) Share() float64 { return float64(s.Slow) / float64(max(1, s.Windows)) }

// Work counts what one thread does on some cores, none for all, in each window of a time: it writes to a pipe and reads
// from it, because it is calls of the system that a server spends its time with. Nothing else should run there.
func Work(cores []int, d time.Duration) (done []int, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("look how steady the machine is: %w", err)
	}
	defer r.Close()
	defer w.Close()
	err = onCores(cores, func() error {
		b := make([]byte, 64)
		for end := time.Now().Add(d); time.Now().Before(end); {
			n := 0
			for began := time.Now(); time.Since(began) < steadyWindow; n++ {
				if _, err := w.Write(b); err != nil {
					return fmt.Errorf("look how steady the machine is: %w", err)
				}
				if _, err := r.Read(b); err != nil {
					return fmt.Errorf("look how steady the machine is: %w", err)
				}
			}
			done = append(done, n)
		}
		return nil
	})
	return done, err
}

// Steady sums up what Work counted: half of the median is slow.
func Steady(done []int) Steadiness {
	s := Steadiness{Windows: len(done)}
	if len(done) == 0 {
		return s
	}
	usual := slices.Sorted(slices.Values(done))[len(done)/2]
	for _, n := range done {
		if 2*n < usual {
			s.Slow++
		}
	}
	return s
}
