package server

import (
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
