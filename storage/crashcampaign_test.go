package storage

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// A long campaign, as "make crash" runs it:
//
//	WEFT_CRASH_SEED=1 WEFT_CRASH_DURATION=10m go test -v -timeout 0 -run '^TestCrash' ./storage
//
// WEFT_CRASH_ROUNDS bounds the rounds instead; seed 0 or none takes the clock.

// crashBudget reads the environment: it returns the seed, and a function that
// says whether to go on after so many rounds.
func crashBudget(tb testing.TB, rounds int) (seed uint64, more func(done int) bool) {
	tb.Helper()
	number := func(name string) uint64 {
		v := os.Getenv(name)
		if v == "" {
			return 0
		}
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		return n
	}
	if seed = number("WEFT_CRASH_SEED"); seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	if n := number("WEFT_CRASH_ROUNDS"); n > 0 {
		rounds = int(n)
	}
	var end time.Time
	if v := os.Getenv("WEFT_CRASH_DURATION"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			tb.Fatalf("WEFT_CRASH_DURATION: %v", err)
		}
		end = time.Now().Add(d)
	}
	tb.Logf("seed %d", seed)
	return seed, func(done int) bool {
		if !end.IsZero() {
			return time.Now().Before(end)
		}
		return done < rounds
	}
}

// TestCrashLosesNothingDurable is the promise: what was reported durable is
// there after a power cut, in order, once, and nothing that was never appended;
// a document that was deleted stays so, and one that was not is there; one that has
// begun anew holds nothing of before, and what its dead lineage is known by is kept.
func TestCrashLosesNothingDurable(t *testing.T) {
	seed, more := crashBudget(t, 60)
	// A chain of this many crashes, then a new directory. A chain waits more than it
	// works, so several run beside each other.
	const chain, beside = 10, 4
	begin := time.Now()
	var mu sync.Mutex // of seed and sum
	var sum crashCounts
	var chains sync.WaitGroup
	for range beside {
		chains.Go(func() {
			for {
				mu.Lock()
				mine, on := seed, more(sum.rounds) && !t.Failed()
				seed++
				mu.Unlock()
				if !on {
					return
				}
				w := newCrashWorld(t, mine, func(db *pebble.DB) batchLog { return pebbleLog{db} })
				for i := range chain {
					if err := w.round(); err != nil {
						t.Errorf("seed %d, round %d: %v", mine, i, err)
					} else if w.lost > 0 {
						t.Errorf("seed %d, round %d: %d lost that were reported durable", mine, i, w.lost)
					}
					if t.Failed() {
						break
					}
				}
				mu.Lock()
				sum.add(w.crashCounts)
				mu.Unlock()
			}
		})
	}
	chains.Wait()
	t.Logf("%d rounds, %.0f a second; %d entries reported durable, %d lost; %d in flight, %d of them found; "+
		"%d deletions, undeletions, erasures and renewals, %d under way at a crash",
		sum.rounds, float64(sum.rounds)/time.Since(begin).Seconds(), sum.acked, sum.lost, sum.inFlight, sum.survived,
		sum.deletions, sum.undecided)
	if sum.rounds >= 40 && (sum.inFlight == 0 || sum.acked == 0 || sum.deletions == 0) {
		t.Error("nothing was ever in flight at a crash, or reported durable, or deleted: the test proves nothing")
	}
}

// unsyncedLog reports durable what was only written: the control.
type unsyncedLog struct{ db *pebble.DB }

func (l unsyncedLog) apply(b *pebble.Batch) error { return l.db.Apply(b, pebble.NoSync) }
func (l unsyncedLog) wait(*pebble.Batch) error    { return nil }

// TestCrashControlLoses runs the same without fsync, and must find the loss. A
// few seeds may be lucky; so many are not.
func TestCrashControlLoses(t *testing.T) {
	seed, _ := crashBudget(t, 0)
	lost, refused := 0, 0 // what was reported durable; times that the loss was found in another way
	for i := uint64(0); i < 3 || lost == 0 && i < 60; i++ {
		w := newCrashWorld(t, seed+i, func(db *pebble.DB) batchLog { return unsyncedLog{db} })
		for range 10 {
			// With the mark the store would refuse to open, which is right, but we
			// want to count.
			if err := w.fs.RemoveAll("data/" + markFileName); err != nil {
				t.Fatal(err)
			}
			if w.round() != nil {
				refused++ // damage, or entries of a document that was erased
				break
			}
		}
		lost += w.lost
	}
	t.Logf("%d lost that were reported durable, %d times something else was wrong", lost, refused)
	if lost == 0 {
		t.Error("nothing was lost without fsync: the crash test could not see a loss")
	}
}

// TestCrashControlForgets keeps nothing of the lineages that end, and must be found out.
func TestCrashControlForgets(t *testing.T) {
	seed, _ := crashBudget(t, 0)
	w := newCrashWorld(t, seed, func(db *pebble.DB) batchLog { return pebbleLog{db} })
	w.retire = nil
	var err error
	for range 100 {
		if err = w.round(); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "dead lineages") {
		t.Errorf("got %v, want that dead lineages are missed", err)
	}
}
