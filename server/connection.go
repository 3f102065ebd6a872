package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"

	ysync "github.com/weftsync/weft/sync"
)

// connection is one WebSocket in the y-websocket dialect: one document.
//
// The goroutine that reads carries out what comes in. What goes out waits in the outbox; a goroutine writes it and ends
// when there is nothing left, so that an idle connection costs one goroutine that waits for bytes. Closing with a code
// takes a third one for as long as the handshake lasts.
type connection struct {
	srv     *Server
	id      uuid.UUID
	room    *room // nil when refused at the door
	grant   Grant
	remote  string
	ws      *websocket.Conn
	socket  *socket
	session ysync.Session // the reader's
	out     outbox

	sentAt   atomic.Int64 // when a message was last sent, in nanoseconds of the Unix epoch
	pingedAt atomic.Int64
	paused   atomic.Bool // we do not read, so silence means nothing

	closing sync.Once
	closed  chan struct{}  // closed when the connection is to end
	closers sync.WaitGroup // counts the goroutine that shakes hands

	introduced bool // an awareness frame has come; the reader's
	afterStep1 bool // the last frame was a step 1; the reader's

	// Guarded by the lock of the room.
	place int  // index in the room's members
	left  bool // not a member, or no longer
	ids   int  // how many awareness ids the connection speaks for
}

// serveSync upgrades a request for /sync/{document} and serves the connection. Browsers cannot see the status of a
// refused upgrade, so a refusal is told by closing what was accepted.
func (s *Server) serveSync(w http.ResponseWriter, r *http.Request, name string) {
	grant, refusal := s.admit(r, Sync, name)
	ws, sock, err := s.accept(w, r)
	if err != nil {
		s.log.Debug("upgrade failed", "remote", r.RemoteAddr, "error", err)
		return
	}
	c := &connection{
		srv: s, id: newID(), grant: grant, remote: r.RemoteAddr, ws: ws, socket: sock,
		session: ysync.NewSession(ysync.YWebsocket{}), closed: make(chan struct{}), left: true,
	}
	c.out.maxBytes, c.out.maxCount = s.limits.OutboxBytes, s.limits.OutboxMessages
	c.sentAt.Store(time.Now().UnixNano())
	if refusal == nil {
		c.room, refusal = s.rooms.enter(name)
	}
	if !s.connections.add(c) {
		if c.room != nil {
			s.rooms.exit(c.room)
		}
		c.refuse(ysync.Refuse(ysync.CodeRestart, "the server is going down"))
		return
	}
	go c.serve(refusal)
}

// serve runs the connection to its end.
func (c *connection) serve(refusal *ysync.Refusal) {
	s := c.srv
	defer s.connections.remove(c)
	s.counters.connections.Add(1)
	if c.room != nil {
		defer s.rooms.exit(c.room)
	}
	if refusal == nil {
		refusal = c.open()
	}
	if refusal != nil {
		c.refuse(refusal)
	} else {
		c.read()
		c.room.leave(c)
	}
	c.closing.Do(func() { // the peer has closed it; from here on nobody else can
		close(c.closed)
		c.out.close()
	})
	c.out.writers.Wait()
	c.closers.Wait()
	_ = c.ws.CloseNow() // already closed in most cases; this gives the socket back in all
}

// open loads the document, joins its room and says what a server says first.
func (c *connection) open() *ysync.Refusal {
	ctx, cancel := context.WithTimeout(context.Background(), c.srv.limits.OpenWithin)
	defer cancel()
	if refusal := c.room.wake(ctx); refusal != nil {
		return refusal
	}
	steps, err := c.session.Open(c.grant.Level)
	if err != nil {
		return asRefusal(err)
	}
	if refusal := c.room.join(c); refusal != nil {
		return refusal
	}
	for _, step := range steps {
		if refusal := c.carryOut(step); refusal != nil {
			c.room.leave(c)
			return refusal
		}
	}
	return nil
}

// read reads and carries out messages until the connection ends.
func (c *connection) read() {
	in := newInbox(&c.srv.limits, &c.srv.inFlight)
	defer in.done()
	var scratch [4]ysync.Step
	for {
		if !c.mayRead() {
			return
		}
		kind, r, err := c.ws.Reader(context.Background())
		if err == nil {
			err = c.receive(&in, kind, r, scratch[:0])
			in.done()
		}
		if err == nil {
			continue
		}
		var refusal *ysync.Refusal
		if errors.As(err, &refusal) {
			_ = c.session.End(refusal)
			c.refuse(refusal)
		}
		return
	}
}

