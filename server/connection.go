package server

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"

	ysync "github.com/weftsync/weft/sync"
)

// connection is one WebSocket: how bytes come in and go out. What they mean is the business of its sessions, one for
// each document that the peer takes part in; in the y-websocket dialect that is one.
//
// The goroutine that reads carries out what comes in. What goes out waits in the outbox; the senders of the server write
// it, and a goroutine does while the peer does not keep up, so that an idle connection costs one goroutine that waits for
// bytes. Closing with a code takes one for as long as the handshake lasts, and asking who somebody is one for as long as
// the answer takes.
type connection struct {
	srv      *Server
	id       uuid.UUID
	remote   string        // whom the socket is with
	client   string        // the address that it counts for, without the port: behind a proxy that we trust, the one that it names
	request  *http.Request // the upgrade; its context has ended
	document string        // that the path names; empty for none
	ws       *websocket.Conn
	socket   *socket
	out      outbox

	accepted time.Time
	patience time.Duration // how long the peer may take to say who it is
	answered atomic.Bool   // somebody was authorised or refused
	provider atomic.Int32  // the highest version that a provider told

	sentAt   atomic.Int64 // when a message was last sent, in nanoseconds of the Unix epoch
	pingedAt atomic.Int64
	paused   atomic.Bool // we do not read, so silence means nothing

	waiting budget // bytes held for documents that nobody is authorised for
	spent   expense
	address *account    // of everybody from there
	last    *session    // whose message the reader has carried out; the reader's own
	shared  [3]*account // room for those that a message is charged to; the reader's own

	ctx     context.Context // ends when the connection is to end
	cancel  context.CancelFunc
	closing sync.Once
	closers sync.WaitGroup // counts the goroutine that shakes hands

	mu       sync.Mutex
	dialect  ysync.Dialect       // nil until the first frame has come
	sessions map[string]*session // by address; "" in the y-websocket dialect
	over     bool                // nothing may begin any more
	work     sync.WaitGroup      // counts goroutines that were begun with spawn
}

// newConnection returns a connection that has said nothing yet.
func (s *Server) newConnection(r *http.Request, ws *websocket.Conn, sock *socket, document string, patience time.Duration) *connection {
	c := &connection{
		srv: s, id: newID(), remote: r.RemoteAddr, client: s.clientOf(r), request: r.WithContext(context.Background()), document: document,
		ws: ws, socket: sock, accepted: time.Now(), patience: patience, sessions: make(map[string]*session, 1),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.out.maxBytes, c.out.maxCount = s.limits.OutboxBytes, s.limits.OutboxMessages
	c.waiting.limit = s.limits.WaitingBytes
	c.sentAt.Store(c.accepted.UnixNano())
	c.address = s.addresses.open(c.client)
	return c
}

// serve runs the connection to its end. With a refusal everything that the peer asks for is refused, in the words of
// its dialect.
func (c *connection) serve(refusal *ysync.Refusal) {
	defer c.srv.connections.remove(c)
	c.srv.counters.connections.Add(1)
	c.read(c.greet(refusal))
	c.closing.Do(func() { // the peer has closed it; from here on nobody else can
		c.cancel()
		c.out.close()
	})
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	for _, s := range c.all() {
		s.leave()
	}
	c.work.Wait()
	c.out.writers.Wait()
	c.closers.Wait()
	c.srv.addresses.close(c.address)
	_ = c.ws.CloseNow() // already closed in most cases; this gives the socket back in all
}

// all returns the sessions of this moment.
func (c *connection) all() []*session {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*session, 0, len(c.sessions))
	for _, s := range c.sessions {
		list = append(list, s)
	}
	return list
}

// spawn runs f beside the connection, unless it is over: then it reports false. The end of the connection waits for f.
func (c *connection) spawn(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.work.Go(f)
	}
	return !c.over
}

// receiver takes one frame, in the dialect of the connection, and returns how many messages it held. The frame is the
// receiver's until it returns.
type receiver func(frame []byte) (messages int, err error)

