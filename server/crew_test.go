package server

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestCrewThatIsNeverDone: a queue that is never empty takes no more room than what is in it.
func TestCrewThatIsNeverDone(t *testing.T) {
	var c crew[int]
	next := 0
	c.do = func(i int) {
		if i != next {
			t.Fatalf("%d was done, want %d", i, next)
		}
		if next++; i < 100_000 {
			c.add(i + 10)
		}
		if n := cap(c.queue); n > 64 {
			t.Fatalf("room for %d items where 10 wait", n)
		}
	}
	c.running = runtime.GOMAXPROCS(0) // so that only this goroutine works
	for i := range 10 {
		c.add(i)
	}
	c.work()
	if next != 100_010 {
		t.Errorf("%d items were done, want 100010", next)
	}
}

// TestCrew: everything that is added is done, once, in the order in which it came where one does it, by no more at a time
// than run at once; and nobody is left when it is done.
func TestCrew(t *testing.T) {
	const adders, each = 8, 2000
	for _, procs := range []int{1, runtime.GOMAXPROCS(0)} {
		synctest.Test(t, func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			var done [adders * each]atomic.Int32
			var at, most atomic.Int32
			var last [adders]int // of each adder; one goroutine alone may touch it
			var c crew[int]
			c.do = func(i int) {
				if n := at.Add(1); n > most.Load() {
					most.Store(n)
				}
				done[i].Add(1)
				if procs == 1 {
					if i%each < last[i/each] {
						t.Errorf("%d was done after %d", i%each, last[i/each])
					}
					last[i/each] = i % each
				}
				runtime.Gosched()
				at.Add(-1)
			}
			var wg sync.WaitGroup
			for a := range adders {
				wg.Go(func() {
					for i := range each {
						c.add(a*each + i)
						if i%100 == 0 {
							runtime.Gosched()
						}
					}
				})
			}
			wg.Wait()
			synctest.Wait()
			for i := range done {
				if n := done[i].Load(); n != 1 {
					t.Fatalf("item %d was done %d times", i, n)
				}
			}
			if n := most.Load(); n > int32(procs) {
				t.Errorf("%d were at it at once, want at most %d", n, procs)
			}
			if c.running != 0 || len(c.queue) != 0 {
				t.Errorf("%d are at it and %d items wait when all is done", c.running, len(c.queue))
			}
		})
	}
}
