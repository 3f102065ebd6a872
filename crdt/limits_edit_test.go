package crdt_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// An edit that other replicas would refuse is refused here: it changes nothing,
// and what is at the limit passes, here and there.
func TestEditsKeepLimits(t *testing.T) {
	const most, deep = 4096, 200
	for name, edit := range map[string]func(d *crdt.Doc, tx *crdt.Tx, name string) error{
		"key":           func(d *crdt.Doc, tx *crdt.Tx, n string) error { return d.Map("m").Set(tx, n, 1) },
		"key of a type": func(d *crdt.Doc, tx *crdt.Tx, n string) error { _, err := d.Map("m").SetText(tx, n); return err },
		"root":          func(d *crdt.Doc, tx *crdt.Tx, n string) error { return d.Text(n).Insert(tx, 0, "x") },
		"format": func(d *crdt.Doc, tx *crdt.Tx, n string) error {
			return d.Text("t").Insert(tx, 0, "x", crdt.Attrs{n: true})
		},
		"element": func(d *crdt.Doc, tx *crdt.Tx, n string) error {
			_, err := d.XMLFragment("x").InsertElement(tx, 0, n)
			return err
		},
		"prelim": func(d *crdt.Doc, tx *crdt.Tx, n string) error {
			return d.Array("a").Push(tx, crdt.NewXMLElement(n, nil))
		},
		"prelim's key": func(d *crdt.Doc, tx *crdt.Tx, n string) error {
			return d.Array("a").Push(tx, crdt.NewMap(map[string]any{n: 1}))
		},
		"delta": func(d *crdt.Doc, tx *crdt.Tx, n string) error {
			return d.Text("t").ApplyDelta(tx, []crdt.DeltaOp{{Insert: "x", Attributes: crdt.Attrs{n: 1}}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := crdt.New(crdt.Options{ClientID: 1})
			update, err := d.Update(func(tx *crdt.Tx) error { return edit(d, tx, strings.Repeat("n", most+1)) })
			if !errors.Is(err, crdt.ErrValue) || update != nil {
				t.Errorf("a name too long: %x, %v, want ErrValue and no update", update, err)
			}
			update, err = d.Update(func(tx *crdt.Tx) error { return edit(d, tx, strings.Repeat("n", most)) })
			if err != nil || update == nil {
				t.Fatalf("a name of the longest: %v", err)
			}
			if err := crdt.ValidateUpdate(update); err != nil {
				t.Errorf("others refuse it: %v", err)
			}
		})
	}
	t.Run("nesting", func(t *testing.T) {
		d, other := crdt.New(crdt.Options{ClientID: 1}), crdt.New(crdt.Options{ClientID: 2})
		a := d.Array("a")
		for level := 1; level <= deep; level++ {
			update := must(d, func(tx *crdt.Tx) (err error) { a, err = a.InsertArray(tx, 0); return err })
			if _, err := other.ApplyUpdate(update); err != nil {
				t.Fatalf("level %d is refused: %v", level, err)
			}
		}
		for what, insert := range map[string]func(tx *crdt.Tx) error{
			"a type":   func(tx *crdt.Tx) error { _, err := a.InsertMap(tx, 0); return err },
			"a prelim": func(tx *crdt.Tx) error { return a.Push(tx, crdt.NewText("x")) },
		} {
			if update, err := d.Update(insert); !errors.Is(err, crdt.ErrValue) || update != nil {
				t.Errorf("%s one level too deep: %x, %v, want ErrValue and no update", what, update, err)
			}
		}
	})
}
