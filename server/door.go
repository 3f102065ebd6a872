package server

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// sayWhoWithin is how long a peer may take for its first frame before it is treated as one that says nothing. A peer that
// is turned away whatever it says is closed then; before, its dialect has the words for that.
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

// greeting finds out what a peer is. It is told by the first frame. Who says nothing on the path of a document for a while
// is taken for a y-websocket that listens; should it be a provider of the Hocuspocus dialect whose token takes its time,
// what it was sent until then had an address that it does not know, and its first frame still tells.
type greeting struct {
	conn    *connection
	refusal *ysync.Refusal // of everything, whatever is said

	mu   sync.Mutex
	next receiver // what takes frames from the first on
	lone *lone    // the session of a peer that has said nothing
}

// greet returns what takes the first frame, and passes every later one on to the receiver of the peer's dialect. A peer
// that is turned away in any case is told so in its dialect.
func (c *connection) greet(refusal *ysync.Refusal) receiver {
	if refusal != nil && !refusal.Code.Permanent() {
		c.refuse(refusal)
	}
	g := &greeting{conn: c, refusal: refusal}
	silence := time.AfterFunc(sayWhoWithin, func() { c.spawn(g.silence) })
	return func(frame []byte) (int, error) {
		silence.Stop()
		return g.receiver(frame)(frame)
	}
}

// receiver returns what takes a frame. The first decides.
func (g *greeting) receiver(frame []byte) receiver {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.conn
	switch {
	case g.next != nil:
	case !ysync.IsHocuspocus(frame) || c.document != "" && !ysync.IsReadable(frame):
		if c.document == "" && g.refusal == nil {
			g.refusal = ysync.Refuse(ysync.CodeNotFound, "this path names no document; y-websocket connects to /sync/{document}")
		}
		c.speak(ysync.YWebsocket{})
		if g.lone == nil {
			g.lone = c.alone(g.refusal)
		}
		g.next = g.lone.receive
	default:
		if g.lone != nil {
			g.lone.session.leave()
		}
		c.speak(ysync.Hocuspocus{})
		g.next = c.many(g.refusal)
	}
	return g.next
}

// silence does what is to be done for a peer that has said nothing for a while.
func (g *greeting) silence() {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.conn
	switch {
	case g.next != nil:
	case g.refusal != nil:
		c.refuse(g.refusal)
	case c.document != "":
		g.lone = c.alone(nil)
		refusal := g.lone.open()
		switch {
		case refusal == nil:
			c.speak(ysync.YWebsocket{})
		case refusal.Code.Permanent():
			c.spawn(func() { // it may be late, and bring a token of its own
				if c.pauseQuietly(c.patience) && c.speaks() == nil {
					c.refuse(refusal)
				}
			})
		default:
			c.refuse(refusal)
		}
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

// lone is the one session of a connection in the y-websocket dialect. It belongs to the reader once something was said.
type lone struct {
	session *session
	opened  bool
	parked  bool
	refusal *ysync.Refusal // whatever is said
}

// alone begins the one session of a connection.
func (c *connection) alone(refusal *ysync.Refusal) *lone {
	s := newSession(c, c.document, nil)
	s.state = ysync.NewSession(ysync.YWebsocket{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions[""] = s
	return &lone{session: s, refusal: refusal}
}

// open opens the session, once.
func (l *lone) open() *ysync.Refusal {
	if l.refusal == nil && !l.opened {
		l.opened = true
		if err := l.session.open(); err != nil {
			l.refusal = asRefusal(err)
		}
	}
	return l.refusal
}

// receive takes a frame. The first opens the session.
func (l *lone) receive(frame []byte) (messages int, err error) {
	if l.parked {
		return 1, nil
	}
	if refusal := l.open(); refusal != nil {
		frame, err = nil, refusal // the same comes whatever was said first
	} else {
		messages, err = l.session.receive(frame)
	}
	if err == nil {
		return messages, nil
	}
	c := l.session.conn
	if l.parked = c.park(l.session, asRefusal(err), frame); l.parked {
		return 1, nil
	}
	return 0, err
}

// mostRepeats is how often a peer may be closed for one and the same message in a minute before it is parked.
const mostRepeats = 10

// park reports whether a refused peer of the y-websocket dialect is kept instead of closed. Versions before 3 come back
// at once whatever they are told, and say the same again: who was refused at the door for the same a while ago, or has
// sent the same bad message ten times, is told why, left on the line, unheard, and closed later. Nothing that it says
// before tells it from a later version, which is why the first refusal closes.
func (c *connection) park(s *session, refusal *ysync.Refusal, frame []byte) bool {
	if c.srv.limits.ParkFor < 0 || !refusal.Code.Permanent() {
		return false
	}
	repeats := s.turnedAwayBefore(refusal.Code, frame)
	if repeats == 0 || frame != nil && repeats < mostRepeats {
		return false
	}
	s.leave()
	c.answered.Store(true)
	c.srv.counters.parked.Add(1)
	denied := ysync.YWebsocket{}.AppendDenied(nil, refusal.Reason)
	c.out.owe(len(denied))
	c.deliver(parcel{frame: denied, kind: noticeParcel})
	c.spawn(func() {
		if c.pauseQuietly(c.srv.limits.ParkFor) {
			c.refuse(refusal)
		}
	})
	return true
}

// turnedAwayBefore remembers that the peer is turned away, and returns how often it was before, for the same token and
// with the same code, and because of the same frame if there is one. The reason does not count: it may say how long ago
// a token has expired.
func (s *session) turnedAwayBefore(code ysync.Code, frame []byte) int {
	c := s.conn
	return c.srv.turnedAway.again(s.token, c.document, c.request.Header.Get("Origin"), strconv.Itoa(int(code)), string(frame))
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
