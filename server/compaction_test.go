package server

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
)

// mergeOf merges updates as if they were a log.
func mergeOf(t *testing.T, updates ...[]byte) ([]byte, error) {
	t.Helper()
	return MergeLog(t.Context(), "d", func(fn func(storage.Entry) error) error {
		for i, u := range updates {
			if err := fn(storage.Entry{Seq: uint64(i + 1), Update: u}); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestMergeLogKeepsEverything merges random histories, some with parts that wait for their base, and some of whose base
// comes after the compaction.
func TestMergeLogKeepsEverything(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	waited := 0
	for round := range 200 {
		all := pairHistory(t, rng)
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		cut := rng.IntN(len(all) + 1)
		state, err := mergeOf(t, all[:cut]...)
		if err != nil {
			t.Fatalf("seed %d, round %d: %v", seed, round, err)
		}
		want, got := crdt.New(crdt.Options{KeepMarks: true}), crdt.New(crdt.Options{KeepMarks: true})
		mustApply(t, want, all...)
		mustApply(t, got, append([][]byte{state}, all[cut:]...)...)
		// What waits is tried again only when the clock that it first asked for arrives. Here all of it can be.
		for _, d := range []*crdt.Doc{want, got} {
			for range settleRounds {
				own, err := d.EncodeStateAsUpdate(nil)
				if err != nil {
					t.Fatal(err)
				}
				mustApply(t, d, own)
			}
		}
		half := crdt.New(crdt.Options{})
		mustApply(t, half, state)
		waited += half.Stats().Pending
		if !sameJSON(got.JSON(), want.JSON()) || !got.Snapshot().Equal(want.Snapshot()) {
			t.Fatalf("seed %d, round %d: got %s, want %s", seed, round, got.JSON(), want.JSON())
		}
	}
	if waited == 0 {
		t.Error("nothing ever waited for its base: the test proves little")
	}
}

// pairHistory returns the updates of two people who write and delete in one text and one map.
func pairHistory(t *testing.T, rng *rand.Rand) (all [][]byte) {
	t.Helper()
	docs := []*crdt.Doc{crdt.New(crdt.Options{}), crdt.New(crdt.Options{})}
	for range 5 + rng.IntN(30) {
		d := docs[rng.IntN(2)]
		update, err := d.Update(func(tx *crdt.Tx) error {
			text := d.Text("t")
			switch n := text.Len(); {
			case n > 3 && rng.IntN(3) == 0:
				return text.Delete(tx, rng.IntN(n-2), 2)
			case rng.IntN(4) == 0:
				return d.Map("m").Set(tx, string(rune('a'+rng.IntN(4))), rng.IntN(9))
			default:
				return text.Insert(tx, rng.IntN(n+1), strings.Repeat("x", 1+rng.IntN(4)))
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, update)
		if rng.IntN(3) == 0 {
			mustApply(t, docs[0], all...)
			mustApply(t, docs[1], all...)
		}
	}
	return slices.Clone(all)
}

func mustApply(t *testing.T, d *crdt.Doc, updates ...[]byte) {
	t.Helper()
	for _, u := range updates {
		if _, err := d.ApplyUpdate(u); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVerifyStateTells is the control: a state that lacks something is told from the document.
func TestVerifyStateTells(t *testing.T) {
	doc := crdt.New(crdt.Options{})
	first, err := doc.Update(func(tx *crdt.Tx) error { return doc.Text("t").Insert(tx, 0, "abc") })
	if err != nil {
		t.Fatal(err)
	}
	second, err := doc.Update(func(tx *crdt.Tx) error { return doc.Text("t").Insert(tx, 3, "def") })
	if err != nil {
		t.Fatal(err)
	}
	third, err := doc.Update(func(tx *crdt.Tx) error { return doc.Text("t").Delete(tx, 0, 2) })
	if err != nil {
		t.Fatal(err)
	}
	waiting := crdt.New(crdt.Options{})
	mustApply(t, waiting, second)
	tests := []struct {
		name  string
		doc   *crdt.Doc
		state []byte
		want  string
	}{
		{"an insertion", doc, first, "other operations"},
		{"what waits", waiting, emptyUpdate, "structs wait"},
		{"nonsense", doc, []byte{1, 2, 3}, "decode"},
	}
	without := crdt.New(crdt.Options{})
	mustApply(t, without, first, second)
	state, err := without.EncodeStateAsUpdate(nil)
	if err != nil {
		t.Fatal(err)
	}
	mustApply(t, doc, third)
	tests = append(tests, struct {
		name  string
		doc   *crdt.Doc
		state []byte
		want  string
	}{"a deletion", doc, state, "deleted"})
	for _, tt := range tests {
		if err := verifyState(tt.doc, tt.state); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s is missing: got %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := mergeOf(t, first, []byte{9, 9, 9}); err == nil {
		t.Error("a damaged entry was merged")
	}
}

// TestServerCompacts: documents that people write in are compacted while they do, and stay what they are.
func TestServerCompacts(t *testing.T) {
	d := newDisk()
	s := startServer(t, d, hooks{}, func(o *Options) { o.Compaction = storage.CompactionOptions{Entries: 20} })
	e := s.join(t, "d")
	for range 200 {
		e.write("x")
	}
	deadline := time.Now().Add(patience)
	for s.Stats().Storage.Snapshots < 2 {
		if time.Now().After(deadline) {
			t.Fatalf("%d snapshots after %v", s.Stats().Storage.Snapshots, patience)
		}
		e.write("y")
		time.Sleep(time.Millisecond) // polls
	}
	if n := s.Stats().Storage.CompactErrors; n != 0 {
		t.Errorf("%d compactions failed", n)
	}
	e.sync()
	want := e.text()
	s.stop()
	s = startServer(t, d, hooks{}, nil)
	s.join(t, "d").awaitText(want)
}

// TestManyStructs stores a document of more structs than one update of a peer may hold. It has to be compacted, loaded from
// its snapshot, and still hold its peers to the limit.
func TestManyStructs(t *testing.T) {
	writer := crdt.New(crdt.Options{ClientID: 7})
	text := writer.Text("t")
	var updates [][]byte
	for range 3 {
		update, err := writer.Update(func(tx *crdt.Tx) error {
			for range 350_000 {
				if err := text.InsertEmbed(tx, 0, true); err != nil { // they never become one
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		updates = append(updates, update)
	}
	state, err := mergeOf(t, updates...)
	if err != nil {
		t.Fatal(err)
	}

	s := newTestServer(t, newDisk(), hooks{}, nil)
	mustStore(t, s, "d", state)
	r, refusal := s.rooms.open(t.Context(), "d")
	if refusal != nil {
		t.Fatal(refusal)
	}
	defer s.rooms.exit(r)
	if got := r.doc.Stats().Structs; got != 1_050_000 {
		t.Errorf("%d structs after loading, want 1,050,000", got)
	}
	if _, err := r.doc.ApplyUpdate(state); err == nil || !strings.Contains(err.Error(), "more than 1000000 structs") {
		t.Errorf("the state as one update of a peer: got %v, want a refusal", err)
	}
}
