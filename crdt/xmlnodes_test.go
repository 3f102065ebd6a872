package crdt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// tree is a document with <a>1<b>2<c>3</c></b></a>, a hook, a fragment that
// holds <c></c>, and <d></d>.
func tree(t testing.TB) (*crdt.Doc, *crdt.XMLFragment) {
	t.Helper()
	d := crdt.New(crdt.Options{ClientID: 1})
	x := d.XMLFragment("x")
	update(t, d, func(tx *crdt.Tx) error {
		c := crdt.NewXMLElement("c", nil, crdt.NewXMLText("3"))
		b := crdt.NewXMLElement("b", nil, crdt.NewXMLText("2"), c)
		return x.Push(tx,
			crdt.NewXMLElement("a", nil, crdt.NewXMLText("1"), b),
			crdt.NewXMLHook("h", map[string]any{"unseen": crdt.NewXMLElement("c", nil)}),
			crdt.NewXMLFragment(crdt.NewXMLElement("C", nil)),
			crdt.NewXMLElement("d", nil))
	})
	return d, x
}

// label names a node in a few letters.
func label(n crdt.Type) string {
	switch n := n.(type) {
	case nil:
		return "nil"
	case *crdt.XMLElement:
		return n.Name()
	case *crdt.XMLText:
		return n.String()
	case *crdt.XMLHook:
		return n.Name() + "!"
	}
	return "*"
}

func labels(nodes []crdt.Type) string {
	var out []string
	for _, n := range nodes {
		out = append(out, label(n))
	}
	return strings.Join(out, " ")
}

func TestWalk(t *testing.T) {
	d, x := tree(t)
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	text := func(n crdt.Type) bool { return n.Kind() == crdt.KindXMLText }
	check("all", labels(slices.Collect(x.Walk(nil))), "a 1 b 2 c 3 h! * C d")
	check("inside rejected nodes", labels(slices.Collect(x.Walk(text))), "1 2 3")
	check("below an element", labels(slices.Collect(x.Find("B").Walk(nil))), "2 c 3")
	check("of an empty element", labels(slices.Collect(x.Find("d").Walk(nil))), "")
	for n := range x.Walk(nil) {
		check("first", label(n), "a")
		break
	}
	n := 0
	for e := range x.FindAll("c") {
		check("found", strings.ToLower(e.Name()), "c")
		n++
	}
	check("how many", fmt.Sprint(n), "2")
	check("not found", fmt.Sprint(x.Find("e") == nil), "true")

	a := x.FirstChild().(*crdt.XMLElement)
	check("neighbours", label(a.PrevSibling())+label(a.NextSibling()), "nilh!")
	check("neighbours of the last", label(x.Find("d").PrevSibling())+label(x.Find("d").NextSibling()), "*nil")
	update(t, d, func(tx *crdt.Tx) error {
		if err := x.Delete(tx, 1, 2); err != nil {
			return err
		}
		check("inside the transaction", labels(slices.Collect(x.Walk(nil))), "a 1 b 2 c 3 d")
		return x.Find("b").Delete(tx, 0, 1)
	})
	check("after deletions", labels(slices.Collect(x.Walk(nil))), "a 1 b c 3 d")
	check("neighbours over deleted ones", label(a.NextSibling())+label(x.Find("d").PrevSibling()), "da")
	check("first child", label(x.Find("b").FirstChild()), "c")
	update(t, d, func(tx *crdt.Tx) error { return x.Delete(tx, 0, 1) })
	check("of a deleted node", label(a.NextSibling())+label(a.FirstChild())+labels(slices.Collect(a.Walk(nil))), "nilnil")
}

func TestInsertAfter(t *testing.T) {
	d, x := tree(t)
	node := func(tag string) *crdt.Prelim { return crdt.NewXMLElement(tag, nil) }
	update(t, d, func(tx *crdt.Tx) error {
		a := x.FirstChild()
		for _, err := range []error{
			x.InsertAfter(tx, nil, node("front"), node("second")), x.InsertAfter(tx, a, node("behind")),
			x.InsertAfter(tx, x.Find("d"), node("last")), x.Find("d").InsertAfter(tx, nil, node("in")), x.Unshift(tx, node("first")),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	elements := func(n crdt.Type) bool { return n.Kind() != crdt.KindXMLText }
	if got, want := labels(slices.Collect(x.Walk(elements))), "first front second a b c behind h! * C d in last"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// An XML text may be embedded in a text; what is beside it there is no node.
func TestSiblingsInText(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	update(t, d, func(tx *crdt.Tx) error {
		if err := d.Text("t").Insert(tx, 0, "ab"); err != nil {
			return err
		}
		return d.Text("t").InsertEmbed(tx, 1, crdt.NewXMLText("x"))
	})
	in := d.Text("t").Delta()[1].Insert.(*crdt.XMLText)
	if in.PrevSibling() != nil || in.NextSibling() != nil || in.Parent() != d.Text("t") {
		t.Errorf("neighbours %v and %v, parent %v", in.PrevSibling(), in.NextSibling(), in.Parent())
	}
}
