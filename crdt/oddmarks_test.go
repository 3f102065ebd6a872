package crdt_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// JSON has no NaN, so a mark of it is null on the wire, but equals neither null nor itself while it is typed. The bytes
// are those of Yjs after the same calls.
func TestMarksThatAreNotNumbers(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	text := d.Text("t")
	do(t, d, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "ab", crdt.Attrs{"size": math.NaN()}) })
	do(t, d, func(tx *crdt.Tx) error { return text.Insert(tx, 1, "c", crdt.Attrs{"size": math.NaN()}) })
	do(t, d, func(tx *crdt.Tx) error { return text.Insert(tx, 1, "d", crdt.Attrs{"size": 1.5}) })
	do(t, d, func(tx *crdt.Tx) error { return text.Format(tx, 0, 2, crdt.Attrs{"size": 1.5}) })
	do(t, d, func(tx *crdt.Tx) error { return text.Format(tx, 0, 1, crdt.Attrs{"size": math.NaN()}) })
	if got := hex.EncodeToString(encoded(t, d)); got != "010d01000101017401840100016184010101628601020473697a65046e756c6cc6010101020473697a65046e756c6cc4010401020163c6010501020473697a65046e756c6cc10101010401c4010701040164c6010801040473697a65046e756c6c4101000146010a0473697a65046e756c6cc6010701080473697a6503312e35010103000107010a01" {
		t.Errorf("encoded %s", got)
	}
}

// A step that deletes what more clients wrote than fit into a short list names all of them, in the order in which it came
// to them, and brings all of it back.
func TestStepOfManyClients(t *testing.T) {
	const clients = 12
	d := crdt.New(crdt.Options{ClientID: 100})
	text := d.Text("t")
	want := ""
	for c := uint64(clients); c > 0; c-- { // each in front of those before, so that the text has them from 1 on
		one := crdt.New(crdt.Options{ClientID: c})
		apply(t, one, encoded(t, d))
		do(t, one, func(tx *crdt.Tx) error { return one.Text("t").Insert(tx, 0, fmt.Sprintf("%d,", c)) })
		apply(t, d, encoded(t, one))
	}
	want = text.String()

	undo := d.NewUndoManager(crdt.UndoOptions{}, text)
	defer undo.Close()
	do(t, d, func(tx *crdt.Tx) error { return text.Delete(tx, 0, text.Len()) })
	deleted := undo.UndoStack()[0].Deleted()
	if len(deleted) != clients {
		t.Fatalf("%d ranges are deleted, want %d", len(deleted), clients)
	}
	for i, r := range deleted {
		if r.Client != uint64(i+1) {
			t.Errorf("range %d is of client %d, want %d", i, r.Client, i+1)
		}
	}
	if _, _, err := undo.Undo(); err != nil || text.String() != want {
		t.Errorf("undone the text is %q, error %v, want %q", text, err, want)
	}
}
