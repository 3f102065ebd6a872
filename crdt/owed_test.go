package crdt

import "testing"

// TestGrowthIsOwed types into the middle of a text with a position tree: the tree hears of it when a place is asked for,
// and the item that it was owed for may have merged by then.
func TestGrowthIsOwed(t *testing.T) {
	d := New(Options{ClientID: 1})
	text := d.Text("t")
	var want string
	insert := func(at int, s string) {
		t.Helper()
		if err := d.Transact(func(tx *Tx) error { return text.Insert(tx, at, s) }); err != nil {
			t.Fatal(err)
		}
		want = want[:at] + s + want[at:]
		if err := d.Check(); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 * fan {
		insert(0, "ab")
		insert(1, "-") // cuts what was inserted last
	}
	middle := len(want) / 2
	insert(middle, "x")
	if text.b.tree == 0 {
		t.Fatal("there is no tree")
	}
	for i := range 20 {
		insert(middle+1+i, "y")
	}
	if text.b.owed.by == 0 {
		t.Error("nothing is owed to the tree after typing")
	}
	insert(5, "z")
	if r, within := d.locate(text.b, uint32(middle+10)); within == 0 || d.treeIndex(text.b, r)+within != uint32(middle+10) {
		t.Errorf("place %d is place %d of the item at %d", middle+10, within, d.treeIndex(text.b, r))
	}
	if text.b.owed.by != 0 {
		t.Error("a place was asked for, and the tree is still owed")
	}
	if err := d.Transact(func(tx *Tx) error { return text.Delete(tx, middle, 15) }); err != nil {
		t.Fatal(err)
	}
	want = want[:middle] + want[middle+15:]
	if err := d.Check(); err != nil || text.String() != want {
		t.Errorf("got %q, want %q; %v", text, want, err)
	}
}
