package crdt_test

import (
	"math/rand/v2"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// TestSnapshotMeets: everything that has to do with a history is told from what has not.
func TestSnapshotMeets(t *testing.T) {
	dead := crdt.New(crdt.Options{ClientID: 7})
	seed := must(dead, func(tx *crdt.Tx) error { return dead.Text("t").Insert(tx, 0, "dead") })
	nested := must(dead, func(tx *crdt.Tx) error { return dead.Map("m").Set(tx, "k", crdt.NewText("in")) })
	s := dead.Snapshot()

	mixed := crdt.New(crdt.Options{ClientID: 8})
	for _, u := range [][]byte{seed, nested} {
		if _, err := mixed.ApplyUpdate(u); err != nil {
			t.Fatal(err)
		}
	}
	alone := crdt.New(crdt.Options{ClientID: 9})
	inNested := func(tx *crdt.Tx) error {
		v, _ := mixed.Map("m").Get("k")
		return v.(*crdt.Text).Insert(tx, 0, "x")
	}
	for name, test := range map[string]struct {
		update []byte
		want   bool
	}{
		"its own operations":      {seed, true},
		"behind an operation":     {must(mixed, func(tx *crdt.Tx) error { return mixed.Text("t").Insert(tx, 4, "x") }), true},
		"before an operation":     {must(mixed, func(tx *crdt.Tx) error { return mixed.Text("t").Insert(tx, 0, "x") }), true},
		"in a nested type":        {must(mixed, inNested), true},
		"a deletion":              {must(mixed, func(tx *crdt.Tx) error { return mixed.Text("t").Delete(tx, 1, 1) }), true},
		"another root":            {must(mixed, func(tx *crdt.Tx) error { return mixed.Text("other").Insert(tx, 0, "x") }), false},
		"the same root, unaware":  {must(alone, func(tx *crdt.Tx) error { return alone.Text("t").Insert(tx, 0, "x") }), false},
		"nothing":                 {[]byte{0, 0}, false},
		"a gap before operations": {[]byte{1, 1, 7, 0, 10, 4, 0}, false},
	} {
		got, err := s.MeetsUpdate(test.update)
		if err != nil || got != test.want {
			t.Errorf("%s: got %t, %v, want %t", name, got, err, test.want)
		}
	}
	if met, err := s.Meets(mixed.EncodeStateVector()); err != nil || !met {
		t.Errorf("the vector of one who has it: got %t, %v", met, err)
	}
	if met, err := s.Meets(alone.EncodeStateVector()); err != nil || met {
		t.Errorf("the vector of one who has not: got %t, %v", met, err)
	}
	if _, err := s.Meets([]byte{9}); err == nil {
		t.Error("a cut vector was read")
	}
}

// TestRenameClients: random histories whose clients have other names merge to the same document.
func TestRenameClients(t *testing.T) {
	seed := rand.Uint64()
	for i := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed+i, 0))
		docs := make([]*crdt.Doc, 3)
		for n := range docs {
			docs[n] = crdt.New(crdt.Options{ClientID: uint64(3*n + 2)})
		}
		var updates [][]byte
		for range 30 {
			author := docs[rng.IntN(len(docs))]
			updates = append(updates, must(author, func(tx *crdt.Tx) error {
				text := author.Text("t")
				if n := text.Len(); n > 3 && rng.IntN(3) == 0 {
					return text.Delete(tx, rng.IntN(n-2), 2)
				}
				if rng.IntN(4) == 0 {
					return author.Map("m").Set(tx, "k", crdt.NewText("in"))
				}
				return text.Insert(tx, rng.IntN(text.Len()+1), "ab")
			}))
			for _, d := range docs {
				if rng.IntN(2) == 0 {
					if _, err := d.ApplyUpdate(updates[len(updates)-1]); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		merged, err := crdt.MergeUpdates(updates...)
		if err != nil {
			t.Fatal(err)
		}
		renamed, err := crdt.RenameClients(merged, func(client uint64) uint64 { return client<<40 + 1 })
		if err != nil {
			t.Fatal(err)
		}
		a, b := crdt.New(crdt.Options{}), crdt.New(crdt.Options{})
		if _, err := a.ApplyUpdate(merged); err != nil {
			t.Fatal(err)
		}
		if _, err := b.ApplyUpdate(renamed); err != nil {
			t.Fatal(err)
		}
		if string(a.JSON()) != string(b.JSON()) || a.Stats().Pending != b.Stats().Pending {
			t.Errorf("seed %d: got %s, want %s", seed+i, b.JSON(), a.JSON())
		}
		if met, err := a.Snapshot().Meets(b.EncodeStateVector()); met || err != nil {
			t.Errorf("seed %d: the renamed history has the old clients (%v)", seed+i, err)
		}
		if _, err := crdt.RenameClients(merged, func(client uint64) uint64 { return 100 - client }); err == nil {
			t.Errorf("seed %d: names that turn the order around were taken", seed+i)
		}
	}
}
