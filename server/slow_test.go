package server

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/weftsync/weft/crdt"
	ysync "github.com/weftsync/weft/sync"
)

// TestSlowReaderIsRepairedFromTheLog: a reader stops reading while far more than its outbox holds is written. Writers do
// not notice, memory stays within the bound, and when it wakes up it converges by way of the log.
func TestSlowReaderIsRepairedFromTheLog(t *testing.T) {
	const outbox = 64 << 10
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Limits.OutboxBytes = outbox
		o.Limits.WriteStall = time.Hour
		o.Limits.BytesPerSecond = -1
	})
	writer := s.join(t, "d")
	slow, conn := s.connectSleepy(t, "sync/d")
	slow.sync()
	wake := conn.sleep()
	defer wake()

	var room *room
	for _, r := range s.rooms.list() {
		room = r
	}
	chunk := strings.Repeat("0123456789abcdef", 512) // 8 KiB
	for i := range 1000 {                            // 8 MB: more than the kernel's buffers and the outbox hold
		writer.edit(func(tx *crdt.Tx) error {
			return writer.doc.Text("content").Insert(tx, 0, fmt.Sprintf("%d:", i)+chunk)
		})
		if i%100 == 99 {
			writer.sync() // so that the writer's own outbox does not overflow
			room.mu.Lock()
			for _, c := range room.members {
				out := &c.conn.out
				out.mu.Lock()
				if out.bytes > outbox {
					t.Errorf("got %d bytes in an outbox, want at most %d", out.bytes, outbox)
				}
				out.mu.Unlock()
			}
			room.mu.Unlock()
		}
	}
	writer.sync()
	if s.Stats().Repairs != 0 && slow.framesSeen() > 900 {
		t.Error("the slow reader was not slow: the test proves nothing")
	}
	wake()
	slow.await("everything that was written", func() bool { return slow.doc.RootLen("content") == writer.doc.RootLen("content") })
	slow.sync()
	if !bytes.Equal([]byte(slow.text()), []byte(writer.text())) {
		t.Error("the slow reader did not converge")
	}
	if s.Stats().Repairs == 0 {
		t.Error("nothing was read from the log: the test proves nothing")
	}
	writer.write("more")
	slow.await("an update as it comes", func() bool { return strings.HasSuffix(slow.doc.RootString("content"), "more") })
}

// framesSeen returns how many frames have come.
func (e *editor) framesSeen() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.frames
}

// sleepy is a connection that can be made to read nothing.
type sleepy struct {
	net.Conn
	asleep atomic.Pointer[chan struct{}] // closed at waking up; nil while awake
}

// sleep makes reads wait until the function that it returns is called.
func (s *sleepy) sleep() (wake func()) {
	until := make(chan struct{})
	s.asleep.Store(&until)
	return sync.OnceFunc(func() {
		s.asleep.Store(nil)
		close(until)
	})
}

// Read waits while the connection sleeps.
func (s *sleepy) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if until := s.asleep.Load(); until != nil {
		<-*until
	}
	return n, err
}

// connectSleepy is connect over a connection that can be made to read nothing.
func (s *testServer) connectSleepy(t testing.TB, path string) (*editor, *sleepy) {
	t.Helper()
	ws, conn := s.dialSleepy(t, path)
	return editorOn(t, ws), conn
}

// dialSleepy opens a socket over a connection that can be made to read nothing, with small buffers in the kernel.
func (s *testServer) dialSleepy(t testing.TB, path string) (*websocket.Conn, *sleepy) {
	t.Helper()
	conn := new(sleepy)
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		conn.Conn = c
		return conn, c.(*net.TCPConn).SetReadBuffer(32 << 10)
	}}}
	ws, _, err := websocket.Dial(t.Context(), s.socketURL(path), &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	return ws, conn
}

// TestReaderThatStaysAwayIsCut: a write that makes no progress ends the connection, without a handshake that nobody
// would answer.
func TestReaderThatStaysAwayIsCut(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Limits.WriteStall = 200 * time.Millisecond
		o.Limits.BytesPerSecond = -1
	})
	writer := s.join(t, "d")
	dead, conn := s.connectSleepy(t, "sync/d")
	dead.sync()
	wake := conn.sleep()
	defer wake()
	chunk := strings.Repeat("x", 64<<10)
	deadline := time.Now().Add(patience)
	for i := 0; s.Stats().Cut == 0; i++ {
		if time.Now().After(deadline) {
			t.Fatal("a reader that stays away is not cut")
		}
		if i < 200 { // more than the kernel's buffers hold
			writer.edit(func(tx *crdt.Tx) error { return writer.doc.Text("content").Insert(tx, 0, chunk) })
		}
		writer.sync()
	}
	if writer.end() != nil {
		t.Errorf("the writer was closed: %v", writer.end())
	}
	wake()
	dead.await("the cut", func() bool { return dead.ended != nil })
}

// TestWhoAsksAndNeverReadsIsNotRead: a client that asks for the whole document again and again and reads nothing makes
// the server stop reading it; what it makes the server hold stays bounded.
func TestWhoAsksAndNeverReadsIsNotRead(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Limits.OutboxBytes = 256 << 10
		o.Limits.WriteStall = time.Hour
		o.Limits.MessagesPerSecond = -1
	})
	writer := s.join(t, "d")
	writer.write(strings.Repeat("x", 100<<10))
	writer.sync()
	greedy, conn := s.connectSleepy(t, "sync/d")
	greedy.sync()
	wake := conn.sleep()
	defer wake()
	const asks = 500
	ask := ysync.YWebsocket{}.AppendStep1(nil, []byte{0})
	before := s.Stats().MessagesReceived
	for range asks {
		greedy.send(ask)
	}
	for range 50 {
		writer.sync() // the server has time to read whatever it will read
	}
	if read := s.Stats().MessagesReceived - before; read >= asks {
		t.Errorf("all %d messages of a client that reads nothing were read", read)
	}
	for _, c := range s.connections.list() {
		c.out.mu.Lock()
		if c.out.owedBy > 256<<10+200<<10 {
			t.Errorf("got %d bytes owed to one client, want at most the limit and one reply", c.out.owedBy)
		}
		c.out.mu.Unlock()
	}
	wake()
	greedy.await("an answer to each", func() bool { return greedy.step2s == asks+1 })
}
