package crdttest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weftsync/weft/crdt"
)

// viewTags are what is looked for in XML.
var viewTags = []string{"K", "q", "a Key", "1", "Ü😀"}

// view reads what a root offers beside its content, as web/oracle/view.mjs does.
func view(t any) string {
	switch t := t.(type) {
	case *crdt.XMLFragment:
		return xmlView(t)
	case *crdt.Array:
		return arrayView(t)
	case *crdt.Map:
		return fmt.Sprintf("%d %v,%v,%v", t.Len(), t.Has("k"), t.Has("q"), t.Has("1"))
	}
	return ""
}

func arrayView(t *crdt.Array) string {
	n := t.Len()
	if n < 3 {
		return ""
	}
	var parts []string
	for _, s := range [][]any{t.Slice(1, n), t.Slice(1, -1), t.Slice(-2, n), t.Slice(-3, -1)} {
		var b strings.Builder
		appendList(&b, s)
		parts = append(parts, b.String())
	}
	return strings.Join(parts, " | ")
}

func xmlView(t *crdt.XMLFragment) string {
	var nodes, elements, counts, first []string
	for n := range t.Walk(nil) {
		nodes = append(nodes, nodeView(n))
	}
	for n := range t.Walk(hasChildren) {
		elements = append(elements, nameOf(n))
	}
	for _, tag := range viewTags {
		counts = append(counts, fmt.Sprint(len(slices.Collect(t.FindAll(tag)))))
		s := ""
		if e := t.Find(tag); e != nil {
			s = e.String()
		}
		first = append(first, CanonicalString(s))
	}
	return strings.Join([]string{
		nameOf(t.FirstChild()), strings.Join(nodes, ";"), strings.Join(elements, ";"), strings.Join(counts, ","), strings.Join(first, ","),
	}, " | ")
}

func hasChildren(t crdt.Type) bool {
	e, ok := t.(*crdt.XMLElement)
	return ok && e.Len() > 0
}

func nodeView(t crdt.Type) string {
	siblings := ""
	switch n := t.(type) {
	case *crdt.XMLElement:
		siblings = nameOf(n.PrevSibling()) + " " + nameOf(n.NextSibling()) + " "
	case *crdt.XMLText:
		siblings = nameOf(n.PrevSibling()) + " " + nameOf(n.NextSibling()) + " "
	}
	return nameOf(t) + "(" + siblings + nameOf(t.Parent()) + ")"
}

func nameOf(t crdt.Type) string {
	switch t := t.(type) {
	case nil:
		return "-"
	case *crdt.XMLElement:
		return "<" + CanonicalString(t.Name()) + ">"
	case *crdt.XMLHook:
		return "hook " + CanonicalString(t.Name())
	case *crdt.XMLText:
		return "text"
	}
	return "other"
}
