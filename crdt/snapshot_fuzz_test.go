package crdt_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// FuzzDecodeSnapshot decodes any bytes and uses what they give: reading at a
// snapshot that no document had must not harm the document.
func FuzzDecodeSnapshot(f *testing.F) {
	d := crdt.New(crdt.Options{ClientID: 1, KeepDeleted: true})
	rnd := rand.New(rand.NewPCG(3, 3))
	for range 30 {
		edit(f, rnd, d, []string{"a", "wörld", "😀", "some text"})
		f.Add(d.Snapshot().Encode())
		f.Add(d.Snapshot().EncodeV2())
	}
	f.Add([]byte{0, 0})
	state, err := d.EncodeStateAsUpdate(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, decode := range []func([]byte) (crdt.Snapshot, error){crdt.DecodeSnapshot, crdt.DecodeSnapshotV2} {
			s, err := decode(b)
			if err != nil {
				var refused *crdt.UpdateError
				if !errors.As(err, &refused) || refused.Offset < 0 || refused.Offset > len(b) {
					t.Fatalf("refused with %v", err)
				}
				continue
			}
			useSnapshot(t, s, state)
		}
	})
}

func useSnapshot(t *testing.T, s crdt.Snapshot, state []byte) {
	t.Helper()
	if again, err := crdt.DecodeSnapshot(s.Encode()); err != nil || !again.Equal(s) {
		t.Fatalf("V1 reads back as %v, %v", again, err)
	}
	if again, err := crdt.DecodeSnapshotV2(s.EncodeV2()); err != nil || !again.Equal(s) {
		t.Fatalf("V2 reads back as %v, %v", again, err)
	}
	if _, err := s.ContainsUpdate(state); err != nil {
		t.Fatal(err)
	}
	d := crdt.New(crdt.Options{ClientID: 2, KeepDeleted: true})
	if _, err := d.ApplyUpdate(state); err != nil {
		t.Fatal(err)
	}
	for _, name := range d.Roots() {
		switch d.RootKind(name) {
		case crdt.KindText:
			d.Text(name).DeltaBetween(s, d.Snapshot(), nil)
			d.Text(name).StringAt(s)
		case crdt.KindArray:
			d.Array(name).SliceAt(s)
		case crdt.KindMap:
			d.Map(name).EntriesAt(s)
		}
	}
	if r, err := d.Restore(s, crdt.Options{}); err == nil {
		if err := r.Check(); err != nil {
			t.Fatalf("restored: %v", err)
		}
	}
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
}
