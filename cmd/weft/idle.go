package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// idleLook is how often the process is looked at, and idleBytes up to how much it allocates in that time at rest.
	idleLook  = time.Second
	idleBytes = 4 << 20
	// idleEvery is the time between two collections for the sake of memory.
	idleEvery = time.Minute
)

// giveBack gives unused memory back to the system when a busy time is over, such as that in which everybody came back
// after a restart. The runtime keeps it for the next one, up to as much again as is in use; that is much of what an idle
// connection seems to cost. It runs until ctx ends.
func giveBack(ctx context.Context) {
	ticker := time.NewTicker(idleLook)
	defer ticker.Stop()
	i := idle{}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if i.look(now, allocated()) {
				debug.FreeOSMemory()
			}
		}
	}
}

// idle tells when a busy time is over.
type idle struct {
	allocated uint64
	busy      bool // since memory was given back
	at        time.Time
}

// look takes how many bytes were allocated so far. It reports whether unused memory is to be given back now: once after
// each busy time, and not more often than idleEvery.
func (i *idle) look(now time.Time, allocated uint64) bool {
	since := allocated - i.allocated
	i.allocated = allocated
	if since > idleBytes {
		i.busy = true
		return false
	}
	if !i.busy || now.Sub(i.at) < idleEvery {
		return false
	}
	i.busy, i.at = false, now
	return true
}

// allocated returns how many bytes were allocated since the process began. It stops nobody.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
