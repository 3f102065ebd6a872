package server

import (
	"sync"

	ysync "github.com/weftsync/weft/sync"
)

// viewers is every event stream that is open.
type viewers struct {
	mu   sync.Mutex
	open map[*view]struct{}
}

// add takes v in.
func (vs *viewers) add(v *view) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.open[v] = struct{}{}
}

// remove takes v out.
func (vs *viewers) remove(v *view) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	delete(vs.open, v)
}

// end ends the streams that w means, and returns how many those are.
func (vs *viewers) end(w Selection, refusal *ysync.Refusal) int {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	n := 0
	for v := range vs.open {
		if !w.includes(v.room.name, v.grant.User, v.id) {
			continue
		}
		n++
		delete(vs.open, v) // it is told once
		v.ended <- refusal
	}
	return n
}
