package server

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// expectColdEqualsLog compares what a cold room would answer with what an engine that is built from its log does. The
// caller holds the room's lock.
func expectColdEqualsLog(t testing.TB, s *Server, r *room) {
	t.Helper()
	if r.log == nil {
		return
	}
	c, err := s.build(r.name, r.log)
	if err != nil {
		t.Error(err)
		return
	}
	m, err := mergeCold(r.name, r.log, r.gate.assigned, nil)
	if err != nil {
		t.Error(err)
		return
	}
	if !m.digest.Equal(c.doc.Snapshot()) {
		t.Errorf("sequence %d: the digest of the merged log is not the snapshot of the document", r.gate.assigned)
	}
	if kept, err := r.log.Digest(t.Context(), r.gate.assigned); err != nil || kept != nil && !bytes.Equal(kept, c.doc.Snapshot().Encode()) {
		t.Errorf("sequence %d: the kept digest is not the snapshot of the document (%v)", r.gate.assigned, err)
	}
}

// randomLog returns the updates of a few clients that insert and delete at random, in an order in which each has what it
// builds upon, with the documents that the clients have after each.
func randomLog(t testing.TB, rng *rand.Rand, n int) (updates, vectors [][]byte) {
	t.Helper()
	docs := make([]*crdt.Doc, 3)
	for i := range docs {
		docs[i] = crdt.New(crdt.Options{ClientID: uint64(i + 1)})
	}
	for i := range n {
		author := docs[rng.IntN(len(docs))]
		update, err := author.Update(func(tx *crdt.Tx) error {
			text := author.Text("content")
			if at := text.Len(); at > 4 && rng.IntN(3) == 0 {
				return text.Delete(tx, rng.IntN(at-3), 1+rng.IntN(3))
			}
			return text.Insert(tx, rng.IntN(text.Len()+1), fmt.Sprintf("<%d>", i))
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			if _, err := d.ApplyUpdate(update); err != nil {
				t.Fatal(err)
			}
		}
		updates = append(updates, update)
		vectors = append(vectors, author.EncodeStateVector())
	}
	return updates, vectors
}

// TestColdAnswersAreTheEngines asks a document for what random state vectors lack, with an engine and without, and offers
// it random updates of its own past and new ones. A client that applies either answer has the same document.
func TestColdAnswersAreTheEngines(t *testing.T) {
	seed := rand.Uint64()
	for i := range uint64(20) {
		t.Run(fmt.Sprintf("seed %d", seed+i), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed+i, 0))
			s := newTestServer(t, newDisk(), hooks{}, nil)
			updates, vectors := randomLog(t, rng, 40)
			logged, hole := updates[:30], -1
			if rng.IntN(3) == 0 { // what builds on it waits in an engine, and is in the log all the same
				hole = rng.IntN(25)
				logged = append(append([][]byte(nil), logged[:hole]...), logged[hole+1:]...)
			}
			mustStore(t, s, "d", logged...)
			r, refusal := s.rooms.attend(t.Context(), "d")
			if refusal != nil {
				t.Fatal(refusal)
			}
			defer s.rooms.exit(r)
			c, err := s.build("d", r.log)
			if err != nil {
				t.Fatal(err)
			}
			for round := range 2 { // the second round has the digest that the first one kept
				for n, vector := range append(vectors, nil) {
					got, refusal := r.coldUpdate(t.Context(), vector)
					if refusal != nil {
						t.Fatal(refusal)
					}
					want, err := c.doc.EncodeStateAsUpdate(vector)
					if err != nil {
						t.Fatal(err)
					}
					expectSameFor(t, fmt.Sprintf("round %d, vector %d", round, n), updates[:min(n+1, len(updates))], vector, got, want)
				}
				for n, update := range updates {
					cold, refusal := r.coldKnows(t.Context(), update)
					engine, err := c.doc.Knows(update)
					if refusal != nil || err != nil {
						t.Fatal(refusal, err)
					}
					if cold && !engine && (hole < 0 || n == hole || n >= 30) {
						t.Errorf("round %d: update %d adds something, and the log says that it does not", round, n)
					}
					if !cold && engine && hole < 0 {
						t.Errorf("round %d: update %d adds nothing, and the log says that it does", round, n)
					}
				}
			}
			if got := stateOf(r); got != cold {
				t.Errorf("the room is %s, want cold", got)
			}
		})
	}
}

