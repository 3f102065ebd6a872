package server

import (
	"sync"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// watchEvery is the time between two rounds of the watch. One goroutine looks at all connections and rooms: there is no
// timer for each of them.
const watchEvery = time.Second

// connections is every WebSocket that is open.
type connections struct {
	mu     sync.Mutex
	open   map[*connection]struct{}
	closed bool
	empty  chan struct{} // closed when none is left after close
}

// add takes c in. It reports false when the server is going down.
func (cs *connections) add(c *connection) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.closed {
		return false
	}
	cs.open[c] = struct{}{}
	return true
}

// remove takes c out, when nothing of it runs any more.
func (cs *connections) remove(c *connection) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.open, c)
	if cs.closed && len(cs.open) == 0 {
		close(cs.empty)
	}
}

// close takes nothing in any more. The channel is closed when the last connection has gone.
func (cs *connections) close() <-chan struct{} {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if !cs.closed {
		cs.closed = true
		if len(cs.open) == 0 {
			close(cs.empty)
		}
	}
	return cs.empty
}

// list returns the connections of this moment.
func (cs *connections) list() []*connection {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	all := make([]*connection, 0, len(cs.open))
	for c := range cs.open {
		all = append(all, c)
	}
	return all
}

// count returns how many there are.
func (cs *connections) count() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.open)
}

// watch looks after connections and rooms until the server stops.
func (s *Server) watch() {
	defer close(s.watched)
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.stopped:
			return
		case now := <-ticker.C:
			for _, c := range s.connections.list() {
				c.look(now, &s.limits)
			}
			for _, r := range s.rooms.list() {
				r.look(now)
			}
			s.rooms.tidy(now, s.limits.UnloadAfter)
			s.relieve(now)
			s.users.tidy(now)
			s.documents.tidy(now)
			s.addresses.tidy(now)
		}
	}
}

// The watch asks a connection that has been silent for a third of the limit whether it is still there. A browser answers
// such a ping even while it slows the timers of a hidden tab down.
const pingAfterShare = 3

// look sends a connection what it needs to stay alive, and ends it when it is not.
func (c *connection) look(now time.Time, l *Limits) {
	if stuck := c.socket.stuck.Load(); stuck != 0 && now.Sub(time.Unix(0, stuck)) > l.WriteStall {
		c.cut("a write makes no progress")
		return
	}
	sessions := c.all()
	for _, s := range sessions {
		s.look(now, l)
	}
	if len(sessions) == 0 && !c.answered.Load() && now.Sub(c.accepted) > c.patience {
		c.end(ysync.CodeSilent, "nothing was said for too long")
		return
	}
	if now.Sub(time.Unix(0, c.sentAt.Load())) >= l.KeepAlive {
		c.keepAlive(sessions)
	}
	if c.paused.Load() {
		return
	}
	silent := now.Sub(time.Unix(0, c.socket.received.Load()))
	if silent > l.Silence {
		c.end(ysync.CodeSilent, "nothing was received for too long")
		return
	}
	if silent > l.Silence/pingAfterShare && now.Sub(time.Unix(0, c.pingedAt.Load())) > l.Silence/pingAfterShare {
		c.pingedAt.Store(now.UnixNano())
		go c.ping()
	}
}

// keepAliveMessage and keepAlivePing are what a quiet connection is sent.
var (
	keepAliveMessage = ysync.YWebsocket{}.AppendKeepAlive(nil)
	keepAlivePing    = ysync.AppendPing(nil)
)

// keepAlive sends the peer a message, because it reconnects when none has come for a while. A provider of the Hocuspocus
// dialect gets a ping, if it understands one, and else awareness about nobody in one of its documents; one that has
// none yet waits for nothing.
func (c *connection) keepAlive(sessions []*session) {
	p := parcel{frame: keepAliveMessage, kind: keepAliveParcel}
	switch d := c.speaks(); {
	case d == nil:
		return
	case !d.Addressed():
	case c.provider.Load() >= ysync.PingsFrom:
		p.frame = keepAlivePing
	case len(sessions) > 0:
		p.to = sessions[0]
	default:
		return
	}
	c.deliver(p)
}

// ping asks the peer's WebSocket for a sign of life. Its answer counts when its bytes come in, and no answer is silence.
func (c *connection) ping() {
	_, _ = c.socket.Write([]byte{pingFrame, 0}) // the watch ends a write that makes no progress
}

// look does what a room has to do from time to time. A room that is busy is looked at next time.
func (r *room) look(now time.Time) {
	if !r.mu.TryLock() {
		return
	}
	defer r.mu.Unlock()
	r.expire(now)
	r.weigh(now)
	if r.step2.frame != nil && now.Sub(r.step2.made) > watchEvery {
		r.step2 = sharedStep2{}
	}
	r.dropShared(now)
	r.cool(now)
}
