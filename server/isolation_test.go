package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/weftsync/weft/awareness"
	"github.com/weftsync/weft/bench/engine"
	"github.com/weftsync/weft/crdt/lib0"
	ysync "github.com/weftsync/weft/sync"
)

// mostDelay bounds what a bystander has to wait in the middle, on a machine that does other things too. What it waited is
// logged; the aim on a quiet machine is 50 ms at the 99th percentile.
const mostDelay = 3 * time.Second

// bystander writes to a document of its own, one character after the other, and measures how long each takes until it
// comes back from the disk.
type bystander struct {
	*editor
	stop  chan struct{}
	ended chan struct{}
	took  []time.Duration
}

// watchFrom begins to measure.
func watchFrom(e *editor) *bystander {
	b := &bystander{editor: e, stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		for {
			select {
			case <-b.stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
			began := time.Now()
			e.mu.Lock()
			want := len(e.updates) + 1
			e.mu.Unlock()
			e.write("x")
			e.mu.Lock()
			for len(e.updates) < want && e.ended == nil {
				e.seen.Wait()
			}
			lost := e.ended != nil
			e.mu.Unlock()
			b.took = append(b.took, time.Since(began))
			if lost {
				return
			}
		}
	}()
	return b
}

// finish stops measuring and returns the median, the 99th percentile and the number of measurements.
func (b *bystander) finish() (p50, p99 time.Duration, n int) {
	close(b.stop)
	<-b.ended
	slices.Sort(b.took)
	n = len(b.took)
	if n == 0 {
		return 0, 0, 0
	}
	return b.took[n/2], b.took[(n*99)/100], n
}

// rawSocket is a WebSocket without a library: it can break every rule.
type rawSocket struct {
	net.Conn
	t  testing.TB
	in *bufio.Reader
}

// upgrade opens one.
func (s *testServer) upgrade(t testing.TB, path string) *rawSocket {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", path)
	r := &rawSocket{Conn: conn, t: t, in: bufio.NewReader(conn)}
	for {
		line, err := r.in.ReadString('\n')
		if err != nil {
			t.Fatalf("upgrade: %v", err)
		}
		if line == "\r\n" {
			return r
		}
	}
}

// frame returns a frame with a mask of zeros. claim is the length in its header, negative for the real one.
func frame(first byte, payload []byte, claim int64) []byte {
	n := claim
	if n < 0 {
		n = int64(len(payload))
	}
	head := append([]byte{first, 0x80 | 127}, binary.BigEndian.AppendUint64(nil, uint64(n))...)
	switch {
	case n >= 0 && n < 126:
		head = []byte{first, 0x80 | byte(n)}
	case n >= 0 && n < 1<<16:
		head = append([]byte{first, 0x80 | 126}, binary.BigEndian.AppendUint16(nil, uint16(n))...)
	}
	return append(append(head, 0, 0, 0, 0), payload...)
}

// flood writes b again and again, until the peer is tired of it.
func (r *rawSocket) flood(b []byte) {
	b = bytes.Repeat(b, max(1, 4096/len(b)))
	for {
		if _, err := r.Write(b); err != nil {
			return
		}
	}
}

// sees reads what the server has to say until the end, and returns the code and reason of its close frame.
func (r *rawSocket) sees() string {
	for {
		var head [2]byte
		if _, err := io.ReadFull(r.in, head[:]); err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				return "nothing"
			}
			return "the end without a word"
		}
		n := int64(head[1] & 127)
		switch n {
		case 126:
			var b [2]byte
			_, _ = io.ReadFull(r.in, b[:]) // the next read fails too
			n = int64(binary.BigEndian.Uint16(b[:]))
		case 127:
			var b [8]byte
			_, _ = io.ReadFull(r.in, b[:])
			n = int64(binary.BigEndian.Uint64(b[:]))
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(r.in, payload); err != nil {
			return "the end within a frame"
		}
		if head[0]&15 == 8 && n >= 2 {
			return fmt.Sprintf("%d %s", binary.BigEndian.Uint16(payload), payload[2:])
		}
	}
}

// attack is one row of what somebody can do. It returns what its author saw.
type attack struct {
	name string
	sees string // part of that
	do   func(t *testing.T, s *testServer) string
}

// raws makes an attack of bytes on a bare socket.
func raws(do func(r *rawSocket)) func(*testing.T, *testServer) string {
	return func(t *testing.T, s *testServer) string {
		r := s.upgrade(t, "sync/attacked")
		go do(r)
		return r.sees()
	}
}

// intruder is a client that reads what it is sent and keeps none of it. Each has a document of its own to do harm to.
type intruder struct {
	ws    *websocket.Conn
	step2 chan struct{} // is sent to by each step 2
	ended chan error
}