// expectSameFor checks that a client with what the updates give becomes the same by either answer.
func expectSameFor(t *testing.T, what string, has [][]byte, vector, got, want []byte) {
	t.Helper()
	a, b := crdt.New(crdt.Options{}), crdt.New(crdt.Options{})
	if vector != nil {
		for _, u := range has {
			for _, d := range []*crdt.Doc{a, b} {
				if _, err := d.ApplyUpdate(u); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if _, err := a.ApplyUpdate(got); err != nil {
		t.Fatalf("%s: the answer of the log: %v", what, err)
	}
	if _, err := b.ApplyUpdate(want); err != nil {
		t.Fatalf("%s: the answer of the engine: %v", what, err)
	}
	if !a.Snapshot().Equal(b.Snapshot()) || !sameJSON(a.JSON(), b.JSON()) || a.Stats().Pending != b.Stats().Pending {
		t.Errorf("%s: the log gives %s, the engine %s", what, a.JSON(), b.JSON())
	}
}

// TestColdRoomAnswersAndWakes: clients that come back without anything new are answered without an engine, many who come
// at once share one reading of the log, and the first edit builds the engine and reaches all of them.
func TestColdRoomAnswersAndWakes(t *testing.T) {
	d := newDisk()
	s := startServer(t, d, hooks{}, nil)
	first := s.join(t, "d")
	first.write("one ")
	first.await("the echo", func() bool { return len(first.updates) == 1 })
	s.stop()

	s = startServer(t, d, hooks{}, nil)
	editors := make([]*editor, 8)
	var joining sync.WaitGroup
	for i := range editors {
		editors[i] = s.connect(t, "sync/d", nil)
		joining.Go(func() { editors[i].ask() })
	}
	joining.Wait()
	for _, e := range editors {
		e.awaitText("one ")
		e.await("the server's claim", func() bool { return len(e.step1s) == 1 })
	}
	body := textOfExport(t, s, "d")
	if body != "one " {
		t.Errorf("the export has %q", body)
	}
	tag, _ := s.get(t, "HEAD", "api/documents/d", nil, nil)
	unchanged, _ := s.get(t, "GET", "api/documents/d", map[string]string{"If-None-Match": tag.Header.Get("ETag")}, nil)
	if unchanged.StatusCode != 304 {
		t.Errorf("got status %d for what has not changed, want 304", unchanged.StatusCode)
	}
	if got := s.Stats(); got.Loads != 1 || got.ColdAnswers == 0 || got.Merges > 2 { // HEAD renders
		t.Errorf("got %d loads, %d answers of the log, %d merges, want 1, some, at most 2", got.Loads, got.ColdAnswers, got.Merges)
	}
	editors[0].write("two")
	for _, e := range editors {
		e.awaitText("one two")
	}
	if got := s.Stats().Loads; got != 1 {
		t.Errorf("got %d loads, want 1", got)
	}
}

// textOfExport returns the text in an exported update.
func textOfExport(t *testing.T, s *testServer, name string) string {
	t.Helper()
	answer, body := s.get(t, "GET", "api/documents/"+name, map[string]string{"Accept": typeUpdate}, nil)
	doc := crdt.New(crdt.Options{})
	if _, err := doc.ApplyUpdate([]byte(body)); err != nil || answer.StatusCode != 200 {
		t.Fatalf("export: status %d, %v", answer.StatusCode, err)
	}
	return doc.RootString("content")
}

// TestEngineLeavesWhileEditorsStay: an engine that nobody needs for CoolAfter is let go, and the next edit finds the same
// document.
func TestEngineLeavesWhileEditorsStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestServer(t, newDisk(), hooks{}, nil)
		mustStore(t, s, "d", textUpdate(t, "x"))
		r, refusal := s.rooms.attend(t.Context(), "d")
		if refusal != nil {
			t.Fatal(refusal)
		}
		defer s.rooms.exit(r)
		if refusal := r.offer(t.Context(), origin{}, ysync.Update, textUpdate(t, "y")); refusal != nil || stateOf(r) != ready {
			t.Fatalf("got %v, %s after an edit, want ready", refusal, stateOf(r))
		}
		time.Sleep(s.limits.CoolAfter + 2*time.Second)
		synctest.Wait()
		if got := stateOf(r); got != cold || r.doc != nil {
			t.Fatalf("got state %s after %s of rest, want cold", got, s.limits.CoolAfter)
		}
		expectColdEqualsLog(t, s, r)
		if kept, err := r.log.Digest(t.Context(), 2); err != nil || kept == nil {
			t.Errorf("no digest was kept: %v", err)
		}
		if refusal := r.offer(t.Context(), origin{}, ysync.Update, textUpdate(t, "z")); refusal != nil {
			t.Fatal(refusal)
		}
		if got := len(r.doc.RootString("content")); got != 3 {
			t.Errorf("got %d letters, want 3", got)
		}
	})
}