// mayRead waits while too many replies are owed. It reports false when the connection has ended.
func (c *connection) mayRead() bool {
	settled := c.out.mayRead()
	if settled == nil {
		return true
	}
	c.paused.Store(true)
	defer c.resume()
	select {
	case <-settled:
		return true
	case <-c.closed:
		return false
	}
}

// pause waits for d. It reports false when the connection has ended meanwhile.
func (c *connection) pause(d time.Duration) bool {
	c.paused.Store(true)
	defer c.resume()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.closed:
		return false
	}
}

// resume begins to count silence again.
func (c *connection) resume() {
	c.socket.received.Store(time.Now().UnixNano())
	c.paused.Store(false)
}

// receive reads one message and carries it out.
func (c *connection) receive(in *inbox, kind websocket.MessageType, r io.Reader, scratch []ysync.Step) error {
	if kind != websocket.MessageBinary {
		return ysync.Refuse(ysync.CodeMalformed, "a text message; this protocol is binary")
	}
	frame, err := in.read(r, c.pause)
	if err != nil {
		return err
	}
	c.srv.counters.received.Add(1)
	c.srv.counters.receivedBytes.Add(uint64(len(frame)))
	steps, err := c.session.Receive(frame, scratch)
	if err != nil {
		return err
	}
	if refusal := in.count(max(1, len(steps)), c.pause); refusal != nil {
		return refusal
	}
	for _, step := range steps {
		if refusal := c.carryOut(step); refusal != nil {
			return refusal
		}
		c.afterStep1 = step.Kind == ysync.Step1
	}
	return nil
}

// carryOut does what a step of the session says.
func (c *connection) carryOut(step ysync.Step) *ysync.Refusal {
	switch step.Act {
	case ysync.SendStep1:
		return c.room.claim(c)
	case ysync.SendStep2:
		return c.room.answer(c, step.Payload)
	case ysync.Apply:
		return c.room.apply(origin{c, c.id, c.grant.User}, step.Kind, step.Payload)
	case ysync.ApplyKnown:
		return c.room.known(step.Payload)
	case ysync.ApplyAwareness:
		strong := c.afterStep1 && !c.introduced
		c.introduced = true
		return c.room.appear(c, step.Payload, strong)
	case ysync.SendAwareness:
		c.room.greet(c)
	}
	return nil
}

// refuse ends the connection with a code and a reason. Only the first refusal counts. It does not wait.
func (c *connection) refuse(r *ysync.Refusal) {
	c.end(r.Code, r.Reason)
}

// end closes the connection with a code. It does not wait and takes no lock of a room.
func (c *connection) end(code ysync.Code, reason string) {
	c.closing.Do(func() {
		c.closers.Add(1)
		close(c.closed)
		c.out.close()
		c.srv.refused(c.id, c.remote, code, reason)
		go func() {
			defer c.closers.Done()
			if err := c.ws.Close(websocket.StatusCode(code), ysync.CutReason(reason)); err != nil {
				_ = c.ws.CloseNow() // the peer does not answer
			}
		}()
	})
}

// cut ends the connection without a word, because nobody listens.
func (c *connection) cut(why string) {
	c.closing.Do(func() {
		c.closers.Add(1)
		close(c.closed)
		c.out.close()
		c.srv.counters.cut.Add(1)
		c.srv.log.Info("connection cut", "connection", c.id, "remote", c.remote, "reason", why)
		go func() {
			defer c.closers.Done()
			_ = c.ws.CloseNow() // its only error is that it is closed already
		}()
	})
}

// join makes c a member. Broadcasts after the present one reach it.
func (r *room) join(c *connection) *ysync.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.state != ready:
		return ysync.Refuse(ysync.CodeUnavailable, "the document is not loaded")
	case len(r.members) >= r.srv.limits.ConnectionsPerDocument:
		return ysync.Refuse(ysync.CodeTryLater, "the document has %d connections already", len(r.members))
	}
	c.place, c.left = len(r.members), false
	c.out.sent = r.flushed
	r.members = append(r.members, c)
	return nil
}

// leave takes c out of the room, with whom it speaks for.
func (r *room) leave(c *connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.left {
		return
	}
	c.left = true
	last := len(r.members) - 1
	r.members[c.place] = r.members[last]
	r.members[c.place].place = c.place
	r.members[last] = nil
	r.members = r.members[:last]
	r.disappear(c)
}

// asRefusal returns err as a refusal.
func asRefusal(err error) *ysync.Refusal {
	var r *ysync.Refusal
	if errors.As(err, &r) {
		return r
	}
	return ysync.Refuse(ysync.CodeTryLater, "something went wrong")
}
