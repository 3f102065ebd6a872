package crdt_test

import (
	"fmt"
	"testing"

	"github.com/weftsync/weft/crdt"
)

func TestSlice(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	a := d.Array("a")
	update(t, d, func(tx *crdt.Tx) error { return a.Push(tx, "a", "b", []byte{1}, "c", "d") })
	update(t, d, func(tx *crdt.Tx) error { return a.Delete(tx, 2, 1) })
	for _, tt := range []struct {
		from, to int
		want     string
	}{
		{0, 4, "[a b c d]"}, {1, 3, "[b c]"}, {-3, -1, "[b c]"}, {2, 2, "[]"}, {3, 1, "[]"}, {2, 99, "[c d]"}, {-99, 1, "[a]"},
		{99, 100, "[]"}, {0, -4, "[]"}, {0, -99, "[]"},
	} {
		if got := fmt.Sprint(a.Slice(tt.from, tt.to)); got != tt.want {
			t.Errorf("slice %d to %d: got %s, want %s", tt.from, tt.to, got, tt.want)
		}
	}
	if got := d.Array("empty").Slice(0, 1); len(got) != 0 {
		t.Errorf("slice of an empty array: %v", got)
	}
}
