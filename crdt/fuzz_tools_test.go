package crdt_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
)

// FuzzUpdateTools checks that merging, comparing and asking for the state
// vector accept exactly what a document accepts, and agree with it.
func FuzzUpdateTools(f *testing.F) {
	_, updates := base(f)
	for i, u := range updates {
		f.Add(u, updates[len(updates)-1-i], []byte{0})
	}
	f.Fuzz(func(t *testing.T, a, b, sv []byte) {
		sameRefusals(t, a)
		n := len(a) + len(b)
		var merged []byte
		var err error
		expectBounded(t, "merging", n, func() { merged, err = crdt.MergeUpdates(a, b) })
		valid := crdt.ValidateUpdate(a) == nil && crdt.ValidateUpdate(b) == nil
		if (err == nil) != valid {
			t.Fatalf("merging: %v, though valid = %v", err, valid)
		}
		if err != nil {
			return
		}
		one, two := unbounded(1), unbounded(1)
		for _, u := range [][]byte{a, b} {
			if _, err := one.ApplyUpdate(u); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := two.ApplyUpdate(merged); err != nil {
			t.Fatalf("merged update refused: %v", err)
		}
		// Updates that tell different things of one operation may wait merged
		// where they did not one by one, as in Yjs.
		if two.Stats().Pending == 0 && !bytes.Equal(one.EncodeStateVector(), two.EncodeStateVector()) {
			t.Fatalf("state vector %x one by one, %x merged", one.EncodeStateVector(), two.EncodeStateVector())
		}
		for _, update := range [][]byte{a, b, merged} {
			sameIndexed(t, update, sv)
		}
		sameCopied(t, a, b)
		sameCopied(t, merged, b, a)
		vectorOfUpdate(t, a)
		vectorOfUpdate(t, merged)
		expectBounded(t, "comparing", len(merged)+len(sv), func() {
			diff, err := crdt.DiffUpdate(merged, sv)
			if err != nil {
				return
			}
			if err := crdt.ValidateUpdate(diff); err != nil {
				t.Fatalf("diff is not valid: %v", err)
			}
			got, err := two.ApplyUpdate(diff)
			if err != nil || two.Stats().Pending == 0 && got.Changed {
				t.Fatalf("the difference is news to who has it all: %+v, %v", got, err)
			}
		})
	})
}

// sameCopied checks that updates are merged to the same, whether what one has alone is copied or read again.
func sameCopied(t *testing.T, updates ...[]byte) {
	t.Helper()
	want, err := crdt.MergeReading(updates...)
	got, errCopying := crdt.MergeCopying(updates...)
	if err != nil || errCopying != nil || !bytes.Equal(got, want) {
		t.Fatalf("merging %x: got %x, %v, want %x, %v", updates, got, errCopying, want, err)
	}
}

// sameIndexed checks that what a vector lacks of a valid update is the same with an index.
func sameIndexed(t *testing.T, update, sv []byte) {
	t.Helper()
	var whole, fine *crdt.UpdateIndex
	var err, errFine error
	expectBounded(t, "indexing", len(update), func() { whole, err = crdt.IndexUpdate(update) })
	fine, errFine = crdt.IndexFinely(update, 3)
	if err != nil || errFine != nil {
		t.Fatalf("index of a valid update: %v, %v", err, errFine)
	}
	want, refusal := crdt.DiffUpdate(update, sv)
	for _, ix := range []*crdt.UpdateIndex{whole, fine} {
		got, err := ix.Diff(sv)
		if !bytes.Equal(got, want) || fmt.Sprint(err) != fmt.Sprint(refusal) {
			t.Fatalf("update %x, vector %x: got %x, %v, want %x, %v", update, sv, got, err, want, refusal)
		}
	}
}

// vectorOfUpdate checks the state vector of an update that is valid against
// that of a document which applied it alone.
func vectorOfUpdate(t *testing.T, update []byte) {
	t.Helper()
	var sv []byte
	var err error
	expectBounded(t, "reading the state vector", len(update), func() { sv, err = crdt.StateVectorFromUpdate(update) })
	if err != nil {
		t.Fatalf("state vector of an update: %v", err)
	}
	d := crdt.New(crdt.Options{ClientID: 1})
	if _, err := d.ApplyUpdate(update); err != nil {
		t.Fatal(err)
	}
	claimed := crdttest.ReadVector(sv)
	got := crdttest.ReadVector(d.EncodeStateVector())
	for client, clock := range got {
		if claimed[client] < clock {
			t.Fatalf("the update claims %d of client %d, applied it gives %d", claimed[client], client, clock)
		}
	}
	if d.Stats().Pending == 0 && len(claimed) != len(got) {
		t.Fatalf("the update claims %v, applied it gives %v", claimed, got)
	}
}

// Whatever state vector is sent, every way to answer it accepts it or none
// does; the answer is well formed, and no news to the document that gave it.
func FuzzStateVector(f *testing.F) {
	full, updates := base(f)
	waiting := updates[len(updates)-1]
	f.Add(full.EncodeStateVector())
	f.Add([]byte{})
	f.Add([]byte{0})
	f.Add([]byte{1, 1, 7})
	f.Add([]byte{2, 1, 3, 1, 200, 1})
	f.Fuzz(func(t *testing.T, sv []byte) {
		h := newVictim(t, noStateLimits, append(updates[:len(updates)/2:len(updates)/2], waiting)...)
		v2, err := h.doc.EncodeStateAsUpdateV2(nil)
		if err != nil {
			t.Fatal(err)
		}
		var results [4]error
		for i, way := range []struct {
			name    string
			encode  func() ([]byte, error)
			convert bool
		}{
			{"encoding", func() ([]byte, error) { return h.doc.EncodeStateAsUpdate(sv) }, false},
			{"encoding in V2", func() ([]byte, error) { return h.doc.EncodeStateAsUpdateV2(sv) }, true},
			{"comparing", func() ([]byte, error) { return crdt.DiffUpdate(h.state, sv) }, false},
			{"comparing in V2", func() ([]byte, error) { return crdt.DiffUpdateV2(v2, sv) }, true},
		} {
			var answer []byte
			results[i] = h.handle(way.name, sv, func() (err error) {
				answer, err = way.encode()
				return err
			})
			h.unchanged(way.name)
			if results[i] != nil {
				continue
			}
			apply := h.doc.ApplyUpdate
			if way.convert {
				apply = h.doc.ApplyUpdateV2
			}
			if got, err := apply(answer); err != nil || got.Changed {
				t.Fatalf("%s: the answer is refused or news: %+v, %v", way.name, got, err)
			}
		}
		for i, err := range results {
			if (err == nil) != (results[0] == nil) {
				t.Fatalf("answer %d: %v, answer 0: %v", i, err, results[0])
			}
		}
	})
}

// What is converted to V2 and back is the same to a document, and is stable
// from then on.
func FuzzConvert(f *testing.F) {
	_, updates := base(f)
	for _, u := range updates {
		f.Add(u)
	}
	f.Fuzz(func(t *testing.T, update []byte) {
		var there, back []byte
		var err error
		expectBounded(t, "converting", len(update), func() { there, err = crdt.ConvertUpdateV1ToV2(update) })
		if valid := crdt.ValidateUpdate(update); (valid == nil) != (err == nil) {
			t.Fatalf("converting: %v, validating: %v", err, valid)
		}
		if err != nil {
			return
		}
		expectBounded(t, "converting back", len(update), func() { back, err = crdt.ConvertUpdateV2ToV1(there) })
		if err != nil {
			t.Fatalf("converting back: %v", err)
		}
		if again, err := crdt.ConvertUpdateV1ToV2(back); err != nil || !bytes.Equal(again, there) {
			t.Fatalf("%x\nis %x in V2, which there and back is\n%x, %v", update, there, again, err)
		}
		var states [3][]byte
		for i := range states {
			d := crdt.New(crdt.Options{ClientID: 9})
			apply, u := d.ApplyUpdate, [][]byte{update, there, back}[i]
			if i == 1 {
				apply = d.ApplyUpdateV2
			}
			if _, err := apply(u); err != nil {
				t.Fatalf("form %d is refused: %v", i, err)
			}
			// Lone surrogates in JSON survive in V1 alone.
			if states[i], err = d.EncodeStateAsUpdateV2(nil); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(states[i], states[0]) {
				t.Fatalf("form %d gives the state\n%x, form 0\n%x", i, states[i], states[0])
			}
		}
	})
}
