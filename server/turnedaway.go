package server

import (
	"hash/maphash"
	"sync"
	"time"
)

// turnedAway remembers, for a minute, who was refused what, by a hash and in bounded space. Forgetting somebody costs a
// connection that is closed instead of parked.
type turnedAway struct {
	seed maphash.Seed

	mu    sync.Mutex
	since time.Time
	young map[uint64]int // refused since then, how often
	old   map[uint64]int // refused in the minute before
}

// rememberFor is how long a refusal is remembered at least; mostRemembered bounds how many are in one half.
const (
	rememberFor    = time.Minute
	mostRemembered = 10000
)

// newTurnedAway returns a memory that is empty.
func newTurnedAway() turnedAway {
	return turnedAway{seed: maphash.MakeSeed(), young: make(map[uint64]int)}
}

// again remembers that somebody was refused, and returns how often the same was in the last minute or two before.
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
	if now := time.Now(); now.Sub(t.since) > rememberFor || len(t.young) >= mostRemembered {
		if t.old = t.young; now.Sub(t.since) > 2*rememberFor {
			t.old = nil
		}
		t.since, t.young = now, make(map[uint64]int)
	}
	before := t.young[key] + t.old[key]
	t.young[key]++
	return before
}
