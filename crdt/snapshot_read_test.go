package crdt_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
)

func TestRestoreRefuses(t *testing.T) {
	collects, keeps := crdt.New(crdt.Options{ClientID: 1}), crdt.New(crdt.Options{ClientID: 2, KeepDeleted: true})
	if _, err := collects.Restore(collects.Snapshot(), crdt.Options{}); !errors.Is(err, crdt.ErrCollects) {
		t.Errorf("a document that collects: %v", err)
	}
	do(t, collects, func(tx *crdt.Tx) error { return collects.Text("t").Insert(tx, 0, "a") })
	if _, err := keeps.Restore(collects.Snapshot(), crdt.Options{}); !errors.Is(err, crdt.ErrSnapshot) {
		t.Errorf("a snapshot of an unknown client: %v", err)
	}
	do(t, keeps, func(tx *crdt.Tx) error { return keeps.Text("t").Insert(tx, 0, "a") })
	if _, err := keeps.EncodeStateAt(newSnapshot(t, "010202")); !errors.Is(err, crdt.ErrSnapshot) {
		t.Errorf("a snapshot that lies ahead: %v", err)
	}
}

// TestReadAtSnapshots takes snapshots of a document that is edited at random,
// and reads it at each of them afterwards: it has to show what it showed then,
// and reading must not change it.
func TestReadAtSnapshots(t *testing.T) {
	for seed := range uint64(60) {
		r := crdttest.NewReplica(crdttest.DocSpec{Client: 7}, nil)
		next := crdttest.Transactions(seed)
		type moment struct {
			s     crdt.Snapshot
			shown string
		}
		var moments []moment
		show := func(d *crdt.Doc) string {
			return crdttest.Canonical(d.Text("t")) + crdttest.Canonical(d.Array("a")) + crdttest.Canonical(d.Map("m")) + crdttest.Canonical(d.XMLFragment("x"))
		}
		for range 25 {
			if _, err := r.Edit(next()...); err != nil {
				t.Fatal(err)
			}
			moments = append(moments, moment{r.Doc.Snapshot(), show(r.Doc)})
		}
		before, err := r.Doc.EncodeStateAsUpdate(nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range moments {
			got := crdttest.CanonicalAt(r.Doc.Text("t"), m.s) + crdttest.CanonicalAt(r.Doc.Array("a"), m.s) +
				crdttest.CanonicalAt(r.Doc.Map("m"), m.s) + crdttest.CanonicalAt(r.Doc.XMLFragment("x"), m.s)
			if diff := cmp.Diff(m.shown, got); diff != "" {
				t.Fatalf("seed %d, moment %d: %s", seed, i, diff)
			}
			restored, err := r.Doc.Restore(m.s, crdt.Options{KeepDeleted: true})
			if err != nil {
				t.Fatalf("seed %d, moment %d: %v", seed, i, err)
			}
			if got := show(restored); got != m.shown || !restored.Snapshot().Equal(m.s) {
				t.Fatalf("seed %d, moment %d restored: %s", seed, i, cmp.Diff(m.shown, got))
			}
		}
		after, err := r.Doc.EncodeStateAsUpdate(nil)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, after) {
			t.Errorf("seed %d: reading changed the document", seed)
		}
		if err := r.Doc.Check(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

// A run of an array is cut where the snapshot falls into it. Yjs's
// typeListToArraySnapshot and typeMapGetSnapshot take a run by its first
// element, unless something has cut it in the same transaction before: they
// would give three elements and "two" here.
func TestReadAtCutsRuns(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1, KeepDeleted: true})
	a, m := d.Array("a"), d.Map("m")
	do(t, d, func(tx *crdt.Tx) error { return a.Push(tx, "x") })
	one := d.Snapshot()
	do(t, d, func(tx *crdt.Tx) error { return a.Push(tx, "y", "z") })
	if got := fmt.Sprint(a.SliceAt(one)); got != "[x]" {
		t.Errorf("array: %s", got)
	}
	do(t, d, func(tx *crdt.Tx) error { return m.Set(tx, "k", "one") })
	first := d.Snapshot()
	do(t, d, func(tx *crdt.Tx) error { return m.Set(tx, "k", "two") })
	do(t, d, func(tx *crdt.Tx) error { return m.Set(tx, "k", "three") })
	if got, ok := m.GetAt("k", first); got != "one" || !ok {
		t.Errorf("map: %v %v", got, ok)
	}
	if got, ok := m.GetAt("k", one); ok {
		t.Errorf("map before: %v", got)
	}
}

// TestSnapshotInsidePair types the halves of a surrogate pair one by one: a
// snapshot between them cuts the pair, in the document too, as in Yjs.
func TestSnapshotInsidePair(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1, KeepDeleted: true})
	text := d.Text("t")
	do(t, d, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "a\xed\xa0\xbd") })
	s := d.Snapshot()
	do(t, d, func(tx *crdt.Tx) error { return text.Insert(tx, 2, "\xed\xb8\x80b") })
	if got := text.String(); got != "a😀b" {
		t.Fatalf("text is %q", got)
	}
	var splices []crdt.Splice
	text.OnSplice(func(s crdt.Splice) { splices = append(splices, s) })
	if got := text.StringAt(s); got != "a\uFFFD" {
		t.Errorf("text at the snapshot is %q", got)
	}
	if got := text.String(); got != "a\uFFFD\uFFFDb" {
		t.Errorf("text is %q afterwards", got)
	}
	if diff := cmp.Diff([]crdt.Splice{{Index: 1, Deleted: 2, Inserted: "\uFFFD\uFFFD"}}, splices); diff != "" {
		t.Error(diff)
	}
}

