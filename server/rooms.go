package server

import (
	"context"
	"sync"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// rooms is every room in memory, by the name of its document.
type rooms struct {
	srv    *Server
	mu     sync.Mutex
	byName map[string]*room
	closed bool
}

// enter returns the room of a document, closed if nobody used it, and keeps it in memory until exit.
func (rs *rooms) enter(name string) (*room, *ysync.Refusal) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.closed {
		return nil, ysync.Refuse(ysync.CodeRestart, "the server is going down")
	}
	r := rs.byName[name]
	if r == nil {
		r = newRoom(rs.srv, name)
		rs.byName[name] = r
	}
	r.refs++
	return r, nil
}

// exit gives back what enter returned.
func (rs *rooms) exit(r *room) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r.refs--
}

// open returns a room that is ready. The caller has to exit it.
func (rs *rooms) open(ctx context.Context, name string) (*room, *ysync.Refusal) {
	return rs.bring(ctx, name, (*room).wake)
}

// attend returns a room that is ready or cold. The caller has to exit it.
func (rs *rooms) attend(ctx context.Context, name string) (*room, *ysync.Refusal) {
	return rs.bring(ctx, name, (*room).attend)
}

// bring enters a room and brings it to where it is needed.
func (rs *rooms) bring(ctx context.Context, name string, to func(*room, context.Context) *ysync.Refusal) (*room, *ysync.Refusal) {
	r, refusal := rs.enter(name)
	if refusal != nil {
		return nil, refusal
	}
	ctx, cancel := context.WithTimeout(ctx, rs.srv.limits.OpenWithin)
	defer cancel()
	if refusal := to(r, ctx); refusal != nil {
		rs.exit(r)
		return nil, refusal
	}
	return r, nil
}

// list returns the rooms of this moment.
func (rs *rooms) list() []*room {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	all := make([]*room, 0, len(rs.byName))
	for _, r := range rs.byName {
		all = append(all, r)
	}
	return all
}

// tidy takes rooms that nobody has used for a while out of memory and returns how many are left.
func (rs *rooms) tidy(now time.Time, after time.Duration) int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for name, r := range rs.byName {
		if r.refs == 0 && r.unload(now, after) {
			delete(rs.byName, name)
		}
	}
	return len(rs.byName)
}

// close lets nobody in any more and waits until every room is out of memory, which it is when nobody uses it and all of
// it is durable, or until ctx ends. It returns how many are left.
func (rs *rooms) close(ctx context.Context) int {
	rs.mu.Lock()
	rs.closed = true
	rs.mu.Unlock()
	for {
		left := rs.tidy(time.Now(), 0)
		if left == 0 {
			return 0
		}
		select {
		case <-ctx.Done():
			return left
		case <-time.After(5 * time.Millisecond):
		}
	}
}
