package crdt_test

import (
	"runtime"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// A state that somebody still has is not encoded again, collections or not; after a change it is.
func TestStateIsEncodedOnce(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	text := d.Text("t")
	for range 100 { // more than one struct
		do(t, d, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "a few words that are not small ") })
	}
	first := encoded(t, d)
	runtime.GC()
	runtime.GC()
	second := encoded(t, d)
	if &first[0] != &second[0] || len(first) != len(second) {
		t.Error("the same state was encoded again")
	}
	do(t, d, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "x") })
	if third := encoded(t, d); &first[0] == &third[0] || len(third) <= len(first) {
		t.Error("a state that has changed was not encoded again")
	}
	runtime.KeepAlive(first)
}
