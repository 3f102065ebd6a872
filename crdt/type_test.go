package crdt_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// update runs a transaction that has to succeed.
func update(t testing.TB, d *crdt.Doc, f func(tx *crdt.Tx) error) []byte {
	t.Helper()
	u, err := d.Update(f)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// nested is a document in which every kind of type lies in every other that
// can hold it: in the array "a", the map "m", the text "t" and the fragment "x".
func nested(t testing.TB) *crdt.Doc {
	t.Helper()
	d := crdt.New(crdt.Options{ClientID: 1})
	everything := []*crdt.Prelim{
		crdt.NewText("text"), crdt.NewArray("array"), crdt.NewMap(map[string]any{"map": 1}),
		crdt.NewXMLElement("p", crdt.Attrs{"id": 1}, crdt.NewXMLText("in p")), crdt.NewXMLFragment(crdt.NewXMLText("in it")),
		crdt.NewXMLText("XML"), crdt.NewXMLHook("hook", map[string]any{"k": "v"}),
	}
	update(t, d, func(tx *crdt.Tx) error {
		for _, p := range everything {
			errs := []error{
				d.Array("a").Push(tx, p), d.Map("m").Set(tx, p.Kind().String(), p), d.Text("t").InsertEmbed(tx, 0, p),
			}
			if p.Kind() >= crdt.KindXMLElement {
				errs = append(errs, d.XMLFragment("x").Push(tx, p))
			}
			if err := errors.Join(errs...); err != nil {
				return err
			}
		}
		return nil
	})
	return d
}

// inside returns the types that lie directly in another.
func inside(t crdt.Type) []crdt.Type {
	var all []any
	switch t := t.(type) {
	case *crdt.Array:
		all = t.ToSlice()
	case *crdt.Map:
		for _, v := range t.All() {
			all = append(all, v)
		}
	case *crdt.Text:
		for _, op := range t.Delta() {
			all = append(all, op.Insert)
		}
	case *crdt.XMLFragment:
		all = t.ToSlice()
	case *crdt.XMLElement:
		all = t.ToSlice()
	}
	var out []crdt.Type
	for _, v := range all {
		if in, ok := v.(crdt.Type); ok {
			out = append(out, in)
		}
	}
	return out
}

// Every type knows where it lies; the handle is the same however one comes to
// it; and deleting the root's content deletes all of them.
func TestTypesKnowTheirPlace(t *testing.T) {
	d := nested(t)
	var all []crdt.Type
	var visit func(parent crdt.Type, root string)
	visit = func(parent crdt.Type, root string) {
		again := inside(parent)
		for i, in := range inside(parent) {
			if in.Parent() != parent || in.Root() != root || in.Doc() != d || in != again[i] {
				t.Errorf("%v in %v: parent %v, root %q, equal %v", in.Kind(), parent.Kind(), in.Parent(), in.Root(), in == again[i])
			}
			all = append(all, in)
			visit(in, root)
		}
	}
	for _, name := range d.Roots() {
		root := d.Root(name)
		if root.Parent() != nil || root.Root() != name || root.Deleted() {
			t.Errorf("root %s: parent %v, root %q, deleted %v", name, root.Parent(), root.Root(), root.Deleted())
		}
		visit(root, name)
	}
	if len(all) != 7*3+4+2*4 {
		t.Errorf("%d nested types, want %d", len(all), 7*3+4+2*4)
	}
	update(t, d, func(tx *crdt.Tx) error {
		return errors.Join(d.Array("a").Delete(tx, 0, 7), d.Map("m").Clear(tx), d.Text("t").Delete(tx, 0, 7), d.XMLFragment("x").Delete(tx, 0, 4))
	})
	for _, in := range all {
		if !in.Deleted() || in.Parent() != nil || in.Root() != "" {
			t.Errorf("%v after it was deleted: deleted %v, parent %v, root %q", in.Kind(), in.Deleted(), in.Parent(), in.Root())
		}
		if got := len(inside(in)); got != 0 || in.Clone().Kind() != in.Kind() {
			t.Errorf("a deleted %v holds %d types, its copy is a %v", in.Kind(), got, in.Clone().Kind())
		}
	}
	if err := d.Check(); err != nil {
		t.Error(err)
	}
}

// A copy of a type that is inserted into another document holds the same.
func TestCloneIntoAnotherDocument(t *testing.T) {
	d, other := nested(t), crdt.New(crdt.Options{ClientID: 2})
	for _, name := range d.Roots() {
		root := d.Root(name)
		update(t, other, func(tx *crdt.Tx) error { return other.Map("copies").Set(tx, name, root.Clone()) })
		want, err := root.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		v, _ := other.Map("copies").Get(name)
		copied := v.(crdt.Type)
		got, err := copied.MarshalJSON()
		if err != nil || string(got) != string(want) {
			t.Errorf("copy of root %s is %s, want %s (%v)", name, got, want, err)
		}
		if got, want := len(inside(copied)), len(inside(root)); got != want {
			t.Errorf("copy of root %s holds %d types, want %d", name, got, want)
		}
	}
}

// Errors name what was wrong and where, and an edit that is refused changes
// nothing.
func TestRefusedEdits(t *testing.T) {
	loop := crdt.NewMap(nil)
	loop.Set("again", loop)
	d := nested(t)
	cell := func() *crdt.Array { v, _ := d.Array("a").Get(1); return v.(*crdt.Array) }
	element := func() *crdt.XMLElement { return d.XMLFragment("x").Find("P") }
	other := crdt.New(crdt.Options{ClientID: 9})
	tests := []struct {
		name string
		edit func(tx *crdt.Tx) error
		is   error
		want string
	}{
		{"array index", func(tx *crdt.Tx) error { return cell().Insert(tx, 2, 1) }, crdt.ErrIndex, `0 places from 2 in array "a"[1] of length 1`},
		{"array length", func(tx *crdt.Tx) error { return d.Array("a").Delete(tx, 6, 2) }, crdt.ErrIndex, `2 places from 6 in array "a" of length 7`},
		{"array negative", func(tx *crdt.Tx) error { return d.Array("a").Delete(tx, -1, 1) }, crdt.ErrIndex, `1 places from -1 in array "a"`},
		{"array value", func(tx *crdt.Tx) error { return cell().Push(tx, 1, make(chan int)) }, crdt.ErrValue, `insert into array "a"[1]: value 1: crdt: not a value for a document: type chan int`},
		{"array undefined", func(tx *crdt.Tx) error { return cell().Push(tx, crdt.Undefined) }, crdt.ErrValue, `value 0`},
		{"live type", func(tx *crdt.Tx) error { return cell().Push(tx, d.Map("m")) }, crdt.ErrValue, `*crdt.Map lies in a document already; its Clone can be inserted`},
		{"endless prelim", func(tx *crdt.Tx) error { return cell().Push(tx, 1, loop) }, crdt.ErrValue, `nested deeper than 200`},
		{"nil prelim", func(tx *crdt.Tx) error { return cell().Push(tx, (*crdt.Prelim)(nil)) }, crdt.ErrValue, `nil Prelim`},
		{"wrong deep in a prelim", func(tx *crdt.Tx) error {
			return d.Map("m").Set(tx, "k", crdt.NewArray(crdt.NewMap(map[string]any{"f": func() {}})))
		}, crdt.ErrValue, `set key "k" of map "m": set key "f" of new map: crdt: not a value for a document: type func()`},
		{"key of an array", func(tx *crdt.Tx) error { return cell().Push(tx, crdt.NewArray().Set("k", 1)) }, crdt.ErrKind, `key "k" of array`},
		{"delta of a map", func(tx *crdt.Tx) error { return cell().Push(tx, crdt.NewMap(nil).ApplyDelta()) }, crdt.ErrKind, `a delta for map`},
		{"map value", func(tx *crdt.Tx) error { return d.Map("m").Set(tx, "k", struct{}{}) }, crdt.ErrValue, `set key "k" of map "m"`},
		{"attribute", func(tx *crdt.Tx) error { return element().SetAttribute(tx, "k", struct{}{}) }, crdt.ErrValue, `set key "k" of XML element <p> "x"[0]`},
		{"text index", func(tx *crdt.Tx) error { return d.Text("t").Insert(tx, -1, "s") }, crdt.ErrIndex, `text "t" of length 7`},
		{"embed", func(tx *crdt.Tx) error { return d.Text("t").InsertEmbed(tx, 0, struct{}{}) }, crdt.ErrValue, `embed into text "t"`},
		{"delta", func(tx *crdt.Tx) error {
			return d.Text("t").ApplyDelta(tx, []crdt.DeltaOp{{Insert: "lost"}, {Insert: "s", Delete: 1}})
		}, crdt.ErrValue, `apply a delta to text "t": step 1: crdt: not a value for a document: insert s, retain 0, delete 1 in one step`},
		{"no XML node", func(tx *crdt.Tx) error { return d.XMLFragment("x").Push(tx, crdt.NewText("s")) }, crdt.ErrKind, `insert into XML fragment "x": crdt: wrong kind of shared type: node 0 is text, want XML`},
		{"XML kind", func(tx *crdt.Tx) error { _, err := cell().InsertXML(tx, 0, crdt.KindMap, ""); return err }, crdt.ErrKind, `map put into array "a"[1] where XML is wanted`},
		{"embedded kind", func(tx *crdt.Tx) error { _, err := d.Text("t").InsertType(tx, 0, 99, ""); return err }, crdt.ErrKind, `text "t"`},
		{"no child", func(tx *crdt.Tx) error { return d.XMLFragment("x").InsertAfter(tx, d.Map("m")) }, crdt.ErrKind, `map "m" is not a child of XML fragment "x"`},
		{"child of another", func(tx *crdt.Tx) error { return d.XMLFragment("x").InsertAfter(tx, element().FirstChild()) }, crdt.ErrKind, `XML text "x"[0][0] is not a child`},
		{"child of another document", func(tx *crdt.Tx) error { return d.XMLFragment("x").InsertAfter(tx, other.Map("m")) }, crdt.ErrKind, `is not a child`},
		{"other transaction", func(*crdt.Tx) error { return d.Map("m").Set(nil, "k", 1) }, crdt.ErrTransaction, `an edit of map "m"`},
		{"other document", func(tx *crdt.Tx) error { return other.Map("m").Set(tx, "k", 1) }, crdt.ErrTransaction, `an edit of map "m"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u, err := d.Update(tt.edit)
			if !errors.Is(err, tt.is) || !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("got error %v\nwant %v with %s", err, tt.is, tt.want)
			}
			if u != nil {
				t.Errorf("a refused edit changed the document: %x", u)
			}
		})
	}
}

func TestRootsByKind(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	full, err := nested(t).EncodeStateAsUpdate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.ApplyUpdate(full); err != nil {
		t.Fatal(err)
	}
	if got := d.Root("a"); got != nil {
		t.Errorf("an undeclared root has the handle %T", got)
	}
	if got := d.Root("none"); got != nil || len(d.Roots()) != 4 {
		t.Errorf("asking for a root made one: %v %v", got, d.Roots())
	}
	text, err := d.Get("t", crdt.KindText)
	if err != nil || text != d.Text("t") || text != d.Root("t") {
		t.Errorf("get: %v %v", text, err)
	}
	for _, kind := range []crdt.TypeKind{crdt.KindArray, crdt.KindXMLText, crdt.Undeclared} {
		if _, err := d.Get("t", kind); !errors.Is(err, crdt.ErrKind) {
			t.Errorf("a text asked for as %v: %v", kind, err)
		}
	}
	in := d.Array("a").ToSlice()[0].(crdt.Type)
	if in.Parent() != d.Array("a") {
		t.Errorf("parent is %v", in.Parent())
	}
}
