package cost_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/weftsync/weft/crdt"
)

// check panics if an edit fails: the shapes are edits that do not.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

func ok[T any](v T, err error) T {
	check(err)
	return v
}

// edit makes n edits in transactions of their own.
func edit(d *crdt.Doc, n int, f func(tx *crdt.Tx, i int)) {
	for i := range n {
		check(d.Transact(func(tx *crdt.Tx) error { f(tx, i); return nil }))
	}
}

// edits is a shape of n edits, each in a transaction of its own, of a document
// that prepare has made.
func edits(name string, prepare func(d *crdt.Doc, n int) (f func(tx *crdt.Tx, i int))) shape {
	return shape{name: name, prepare: func(n int) func() {
		d := crdt.New(crdt.Options{ClientID: 1})
		f := prepare(d, n)
		return func() { edit(d, n, f) }
	}}
}

// scattered returns a text of n items: single characters in front of each other.
func scattered(d *crdt.Doc, n int) *crdt.Text {
	t := d.Text("t")
	check(d.Transact(func(tx *crdt.Tx) error {
		for range n {
			check(t.Insert(tx, 0, "x"))
		}
		return nil
	}))
	return t
}

// formatted returns a text of n items in which every tenth is bold.
func formatted(d *crdt.Doc, n int) *crdt.Text {
	t := scattered(d, n)
	check(d.Transact(func(tx *crdt.Tx) error {
		delta := []crdt.DeltaOp{}
		for range n / 10 {
			delta = append(delta, crdt.DeltaOp{Retain: 9}, crdt.DeltaOp{Retain: 1, Attributes: crdt.Attrs{"b": true}})
		}
		return t.ApplyDelta(tx, delta)
	}))
	return t
}

func TestGrowthOfEdits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	expectAll(t, []shape{
		edits("type", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			t := d.Text("t")
			return func(tx *crdt.Tx, i int) { check(t.Insert(tx, i, "x")) }
		}),
		edits("type wide characters", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			t := d.Text("t")
			return func(tx *crdt.Tx, i int) { check(t.Insert(tx, i, "ü")) }
		}),
		edits("type in the middle", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			t := scattered(d, n)
			return func(tx *crdt.Tx, i int) { check(t.Insert(tx, n/2+i, "x")) }
		}),
		edits("type in front", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			t := d.Text("t")
			return func(tx *crdt.Tx, i int) { check(t.Insert(tx, 0, "x")) }
		}),
		edits("insert anywhere", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			t := d.Text("t")
			return func(tx *crdt.Tx, i int) { check(t.Insert(tx, random.IntN(i+1), "x")) }
		}),
		edits("cut one string anywhere", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			t := d.Text("t")
			edit(d, 1, func(tx *crdt.Tx, _ int) { check(t.Insert(tx, 0, strings.Repeat("x", 2*n))) })
			return func(tx *crdt.Tx, i int) { check(t.Insert(tx, random.IntN(2*n), "y")) }
		}),
		edits("delete from the front", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			t := scattered(d, n)
			return func(tx *crdt.Tx, i int) { check(t.Delete(tx, 0, 1)) }
		}),
		edits("delete a string from the front", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			t := d.Text("t")
			edit(d, 1, func(tx *crdt.Tx, _ int) { check(t.Insert(tx, 0, strings.Repeat("x", n))) })
			return func(tx *crdt.Tx, i int) { check(t.Delete(tx, 0, 1)) }
		}),
		edits("delete backwards", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			t := scattered(d, n)
			return func(tx *crdt.Tx, i int) { check(t.Delete(tx, n-i-1, 1)) }
		}),
		edits("delete anywhere", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			t := scattered(d, n)
			return func(tx *crdt.Tx, i int) { check(t.Delete(tx, random.IntN(n-i), 1)) }
		}),
		edits("replace anywhere", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			t := scattered(d, n)
			return func(tx *crdt.Tx, i int) {
				at := random.IntN(n)
				check(t.Delete(tx, at, 1))
				check(t.Insert(tx, at, "y"))
			}
		}),
		edits("replace the same character", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			t := scattered(d, 10)
			return func(tx *crdt.Tx, i int) {
				check(t.Delete(tx, 5, 1))
				check(t.Insert(tx, 5, "y"))
			}
		}),
		edits("paste", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			t := d.Text("t")
			s := strings.Repeat("paste ", 50)
			return func(tx *crdt.Tx, i int) { check(t.Insert(tx, t.Len()/2, s)) }
		}),
		edits("type into formatted text", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			t := formatted(d, n)
			return func(tx *crdt.Tx, i int) { check(t.Insert(tx, n/2+i, "x")) }
		}),
		{name: "insert values and types in turns", prepare: func(n int) func() {
			d := crdt.New(crdt.Options{ClientID: 1})
			values := make([]any, n)
			for i := range values {
				if values[i] = i; i%2 == 1 {
					values[i] = crdt.NewText("")
				}
			}
			return func() { edit(d, 1, func(tx *crdt.Tx, _ int) { check(d.Array("a").Insert(tx, 0, values...)) }) }
		}},
		edits("push values", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			a := d.Array("a")
			return func(tx *crdt.Tx, i int) { check(a.Push(tx, i)) }
		}),
		edits("insert values anywhere and read them", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			a := d.Array("a")
			return func(tx *crdt.Tx, i int) {
				check(a.Insert(tx, random.IntN(i+1), i))
				ok(a.Get(random.IntN(i + 1)))
			}
		}),
		edits("a queue", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			a := d.Array("a")
			return func(tx *crdt.Tx, i int) {
				check(a.Push(tx, i))
				if i > 10 {
					check(a.Delete(tx, 0, 1))
				}
			}
		}),
		edits("set many keys", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			m := d.Map("m")
			return func(tx *crdt.Tx, i int) { check(m.Set(tx, fmt.Sprint(i), i)) }
		}),
		edits("set one key", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			m := d.Map("m")
			return func(tx *crdt.Tx, i int) { check(m.Set(tx, "k", i)) }
		}),
		edits("roots", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			return func(tx *crdt.Tx, i int) { check(d.Text(fmt.Sprint(i)).Insert(tx, 0, "x")) }
		}),
		edits("types side by side", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			x := d.XMLFragment("x")
			return func(tx *crdt.Tx, i int) { ok(x.InsertElement(tx, random.IntN(i+1), "p")) }
		}),
		edits("subdocuments that come and go", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			m := d.Map("m")
			return func(tx *crdt.Tx, i int) { check(m.Set(tx, "k", crdt.Subdoc{GUID: fmt.Sprint(i)})) }
		}),
	})
}

