package server

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
)

// acceptedUnread returns the two ends of a WebSocket.
func acceptedUnread(t *testing.T) (sock *socket, server, client *websocket.Conn) {
	t.Helper()
	return acceptedBy(t, func(w http.ResponseWriter) http.ResponseWriter { return w })
}

// acceptedBy is acceptedUnread with what middleware makes of the ResponseWriter.
func acceptedBy(t *testing.T, wrap func(http.ResponseWriter) http.ResponseWriter) (sock *socket, server, client *websocket.Conn) {
	t.Helper()
	srv := &Server{}
	srv.limits.MessageBytes = 1 << 30
	accepted := make(chan struct{})
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		if server, sock, err = srv.accept(wrap(w), r); err != nil {
			t.Errorf("accept: %v", err)
		}
		close(accepted)
	}))
	t.Cleanup(h.Close)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client, _, err := websocket.Dial(ctx, h.URL, &websocket.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{}}})
	if err != nil {
		t.Fatal(err)
	}
	client.SetReadLimit(-1)
	<-accepted
	t.Cleanup(func() {
		_ = client.CloseNow()
		_ = server.CloseNow()
	})
	return sock, server, client
}

// acceptedSocket is acceptedUnread with a server that reads, so that control frames are answered.
func acceptedSocket(t *testing.T) (server *websocket.Conn, sock *socket, client *websocket.Conn) {
	t.Helper()
	read := make(chan struct{})
	t.Cleanup(func() { <-read }) // after the connection has been closed
	sock, server, client = acceptedUnread(t)
	go func() {
		defer close(read)
		_, _, _ = server.Reader(context.Background()) // ends with the connection
	}()
	return server, sock, client
}

// TestBatchIsReadAsItWasWritten: messages around every length at which a frame looks different or is not copied, with
// and without an address, come out as they went in, in order, while control frames are written in between.
func TestBatchIsReadAsItWasWritten(t *testing.T) {
	server, sock, client := acceptedSocket(t)
	var want [][]byte
	for _, n := range []int{1, 2, 125, 126, 127, 300, 65535, 65536, 65537, batchBytes - 20, batchBytes - 1, batchBytes, batchBytes + 1, 1 << 20, 3} {
		for _, address := range [][]byte{nil, []byte("an address")} {
			message := make([]byte, n)
			for i := range message {
				message[i] = byte(i + n)
			}
			want = append(want, append(bytes.Clone(address), message...))
		}
	}
	stop, pinged := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(pinged)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := server.Ping(context.Background()); err != nil {
				t.Errorf("ping: %v", err)
				return
			}
		}
	}()
	written := make(chan error, 1)
	go func() {
		b := newBatch(sock)
		defer b.done()
		frames, wire := 0, 0
		for i, w := range want {
			split := 0
			if i%2 == 1 {
				split = len("an address")
			}
			n, m, err := b.add(w[:split], w[split:])
			if err != nil {
				written <- err
				return
			}
			frames, wire = frames+n, wire+m
		}
		n, m, err := b.flush()
		if frames += n; err == nil && frames != len(want) {
			t.Errorf("%d frames were counted, want %d", frames, len(want))
		}
		for _, w := range want {
			m -= len(appendFrameHeader(nil, len(w))) + len(w)
		}
		if wire+m != 0 {
			t.Errorf("%d bytes too many were counted", wire+m)
		}
		written <- err
	}()
	for i, w := range want {
		kind, got, err := client.Read(t.Context())
		if err != nil {
			t.Fatalf("read message %d of %d bytes: %v", i, len(w), err)
		}
		if kind != websocket.MessageBinary || !bytes.Equal(got, w) {
			t.Fatalf("message %d: got %d bytes of kind %v, want %d", i, len(got), kind, len(w))
		}
	}
	if err := <-written; err != nil {
		t.Errorf("write: %v", err)
	}
	close(stop)
	go func() { _, _, _ = client.Read(context.Background()) }() // answers the last ping
	<-pinged
}

// TestTryWaitsForNobody: what does not fit into the buffer of a socket is left for somebody who waits, and meanwhile no
// control frame lands in the middle of a message. Nothing is lost, doubled or torn.
func TestTryWaitsForNobody(t *testing.T) {
	server, sock, client := acceptedSocket(t)
	b := newBatch(sock)
	defer b.done()
	var want [][]byte
	for done := true; done; {
		if len(want) > 10_000 {
			t.Fatal("the buffer of the socket does not fill up")
		}
		message := bytes.Repeat([]byte{byte(len(want)), byte(len(want) >> 8)}, 3001+len(want))[:3001+len(want)%4096]
		want = append(want, message)
		if !b.fits(errand{parcel: parcel{frame: message}}) {
			t.Fatal("a message of some kilobytes does not fit into an empty batch")
		}
		if _, _, err := b.add(nil, message); err != nil {
			t.Fatal(err)
		}
		var err error
		if done, err = b.try(); err != nil {
			t.Fatal(err)
		}
	}
	pinged := make(chan struct{})
	go func() {
		defer close(pinged)
		if err := server.Ping(t.Context()); err != nil {
			t.Errorf("ping: %v", err)
		}
	}()
	written := make(chan error, 1)
	go func() {
		_, _, err := b.flush()
		written <- err
	}()
	for i, w := range want {
		if _, got, err := client.Read(t.Context()); err != nil || !bytes.Equal(got, w) {
			t.Fatalf("message %d: got %d bytes and %v, want %d", i, len(got), err, len(w))
		}
	}
	if err := <-written; err != nil {
		t.Errorf("write: %v", err)
	}
	go func() { _, _, _ = client.Read(context.Background()) }() // answers the ping
	<-pinged
}

// TestNothingFollowsTheClosingFrame: once the library has written a closing frame, a batch is refused.
func TestNothingFollowsTheClosingFrame(t *testing.T) {
	server, sock, client := acceptedSocket(t)
	b := newBatch(sock)
	defer b.done()
	if _, _, err := b.add(nil, []byte("before")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.flush(); err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = server.Close(websocket.StatusCode(4401), "enough") // its answer does not matter
	}()
	if _, got, err := client.Read(t.Context()); err != nil || string(got) != "before" {
		t.Fatalf("got %q, %v", got, err)
	}
	_, got, err := client.Read(t.Context())
	if websocket.CloseStatus(err) != 4401 {
		t.Fatalf("got %q, %v, want the close", got, err)
	}
	if _, _, err := b.add(nil, []byte("after")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.flush(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a batch after the closing frame: %v, want it refused", err)
	}
	<-closed
}
