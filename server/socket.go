package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// The sizes of the buffers that an idle WebSocket keeps. net/http's own are 4 KiB each, and the goroutine that served
// the request stays as long as its handler does: with small buffers and a handler that returns, an idle connection costs
// about a third. Most of what comes is read into a pooled buffer before, see await; the library writes control frames
// alone, and the largest of them has to fit.
const (
	readBufferBytes  = 128
	writeBufferBytes = 128
)

// progressBytes is the largest piece that is written at once, and so what counts as progress for Limits.WriteStall.
const progressBytes = 16 << 10

// socket is the network connection below a WebSocket. It notes when bytes came in and since when a write has been
// stuck, which is what the watch looks at; there are no timers and no deadlines for single messages.
//
// Two write to it: the WebSocket library its control frames, and our writers their messages. Both come with whole frames
// and hold the lock meanwhile, so that no frame lands in the middle of another.
type socket struct {
	net.Conn
	received atomic.Int64 // when bytes last came in, in nanoseconds of the Unix epoch
	useless  atomic.Int64 // bytes that came since the last that meant anything
	stopping atomic.Bool  // the peer was told to stop
	control  func() bool  // called for each ping and pong by the goroutine that reads; false: do not answer
	stuck    atomic.Int64 // when the write that is under way began or last made progress; 0 when there is none

	mu     sync.Mutex            // held while frames are written
	closed bool                  // the closing frame was written: nothing may follow it
	try    func(fd uintptr) bool // writes trying, once; kept, because making it anew would allocate
	trying []byte
	tried  int // bytes of it that were written
	failed error

	in incoming
}

// newSocket returns a socket above a network connection, which may still be to come.
func newSocket(conn net.Conn) *socket {
	s := &socket{Conn: conn}
	s.try = func(fd uintptr) bool {
		s.tried, s.failed = writeRaw(fd, s.trying)
		return true
	}
	return s
}

// Read gives out what came while nobody read, or else reads. It notes that something came in.
func (s *socket) Read(p []byte) (int, error) {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	if s.stopping.Load() {
		s.in.rest()
		defer func() { s.in.gave = time.Now() }()
	}
	if n := s.in.take(p); n > 0 {
		return n, nil
	}
	n, err := s.Conn.Read(p)
	if n > 0 {
		s.received.Store(time.Now().UnixNano())
		if s.useless.Add(int64(n)) > mostUseless {
			return 0, errUseless
		}
	}
	return n, err
}

// mostUseless bounds the bytes of headers without content: fragments of a message may be empty, there may be any number of
// them, and the library, which has nothing to give, does not return while they come.
const mostUseless = 256 << 10

// errUseless ends the reading of a connection that sends nothing but headers.
var errUseless = errors.New("nothing but headers comes")

// mostUnread is how much a peer that is told to stop may have on its way: it is read and thrown away, for a few seconds at
// most, because a connection that is closed with bytes unread is reset, and the peer never hears why.
const mostUnread = 32 << 20

// stop expects nothing more but what is on its way.
func (s *socket) stop() {
	s.useless.Store(mostUseless - mostUnread)
	s.stopping.Store(true)
}

// useful notes that something came that is counted.
func (s *socket) useful() { s.useless.Store(0) }

// isWelcome charges a ping or a pong, and says whether it is answered. The library answers them while it waits for a
// message, so that without this nothing would bound them.
func (s *socket) isWelcome() bool {
	if s.control != nil && !s.control() {
		return false
	}
	s.useful()
	return true
}

// Write writes a control frame, of the library, which hands each over in one piece, or ours.
func (s *socket) Write(frame []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, net.ErrClosed
	}
	if len(frame) > 0 && frame[0]&opcodeBits == opcodeClose {
		s.closed = true
	}
	return len(frame), s.write(frame)
}

// writeFrames writes messages, framed, in one call of the system unless they are large; last comes behind frames and
// may be empty.
func (s *socket) writeFrames(frames, last []byte) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return net.ErrClosed
	}
	return s.finish(frames, last)
}

// tryFrames writes as much of frames as goes without waiting, and returns how much that was: nothing when somebody else is
// writing, or the system does not let us. If it was a part, nobody else can write before finish is called with the rest.
func (s *socket) tryFrames(frames []byte) (n int, err error) {
	if s.in.raw == nil || !s.mu.TryLock() {
		return 0, nil
	}
	if s.closed {
		s.mu.Unlock()
		return 0, net.ErrClosed
	}
	s.trying = frames
	err = s.in.raw.Write(s.try)
	s.trying, n = nil, s.tried
	if err == nil {
		err = s.failed
	}
	if err != nil || n == 0 || n == len(frames) {
		s.mu.Unlock()
	}
	return n, err
}

// finish writes what tryFrames has left, or all of it, and last behind it. It gives up the lock, which is held since then.
func (s *socket) finish(frames, last []byte) error {
	defer s.mu.Unlock()
	if err := s.write(frames); err != nil || len(last) == 0 {
		return err
	}
	return s.write(last)
}

// write writes p in pieces, so that progress can be seen. The caller holds the lock.
func (s *socket) write(p []byte) error {
	defer s.stuck.Store(0)
	for len(p) > 0 {
		s.stuck.Store(time.Now().UnixNano())
		n, err := s.Conn.Write(p[:min(len(p), progressBytes)])
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// slimWriter is a ResponseWriter whose connection, once hijacked, has small buffers and is below a socket. Nobody may keep
// it: what it wraps holds net/http's buffers.
type slimWriter struct {
	http.ResponseWriter
	socket *socket
}

// Unwrap lets http.ResponseController find what w wraps.
func (w *slimWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack takes the connection over. Bytes that were read ahead are not lost.
func (w *slimWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	ahead, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	w.socket.Conn = conn
	w.socket.received.Store(time.Now().UnixNano())
	reader := bufio.NewReaderSize(w.socket, readBufferBytes)
	w.socket.in.open(w.socket, reader, bytes.Clone(ahead))
	return w.socket, bufio.NewReadWriter(reader, bufio.NewWriterSize(w.socket, writeBufferBytes)), nil
}

// accept upgrades a request. The origin has been judged by us, later and with a reason that browsers can see.
func (s *Server) accept(w http.ResponseWriter, r *http.Request) (*websocket.Conn, *socket, error) {
	sock := newSocket(nil)
	ws, err := websocket.Accept(&slimWriter{w, sock}, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true,
		CompressionMode:    websocket.CompressionDisabled,
		Subprotocols:       selectable(r),
		OnPingReceived:     func(context.Context, []byte) bool { return sock.isWelcome() },
		OnPongReceived:     func(context.Context, []byte) { sock.isWelcome() },
	})
	if err != nil {
		return nil, nil, err
	}
	// Ours is the limit that peers meet, so that they hear the reason; the library's is the second line.
	ws.SetReadLimit(s.limits.MessageBytes + 1<<20)
	return ws, sock, nil
}

// selectable returns the first subprotocol that is not a token. A browser that offers some closes the connection unless
// one of them is selected; which one means nothing to us. A client that offers a token alone gets it back, for the same
// reason.
func selectable(r *http.Request) []string {
	offered := subprotocols(r)
	for _, p := range offered {
		if !strings.HasPrefix(p, tokenProtocol) {
			return []string{p}
		}
	}
	return offered
}
