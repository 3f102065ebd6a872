package server

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/weftsync/weft/crdt"
	ysync "github.com/weftsync/weft/sync"
)

// scribble returns updates of several authors who hear of each other late, some out of order, so that they wait for
// what comes later, with their writers.
func scribble(t *testing.T, rng *rand.Rand, writers []*session) (updates []held) {
	t.Helper()
	docs := make([]*crdt.Doc, len(writers))
	for i := range docs {
		docs[i] = crdt.New(crdt.Options{ClientID: uint64(10 + i)})
	}
	for range 60 {
		i := rng.IntN(len(docs))
		doc := docs[i]
		content := doc.Text("content")
		update, err := doc.Update(func(tx *crdt.Tx) error {
			if n := content.Len(); n > 3 && rng.IntN(3) == 0 {
				return content.Delete(tx, rng.IntN(n-2), 2)
			}
			return content.Insert(tx, rng.IntN(content.Len()+1), fmt.Sprintf("<%d>", rng.IntN(100)))
		})
		if err != nil {
			t.Fatal(err)
		}
		frame := ysync.YWebsocket{}.AppendUpdate(nil, update)
		updates = append(updates, held{frame: frame, update: update, to: writers[i]})
		if len(updates) > 1 && rng.IntN(4) == 0 { // the network reorders
			k := len(updates) - 1
			updates[k], updates[k-1] = updates[k-1], updates[k]
		}
		if rng.IntN(5) == 0 {
			if _, err := docs[rng.IntN(len(docs))].ApplyUpdate(update); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range updates {
		updates[i].needs = uint64(i + 1)
		if updates[i].to != nil && updates[i].to.addressed() {
			updates[i].acks = 1
		}
	}
	return updates
}

// TestMergedUpdatesAreTheUpdates: whatever the groups in which updates become durable, a reader that applies what is sent
// has, after each group, what one has that applies the updates one by one: byte for byte, with what waits. Each update
// of the Hocuspocus dialect is acknowledged once, and who wrote a whole group does not get it back.
func TestMergedUpdatesAreTheUpdates(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 8))
		s := &Server{}
		r := newRoom(s, "d")
		member := func(address []byte) *session {
			c := &connection{srv: s}
			c.out.maxBytes, c.out.maxCount = 1<<20, 1<<20
			c.out.writing = true // by this test
			m := newSession(c, "d", address)
			c.out.enter(m, r, 0)
			r.members = append(r.members, m)
			return m
		}
		reader, typist := member(nil), member([]byte("d"))
		updates := scribble(t, rng, []*session{member([]byte("d")), typist, member(nil), nil})
		apart, together := crdt.New(crdt.Options{ClientID: 1}), crdt.New(crdt.Options{ClientID: 1})
		frames, acks, own := 0, 0, 0
		for at := 0; at < len(updates); {
			n := min(1+rng.IntN(9), len(updates)-at)
			r.broadcast(updates[at : at+n])
			frames += takeUpdates(t, reader, together)
			for _, h := range updates[at : at+n] {
				apply(t, apart, h.update)
				if h.to == typist {
					acks++
				}
			}
			got, want := state(t, together), state(t, apart)
			if !bytes.Equal(got, want) {
				t.Fatalf("seed %d: after update %d of %d, merged by %d:\n got %x\nwant %x", seed, at+n, len(updates), n, got, want)
			}
			if soleWriter(updates[at:at+n]) == typist {
				own++
			}
			at += n
		}
		if frames >= len(updates) {
			t.Errorf("seed %d: %d frames for %d updates: nothing was merged", seed, frames, len(updates))
		}
		if typist.conn.out.statuses != acks {
			t.Errorf("seed %d: %d sync statuses wait, want %d", seed, typist.conn.out.statuses, acks)
		}
		if got := takeUpdates(t, typist, crdt.New(crdt.Options{})); got != frames-own {
			t.Errorf("seed %d: a writer got %d frames, want %d", seed, got, frames-own)
		}
	}
}

// takeUpdates applies the updates that wait for a session to doc and returns how many frames that were.
func takeUpdates(t *testing.T, s *session, doc *crdt.Doc) (frames int) {
	t.Helper()
	for {
		e, ok := s.conn.out.more()
		if !ok {
			return frames
		}
		if e.status {
			continue
		}
		frames++
		messages, err := ysync.YWebsocket{}.Parse(e.parcel.frame, nil)
		if err != nil || len(messages) != 1 || messages[0].Kind != ysync.Update {
			t.Fatalf("frame %x: %v, %v", e.parcel.frame, messages, err)
		}
		apply(t, doc, messages[0].Payload)
	}
}

func apply(t *testing.T, doc *crdt.Doc, update []byte) {
	t.Helper()
	if _, err := doc.ApplyUpdate(update); err != nil {
		t.Fatalf("apply %x: %v", update, err)
	}
}

// state returns everything of a document, with what waits.
func state(t *testing.T, doc *crdt.Doc) []byte {
	t.Helper()
	all, err := doc.EncodeStateAsUpdate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestWhatBecomesDurableTogetherIsSentTogether: while a fsync hangs, people of both dialects write. When it returns they
// hear of it in fewer frames than there were updates, each of the Hocuspocus dialect is told of every update of its own,
// and all have the same document.
func TestWhatBecomesDurableTogetherIsSentTogether(t *testing.T) {
	const each = 30
	d := newDisk()
	s := startServer(t, d, hooks{}, nil)
	first, second, reader := s.join(t, "d"), s.join(t, "d"), s.join(t, "d")
	hub := s.collab(t, "collab", nil)
	provider := hub.join("d", "token")
	first.write("the document exists ")
	reader.awaitText("the document exists ")
	before := func() (n int) {
		reader.mu.Lock()
		defer reader.mu.Unlock()
		return len(reader.updates)
	}()

	letGo := d.hold()
	defer letGo()
	first.write("a")
	<-d.waiting // the fsync of this one is under way; what follows waits behind it
	for range each {
		first.write("b")
		second.write("c")
		provider.write("d")
	}
	total := 1 + 3*each
	err := s.awaitUpdates(t, uint64(1+total))
	letGo()
	if err != nil {
		t.Fatal(err)
	}
	length := func(doc *crdt.Doc) bool { return doc.RootLen("content") == len("the document exists ")+total }
	for _, e := range []*editor{first, second, reader} {
		e.await("everything", func() bool { return length(e.doc) })
	}
	provider.await("everything, acknowledged", func() bool { return length(provider.doc) && provider.unsynced == 0 })
	text := reader.text()
	first.awaitText(text)
	second.awaitText(text)
	provider.awaitText(text)
	reader.mu.Lock()
	defer reader.mu.Unlock()
	if got := len(reader.updates) - before; got > total/2 {
		t.Errorf("%d frames brought %d updates that became durable in two fsyncs", got, total)
	}
}

// awaitUpdates waits until the server has applied n updates since it was made.
func (s *testServer) awaitUpdates(t testing.TB, n uint64) error {
	t.Helper()
	deadline := time.Now().Add(patience)
	for s.Stats().Updates < n {
		if time.Now().After(deadline) {
			return fmt.Errorf("the server applied %d updates, want %d", s.Stats().Updates, n)
		}
		runtime.Gosched()
	}
	return nil
}
