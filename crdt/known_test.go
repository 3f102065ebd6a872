package crdt_test

import (
	"strings"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// Whoever sends the same update again and again gets no memory for it, whatever
// it holds, also where known structs are looked at for what they cut: that takes
// room in the arenas, which is used again.
func TestKnownUpdatesLeaveNothing(t *testing.T) {
	from := crdt.New(crdt.Options{ClientID: 1})
	u := update(t, from, func(tx *crdt.Tx) error {
		if err := from.Text("t").Insert(tx, 0, strings.Repeat("é", 1000)); err != nil {
			return err
		}
		return from.Array("a").Push(tx, strings.Repeat("value", 200), crdt.NewText("x"), []byte("bytes"))
	})
	for name, undo := range map[string]bool{"a document": false, "with an undo manager": true} {
		t.Run(name, func(t *testing.T) {
			d := crdt.New(crdt.Options{ClientID: 2})
			if undo {
				defer d.NewUndoManager(crdt.UndoOptions{}).Close()
			}
			for range 10 {
				if _, err := d.ApplyUpdate(u); err != nil {
					t.Fatal(err)
				}
			}
			before := d.Stats().Bytes
			for range 1000 {
				if got, err := d.ApplyUpdate(u); err != nil || got.Changed {
					t.Fatalf("what is known changed something: %+v, %v", got, err)
				}
			}
			if after := d.Stats().Bytes; after > 2*before {
				t.Errorf("%d bytes after 1,010 times the same update, %d after ten", after, before)
			}
		})
	}
}
