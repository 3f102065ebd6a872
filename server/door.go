package server

import (
	"net/http"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// sayWhoWithin is how long a peer that is turned away whatever it says is listened to, because the words for that differ
// from dialect to dialect. Who says nothing until then is closed.
const sayWhoWithin = time.Second

// serveSync upgrades a request for /sync/{document}.
func (s *Server) serveSync(w http.ResponseWriter, r *http.Request, document string) {
	refusal := s.admitSocket(r)
	if refusal == nil {
		refusal = ysync.CheckName(document)
	}
	s.serveSocket(w, r, document, s.limits.SyncWithin, refusal)
}

// serveCollab upgrades a request for /collab, which names no document.
func (s *Server) serveCollab(w http.ResponseWriter, r *http.Request) {
	s.serveSocket(w, r, "", s.limits.CollabWithin, s.admitSocket(r))
}

// admitSocket says whether a request may have a WebSocket at all.
func (s *Server) admitSocket(r *http.Request) *ysync.Refusal {
	if s.isDraining() {
		return ysync.Refuse(ysync.CodeRestart, "the server is going down")
	}
	if !s.origins.allows(r) {
		return ysync.Refuse(ysync.CodeForbidden, "this web origin may not use the server")
	}
	return nil
}

// serveSocket upgrades a request and serves the connection. Browsers cannot see the status of a refused upgrade, so a
// refusal is told on what was accepted.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request, document string, patience time.Duration, refusal *ysync.Refusal) {
	ws, sock, err := s.accept(w, r)
	if err != nil {
		s.log.Debug("upgrade failed", "remote", r.RemoteAddr, "error", err)
		return
	}
	c := s.newConnection(r, ws, sock, document, patience)
	if !s.connections.add(c) {
		c.end(ysync.CodeRestart, "the server is going down")
		return
	}
	go c.serve(refusal)
}

// greet returns what takes the first frame, tells the dialect by it, and passes everything on to that dialect's own
// receiver from there. A peer that is turned away in any case is told so in its dialect.
func (c *connection) greet(refusal *ysync.Refusal) receiver {
	var saysNothing *time.Timer
	if refusal != nil {
		if !refusal.Code.Permanent() {
			c.refuse(refusal)
		}
		saysNothing = time.AfterFunc(sayWhoWithin, func() { c.refuse(refusal) })
	}
	var next receiver
	return func(frame []byte) (int, error) {
		if next != nil {
			return next(frame)
		}
		if saysNothing != nil && !saysNothing.Stop() {
			return 0, refusal
		}
		if !ysync.IsHocuspocus(frame) || c.document != "" && !ysync.IsReadable(frame) {
			if c.document == "" && refusal == nil {
				refusal = ysync.Refuse(ysync.CodeNotFound, "this path names no document; y-websocket connects to /sync/{document}")
			}
			c.speak(ysync.YWebsocket{})
			next = c.one(refusal)
		} else {
			c.speak(ysync.Hocuspocus{})
			next = c.many(refusal)
		}
		return next(frame)
	}
}

// speak notes the dialect of the peer.
func (c *connection) speak(d ysync.Dialect) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialect = d
}

// speaks returns the dialect of the peer, nil while it has said nothing.
func (c *connection) speaks() ysync.Dialect {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dialect
}

// one returns the receiver of the y-websocket dialect: one session, opened when the first frame has come.
func (c *connection) one(refusal *ysync.Refusal) receiver {
	s := newSession(c, c.document, nil)
	s.state = ysync.NewSession(ysync.YWebsocket{})
	c.mu.Lock()
	c.sessions[""] = s
	c.mu.Unlock()
	parked, opened := false, false
	return func(frame []byte) (messages int, err error) {
		if parked {
			return 1, nil
		}
		switch {
		case refusal != nil:
			frame, err = nil, refusal
		case !opened:
			opened = true
			if err = s.open(); err != nil {
				frame = nil // the same refusal comes whatever was said first
				break
			}
			fallthrough
		default:
			messages, err = s.receive(frame)
		}
		if err == nil {
			return messages, nil
		}
		if parked = c.park(s, asRefusal(err), frame); parked {
			return 1, nil
		}
		return 0, err
	}
}

// mostRepeats is how often a peer may be closed for one and the same message in a minute before it is parked.
const mostRepeats = 10

// park reports whether a refused peer of the y-websocket dialect is kept instead of closed. Versions before 3 come back
// at once whatever they are told, and say the same again: who was refused at the door for the same within the last
// minute, or has sent the same bad message ten times, is left on the line, unheard, and closed later.
func (c *connection) park(s *session, refusal *ysync.Refusal, frame []byte) bool {
	if c.srv.limits.ParkFor < 0 || !refusal.Code.Permanent() {
		return false
	}
	repeats := c.srv.turnedAway.again(s.token, c.document, c.request.Header.Get("Origin"), refusal.Error(), string(frame))
	if repeats == 0 || frame != nil && repeats < mostRepeats {
		return false
	}
	s.leave()
	c.answered.Store(true)
	c.srv.counters.parked.Add(1)
	c.spawn(func() {
		if c.pauseQuietly(c.srv.limits.ParkFor) {
			c.refuse(refusal)
		}
	})
	return true
}

// pauseQuietly waits for d while the connection is read. It reports false when the connection has ended meanwhile.
func (c *connection) pauseQuietly(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}