// intrude connects one and greets the server.
func (s *testServer) intrude(t *testing.T) *intruder {
	t.Helper()
	ws := s.dial(t, "sync/attacked/"+strings.ReplaceAll(url.PathEscape(t.Name()), "/", "-"), nil)
	ws.SetReadLimit(-1)
	in := &intruder{ws: ws, step2: make(chan struct{}, 1<<20), ended: make(chan error, 1)}
	go func() {
		for {
			_, frame, err := ws.Read(context.Background())
			if err != nil {
				in.ended <- err
				return
			}
			if len(frame) > 1 && frame[0] == 0 && frame[1] == 1 {
				in.step2 <- struct{}{}
			}
		}
	}()
	t.Cleanup(func() { _ = ws.CloseNow() })
	if saw := in.ask(t); saw != "accepted" {
		t.Fatalf("the greeting was not answered: %s", saw)
	}
	return in
}

// send sends a frame, and reports whether it could.
func (in *intruder) send(frame []byte) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return in.ws.Write(ctx, websocket.MessageBinary, frame) == nil
}

// ask asks for nothing much, and returns what the intruder sees: an answer, or the end.
func (in *intruder) ask(t *testing.T) string {
	in.send(ysync.YWebsocket{}.AppendStep1(nil, []byte{0}))
	select {
	case <-in.step2:
		return "accepted"
	case err := <-in.ended:
		return err.Error()
	case <-time.After(patience):
		t.Error("neither an answer nor the end came")
		return "nothing"
	}
}

// messages makes an attack of frames in the dialect, after a greeting.
func messages(frames ...[]byte) func(*testing.T, *testServer) string {
	return func(t *testing.T, s *testServer) string {
		in := s.intrude(t)
		for _, frame := range frames {
			in.send(frame)
		}
		return in.ask(t)
	}
}

// floods makes an attack of one frame again and again.
func floods(frame []byte) func(*testing.T, *testServer) string {
	return func(t *testing.T, s *testServer) string {
		in := s.intrude(t)
		for deadline := time.Now().Add(patience); time.Now().Before(deadline) && in.send(frame); {
			select {
			case err := <-in.ended:
				return err.Error()
			default:
			}
		}
		select {
		case err := <-in.ended:
			return err.Error()
		case <-time.After(patience):
			return "accepted"
		}
	}
}

// attacks are the rows. What is accepted may harm nobody else; what is not, is told why.
func attacks() []attack {
	d := ysync.YWebsocket{}
	update := func(b []byte) func(*testing.T, *testServer) string {
		return messages(d.AppendUpdate(nil, b))
	}
	aware := func(b []byte) func(*testing.T, *testServer) string {
		return messages(d.AppendAwareness(nil, b))
	}
	entry := func(id, clock uint64, state string) []byte {
		return lib0.AppendString(lib0.AppendUint(lib0.AppendUint([]byte{1}, id), clock), state)
	}
	all := []attack{
		{"a megabyte of headers", "431", func(t *testing.T, s *testServer) string {
			conn, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go fmt.Fprintf(conn, "GET /sync/d HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", 1<<20))
			line, err := bufio.NewReader(conn).ReadString('\n')
			return fmt.Sprint(line, err)
		}},
		{"reserved bits", "1002", raws(func(r *rawSocket) { _, _ = r.Write(frame(0xf2, []byte{3}, -1)) })},
		{"unmasked frame", "the end", raws(func(r *rawSocket) { _, _ = r.Write([]byte{0x82, 1, 3}) })},
		{"length of 2^63", "the end", raws(func(r *rawSocket) { _, _ = r.Write(append([]byte{0x82, 0xff}, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)) })},
		{"endless fragments", "4413", raws(func(r *rawSocket) {
			_, _ = r.Write(frame(0x02, []byte{0}, -1))
			r.flood(frame(0x00, make([]byte, 4000), -1))
		})},
		{"endless empty fragments", "4400 a message of fragments", raws(func(r *rawSocket) {
			_, _ = r.Write(frame(0x02, []byte{0}, -1))
			r.flood(frame(0x00, nil, -1))
		})},
		{"flood of pings", "4529", raws(func(r *rawSocket) {
			_, _ = r.Write(frame(0x82, d.AppendStep1(nil, []byte{0}), -1))
			r.flood(frame(0x89, nil, -1))
		})},
		{"flood of pongs", "4529", raws(func(r *rawSocket) { r.flood(frame(0x8a, nil, -1)) })},
		{"text", "4400", raws(func(r *rawSocket) { _, _ = r.Write(frame(0x81, []byte("hello"), -1)) })},
		{"flood of questions for awareness", "4529", floods([]byte{3})},
		{"flood of empty step 1s", "4529", floods(d.AppendStep1(nil, []byte{0}))},
		{"awareness at clock 2^53-1", "accepted", aware(entry(7, 1<<53-1, "{}"))},
		{"awareness at clock 2^53", "4400", aware(entry(7, 1<<53, "{}"))},
		{"awareness of 50,000", "4413", aware(manyEntries(50_000, "{}"))},
		{"awareness of 4 MB", "4413", aware(entry(7, 1, `{"x":"`+strings.Repeat("y", 4<<20)+`"}`))},
		{"awareness 50,000 deep", "44", aware(entry(7, 1, `{"x":`+strings.Repeat("[", 50_000)+strings.Repeat("]", 50_000)+`}`))},
		{"awareness 5,000 deep", "4400", aware(entry(7, 1, `{"x":`+strings.Repeat("[", 5_000)+strings.Repeat("]", 5_000)+`}`))},
		{"update that claims a billion structs", "4400", update(lib0.AppendUint([]byte{1}, 1<<30))},
		{"update that claims 268 million clients", "4400", update([]byte{0xff, 0xff, 0xff, 0x7f, 1})},
		{"collected run as long as clocks go", "", update([]byte{1, 1, 9, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 0})},
		{"50,000 keys", "accepted", update(keyStorm(50_000))},
		{"types 201 deep", "4400", update(nested(201))},
	}
	for _, row := range engine.HostileRows(engine.DefaultHostileSizes()) {
		if row.Name == "receiving" || row.Name == "typing" {
			continue // about keystrokes afterwards
		}
		var frames [][]byte
		if row.Hostile.Base != nil {
			frames = append(frames, d.AppendUpdate(nil, row.Hostile.Base))
		}
		all = append(all, attack{row.Work, "", messages(append(frames, d.AppendUpdate(nil, row.Hostile.Update))...)})
	}
	return all
}