func TestGrowthOfOneTransaction(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	once := func(name string, prepare func(d *crdt.Doc, n int) (f func(tx *crdt.Tx, i int))) shape {
		return shape{name: name, prepare: func(n int) func() {
			d := crdt.New(crdt.Options{ClientID: 1})
			f := prepare(d, n)
			return func() {
				edit(d, 1, func(tx *crdt.Tx, _ int) {
					for i := range n {
						f(tx, i)
					}
				})
			}
		}}
	}
	expectAll(t, []shape{
		once("insert anywhere", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			t := d.Text("t")
			return func(tx *crdt.Tx, i int) { check(t.Insert(tx, random.IntN(i+1), "x")) }
		}),
		once("delete anywhere", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			t := scattered(d, n)
			return func(tx *crdt.Tx, i int) { check(t.Delete(tx, random.IntN(n-i), 1)) }
		}),
		once("change many types", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			m := d.Map("m")
			return func(tx *crdt.Tx, i int) { check(ok(m.SetText(tx, fmt.Sprint(i))).Insert(tx, 0, "x")) }
		}),
		once("subdocuments that come and go at once", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			m := d.Map("m")
			return func(tx *crdt.Tx, i int) {
				if i < n/2 {
					check(m.Set(tx, fmt.Sprint(i), crdt.Subdoc{GUID: fmt.Sprint(i)}))
				} else {
					check(m.Delete(tx, fmt.Sprint(n-i-1)))
				}
			}
		}),
		once("a delta of many steps", func(d *crdt.Doc, n int) func(*crdt.Tx, int) {
			return func(tx *crdt.Tx, i int) {
				if i == 0 {
					formatted(d, n)
				}
			}
		}),
	})
}

// watched returns a document that has observers of all kinds which look at
// nothing, and a text and an array of n items.
func watched(n int) (*crdt.Doc, *crdt.Text, *crdt.Array) {
	d := crdt.New(crdt.Options{ClientID: 1})
	t, a := scattered(d, n), d.Array("a")
	edit(d, 1, func(tx *crdt.Tx, _ int) {
		for i := range n {
			check(a.Insert(tx, 0, i))
		}
	})
	return d, t, a
}

