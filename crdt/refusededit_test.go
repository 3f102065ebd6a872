package crdt_test

import (
	"errors"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// An edit with a Tx that has ended is refused by every method, and nothing changes.
func TestEditsNeedTheirTransaction(t *testing.T) {
	d := nested(t)
	text, array, m, x := d.Text("t"), d.Array("a"), d.Map("m"), d.XMLFragment("x")
	var over *crdt.Tx
	update(t, d, func(tx *crdt.Tx) error { over = tx; return nil })
	before := string(encoded(t, d))
	third := func(_ any, err error) error { return err }
	edits := map[string]func(*crdt.Tx) error{
		"insert text":      func(tx *crdt.Tx) error { return text.Insert(tx, 0, "a") },
		"insert formatted": func(tx *crdt.Tx) error { return text.Insert(tx, 0, "a", crdt.Attrs{"b": true}) },
		"embed":            func(tx *crdt.Tx) error { return text.InsertEmbed(tx, 0, 1) },
		"embed a type":     func(tx *crdt.Tx) error { return third(text.InsertType(tx, 0, crdt.KindMap, "")) },
		"delete text":      func(tx *crdt.Tx) error { return text.Delete(tx, 0, 1) },
		"format":           func(tx *crdt.Tx) error { return text.Format(tx, 0, 1, crdt.Attrs{"b": true}) },
		"delta":            func(tx *crdt.Tx) error { return text.ApplyDelta(tx, []crdt.DeltaOp{{Insert: "a"}}) },
		"set attribute":    func(tx *crdt.Tx) error { return text.SetAttribute(tx, "k", 1) },
		"remove attribute": func(tx *crdt.Tx) error { return text.RemoveAttribute(tx, "k") },
		"insert elements":  func(tx *crdt.Tx) error { return array.Insert(tx, 0, 1) },
		"push":             func(tx *crdt.Tx) error { return array.Push(tx, 1) },
		"delete elements":  func(tx *crdt.Tx) error { return array.Delete(tx, 0, 1) },
		"insert a text":    func(tx *crdt.Tx) error { return third(array.InsertText(tx, 0)) },
		"insert an array":  func(tx *crdt.Tx) error { return third(array.InsertArray(tx, 0)) },
		"insert a map":     func(tx *crdt.Tx) error { return third(array.InsertMap(tx, 0)) },
		"set":              func(tx *crdt.Tx) error { return m.Set(tx, "k", 1) },
		"delete a key":     func(tx *crdt.Tx) error { return m.Delete(tx, "text") },
		"clear":            func(tx *crdt.Tx) error { return m.Clear(tx) },
		"set a text":       func(tx *crdt.Tx) error { return third(m.SetText(tx, "k")) },
		"set an array":     func(tx *crdt.Tx) error { return third(m.SetArray(tx, "k")) },
		"set a map":        func(tx *crdt.Tx) error { return third(m.SetMap(tx, "k")) },
		"set XML":          func(tx *crdt.Tx) error { return third(m.SetXML(tx, "k", crdt.KindXMLText, "")) },
		"insert XML":       func(tx *crdt.Tx) error { return x.Insert(tx, 0, crdt.NewXMLText("")) },
		"insert element":   func(tx *crdt.Tx) error { return third(x.InsertElement(tx, 0, "p")) },
		"insert hook":      func(tx *crdt.Tx) error { return third(x.InsertHook(tx, 0, "h")) },
		"insert XML text":  func(tx *crdt.Tx) error { return third(x.InsertText(tx, 0)) },
		"insert after":     func(tx *crdt.Tx) error { return x.InsertAfter(tx, nil, crdt.NewXMLText("")) },
	}
	for name, edit := range edits {
		for _, tx := range []*crdt.Tx{over, nil} {
			if err := edit(tx); !errors.Is(err, crdt.ErrTransaction) {
				t.Errorf("%s: %v, want ErrTransaction", name, err)
			}
		}
	}
	if string(encoded(t, d)) != before {
		t.Error("a refused edit changed the document")
	}
}

// What is out of range, of the wrong kind or no value is refused where it comes from.
func TestEditsThatAreRefused(t *testing.T) {
	d := nested(t)
	text, array, m, x := d.Text("t"), d.Array("a"), d.Map("m"), d.XMLFragment("x")
	second := func(_ any, err error) error { return err }
	deep := any(1)
	for range 200 {
		deep = []any{deep}
	}
	before := string(encoded(t, d))
	for name, tt := range map[string]struct {
		edit func(*crdt.Tx) error
		want error
	}{
		"text at -1":         {func(tx *crdt.Tx) error { return text.Insert(tx, -1, "a") }, crdt.ErrIndex},
		"embed at -1":        {func(tx *crdt.Tx) error { return text.InsertEmbed(tx, -1, 1) }, crdt.ErrIndex},
		"type at -1":         {func(tx *crdt.Tx) error { return second(text.InsertType(tx, -1, crdt.KindMap, "")) }, crdt.ErrIndex},
		"delete -1":          {func(tx *crdt.Tx) error { return text.Delete(tx, 0, -1) }, crdt.ErrIndex},
		"format -1":          {func(tx *crdt.Tx) error { return text.Format(tx, 0, -1, nil) }, crdt.ErrIndex},
		"attribute no value": {func(tx *crdt.Tx) error { return text.Format(tx, 0, 1, crdt.Attrs{"b": t}) }, crdt.ErrValue},
		"formatted no value": {func(tx *crdt.Tx) error { return text.Insert(tx, 0, "a", crdt.Attrs{"b": t}) }, crdt.ErrValue},
		"embed no value":     {func(tx *crdt.Tx) error { return text.InsertEmbed(tx, 0, t) }, crdt.ErrValue},
		"embed marked badly": {func(tx *crdt.Tx) error { return text.InsertEmbed(tx, 0, 1, crdt.Attrs{"b": t}) }, crdt.ErrValue},
		"type marked badly":  {func(tx *crdt.Tx) error { return second(text.InsertType(tx, 0, crdt.KindMap, "", crdt.Attrs{"b": t})) }, crdt.ErrValue},
		"delta badly marked": {func(tx *crdt.Tx) error {
			return text.ApplyDelta(tx, []crdt.DeltaOp{{Retain: 1, Attributes: crdt.Attrs{"b": t}}})
		}, crdt.ErrValue},
		"element no value":     {func(tx *crdt.Tx) error { return array.Insert(tx, 0, t) }, crdt.ErrValue},
		"element past the end": {func(tx *crdt.Tx) error { return second(array.InsertMap(tx, array.Len()+1)) }, crdt.ErrIndex},
		"too deep":             {func(tx *crdt.Tx) error { return array.Insert(tx, 0, deep) }, crdt.ErrValue},
		"too deep in a map":    {func(tx *crdt.Tx) error { return m.Set(tx, "k", map[string]any{"a": deep}) }, crdt.ErrValue},
		"too deep in order":    {func(tx *crdt.Tx) error { return m.Set(tx, "k", crdt.Object{{"a", deep}}) }, crdt.ErrValue},
		"no XML in a map":      {func(tx *crdt.Tx) error { return second(m.SetXML(tx, "k", crdt.KindText, "")) }, crdt.ErrKind},
		"nil prelim":           {func(tx *crdt.Tx) error { return x.Push(tx, nil) }, crdt.ErrValue},
		"no XML in XML":        {func(tx *crdt.Tx) error { return x.Push(tx, crdt.NewText("")) }, crdt.ErrKind},
		"child with no XML":    {func(tx *crdt.Tx) error { return x.Push(tx, crdt.NewXMLElement("p", nil, crdt.NewMap(nil))) }, crdt.ErrKind},
		"delta in a prelim": {func(tx *crdt.Tx) error {
			return array.Push(tx, crdt.NewText("").ApplyDelta(crdt.DeltaOp{Retain: -1}))
		}, crdt.ErrValue},
	} {
		if err := d.Transact(tt.edit); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if string(encoded(t, d)) != before {
		t.Error("a refused edit changed the document")
	}
	if _, err := array.Get(-1); !errors.Is(err, crdt.ErrIndex) {
		t.Errorf("Get(-1): %v", err)
	}
}

// Transact inside a transaction is part of it; in one from elsewhere it is refused.
func TestTransactInsideATransaction(t *testing.T) {
	d, from := crdt.New(crdt.Options{ClientID: 1}), crdt.New(crdt.Options{ClientID: 2})
	insert := func(tx *crdt.Tx) error {
		tx.Meta()["seen"] = true
		return tx.Doc().Text("t").Insert(tx, 0, "a")
	}
	if err := d.Transact(func(tx *crdt.Tx) error {
		err := d.Transact(insert)
		if tx.Meta()["seen"] != true {
			t.Error("the inner transaction is another one")
		}
		return err
	}); err != nil || d.RootString("t") != "a" {
		t.Errorf("text %q, %v", d.RootString("t"), err)
	}
	u := update(t, from, func(tx *crdt.Tx) error { return from.Text("t").Insert(tx, 0, "b") })
	var errs []error
	d.OnRootSplice("t", func(crdt.Splice) {
		_, err := d.Update(insert)
		errs = append(errs, d.Transact(insert), err)
	})
	if _, err := d.ApplyUpdate(u); err != nil {
		t.Fatal(err)
	}
	if len(errs) != 2 || !errors.Is(errs[0], crdt.ErrTransaction) || !errors.Is(errs[1], crdt.ErrTransaction) {
		t.Errorf("edits while an update is applied: %v, want ErrTransaction", errs)
	}
}
