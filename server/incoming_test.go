package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// TestIncomingIsReadInOrder: messages of all sizes, sent one by one and many at once, in pieces and with pings between
// them, come out of the library as they were sent, while the reader waits outside of it.
func TestIncomingIsReadInOrder(t *testing.T) {
	sock, ws, client := acceptedUnread(t)
	if !canRaw {
		t.Skip("only on Unix does the reader wait outside of the library")
	}
	if sock.in.raw == nil {
		t.Fatal("the reader waits inside of the library")
	}
	var want [][]byte
	for i, n := range []int{0, 1, 10, 130, 1000, 1020, 1024, 1030, 5000, 70000, 3, 64 << 10} {
		for range 3 {
			want = append(want, bytes.Repeat([]byte{byte('a' + i)}, n))
		}
	}
	sent := make(chan error, 1)
	go func() {
		sent <- func() error {
			for i, w := range want {
				if i%3 == 0 {
					if err := client.Write(context.Background(), websocket.MessageBinary, w); err != nil {
						return err
					}
					continue
				}
				out, err := client.Writer(context.Background(), websocket.MessageBinary) // in two fragments
				if err != nil {
					return err
				}
				for _, part := range [][]byte{w[:len(w)/2], w[len(w)/2:]} {
					if _, err := out.Write(part); err != nil {
						return err
					}
				}
				if err := out.Close(); err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	taken := 0
	for i, w := range want {
		sock.await()
		sock.useful() // as the connection says of every message
		got, ok := sock.takeMessage(nil, 1<<20)
		if ok {
			taken++
		} else {
			var err error
			if _, got, err = ws.Read(context.Background()); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
		}
		if !bytes.Equal(got, w) {
			t.Fatalf("message %d: got %d bytes, want %d", i, len(got), len(w))
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if taken == 0 || taken == len(want) {
		t.Errorf("%d of %d messages passed by the library", taken, len(want))
	}
	if sock.in.buffer != nil || len(sock.in.ahead) > 0 {
		t.Error("a connection that has nothing to read keeps a buffer")
	}
}

// TestCloseWhileTheReaderWaits: the library shakes hands to close a connection on one goroutine, while another waits for
// the next message outside of the library. The handshake ends with the peer's answer and not with a timeout.
func TestCloseWhileTheReaderWaits(t *testing.T) {
	sock, ws, client := acceptedUnread(t)
	waits := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		close(waits)
		sock.await()
		_, _, err := ws.Read(context.Background())
		ended <- err
	}()
	<-waits
	answered := make(chan error, 1)
	go func() {
		_, _, err := client.Read(context.Background()) // which answers the closing frame
		answered <- err
	}()
	sock.in.close()
	if err := ws.Close(4401, "enough"); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := <-answered; websocket.CloseStatus(err) != 4401 {
		t.Errorf("the peer saw %v", err)
	}
	if err := <-ended; err == nil {
		t.Error("the reader read a message")
	}
}

// TestControlsLeaveTheReaderOutside: pings are answered and pongs are taken where the reader waits without the library, one
// by one, many at once, cut anywhere and in front of a message; what is not as it has to be is the library's, which ends it.
func TestControlsLeaveTheReaderOutside(t *testing.T) {
	if !canRaw {
		t.Skip("only on Unix does the reader wait outside of the library")
	}
	frame := maskedFrame
	long := strings.Repeat("p", mostControl)
	tests := []struct {
		name    string
		pieces  [][]byte
		pongs   []string
		left    string // of what came, for the library; "" when the reader waits on
		refused bool
	}{
		{name: "ping", pieces: [][]byte{frame(pingFrame, "")}, pongs: []string{""}},
		{name: "long ping", pieces: [][]byte{frame(pingFrame, long)}, pongs: []string{long}},
		{name: "pong", pieces: [][]byte{frame(pongFrame, "x")}},
		{name: "many", pieces: [][]byte{slices.Concat(frame(pongFrame, ""), frame(pingFrame, "a"), frame(pingFrame, "b"))}, pongs: []string{"a", "b"}},
		{name: "one by one", pieces: [][]byte{frame(pingFrame, "a"), frame(pongFrame, "z"), frame(pingFrame, "b")}, pongs: []string{"a", "b"}},
		{name: "before a message", pieces: [][]byte{append(frame(pingFrame, "a"), frame(binaryFrame, "m")...)}, pongs: []string{"a"}, left: string(frame(binaryFrame, "m"))},
		{name: "cut header", pieces: [][]byte{frame(pingFrame, "a")[:3]}, left: string(frame(pingFrame, "a")[:3])},
		{name: "cut payload", pieces: [][]byte{frame(pingFrame, "abc")[:8]}, left: string(frame(pingFrame, "abc")[:8])},
		{name: "unmasked", pieces: [][]byte{{pingFrame, 0, 0, 0, 0, 0}}, left: string([]byte{pingFrame, 0, 0, 0, 0, 0})},
		{name: "in fragments", pieces: [][]byte{frame(pingFrame&0x7f, "a")}, left: string(frame(pingFrame&0x7f, "a"))},
		{name: "reserved bit", pieces: [][]byte{frame(pingFrame|0x40, "a")}, left: string(frame(pingFrame|0x40, "a"))},
		{name: "too long", pieces: [][]byte{append([]byte{pingFrame, maskedBit | 126}, make([]byte, 300)...)}, left: string(append([]byte{pingFrame, maskedBit | 126}, make([]byte, 300)...))},
		{name: "unwelcome", pieces: [][]byte{frame(pingFrame, "a")}, refused: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			peer, conn := loopback(t)
			s := newSocket(conn)
			s.control = func() bool { return !tt.refused }
			s.in.open(s, bufio.NewReader(s), nil)
			if s.in.raw == nil {
				t.Fatal("the reader waits inside of the library")
			}
			returned := make(chan struct{})
			go func() {
				defer close(returned)
				s.await()
			}()
			for _, piece := range tt.pieces {
				if _, err := peer.Write(piece); err != nil {
					t.Fatal(err)
				}
			}
			var want []byte
			for _, pong := range tt.pongs {
				want = append(append(want, pongFrame, byte(len(pong))), pong...)
			}
			got := make([]byte, len(want))
			_ = peer.SetReadDeadline(time.Now().Add(patience))
			if _, err := io.ReadFull(peer, got); err != nil || !bytes.Equal(got, want) {
				t.Errorf("answered % x, %v, want % x", got, err, want)
			}
			if tt.left == "" { // it waits on, until there is a message
				tt.left = "m"
				if _, err := peer.Write([]byte("m")); err != nil {
					t.Fatal(err)
				}
			}
			<-returned
			if left := string(s.in.ahead); left != tt.left {
				t.Errorf("left % x, want % x", left, tt.left)
			}
		})
	}
}

// TestMessagesPassByTheLibrary: a message that has come whole in one frame is taken without the library, which gets
// everything else as it came.
func TestMessagesPassByTheLibrary(t *testing.T) {
	const most = 70_000
	frame := maskedFrame
	of := func(n int) string { return strings.Repeat("0123456789", n/10+1)[:n] }
	whole := func(n int) []byte { return frame(binaryFrame, of(n)) }
	type test struct {
		name string
		came []byte
		most int64
		want []string // the messages that are taken
		left int      // bytes for the library
	}
	tests := []test{
		{name: "nothing"},
		{name: "two", came: append(whole(3), whole(200)...), want: []string{of(3), of(200)}},
		{name: "at the limit", came: whole(300), most: 300, want: []string{of(300)}},
		{name: "past the limit", came: whole(301), most: 300, left: 309},
		{name: "cut header", came: whole(300)[:5], left: 5},
		{name: "cut length", came: append(whole(1), whole(300)[:3]...), want: []string{of(1)}, left: 3},
		{name: "cut mask", came: whole(300)[:7], left: 7},
		{name: "cut content", came: append(whole(8), whole(300)[:307]...), want: []string{of(8)}, left: 307},
		{name: "eight bytes of length", came: whole(66_000), left: 66_014},
		{name: "before a ping", came: append(whole(9), frame(pingFrame, "x")...), want: []string{of(9)}, left: 7},
		{name: "text", came: frame(0x81, "xx"), left: 8},
		{name: "closing", came: frame(0x88, "xx"), left: 8},
		{name: "first of fragments", came: frame(0x02, "xx"), left: 8},
		{name: "last of fragments", came: frame(0x80, "xx"), left: 8},
		{name: "reserved bit", came: frame(0xc2, "xx"), left: 8},
		{name: "unmasked", came: []byte{binaryFrame, 4, 0, 0, 0, 0}, left: 6},
	}
	for n := range 40 {
		tests = append(tests, test{name: fmt.Sprint(n, " bytes"), came: whole(n), want: []string{of(n)}})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSocket(nil)
			s.in.library, s.in.ahead = bufio.NewReader(s), bytes.Clone(tt.came)
			if tt.most == 0 {
				tt.most = most
			}
			for i := 0; ; i++ {
				got, ok := s.takeMessage([]byte("before"), tt.most)
				if !ok {
					if i != len(tt.want) || string(got) != "before" {
						t.Errorf("took %d messages and %q, want %d", i, got, len(tt.want))
					}
					break
				}
				if i >= len(tt.want) || string(got) != "before"+tt.want[i] {
					t.Fatalf("message %d: got %q", i, got)
				}
			}
			if !bytes.Equal(s.in.ahead, tt.came[len(tt.came)-tt.left:]) {
				t.Errorf("left % x, want the last %d bytes", s.in.ahead, tt.left)
			}
		})
	}
	t.Run("behind what the library has", func(t *testing.T) {
		s := newSocket(nil)
		s.in.library, s.in.ahead = bufio.NewReaderSize(s, 16), whole(50)
		if _, err := s.in.library.Peek(1); err != nil {
			t.Fatal(err)
		}
		if _, ok := s.takeMessage(nil, most); ok || len(s.in.ahead) != len(whole(50))-16 {
			t.Error("took from the middle of a frame that the library has begun")
		}
	})
	t.Run("while the library closes", func(t *testing.T) {
		s := newSocket(nil)
		s.in.library, s.in.ahead = bufio.NewReader(s), whole(5)
		s.in.close()
		if _, ok := s.takeMessage(nil, most); ok {
			t.Error("took what the library reads on another goroutine")
		}
	})
}

// maskedFrame returns a frame of a client.
func maskedFrame(first byte, payload string) []byte {
	b := []byte{first, maskedBit}
	switch n := len(payload); {
	case n >= 1<<16:
		b[1] |= length64
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	case n >= length16:
		b[1] |= length16
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] |= byte(n)
	}
	b = append(b, "mask"...)
	for i := range len(payload) {
		b = append(b, payload[i]^"mask"[i%maskBytes])
	}
	return b
}