func TestGrowthOfWatching(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	expectAll(t, []shape{
		{name: "splices", prepare: func(n int) func() {
			d, t, _ := watched(n)
			t.OnSplice(func(crdt.Splice) {})
			return func() {
				edit(d, n, func(tx *crdt.Tx, i int) {
					check(t.Insert(tx, random.IntN(n), "x"))
					check(t.Delete(tx, random.IntN(n), 1))
				})
			}
		}},
		{name: "events that nobody reads", prepare: func(n int) func() {
			d, t, a := watched(n)
			t.Observe(func(*crdt.Event) {})
			a.ObserveDeep(func([]*crdt.Event) {})
			return func() {
				edit(d, n, func(tx *crdt.Tx, i int) {
					check(t.Insert(tx, random.IntN(n), "x"))
					check(a.Delete(tx, random.IntN(n-i), 1))
				})
			}
		}},
		{name: "keys", prepare: func(n int) func() {
			d := crdt.New(crdt.Options{ClientID: 1})
			m := d.Map("m")
			m.Observe(func(e *crdt.Event) { e.Keys() })
			return func() {
				edit(d, 1, func(tx *crdt.Tx, _ int) {
					for i := range n {
						check(m.Set(tx, fmt.Sprint(i), i))
					}
				})
			}
		}},
		{name: "keys of many types", prepare: func(n int) func() {
			d := crdt.New(crdt.Options{ClientID: 1})
			a := d.Array("a")
			a.ObserveDeep(func(es []*crdt.Event) {
				for _, e := range es {
					e.Keys()
				}
			})
			var maps []*crdt.Map
			edit(d, n, func(tx *crdt.Tx, i int) { maps = append(maps, ok(a.InsertMap(tx, 0))) })
			return func() {
				edit(d, 1, func(tx *crdt.Tx, _ int) {
					for _, m := range maps {
						check(m.Set(tx, "k", 1))
					}
				})
			}
		}},
		{name: "updates", prepare: func(n int) func() {
			d, t, _ := watched(n)
			d.OnUpdate(func([]byte, *crdt.Tx) {})
			return func() { edit(d, n, func(tx *crdt.Tx, i int) { check(t.Insert(tx, random.IntN(n), "x")) }) }
		}},
	})
}

func TestGrowthOfUndo(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	undoing := func(name string, timeout time.Duration, edits func(d *crdt.Doc, n int) func(tx *crdt.Tx, i int)) shape {
		return shape{name: name, prepare: func(n int) func() {
			d := crdt.New(crdt.Options{ClientID: 1})
			f := edits(d, n)
			now := time.Unix(0, 0)
			u := d.NewUndoManager(crdt.UndoOptions{CaptureTimeout: timeout, Now: func() time.Time { return now }})
			return func() {
				edit(d, n, f)
				for range 2 {
					for u.CanUndo() {
						_, _, err := u.Undo()
						check(err)
					}
					for u.CanRedo() {
						_, _, err := u.Redo()
						check(err)
					}
				}
			}
		}}
	}
	text := func(d *crdt.Doc, n int) func(tx *crdt.Tx, i int) {
		t := d.Text("t")
		return func(tx *crdt.Tx, i int) {
			at := random.IntN(t.Len() + 1)
			if i%3 == 2 {
				check(t.Delete(tx, at, 1))
			} else {
				check(t.Insert(tx, at, "x"))
			}
		}
	}
	keys := func(d *crdt.Doc, n int) func(tx *crdt.Tx, i int) {
		m := d.Map("m")
		return func(tx *crdt.Tx, i int) { check(m.Set(tx, fmt.Sprint(i%10), i)) }
	}
	many := func(d *crdt.Doc, n int) func(tx *crdt.Tx, i int) {
		m := d.Map("m")
		edit(d, n, func(tx *crdt.Tx, i int) { check(m.Set(tx, fmt.Sprint(i), 0)) })
		return func(tx *crdt.Tx, i int) { check(m.Set(tx, fmt.Sprint(i), i)) }
	}
	expectAll(t, []shape{
		undoing("text, step by step", -1, text),
		undoing("text, one step", time.Hour, text),
		undoing("few keys, step by step", -1, keys),
		undoing("few keys, one step", time.Hour, keys),
		undoing("many keys, step by step", -1, many),
		undoing("many keys, one step", time.Hour, many),
	})
}
