package crdt_test

import (
	"encoding/hex"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// What came deleted, and is in no delete set, leaves a gap in a text like what is deleted. Undo has left two marks
// without anything between them, and a document that did not know the text yet kept them. The bytes are those of Yjs
// after the same calls.
func TestMarksAroundWhatCameDeleted(t *testing.T) {
	const want = "03020300c601000103066974616c69630474727565860101066974616c6963046e756c6c010200c101000103010501000401017401508401000151c10100010101c10100010201c60102010104626f6c64046e756c6c020201000101010202"

	first := crdt.New(crdt.Options{ClientID: 1})
	text := first.Text("t")
	undo := first.NewUndoManager(crdt.UndoOptions{Origins: []any{"undone"}}, text)
	defer undo.Close()
	do(t, first, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "PQ") })
	must(first, func(tx *crdt.Tx) error { return text.Insert(tx, 1, "y") }, crdt.WithOrigin("undone"))
	do(t, first, func(tx *crdt.Tx) error { return text.Format(tx, 1, 1, crdt.Attrs{"bold": true}) })

	second := crdt.New(crdt.Options{ClientID: 2})
	apply(t, second, encoded(t, first))
	before := second.EncodeStateVector()
	do(t, second, func(tx *crdt.Tx) error { return second.Text("t").Insert(tx, 1, "z") })
	do(t, second, func(tx *crdt.Tx) error { return second.Text("t").Delete(tx, 1, 1) })
	cameDeleted, err := second.EncodeStateAsUpdate(before)
	if err != nil {
		t.Fatal(err)
	}

	if _, _, err := undo.Undo(); err != nil {
		t.Fatal(err)
	}
	third := crdt.New(crdt.Options{ClientID: 3})
	apply(t, third, encoded(t, first))
	do(t, third, func(tx *crdt.Tx) error { return third.Text("t").Format(tx, 1, 1, crdt.Attrs{"italic": true}) })
	apply(t, third, cameDeleted)
	if got := hex.EncodeToString(encoded(t, third)); got != want {
		t.Errorf("encoded\n%s, want\n%s", got, want)
	}
}
