package crdt_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// What comes and goes leaves nothing behind: content in the arenas, position trees, their nodes.
func TestContentThatComesAndGoes(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	array, m := d.Array("a"), d.Map("m")
	long := string(make([]byte, 300))
	bytes, most := 0, 1<<20 // 30 rounds write nearly two megabytes
	for round := range 30 {
		update(t, d, func(tx *crdt.Tx) error {
			inner, err := array.InsertArray(tx, 0)
			for i := 0; err == nil && i < 200; i++ { // at the front, so that each is an item
				if err = inner.Insert(tx, i/2, i); err == nil {
					err = m.Set(tx, fmt.Sprint("key ", i%20), []any{long, i})
				}
			}
			if _, err := inner.Get(150); err != nil {
				return err
			}
			return err
		})
		if got := len(m.Keys()); got != 20 {
			t.Fatalf("%d keys, want 20", got)
		}
		update(t, d, func(tx *crdt.Tx) error { return array.Delete(tx, 0, array.Len()) })
		if err := d.Check(); err != nil {
			t.Fatal(err)
		}
		if bytes = max(bytes, d.Stats().Bytes); bytes > most {
			t.Fatalf("round %d: %d bytes, want at most %d", round, bytes, most)
		}
	}
	for i := range 20 {
		v, _ := m.Get(fmt.Sprint("key ", i))
		if list, ok := v.([]any); !ok || list[0] != long || list[1] != float64(180+i) {
			t.Fatalf("key %d is %.20v", i, v)
		}
	}
	reload(t, encoded(t, d), d)
}

// An observer that was cancelled is not called, and may be cancelled twice.
func TestObserversEnd(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	text := d.Text("t")
	var heard []string
	first := text.ObserveDeep(func(events []*crdt.Event) {
		heard = append(heard, fmt.Sprint("deep ", len(events), events[0].CurrentTarget() == crdt.Type(text)))
	})
	second := text.Observe(func(*crdt.Event) { heard = append(heard, "flat") })
	insert := func(tx *crdt.Tx) error { return text.Insert(tx, 0, "a") }
	update(t, d, insert)
	for range 2 {
		first()
		second()
	}
	update(t, d, insert)
	if want := []string{"flat", "deep 1 true"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}

// Who undoes says whose edits, by origin and by asking.
func TestUndoChoosesTransactions(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	text := d.Text("t")
	write := func(s string, o ...crdt.TxOption) {
		t.Helper()
		if err := d.Transact(func(tx *crdt.Tx) error { return text.Insert(tx, text.Len(), s) }, o...); err != nil {
			t.Fatal(err)
		}
	}
	u := d.NewUndoManager(crdt.UndoOptions{
		CaptureTimeout:     -1,
		CaptureTransaction: func(tx *crdt.Tx) bool { return tx.Origin() != "asked" },
	}, text)
	defer u.Close()
	steps := func(want int) {
		t.Helper()
		if got := len(u.UndoStack()); got != want {
			t.Errorf("%d steps, want %d", got, want)
		}
	}
	write("a", crdt.WithOrigin("program"))
	steps(0)
	u.AddOrigin("program")
	u.AddOrigin("asked")
	write("b", crdt.WithOrigin("program"))
	write("c", crdt.WithOrigin("asked"))
	steps(1)
	u.RemoveOrigin("program")
	write("d", crdt.WithOrigin("program"))
	steps(1)
	if _, _, err := u.Undo(); err != nil || text.String() != "acd" {
		t.Errorf("text %q, %v, want acd", text, err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a scope in another document was accepted")
		}
	}()
	u.AddScope(crdt.New(crdt.Options{}).Text("t"))
}

// A subdocument that does not load by itself is loaded when it is asked for, once.
func TestLoadSubdoc(t *testing.T) {
	from, d := crdt.New(crdt.Options{ClientID: 1}), crdt.New(crdt.Options{ClientID: 2})
	u := update(t, from, func(tx *crdt.Tx) error { return from.Map("m").Set(tx, "k", crdt.Subdoc{GUID: "g"}) })
	if _, err := d.ApplyUpdate(u); err != nil {
		t.Fatal(err)
	}
	loads := 0
	d.OnSubdocs(func(e crdt.SubdocsEvent) { loads += len(e.Loaded) })
	for _, guid := range []string{"other", "g", "g"} {
		d.LoadSubdoc(guid)
	}
	if loads != 1 {
		t.Errorf("loaded %d times, want once", loads)
	}
}

// Every number that Go has is a JavaScript number, and objects become maps.
func TestGoValues(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	numbers := []any{int(7), int8(7), int16(7), int32(7), int64(7), uint(7), uint8(7), uint16(7), uint32(7), uint64(7), float32(7), float64(7)}
	update(t, d, func(tx *crdt.Tx) error {
		if err := d.Map("m").Set(tx, "o", crdt.Object{{"a", []any{crdt.Object{{"b", 1}}}}, {"u", crdt.Undefined}}); err != nil {
			return err
		}
		return d.Array("a").Push(tx, numbers...)
	})
	for i, v := range d.Array("a").ToSlice() {
		if v != float64(7) {
			t.Errorf("%T 7 is read as %T %v", numbers[i], v, v)
		}
	}
	v, _ := d.Map("m").Get("o")
	if got := fmt.Sprint(v.(crdt.Object).Map()); got != "map[a:[map[b:1]] u:undefined]" {
		t.Errorf("the object as a map is %s", got)
	}
}

// What an update brings that is known already is no part of Applied.Update, deletions neither.
func TestAppliedUpdateIsWhatWasNew(t *testing.T) {
	from, d := crdt.New(crdt.Options{ClientID: 1}), crdt.New(crdt.Options{ClientID: 2})
	text := from.Text("t")
	first := update(t, from, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "ab") })
	second := update(t, from, func(tx *crdt.Tx) error { return text.Delete(tx, 0, 1) })
	third := update(t, from, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "c") })
	for _, u := range [][]byte{first, second} {
		if _, err := d.ApplyUpdate(u); err != nil {
			t.Fatal(err)
		}
	}
	both, err := crdt.MergeUpdates(second, third)
	if err != nil {
		t.Fatal(err)
	}
	a, err := d.ApplyUpdate(both)
	if err != nil {
		t.Fatal(err)
	}
	c, err := crdt.ContentsOfUpdate(a.Update)
	if err != nil || len(c.Deletes) > 0 || fmt.Sprint(c.Inserts) != "map[1:[{2 1}]]" {
		t.Errorf("the new part inserts %v and deletes %v, %v; want one insertion", c.Inserts, c.Deletes, err)
	}
}
