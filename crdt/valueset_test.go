package crdt

import (
	"strings"
	"testing"
)

// TestValueSetOver sets one key to a long value over and over: what is dead is rewritten in the memory that is there.
func TestValueSetOver(t *testing.T) {
	d := New(Options{ClientID: 1})
	m := d.Map("m")
	const size = 10_000
	v := strings.Repeat("v", size)
	for i := range 200 {
		if err := d.Transact(func(tx *Tx) error { return m.Set(tx, "k", v) }); err != nil {
			t.Fatal(err)
		}
		if n := cap(d.blobs); n > 5*size+8192 {
			t.Fatalf("%d bytes of values after %d of %d bytes each", n, i+1, size)
		}
	}
	before := &d.blobs[:1][0]
	for range 50 {
		if err := d.Transact(func(tx *Tx) error { return m.Set(tx, "k", v) }); err != nil {
			t.Fatal(err)
		}
	}
	if &d.blobs[:1][0] != before {
		t.Error("the values have moved to other memory")
	}
	if err := d.Transact(func(tx *Tx) error { return m.Set(tx, "k", 1) }); err != nil {
		t.Fatal(err)
	}
	if n := cap(d.blobs); n > 8192 {
		t.Errorf("%d bytes are kept for one small value", n)
	}
	if got, _ := m.Get("k"); got != 1.0 || d.Check() != nil {
		t.Errorf("got %v, %v", got, d.Check())
	}
}
