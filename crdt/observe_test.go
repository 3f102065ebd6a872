package crdt_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// panics returns what f panics with, nil if it does not.
func panics(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

// When an observer panics, the others are called, the transaction ends, and the
// document is as if nothing had happened.
func TestObserverPanics(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	text := d.Text("t")
	var called []string
	note := func(name string) { called = append(called, name) }
	text.Observe(func(*crdt.Event) { note("first"); panic("first") })
	text.Observe(func(*crdt.Event) {
		note("second")
		must(d, func(tx *crdt.Tx) error { return d.Map("m").Set(tx, "k", 1) })
	})
	text.ObserveDeep(func([]*crdt.Event) { note("deep"); panic("deep") })
	d.OnTransaction(crdt.AfterTransaction, func(tx *crdt.Tx) { note("after") })
	var updates int
	d.OnUpdate(func([]byte, *crdt.Tx) { updates++ })

	if v := panics(func() { must(d, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "abc") }) }); v != "deep" {
		t.Errorf("panic %v, want the last one, deep", v)
	}
	// The edit of the second observer is a transaction of its own.
	if want := []string{"first", "second", "deep", "after", "after"}; !slices.Equal(called, want) {
		t.Errorf("called %v, want %v", called, want)
	}
	if updates != 2 {
		t.Errorf("%d updates, want 2", updates)
	}
	if err := d.Check(); err != nil {
		t.Error(err)
	}
	if v, _ := d.Map("m").Get("k"); v != 1.0 {
		t.Errorf("an observer's edit is lost: %v", v)
	}
	if v := panics(func() {
		must(d, func(tx *crdt.Tx) error { _ = d.Array("a").Push(tx, 1); panic("edit") })
	}); v != "edit" {
		t.Errorf("panic %v, want that of the edit", v)
	}
	if d.Array("a").Len() != 1 || d.Check() != nil {
		t.Error("an edit that panics has not ended")
	}
}

// An event is for its observer only.
func TestEventReadTooLate(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	var kept *crdt.Event
	d.Array("a").Observe(func(e *crdt.Event) { kept = e })
	must(d, func(tx *crdt.Tx) error { return d.Array("a").Push(tx, 1) })
	for name, read := range map[string]func(){
		"Delta": func() { kept.Delta() }, "Keys": func() { kept.Keys() },
		"ListChanged": func() { kept.ListChanged() }, "KeysChanged": func() { kept.KeysChanged() },
	} {
		if panics(read) == nil {
			t.Errorf("%s of an event that is over does not panic", name)
		}
	}
}

// What is possible where: edits join a transaction under way, updates do not,
// and observers may do both.
func TestTransactionsInTransactions(t *testing.T) {
	other := crdt.New(crdt.Options{ClientID: 9})
	foreign := must(other, func(tx *crdt.Tx) error { return other.Text("t").Insert(tx, 0, "foreign") })
	d := crdt.New(crdt.Options{ClientID: 1})
	var outer *crdt.Tx
	update := must(d, func(tx *crdt.Tx) error {
		outer = tx
		inner, err := d.Update(func(tx *crdt.Tx) error {
			if tx != outer {
				t.Error("an inner edit has a transaction of its own")
			}
			return d.Text("t").Insert(tx, 0, "a")
		})
		if inner != nil || err != nil {
			t.Errorf("an inner edit returns %x, %v", inner, err)
		}
		if _, err := d.ApplyUpdate(foreign); !errors.Is(err, crdt.ErrTransaction) {
			t.Errorf("an update inside a transaction: %v", err)
		}
		if _, err := d.Knows(foreign); !errors.Is(err, crdt.ErrTransaction) {
			t.Errorf("a question about an update inside a transaction: %v", err)
		}
		return nil
	})
	if update == nil {
		t.Error("the edit returns no update")
	}
	if err := d.Text("t").Insert(outer, 0, "late"); !errors.Is(err, crdt.ErrTransaction) {
		t.Errorf("an edit after the end of its transaction: %v", err)
	}
	d.Map("m").Observe(func(*crdt.Event) {
		if applied, err := d.ApplyUpdate(foreign); err != nil || !applied.Changed {
			t.Errorf("an observer applies an update: %+v, %v", applied, err)
		}
	})
	must(d, func(tx *crdt.Tx) error { return d.Map("m").Set(tx, "k", "v") })
	if got := d.Text("t").Len(); got != 8 {
		t.Errorf("the text has %d units, want 8", got)
	}
}

// Observers can be taken away at any time, also by one another.
func TestCancelObservers(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	text := d.Text("t")
	var called []int
	var cancels []func()
	for i := range 3 {
		cancels = append(cancels, text.Observe(func(*crdt.Event) {
			called = append(called, i)
			for _, cancel := range cancels {
				cancel()
				cancel() // twice does no harm
			}
		}))
	}
	for range 2 {
		must(d, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "x") })
	}
	if got, want := fmt.Sprint(called), "[0 1 2]"; got != want {
		t.Errorf("called %s, want %s: those of the first edit", got, want)
	}
}

// Observing costs those who observe: an edit without is free of allocations for
// it, whatever was observed before.
func TestUnobservedEditsAllocateNothingMore(t *testing.T) {
	edit := func(d *crdt.Doc) float64 {
		text := d.Text("t")
		must(d, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "x") })
		return testing.AllocsPerRun(200, func() {
			must(d, func(tx *crdt.Tx) error { return text.Insert(tx, 1, "x") })
		})
	}
	plain, once := crdt.New(crdt.Options{ClientID: 1}), crdt.New(crdt.Options{ClientID: 1})
	once.Text("t").Observe(func(*crdt.Event) {})()
	if a, b := edit(plain), edit(once); a != b {
		t.Errorf("%v allocations an edit, %v after an observer has gone", a, b)
	}
}

// Loading without asking for what was new does the same to the document.
func TestWithoutUpdate(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	state := must(d, func(tx *crdt.Tx) error { return d.Text("t").Insert(tx, 0, "abc") })
	more := must(d, func(tx *crdt.Tx) error { return d.Text("t").Insert(tx, 1, "x") })
	both, err := crdt.MergeUpdates(state, more)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := crdt.ConvertUpdateV1ToV2(both)
	if err != nil {
		t.Fatal(err)
	}
	loaded := crdt.New(crdt.Options{})
	for i, apply := range []func() (crdt.Applied, error){
		func() (crdt.Applied, error) { return loaded.ApplyUpdate(state, crdt.WithoutUpdate()) },
		func() (crdt.Applied, error) {
			return loaded.ApplyUpdateV2(whole, crdt.WithOrigin(1), crdt.WithoutUpdate())
		},
	} {
		if a, err := apply(); err != nil || !a.Changed || a.Update != nil || len(a.Roots) != 1 {
			t.Errorf("step %d: %+v, %v, want a change and no update", i, a, err)
		}
	}
	if got, want := loaded.Text("t").String(), d.Text("t").String(); got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}
