package crdt_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"unicode/utf16"

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

// noStateLimits leaves out those limits that depend on what a document holds, so
// that it takes whatever is well formed.
var noStateLimits = crdt.Limits{Nesting: 1 << 40, PendingStructs: 1 << 40, PendingBytes: 1 << 40, PendingDeletes: 1 << 40}

func unbounded(client uint64) *crdt.Doc {
	return crdt.New(crdt.Options{ClientID: client, Limits: noStateLimits})
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
		h := newVictim(t, noStateLimits, half)
		d, before := h.doc, h.state
		var shown mirror
		d.OnRootSplice("text", shown.splice)
		shown.units = utf16.Encode([]rune(d.RootText("text")))
		var applied crdt.Applied
		err := h.handle("applying", update, func() (err error) {
			applied, err = d.ApplyUpdate(update)
			return err
		})
		valid := h.handle("validating", update, func() error { return crdt.ValidateUpdate(update) })
		if (valid == nil) != (err == nil) {
			t.Fatalf("ValidateUpdate says %v, ApplyUpdate %v", valid, err)
		}
		if err != nil {
			if applied.Changed {
				t.Fatal("a refused update changed the document")
			}
			return
		}
		after := encoded(t, d)
		if !applied.Changed && !bytes.Equal(before, after) {
			t.Fatal("the document changed and Applied does not say so")
		}
		if known, err := d.Knows(update); err != nil || d.Stats().Pending == 0 && !applied.Waiting && !known {
			t.Fatalf("Knows says %v, %v of what was applied", known, err)
		}
		if got, want := string(utf16.Decode(shown.units)), d.RootText("text"); got != want {
			t.Fatalf("splices add up to %q, the text is %q", got, want)
		}
		if !json.Valid(d.JSON()) {
			t.Fatalf("JSON is not valid: %s", d.JSON())
		}
		sameAs(t, d, after)
		defer editAfter(t, d, &shown)
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

// editAfter edits a document to which anything was applied: positions, formats
// and keys have to hold.
func editAfter(t *testing.T, d *crdt.Doc, shown *mirror) {
	rnd := rand.New(rand.NewPCG(1, 9))
	for range 8 {
		edit(t, rnd, d, []string{"a", "some text"})
		if err := d.Check(); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := string(utf16.Decode(shown.units)), d.RootText("text"); got != want {
		t.Fatalf("after edits: splices add up to %q, the text is %q", got, want)
	}
	_, _, _ = d.Text("text").Delta(), d.XMLFragment("xml").String(), d.Array("array").ToSlice()
	loaded := unbounded(13)
	if _, err := loaded.ApplyUpdate(encoded(t, d)); err != nil {
		t.Fatalf("after edits: the encoded state is refused: %v", err)
	}
}

// loads checks that an encoded state is accepted and has the state vector of d.
// What waits may overlap what is known, and need less once it is cut to fit.
func loads(t *testing.T, d *crdt.Doc, state []byte) *crdt.Doc {
	t.Helper()
	fresh := unbounded(11)
	if _, err := fresh.ApplyUpdate(state); err != nil {
		t.Fatalf("the encoded state is refused: %v", err)
	}
	if err := fresh.Check(); err != nil {
		t.Fatal(err)
	}
	if got := fresh.EncodeStateVector(); d.Stats().Pending == 0 && !bytes.Equal(got, d.EncodeStateVector()) {
		t.Fatal("the encoded state has another state vector")
	}
	return fresh
}

// sameAs checks that an encoded state loads into a document like d.
func sameAs(t *testing.T, d *crdt.Doc, state []byte) {
	t.Helper()
	fresh := loads(t, d, state)
	if d.Stats().Pending > 0 {
		return
	}
	for _, root := range d.Roots() {
		if got, want := fresh.RootText(root), d.RootText(root); got != want {
			t.Fatalf("root %q loads as %q, was %q", root, got, want)
		}
	}
}
