package crdt_test

import (
	"testing"

	"github.com/weftsync/weft/crdt"
)

// TestPositionInWhatWasRedoneAndThenSplit keeps a position in a text that is undone and redone, and only then cut by what
// somebody else had inserted into the first one. Real Yjs has "abcdefX" then, and the position before the "e".
func TestPositionInWhatWasRedoneAndThenSplit(t *testing.T) {
	a, b := crdt.New(crdt.Options{ClientID: 1}), crdt.New(crdt.Options{ClientID: 2})
	text := a.Text("t")
	undo := a.NewUndoManager(crdt.UndoOptions{}, text)
	insert := func(d *crdt.Doc, index int, s string) []byte {
		t.Helper()
		update, err := d.Update(func(tx *crdt.Tx) error { return d.Text("t").Insert(tx, index, s) })
		if err != nil {
			t.Fatal(err)
		}
		return update
	}
	if _, err := b.ApplyUpdate(insert(a, 0, "abcdef")); err != nil {
		t.Fatal(err)
	}
	foreign := insert(b, 3, "X")
	position := text.RelativePosition(4, 0)
	if _, _, err := undo.Undo(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := undo.Redo(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.ApplyUpdate(foreign); err != nil {
		t.Fatal(err)
	}
	_, _, index, err := a.Resolve(position)
	if err != nil || text.String() != "abcdefX" || index != 4 {
		t.Errorf("got %q and %d, %v; want \"abcdefX\" and 4", text, index, err)
	}
}
