package crdt_test

import (
	"bytes"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// TestSnapshotAnswersWithoutItsDocument: for one who knows every operation, the deletes of the snapshot are what the
// document answers; for one who does not, the snapshot says so.
func TestSnapshotAnswersWithoutItsDocument(t *testing.T) {
	doc := crdt.New(crdt.Options{ClientID: 7})
	text := doc.Text("t")
	must(doc, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "abcdef") })
	early := doc.EncodeStateVector()
	must(doc, func(tx *crdt.Tx) error { return text.Delete(tx, 1, 2) })
	must(doc, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "x") })
	must(doc, func(tx *crdt.Tx) error { return text.Delete(tx, 3, 1) })
	s := doc.Snapshot()

	for name, test := range map[string]struct {
		vector []byte
		want   bool
	}{
		"nothing": {nil, false}, "empty": {[]byte{0}, false}, "early": {early, false},
		"all": {doc.EncodeStateVector(), true}, "more": {[]byte{2, 9, 1, 7, 100}, true},
	} {
		got, err := s.ReachedBy(test.vector)
		if err != nil || got != test.want {
			t.Errorf("%s: got %t, %v, want %t", name, got, err, test.want)
		}
	}
	if _, err := s.ReachedBy([]byte{5}); err == nil {
		t.Error("a cut state vector was read")
	}
	want, err := doc.EncodeStateAsUpdate(doc.EncodeStateVector())
	if err != nil {
		t.Fatal(err)
	}
	if got := s.DeletesAsUpdate(); !bytes.Equal(got, want) {
		t.Errorf("got %x, the document answers %x", got, want)
	}
}
