package server

import (
	"bytes"
	"context"
	"testing"

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
	for i, w := range want {
		sock.await()
		sock.useful() // as the connection says of every message
		_, got, err := ws.Read(context.Background())
		if err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if !bytes.Equal(got, w) {
			t.Fatalf("message %d: got %d bytes, want %d", i, len(got), len(w))
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
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