func TestDeltaBetweenJoinsWhatTheValueSays(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1, KeepDeleted: true})
	text := d.Text("t")
	empty := d.Snapshot()
	do(t, d, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "one ") })
	do(t, d, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "two ") })
	now := d.Snapshot()
	for _, tt := range []struct {
		name     string
		describe func(crdt.TextChange, crdt.ID) any
		runs     int
	}{
		{"nil", nil, 2},
		{"a string", func(c crdt.TextChange, _ crdt.ID) any { return string(c) }, 2},
		{"an Object", func(c crdt.TextChange, id crdt.ID) any {
			return crdt.Object{{Key: "user", Value: id.Client}, {Key: "type", Value: c}}
		}, 1},
		{"a map", func(c crdt.TextChange, id crdt.ID) any {
			return map[string]any{"user": id.Client, "type": string(c)}
		}, 1},
		{"another user", func(c crdt.TextChange, id crdt.ID) any {
			return map[string]any{"user": id.Client + 1, "type": string(c)}
		}, 2},
	} {
		if got := text.DeltaBetween(empty, now, tt.describe); len(got) != tt.runs || got[0].Attributes["ychange"] == nil {
			t.Errorf("%s: %v, want %d runs", tt.name, got, tt.runs)
		}
	}
}

// A client's structs lie in blocks; a snapshot may end in any of them.
func TestRestoreAmongManyRuns(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1, KeepDeleted: true})
	m := d.Map("m")
	var snapshots []crdt.Snapshot
	for i := range 1500 {
		update(t, d, func(tx *crdt.Tx) error { return m.Set(tx, "k", i) })
		snapshots = append(snapshots, d.Snapshot())
	}
	for _, i := range []int{0, 1, 255, 256, 511, 512, 513, 1023, 1024, 1499} {
		restored, err := d.Restore(snapshots[i], crdt.Options{ClientID: 2, KeepDeleted: true})
		if err != nil {
			t.Fatalf("at %d: %v", i, err)
		}
		if got, _ := restored.Map("m").Get("k"); got != float64(i) {
			t.Errorf("at %d the value is %v", i, got)
		}
		if got := restored.Snapshot(); !got.Equal(snapshots[i]) {
			t.Errorf("at %d the snapshot of the restored document is another one", i)
		}
	}
}
