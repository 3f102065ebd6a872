package server

import (
	"fmt"
	"os"
	"testing"

	"github.com/weftsync/weft/crdt"
	ysync "github.com/weftsync/weft/sync"
)

// BenchmarkUpdate is the way of one update of one character from a session that is read to the outboxes of the others,
// in each dialect, without sockets and without waiting for the disk.
func BenchmarkUpdate(b *testing.B) {
	for name, address := range map[string][]byte{"y-websocket": nil, "hocuspocus": []byte("d")} {
		b.Run(name, func(b *testing.B) {
			s := startServer(b, newDisk(), hooks{}, nil)
			room, refusal := s.rooms.open(b.Context(), "d")
			if refusal != nil {
				b.Fatal(refusal)
			}
			defer s.rooms.exit(room)
			c := &connection{srv: s.Server, socket: new(socket)}
			c.out.maxBytes, c.out.maxCount, c.out.closed = 1<<20, 1<<20, true // what is pushed goes nowhere
			writer := newSession(c, "d", address)
			if address == nil {
				writer.state = ysync.NewSession(ysync.YWebsocket{})
			}
			writer.room = room
			if _, err := writer.state.Open(ysync.Write); err != nil {
				b.Fatal(err)
			}
			doc := crdt.New(crdt.Options{})
			var frames [][]byte
			b.ReportAllocs()
			for b.Loop() {
				if len(frames) == 0 {
					b.StopTimer()
					frames = typed(b, doc, 1000)
					b.StartTimer()
				}
				if _, err := writer.receive(frames[0]); err != nil {
					b.Fatal(err)
				}
				frames = frames[1:]
			}
		})
	}
}

// typed returns the updates of n characters that are typed at the end of a document.
func typed(t testing.TB, doc *crdt.Doc, n int) (frames [][]byte) {
	t.Helper()
	text := doc.Text("content")
	for range n {
		update, err := doc.Update(func(tx *crdt.Tx) error { return text.Insert(tx, text.Len(), "x") })
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, ysync.YWebsocket{}.AppendUpdate(nil, update))
	}
	return frames
}

// nowhere returns a socket on which everything can be written.
func nowhere(t testing.TB) *socket {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = null.Close() })
	s := newSocket(nil)
	if s.in.raw, err = null.SyscallConn(); err != nil {
		t.Fatal(err)
	}
	return s
}

// BenchmarkDelivered is the way of frames from the outbox to the socket, with a system call that does nothing: one that
// comes alone, and as many as came together.
func BenchmarkDelivered(b *testing.B) {
	for _, together := range []int{1, 16} {
		b.Run(fmt.Sprintf("together=%d", together), func(b *testing.B) {
			c := &connection{srv: &Server{}, socket: nowhere(b)}
			c.out.maxBytes, c.out.maxCount = 1<<20, 1<<20
			s := newSession(c, "d", []byte("d"))
			c.out.enter(s, new(room), 0)
			frame, seq := make([]byte, 40), uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				for range together {
					seq++
					c.out.push(parcel{to: s, frame: frame, kind: updateParcel, seq: seq})
				}
				c.send()
			}
			if got := c.srv.counters.sent.Load(); got != seq {
				b.Fatalf("%d frames were sent, want %d", got, seq)
			}
		})
	}
}

// BenchmarkBroadcast is the way of updates that became durable together to the outboxes of a document's connections.
func BenchmarkBroadcast(b *testing.B) {
	for _, together := range []int{1, 8} {
		b.Run(fmt.Sprintf("together=%d", together), func(b *testing.B) {
			srv := &Server{}
			r := newRoom(srv, "d")
			for range 10 {
				c := &connection{srv: srv}
				c.out.closed = true // what is pushed goes nowhere
				r.members = append(r.members, newSession(c, "d", nil))
			}
			var updates []held
			for i, frame := range typed(b, crdt.New(crdt.Options{}), together) {
				updates = append(updates, held{needs: uint64(i + 1), frame: frame, update: frame[3:]})
			}
			b.ReportAllocs()
			for b.Loop() {
				r.broadcast(updates)
			}
		})
	}
}
