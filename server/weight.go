package server

import (
	"sync/atomic"
	"time"
)

// weight is what a document weighs, as the watch last found it. It is read without the room's lock.
type weight struct {
	bytes        atomic.Int64 // approximate memory of the engine
	pending      atomic.Int64 // structs that wait
	pendingSince atomic.Int64 // since when some have, in nanoseconds of the Unix epoch; 0 while none do

	at    uint64 // the sequence that was assigned when the engine was weighed; guarded by the room's lock
	known bool
}

// weigh notes what the engine holds, if something has come since the last time. The caller holds the lock.
func (r *room) weigh(now time.Time) {
	w := &r.weight
	if r.doc == nil {
		w.known = false
		w.bytes.Store(0)
		w.pending.Store(0)
		w.pendingSince.Store(0)
		return
	}
	if w.known && w.at == r.gate.assigned {
		return
	}
	st := r.doc.Stats()
	w.at, w.known = r.gate.assigned, true
	w.bytes.Store(int64(st.Bytes))
	w.pending.Store(int64(st.Pending))
	switch {
	case st.Pending == 0:
		w.pendingSince.Store(0)
	case w.pendingSince.Load() == 0:
		w.pendingSince.Store(now.UnixNano())
	}
}