// keyStorm returns an update that sets n keys of one map.
func keyStorm(n int) []byte {
	u := append(lib0.AppendUint(lib0.AppendUint([]byte{1}, uint64(n)), 1), 0)
	for i := range n {
		u = lib0.AppendString(append(u, 8|0x20, 1), "keys")
		u = append(lib0.AppendString(u, strconv.Itoa(i)), 1, 126) // one value: null
	}
	return append(u, 0)
}

// nested returns an update of a chain of maps, each inside the one before.
func nested(depth int) []byte {
	u := lib0.AppendUint(lib0.AppendUint([]byte{1}, uint64(depth)), 1)
	u = append(u, 0)
	for i := range depth {
		u = append(u, 7|0x20) // a type, with a key
		if i == 0 {
			u = lib0.AppendString(append(u, 1), "deep")
		} else {
			u = lib0.AppendUint(lib0.AppendUint(append(u, 0), 1), uint64(i-1))
		}
		u = append(lib0.AppendString(u, "k"), 1) // a map
	}
	return append(u, 0)
}

// TestHostileBesideABystander does each of these to one document while an editor of another types, and measures what the
// editor notices. Those who open a connection and do not finish their request are there all the time.
func TestHostileBesideABystander(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Limits.SlowDownAfter = 300 * time.Millisecond
		o.Limits.Awareness = awareness.Options{}
	})
	var slow []net.Conn
	for range 50 {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "GET /sync/d HTTP/1.1\r\nX: ")
		slow = append(slow, conn)
	}
	good := s.join(t, "good")
	alone := watchFrom(good)
	good.await("a hundred edits", func() bool { return len(good.updates) >= 100 })
	p50, p99, n := alone.finish()
	t.Logf("%-40s p50 %8v  p99 %8v  of %d", "nobody", p50.Round(10*time.Microsecond), p99.Round(10*time.Microsecond), n)
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			good.mu.Lock()
			before := len(good.updates)
			good.mu.Unlock()
			b := watchFrom(good)
			saw := a.do(t, s)
			good.await("some edits", func() bool { return len(good.updates) >= before+50 || good.ended != nil })
			p50, p99, n := b.finish()
			t.Logf("p50 %8v  p99 %8v  of %d; its author saw %.80q", p50.Round(10*time.Microsecond), p99.Round(10*time.Microsecond), n, saw)
			if !strings.Contains(saw, a.sees) {
				t.Errorf("its author saw %q, want %q", saw, a.sees)
			}
			if err := good.end(); err != nil {
				t.Fatalf("the bystander was closed: %v", err)
			}
			if p50 > mostDelay {
				t.Errorf("the bystander waited %v in the middle", p50)
			}
		})
	}
	for _, conn := range slow {
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); err != nil {
			t.Errorf("a request that does not end is waited for: %v", err)
		}
	}
}
