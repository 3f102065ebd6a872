package server

import (
	"cmp"
	"math"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"slices"
	"sync"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// memory watches how much of the heap is in use. Above the budget, documents that nobody uses leave at once, those that
// have been idle for longest first, and loads wait until there is room: a crowd that comes back after a restart is let
// in as fast as memory allows, and not faster.
type memory struct {
	budget int64 // in bytes; 0: none

	mu      sync.Mutex
	samples []runtimemetrics.Sample

	collected time.Time // when a cycle of the garbage collector was last asked for; the watch's own
}

const (
	// memoryShare is which part of GOMEMLIMIT is the budget. The rest is for what is made and thrown away meanwhile.
	memoryShare = 0.75
	// memoryRoom is which part of the budget is made free at a time. With none, each look would make room for the few
	// documents that exceed it again at once, and everybody else would wait for the next.
	memoryRoom = 1. / 8
)

// newMemory returns a watch with a budget in bytes: 0 takes it from GOMEMLIMIT, negative is none.
func newMemory(budget int64) memory {
	if budget == 0 {
		if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
			budget = int64(float64(limit) * memoryShare)
		}
	}
	return memory{budget: max(budget, 0), samples: []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}}
}

// excess returns how many bytes more than the budget the last cycle of the garbage collector found alive.
func (m *memory) excess() int64 {
	if m.budget == 0 {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	runtimemetrics.Read(m.samples)
	return int64(m.samples[0].Value.Uint64()) - m.budget
}

// collectEvery is the least time between two cycles of the garbage collector that are asked for while nothing can be
// evicted.
const collectEvery = 2 * time.Second

// relieve makes room when too much of the heap is in use. What was evicted is only known to be gone after another cycle of
// the garbage collector, and a server in which everybody waits allocates too little for it to come by itself.
func (s *Server) relieve(now time.Time) {
	m := &s.memory
	bytes := m.excess()
	if bytes <= 0 {
		return
	}
	n := s.rooms.evict(now, bytes+int64(memoryRoom*float64(m.budget)))
	if n == 0 && now.Sub(m.collected) < collectEvery {
		return
	}
	m.collected = now
	runtime.GC()
	s.counters.evictions.Add(uint64(n))
	s.log.Warn("memory is short", "over_budget_bytes", bytes, "evicted", n, "documents", len(s.rooms.list()))
}

// roomBytes is about what a document costs beside its engine.
const roomBytes = 4 << 10

// evict takes documents that nobody uses out of memory until bytes are freed, those first that have been idle for longest.
// It returns how many went.
func (rs *rooms) evict(now time.Time, bytes int64) (n int) {
	type candidate struct {
		*room
		idle time.Time
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	var idle []candidate
	for _, r := range rs.byName {
		if r.refs == 0 && r.mu.TryLock() {
			idle = append(idle, candidate{r, r.idle})
			r.mu.Unlock()
		}
	}
	slices.SortFunc(idle, func(a, b candidate) int { return cmp.Or(a.idle.Compare(b.idle), cmp.Compare(a.name, b.name)) })
	for _, r := range idle {
		if bytes <= 0 {
			break
		}
		weight := r.weight.bytes.Load() + roomBytes
		if r.unload(now, 0) {
			delete(rs.byName, r.name)
			bytes -= weight
			n++
		}
	}
	return n
}

// admitLoad waits until there is memory for one document more, or refuses, before those who wait for the document do. The caller holds no lock.
func (s *Server) admitLoad() *ysync.Refusal {
	for deadline := time.Now().Add(s.limits.OpenWithin / 2); ; {
		if s.memory.excess() <= 0 {
			return nil
		}
		if time.Now().After(deadline) || s.isDraining() {
			return ysync.Refuse(ysync.CodeTryLater, "the server is short of memory")
		}
		time.Sleep(admitEvery)
	}
}

// admitEvery is how often a load that waits looks again.
const admitEvery = 50 * time.Millisecond
