package server

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// pipes is a listener whose connections are pipes in memory, so that a bubble of synctest sees when everybody waits.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// startPiped serves over pipes. It has to run in a bubble, and ends before the bubble does.
func startPiped(t *testing.T, change func(*Options)) (*testServer, *pipes) {
	t.Helper()
	d := newDisk()
	o := Options{
		Storage:    storage.Options{Dir: "data", FS: d.fs, ReserveBytes: -1},
		Authorizer: AllowAll(ysync.Write), Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)), Drain: -1,
	}
	if change != nil {
		change(&o)
	}
	s, err := newServer(o, hooks{})
	if err != nil {
		t.Fatal(err)
	}
	p := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
	s.listeners.public = p
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return &testServer{Server: s, url: "http://127.0.0.1:1/", disk: d}, p
}

// dial connects an editor over a pipe.
func (p *pipes) dial(t *testing.T, path string) *editor {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		near, far := net.Pipe()
		select {
		case p.accept <- far:
			return near, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	ws, _, err := websocket.Dial(t.Context(), "ws://127.0.0.1:1/"+path, &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	return editorOn(t, ws)
}

// TestKeepAlive: a connection on which nothing happens gets a message of the application at least every 20 s, and one on
// which something happens gets none more.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := startPiped(t, nil)
		quiet, busy := p.dial(t, "sync/quiet"), p.dial(t, "sync/busy")
		quiet.sync()
		busy.sync()
		for range 60 {
			time.Sleep(2 * time.Second)
			busy.sync()
		}
		synctest.Wait()
		if n := quiet.alive; n < 120/20 || n > 120/14 {
			t.Errorf("got %d keep-alives in 120 s, want one every 15 to 20 s", n)
		}
		if n := busy.alive; n != 0 {
			t.Errorf("got %d keep-alives on a busy connection, want 0", n)
		}
	})
}

// TestSilence: a peer that answers pings stays, whatever else it does; one from which nothing comes is closed.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := startPiped(t, nil)
		alive := p.dial(t, "sync/alive") // its library answers pings
		alive.sync()
		near, far := net.Pipe()
		p.accept <- far
		handshake := "GET /sync/dead HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
		if _, err := near.Write([]byte(handshake)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		ended := make(chan time.Duration, 1)
		go func() { // says who it is: one frame, masked by zeros
			_, _ = near.Write([]byte{0x82, 0x84, 0, 0, 0, 0, 0, 0, 1, 0})
		}()
		go func() { // reads, and never says another word
			_, _ = io.Copy(io.Discard, near)
			ended <- time.Since(began)
		}()
		if took := <-ended; took < 60*time.Second || took > 75*time.Second {
			t.Errorf("got the end of a silent connection after %s, want about 60 s", took)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if alive.end() != nil {
			t.Errorf("a connection that answers pings was closed: %v", alive.end())
		}
		if got := s.Stats().Refusals["4508"]; got != 1 {
			t.Errorf("got %d refusals for silence, want 1", got)
		}
	})
}

// TestAwarenessExpires: whoever does not renew a state for 30 s is removed for everybody.
func TestAwarenessExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := startPiped(t, nil)
		a, b := p.dial(t, "sync/d"), p.dial(t, "sync/d")
		a.sync()
		b.sync()
		a.appear(1, 1, `{}`)
		b.appear(2, 1, `{}`)
		for clock := uint64(2); clock < 6; clock++ {
			time.Sleep(15 * time.Second)
			b.appear(2, clock, `{}`)
		}
		synctest.Wait()
		if b.present.State(1) != nil {
			t.Error("a state that was not renewed for a minute is still there")
		}
		if a.present.State(2) == nil {
			t.Error("a state that was renewed is gone")
		}
	})
}

// TestAwarenessIsSentInBundles: the first change goes out at once, and then what comes within 50 ms together.
func TestAwarenessIsSentInBundles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := startPiped(t, nil)
		a, b := p.dial(t, "sync/d"), p.dial(t, "sync/d")
		a.sync()
		b.sync()
		synctest.Wait()
		before := b.presence
		a.appear(1, 1, `{"n":1}`)
		synctest.Wait()
		if got := b.presence - before; got != 1 || string(b.present.State(1)) != `{"n":1}` {
			t.Errorf("got %d frames for the first change, want 1 at once", got)
		}
		for clock := uint64(2); clock <= 20; clock++ {
			a.appear(1, clock, `{"n":2}`)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := b.presence - before; got != 2 || string(b.present.State(1)) != `{"n":2}` {
			t.Errorf("got %d frames for 20 changes in 20 ms, want 2 and the last state", got)
		}
	})
}

// TestRate: above its rate a connection is not read, and after ten seconds of that it is closed.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := startPiped(t, func(o *Options) { o.Limits.MessagesPerSecond = 100 })
		calm, wild := p.dial(t, "sync/calm"), p.dial(t, "sync/wild")
		calm.sync()
		wild.sync()
		frame := ysync.YWebsocket{}.AppendKeepAlive(nil)
		go func() {
			for wild.end() == nil {
				wild.send(frame)
			}
		}()
		began := time.Now()
		for range 30 * 90 { // 90 a second for 30 s
			calm.send(frame)
			time.Sleep(time.Second / 90)
		}
		wild.awaitClose(ysync.CodeSlowDown, "too much")
		if took := time.Since(began); took < 10*time.Second {
			t.Errorf("closed after %s, want the ten seconds that are allowed", took)
		}
		if calm.end() != nil {
			t.Errorf("a connection below its rate was closed: %v", calm.end())
		}
		if got := s.Stats().MessagesReceived; got > 30*90+100*12+100 {
			t.Errorf("got %d messages read, want no more than the rates allow", got)
		}
	})
}
