package crdt_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
)

// TestIndexedDifferences: of updates of several clients, with holes and with text of every kind, whoever lacks something
// is sent the same with an index as without one, wherever what they have ends; and they are merged to the same whether
// what one has alone is copied or read again.
func TestIndexedDifferences(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 12))
			docs := make([]*crdt.Doc, 4)
			for i := range docs {
				docs[i] = crdt.New(crdt.Options{ClientID: rnd.Uint64N(1 << 40), KeepDeleted: seed%2 == 0})
			}
			var updates [][]byte
			for range 600 {
				n := rnd.IntN(len(docs))
				u := edit(t, rnd, docs[n], []string{"a", "wörld", "😀😀", "some text"})
				if u == nil || rnd.IntN(100) < int(seed%3) { // nobody hears of it: a hole
					continue
				}
				updates = append(updates, u)
				for i, d := range docs {
					if i != n && rnd.IntN(4) > 0 {
						if _, err := d.ApplyUpdate(u); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			merged, err := crdt.MergeUpdates(updates...)
			if err != nil {
				t.Fatal(err)
			}
			sameCopied(t, updates...)
			for range 20 { // parts of it that overlap, and have holes
				var parts [][]byte
				for range 1 + rnd.IntN(4) {
					from := rnd.IntN(len(updates))
					part, err := crdt.MergeUpdates(updates[from : from+rnd.IntN(len(updates)-from)+1]...)
					if err != nil {
						t.Fatal(err)
					}
					parts = append(parts, part)
				}
				d := docs[rnd.IntN(len(docs))]
				state, err := d.EncodeStateAsUpdate(nil) // with collected runs
				if err != nil {
					t.Fatal(err)
				}
				sameCopied(t, append(parts, state, updates[rnd.IntN(len(updates))])...)
			}
			whole, err := crdt.IndexUpdate(merged)
			if err != nil || !whole.IsIndexed() {
				t.Fatalf("the index of %d bytes: %v", len(merged), err)
			}
			fine, err := crdt.IndexFinely(merged, 1+rnd.IntN(5))
			if err != nil || !fine.IsIndexed() {
				t.Fatal(err)
			}
			meta, err := crdt.ParseUpdateMeta(merged)
			if err != nil {
				t.Fatal(err)
			}
			for range 200 {
				picks := make([]int, len(docs)) // of 255; more is beyond the end
				for i := range picks {
					picks[i] = max(0, rnd.IntN(320)-20)
				}
				vector := crdttest.VectorBelow(meta.To, picks)
				want, err := crdt.DiffUpdate(merged, vector)
				if err != nil {
					t.Fatal(err)
				}
				for name, ix := range map[string]*crdt.UpdateIndex{"index": whole, "fine index": fine} {
					if got, err := ix.Diff(vector); err != nil || !bytes.Equal(got, want) {
						t.Fatalf("%s, who has %v of 255 of %v: got %d bytes, %v, want %d", name, picks, meta.To, len(got), err, len(want))
					}
				}
			}
		})
	}
}

// TestIndexIsSmall: an update of which an index would be larger than a quarter has none, and one that Yjs would write in
// another way; they are read each time.
func TestIndexIsSmall(t *testing.T) {
	clients := raw(nil).uint(5000)
	for c := range uint64(5000) {
		clients = clients.uint(1, 10_000-c, 0).bytes(gc).uint(1)
	}
	long := raw(nil).uint(1, 500, 7, 0)
	for range 500 {
		long = long.bytes(gc).uint(1)
	}
	long = slices.Clip(long)
	odd := raw(nil).uint(1, 500, 7, 0)
	for range 500 {
		odd = odd.bytes(gc | left).uint(1)
	}
	for name, tt := range map[string]struct {
		update raw
		want   bool
	}{
		"one client":                  {long.uint(0), true},
		"five thousand":               {clients.uint(0), false},
		"no structs":                  {raw(nil).uint(0, 0), true},
		"as Yjs would not write it":   {odd.uint(0), false},
		"deletes that Yjs would join": {long.uint(1, 7, 2, 0, 5, 5, 5), true},
	} {
		ix, err := crdt.IndexUpdate(tt.update)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := ix.IsIndexed(); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
		for clock := range uint64(502) {
			vector := raw(nil).uint(2, 7, clock, 5000, 1)
			want, err := crdt.DiffUpdate(tt.update, vector)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := ix.Diff(vector); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, who has %d: got %x, %v, want %x", name, clock, got, err, want)
			}
		}
	}
	ix, err := crdt.IndexUpdate(long.uint(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{{1}, {0xff, 0xff, 0xff, 0xff, 0x7f}, {1, 7, 0x80}} {
		if _, err := ix.Diff(bad); err == nil {
			t.Errorf("vector %x is taken", bad)
		}
	}
	if _, err := crdt.IndexUpdate(append(long.uint(0), 1)); err == nil {
		t.Error("an update with something behind it is taken")
	}
}