// read reads frames until the connection ends and gives each to receive, which may be another for each frame.
func (c *connection) read(receive receiver) {
	in := newInbox(&c.srv.limits, &c.srv.inFlight, &c.srv.counters)
	defer in.done()
	c.socket.control = func() bool {
		if c.ctx.Err() != nil {
			return false // it is closing: what still comes means nothing
		}
		refusal := in.messages.take(1, in.limits.SlowDownAfter, c.pause)
		if refusal != nil {
			c.refuse(refusal)
		}
		return refusal == nil
	}
	for c.mayRead() {
		c.socket.await()
		err := c.take(&in, receive)
		in.done()
		if err == nil {
			continue
		}
		var refusal *ysync.Refusal
		switch {
		case errors.As(err, &refusal):
		case errors.Is(err, errUseless):
			refusal = ysync.Refuse(ysync.CodeMalformed, "a message of fragments without content")
		default:
			return
		}
		c.refuse(refusal)
		return
	}
}

// take reads one message and gives it to receive.
func (c *connection) take(in *inbox, receive receiver) error {
	in.most = c.srv.limits.MessageBytes
	if !c.answered.Load() {
		in.most = min(in.most, c.srv.limits.WaitingBytes)
	}
	var frame []byte
	var err error
	if c.ctx.Err() == nil { // else it is closing: what still comes means nothing
		frame, err = in.readAhead(c.socket, c.pause)
	}
	if frame == nil && err == nil {
		frame, err = c.readByLibrary(in)
	}
	if err != nil {
		return err
	}
	c.srv.counters.received.Add(1)
	c.srv.counters.receivedBytes.Add(uint64(len(frame)))
	messages, err := receive(frame)
	if err != nil {
		return err
	}
	if refusal := in.charge(max(1, messages), len(frame), &c.spent, c.shares(), c.pause); refusal != nil {
		return refusal
	}
	return nil
}

// readByLibrary reads one message of any kind and size.
func (c *connection) readByLibrary(in *inbox) ([]byte, error) {
	kind, r, err := c.ws.Reader(context.Background())
	if err != nil {
		return nil, err
	}
	if kind != websocket.MessageBinary {
		return nil, ysync.Refuse(ysync.CodeMalformed, "a text message; this protocol is binary")
	}
	c.socket.useful()
	return in.read(r, c.pause, c.socket.useful)
}

// shares returns the accounts that the last message is charged to, besides the connection's own.
func (c *connection) shares() []*account {
	list := append(c.shared[:0], c.address)
	if c.last != nil {
		list = append(list, c.last.userAccount.Load(), c.last.documentAccount.Load())
	}
	return list
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
	case <-c.ctx.Done():
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
	case <-c.ctx.Done():
		return false
	}
}

// resume begins to count silence again.
func (c *connection) resume() {
	c.socket.received.Store(time.Now().UnixNano())
	c.paused.Store(false)
}

// refuse ends the connection with a code and a reason. Only the first refusal counts. It does not wait.
func (c *connection) refuse(r *ysync.Refusal) {
	c.end(r.Code, r.Reason)
}

// end closes the connection with a code. It does not wait and takes no lock of a session or a room.
func (c *connection) end(code ysync.Code, reason string) {
	c.closing.Do(func() {
		c.closers.Add(1)
		c.cancel()
		c.out.close()
		c.srv.refused(c.id, c.remote, code, reason)
		go func() {
			defer c.closers.Done()
			c.socket.in.close()
			c.socket.stop()
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
		c.cancel()
		c.out.close()
		c.srv.counters.cut.Add(1)
		c.srv.log.Info("connection cut", "connection", c.id, "remote", c.remote, "reason", why)
		go func() {
			defer c.closers.Done()
			_ = c.ws.CloseNow() // its only error is that it is closed already
		}()
	})
}

// asRefusal returns err as a refusal.
func asRefusal(err error) *ysync.Refusal {
	var r *ysync.Refusal
	if errors.As(err, &r) {
		return r
	}
	return ysync.Refuse(ysync.CodeTryLater, "something went wrong")
}