// TestColdRoomOverADamagedLog: what cannot be merged is refused as what cannot be loaded is, and nothing is stored.
func TestColdRoomOverADamagedLog(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	mustStore(t, s.Server, "bad", textUpdate(t, "x"), []byte{9, 9, 9})
	e := s.connect(t, "sync/bad", nil)
	e.ask()
	e.awaitClose(ysync.CodeCorrupt, "damaged")
	if n := len(s.entriesOrNone("bad")); n != 2 {
		t.Errorf("got %d entries, want the 2 that there were", n)
	}
}

// TestDamageBesideADigest: where a digest spares the reading of a single entry, an entry that cannot be read is found when
// somebody lacks something of it.
func TestDamageBesideADigest(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	mustStore(t, s.Server, "bad", []byte{9, 9, 9})
	digest, err := crdt.NewSnapshot([]byte{1, 7, 5}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.store.Document(t.Context(), "bad", false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.KeepDigest(1, digest.Encode()); err != nil {
		t.Fatal(err)
	}
	mustStore(t, s.Server, "after it", textUpdate(t, "x")) // the digest is written when nobody waits for it, but in order
	r, refusal := s.rooms.attend(t.Context(), "bad")
	if refusal != nil {
		t.Fatal(refusal)
	}
	defer s.rooms.exit(r)
	if _, refusal := r.coldUpdate(t.Context(), []byte{1, 7, 5}); refusal != nil {
		t.Fatalf("who lacks nothing: %v", refusal)
	}
	if _, refusal := r.coldUpdate(t.Context(), []byte{1, 7, 4}); refusal == nil || refusal.Code != ysync.CodeCorrupt {
		t.Fatalf("who lacks something: got %v, want that the document is damaged", refusal)
	}
	if got := stateOf(r); got != failed {
		t.Errorf("the room is %s, want failed", got)
	}
}

// TestDigestSparesTheLog: who has everything is answered from the digest alone, until an entry comes that it does not know.
func TestDigestSparesTheLog(t *testing.T) {
	s := newTestServer(t, newDisk(), hooks{}, nil)
	update := textUpdate(t, "hello")
	mustStore(t, s, "d", update)
	ask := func() {
		r, refusal := s.rooms.attend(context.Background(), "d")
		if refusal != nil {
			t.Fatal(refusal)
		}
		defer s.rooms.exit(r)
		vector, refusal := r.coldVector(t.Context())
		if refusal != nil {
			t.Fatal(refusal)
		}
		if _, refusal := r.coldUpdate(t.Context(), vector); refusal != nil {
			t.Fatal(refusal)
		}
		if known, refusal := r.coldKnows(t.Context(), update); !known || refusal != nil {
			t.Fatalf("known %t, %v", known, refusal)
		}
	}
	ask()
	for deadline := time.Now().Add(patience); len(s.rooms.list()) > 0; time.Sleep(time.Millisecond) {
		s.rooms.tidy(time.Now(), 0)
		if time.Now().After(deadline) {
			t.Fatal("the room stays")
		}
	}
	mustStore(t, s, "after it", update) // the digest is written when nobody waits for it, but in order
	ask()
	if got := s.Stats().Merges; got != 1 {
		t.Errorf("got %d readings of the log, want 1", got)
	}
	d, err := s.store.Document(t.Context(), "d", false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Append(storage.Entry{Update: textUpdate(t, "more")}); err != nil {
		t.Fatal(err)
	}
	if err := settle(d); err != nil {
		t.Fatal(err)
	}
	if kept, err := d.Digest(t.Context(), 2); err != nil || kept != nil {
		t.Errorf("got a digest of before (%v), want none after another entry", err)
	}
}

// TestReadingCompacts: a log of many entries is merged for the first who reads it, and found compacted by those who come
// after the next start.
func TestReadingCompacts(t *testing.T) {
	d := newDisk()
	s := newTestServer(t, d, hooks{}, nil)
	doc := crdt.New(crdt.Options{})
	var updates [][]byte
	for range 300 {
		update, err := doc.Update(func(tx *crdt.Tx) error { return doc.Text("content").Insert(tx, 0, "x") })
		if err != nil {
			t.Fatal(err)
		}
		updates = append(updates, update)
	}
	mustStore(t, s, "d", updates...)
	r, refusal := s.rooms.attend(t.Context(), "d")
	if refusal != nil {
		t.Fatal(refusal)
	}
	defer s.rooms.exit(r)
	if _, refusal := r.coldUpdate(t.Context(), emptyVector); refusal != nil {
		t.Fatal(refusal)
	}
	for deadline := time.Now().Add(patience); r.log.Info().Snapshot != 300; time.Sleep(time.Millisecond) {
		r.look(time.Now().Add(watchEvery))
		if time.Now().After(deadline) {
			t.Fatal("no snapshot")
		}
	}
	m, err := mergeCold("d", r.log, 300, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := crdt.New(crdt.Options{})
	if _, err := got.ApplyUpdate(m.update); err != nil || got.RootString("content") != strings.Repeat("x", 300) {
		t.Errorf("got %q, %v", got.RootString("content"), err)
	}
	if !m.digest.Equal(doc.Snapshot()) || !m.kept {
		t.Error("the digest of before is not that of the snapshot")
	}
}

// TestLeavingCompacts: a document with a log of many entries that leaves memory, because nobody is there or because nobody
// edits it, is found compacted by the first who comes back.
func TestLeavingCompacts(t *testing.T) {
	leave := map[string]func(*Server, *room){
		"nobody is there": func(s *Server, r *room) {
			s.rooms.exit(r)
			s.rooms.tidy(time.Now(), 0)
			s.rooms.tidy(time.Now().Add(time.Second), 0)
		},
		"nobody edits": func(s *Server, r *room) {
			defer s.rooms.exit(r)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.cool(time.Now().Add(s.limits.CoolAfter))
		},
	}
	for name, leave := range leave {
		t.Run(name, func(t *testing.T) {
			s := newTestServer(t, newDisk(), hooks{}, nil)
			r, refusal := s.rooms.open(t.Context(), "d")
			if refusal != nil {
				t.Fatal(refusal)
			}
			for range 300 {
				if refusal := r.apply(origin{}, ysync.Update, textUpdate(t, "x")); refusal != nil {
					t.Fatal(refusal)
				}
			}
			if err := r.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			leave(s, r)
			if got := stateOf(r); got == ready {
				t.Fatal("the engine has not left memory")
			}
			for deadline := time.Now().Add(patience); s.Stats().Storage.Snapshots == 0; time.Sleep(time.Millisecond) { // polls
				if time.Now().After(deadline) {
					t.Fatal("no snapshot")
				}
			}
		})
	}
}
