package server

import (
	"hash/maphash"
	"sync"
	"time"
)

// turnedAway remembers for a while who was refused what, by a hash and in bounded space. Forgetting somebody costs a
// connection that is closed instead of parked.
type turnedAway struct {
	seed maphash.Seed
	keep time.Duration // for how long a refusal is remembered at least, unless there are very many

	mu    sync.Mutex
	since time.Time
	young map[uint64]int // refused since then, how often
	old   map[uint64]int // refused in the time before
}

// mostRemembered bounds how many refusals are in one half of the memory.
const mostRemembered = 10000

// newTurnedAway returns a memory that is empty. A client that is parked for that long, and comes back when it is closed,
// is remembered then.
func newTurnedAway(parked time.Duration) turnedAway {
	return turnedAway{seed: maphash.MakeSeed(), keep: max(0, parked) + time.Minute, young: make(map[uint64]int)}
}

// again remembers that somebody was refused, and returns how often the same was before, in a time that is between keep
// and twice that.
func (t *turnedAway) again(parts ...string) int {
	var h maphash.Hash
	h.SetSeed(t.seed)
	for _, p := range parts {
		_, _ = h.WriteString(p) // never fails
		_ = h.WriteByte(0xff)   // never fails; no part in UTF-8 holds it
	}
	key := h.Sum64()
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); now.Sub(t.since) > t.keep || len(t.young) >= mostRemembered {
		if t.old = t.young; now.Sub(t.since) > 2*t.keep {
			t.old = nil
		}
		t.since, t.young = now, make(map[uint64]int)
	}
	before := t.young[key] + t.old[key]
	t.young[key]++
	return before
}