// loopback returns both ends of a connection of this machine.
func loopback(t *testing.T) (peer, conn net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if peer, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if conn, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = peer.Close()
		_ = conn.Close()
	})
	return peer, conn
}

// wrapped is a ResponseWriter as a program's middleware makes them.
type wrapped struct{ http.ResponseWriter }

func (w *wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// TestAcceptKeepsNothingOfTheRequest: what net/http had for the request, 8 KiB of buffers with it, goes while the connection
// stays.
func TestAcceptKeepsNothingOfTheRequest(t *testing.T) {
	gone := make(chan struct{})
	_, server, _ := acceptedBy(t, func(w http.ResponseWriter) http.ResponseWriter {
		kept := &wrapped{w}
		runtime.AddCleanup(kept, func(gone chan struct{}) { close(gone) }, gone)
		return kept
	})
	for deadline := time.Now().Add(patience); ; runtime.GC() {
		select {
		case <-gone:
			runtime.KeepAlive(server)
			return
		default:
			if time.Now().After(deadline) {
				t.Fatal("the ResponseWriter is still there")
			}
		}
	}
}

// TestStoppedRests: what a peer sends after it was told to stop has a tenth of the time, and none of it is lost.
func TestStoppedRests(t *testing.T) {
	peer, conn := loopback(t)
	s := newSocket(conn)
	s.stop()
	const reads = 10
	go func() {
		_, _ = peer.Write(make([]byte, reads*readBufferBytes)) // the read tells what did not come
		_ = peer.Close()
	}()
	began, got := time.Now(), 0
	for buffer := make([]byte, readBufferBytes); ; time.Sleep(stopBusy) { // as if each took so long
		n, err := s.Read(buffer)
		if got += n; err != nil {
			break
		}
	}
	if got != reads*readBufferBytes {
		t.Errorf("read %d bytes, want %d", got, reads*readBufferBytes)
	}
	if took := time.Since(began); took < reads*stopRest {
		t.Errorf("it took %v, want at least %v", took, reads*stopRest)
	}
}
