package crdt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
)

// contents returns the content of a document's structs in words.
func contents(t testing.TB, d *crdt.Doc) string {
	t.Helper()
	update, err := d.EncodeStateAsUpdate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return crdttest.Describe(update)
}

func TestCollectFilter(t *testing.T) {
	var seen []string
	d := crdt.New(crdt.Options{ClientID: 1, CollectFilter: func(i crdt.Item) bool {
		key, _ := i.Key()
		parent, nested := i.Parent()
		seen = append(seen, fmt.Sprintf("%v+%d of %v %q, key %q, parent %v %v: %q %v",
			i.ID(), i.Len(), i.ParentKind(), i.Root(), key, parent, nested, i.Text(), i.Values()))
		return i.Root() != "kept"
	}})
	text, m, kept := d.Text("text"), d.Map("map"), d.Array("kept")
	var inner *crdt.Text
	do(t, d, func(tx *crdt.Tx) (err error) {
		if err := text.Insert(tx, 0, "wörld"); err != nil {
			return err
		}
		if err := kept.Push(tx, "a", 1.5, true); err != nil {
			return err
		}
		if inner, err = m.SetText(tx, "note"); err != nil {
			return err
		}
		return inner.Insert(tx, 0, "inner")
	})
	do(t, d, func(tx *crdt.Tx) error { return text.Delete(tx, 1, 3) })
	do(t, d, func(tx *crdt.Tx) error { return kept.Delete(tx, 0, 2) })
	do(t, d, func(tx *crdt.Tx) error { return inner.Delete(tx, 0, 2) })
	do(t, d, func(tx *crdt.Tx) error { return m.Delete(tx, "note") })
	slices.Sort(seen)
	want := []string{
		`{1 11}+3 of text "map", key "", parent {1 8} true: "ner" []`,
		`{1 1}+3 of text "text", key "", parent {0 0} false: "örl" []`,
		`{1 5}+2 of array "kept", key "", parent {0 0} false: "" [a 1.5]`,
		`{1 8}+1 of map "map", key "note", parent {0 0} false: "" []`, // the text is empty by now
		`{1 9}+2 of text "map", key "", parent {1 8} true: "in" []`,
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
	if got := contents(t, d); !strings.Contains(got, "2 values 7701617c3fc00000") || strings.Contains(got, "örl") {
		t.Errorf("the document holds\n%s", got)
	}
	if err := d.Check(); err != nil {
		t.Error(err)
	}
}

// What is in a type that is collected goes with it, whatever the filter says.
func TestCollectFilterOfChildren(t *testing.T) {
	for _, tt := range []struct {
		name   string
		filter func(crdt.Item) bool
		want   string
	}{
		{"nothing is kept", func(crdt.Item) bool { return true }, "  1:0+1 Deleted root \"a\", \n  1:1+3 GC \n"},
		{"the type is kept", func(i crdt.Item) bool { return i.ParentKind() != crdt.KindArray }, "  1:0+1 Type root \"a\", type 2\n  1:1+3 Deleted parent 1:0, \n"},
		{"the text is kept", func(i crdt.Item) bool { return i.Text() == "" }, "  1:0+1 Deleted root \"a\", \n  1:1+3 GC \n"},
		{"both are kept", func(crdt.Item) bool { return false }, "  1:0+1 Type root \"a\", type 2\n  1:1+3 String parent 1:0, \"abc\"\n"},
	} {
		d := crdt.New(crdt.Options{ClientID: 1, CollectFilter: tt.filter})
		do(t, d, func(tx *crdt.Tx) error {
			text, err := d.Array("a").InsertText(tx, 0)
			if err != nil {
				return err
			}
			return text.Insert(tx, 0, "abc")
		})
		do(t, d, func(tx *crdt.Tx) error { return d.Array("a").Delete(tx, 0, 1) })
		if diff := cmp.Diff(tt.want+"  delete 1:0+4\n", contents(t, d)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if err := d.Check(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
