package crdt_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// base returns a document with something of everything, and its updates.
func base(t testing.TB) (*crdt.Doc, [][]byte) {
	t.Helper()
	d := crdt.New(crdt.Options{ClientID: 1})
	var updates [][]byte
	rnd := rand.New(rand.NewPCG(7, 7))
	for range 40 {
		if u := edit(t, rnd, d, []string{"a", "wörld", "😀", "some text"}); u != nil {
			updates = append(updates, u)
		}
	}
	u, err := d.Update(func(tx *crdt.Tx) error {
		x := d.XMLFragment("xml")
		e, err := x.InsertElement(tx, 0, "p")
		if err != nil {
			return err
		}
		text, err := e.InsertText(tx, 0)
		if err != nil {
			return err
		}
		if _, err := x.InsertHook(tx, 1, "hook"); err != nil {
			return err
		}
		m := d.Map("map")
		for k, v := range map[string]any{"doc": crdt.Subdoc{GUID: "g", AutoLoad: true}, "big": crdt.BigInt(1 << 60), "none": crdt.Undefined, "deep": []any{1.5, map[string]any{"k": nil}}} {
			if err := m.Set(tx, k, v); err != nil {
				return err
			}
		}
		return text.Insert(tx, 0, "in a paragraph", crdt.Attrs{"em": map[string]any{"c": "d"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	return d, append(updates, u)
}

// unbounded returns a document without those limits that depend on what it
// holds, so that it takes whatever is well formed.
func unbounded(client uint64) *crdt.Doc {
	const none = 1 << 40
	return crdt.New(crdt.Options{ClientID: client, Limits: crdt.Limits{Nesting: none, PendingStructs: none, PendingBytes: none, PendingDeletes: none}})
}

// Whatever bytes are applied, the document stays sound; what is refused changed
// nothing; what is accepted survives encoding, merging and splitting.
func FuzzApplyUpdate(f *testing.F) {
	d, updates := base(f)
	state, err := d.EncodeStateAsUpdate(nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, u := range updates {
		f.Add(u)
	}
	f.Add(state)
	f.Add([]byte{0, 0})
	half, err := crdt.MergeUpdates(updates[:len(updates)/2]...)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, update []byte) {
		d := unbounded(9)
		if _, err := d.ApplyUpdate(half); err != nil {
			t.Fatal(err)
		}
		before, _ := d.EncodeStateAsUpdate(nil)
		applied, err := d.ApplyUpdate(update)
		if broken := d.Check(); broken != nil {
			t.Fatal(broken)
		}
		after, encErr := d.EncodeStateAsUpdate(nil)
		if encErr != nil {
			t.Fatalf("encoding: %v", encErr)
		}
		if valid := crdt.ValidateUpdate(update); (valid == nil) != (err == nil) {
			t.Fatalf("ValidateUpdate says %v, ApplyUpdate %v", valid, err)
		}
		if err != nil {
			if !bytes.Equal(before, after) || applied.Changed {
				t.Fatal("a refused update changed the document")
			}
			return
		}
		if !applied.Changed && !bytes.Equal(before, after) {
			t.Fatal("the document changed and Applied does not say so")
		}
		if !json.Valid(d.JSON()) {
			t.Fatalf("JSON is not valid: %s", d.JSON())
		}
		sameAs(t, d, after)
		if applied.Changed {
			other := unbounded(10)
			for _, u := range [][]byte{applied.Update, half} {
				if _, err := other.ApplyUpdate(u); err != nil {
					t.Fatalf("Applied.Update is refused: %v", err)
				}
			}
			if got := other.EncodeStateVector(); d.Stats().Pending == 0 && !bytes.Equal(got, d.EncodeStateVector()) {
				t.Fatal("Applied.Update does not bring another replica to the same state")
			}
		}
	})
}

// sameAs checks that an encoded state loads into a document like d.
func sameAs(t *testing.T, d *crdt.Doc, state []byte) {
	t.Helper()
	fresh := unbounded(11)
	if _, err := fresh.ApplyUpdate(state); err != nil {
		t.Fatalf("the encoded state is refused: %v", err)
	}
	if err := fresh.Check(); err != nil {
		t.Fatal(err)
	}
	if d.Stats().Pending > 0 {
		return // what waits may overlap what is known, and need less once it is cut to fit
	}
	if got := fresh.EncodeStateVector(); !bytes.Equal(got, d.EncodeStateVector()) {
		t.Fatal("the encoded state has another state vector")
	}
	for _, root := range d.Roots() {
		if got, want := fresh.RootText(root), d.RootText(root); got != want {
			t.Fatalf("root %q loads as %q, was %q", root, got, want)
		}
	}
}

// FuzzUpdateTools checks that merging, comparing and asking for the state
// vector accept exactly what a document accepts, and agree with it.
func FuzzUpdateTools(f *testing.F) {
	_, updates := base(f)
	for i, u := range updates {
		f.Add(u, updates[len(updates)-1-i], []byte{0})
	}
	f.Fuzz(func(t *testing.T, a, b, sv []byte) {
		sameRefusals(t, a)
		merged, err := crdt.MergeUpdates(a, b)
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
		if !bytes.Equal(one.EncodeStateVector(), two.EncodeStateVector()) {
			t.Fatalf("state vector %x one by one, %x merged", one.EncodeStateVector(), two.EncodeStateVector())
		}
		if _, err := crdt.StateVectorFromUpdate(merged); err != nil {
			t.Fatal(err)
		}
		if diff, err := crdt.DiffUpdate(merged, sv); err == nil {
			if err := crdt.ValidateUpdate(diff); err != nil {
				t.Fatalf("diff is not valid: %v", err)
			}
		}
	})
}

// A V2 update is accepted if and only if it converts to a V1 update, and does
// to a document what that does.
func FuzzApplyUpdateV2(f *testing.F) {
	_, updates := base(f)
	for _, u := range updates {
		v2, err := crdt.ConvertUpdateV1ToV2(u)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(v2)
	}
	half, err := crdt.MergeUpdates(updates[:len(updates)/2]...)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, update []byte) {
		one, two := unbounded(9), unbounded(9)
		for _, d := range []*crdt.Doc{one, two} {
			if _, err := d.ApplyUpdate(half); err != nil {
				t.Fatal(err)
			}
		}
		_, err := one.ApplyUpdateV2(update)
		if broken := one.Check(); broken != nil {
			t.Fatal(broken)
		}
		v1, convErr := crdt.ConvertUpdateV2ToV1(update)
		if (err == nil) != (convErr == nil) {
			t.Fatalf("applying: %v, converting: %v", err, convErr)
		}
		if err != nil {
			return
		}
		if _, err := two.ApplyUpdate(v1); err != nil {
			t.Fatalf("the converted update is refused: %v", err)
		}
		a, _ := one.EncodeStateAsUpdate(nil)
		b, _ := two.EncodeStateAsUpdate(nil)
		if !bytes.Equal(a, b) {
			t.Fatalf("V2 gives a state of %d bytes, the same in V1 one of %d", len(a), len(b))
		}
	})
}
