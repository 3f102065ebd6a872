// Package html writes documents as HTML: the nodes and marks of the basic schemas of ProseMirror and Tiptap, and the attributes
// of Quill. What it does not know becomes an element of its own kind, <div data-node="…"> or <span data-mark="…">, with its
// attributes as data-…; every text, name and value is escaped, and a link whose scheme could run a script is none.
package html

import (
	"encoding/json"
	"fmt"
	"html"
	"slices"
	"strings"

	"github.com/weftsync/weft/crdt"
)

// Document writes all roots of a document as one page.
func Document(doc *crdt.Doc, title string) string {
	w := new(writer)
	w.raw("<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<title>")
	w.text(title)
	w.raw("</title>\n</head>\n<body>\n")
	for _, name := range doc.Roots() {
		if doc.RootKind(name) == crdt.Undeclared {
			continue // there is nothing in it
		}
		w.raw(`<section data-root="`)
		w.text(name)
		w.raw("\">\n")
		w.root(doc, name)
		w.raw("</section>\n")
	}
	w.raw("</body>\n</html>\n")
	return w.b.String()
}

// Root writes one root of a document, as a fragment.
func Root(doc *crdt.Doc, name string) string {
	w := new(writer)
	w.root(doc, name)
	return w.b.String()
}

// writer collects HTML.
type writer struct{ b strings.Builder }

func (w *writer) raw(s string)  { w.b.WriteString(s) }
func (w *writer) text(s string) { w.b.WriteString(html.EscapeString(strings.ToValidUTF8(s, "\uFFFD"))) }

func (w *writer) root(doc *crdt.Doc, name string) {
	switch doc.RootKind(name) {
	case crdt.KindText:
		w.delta(doc.Text(name).Delta())
	case crdt.KindXMLFragment, crdt.KindXMLElement:
		for child := range doc.XMLFragment(name).Children() {
			w.node(child)
			w.raw("\n")
		}
	case crdt.KindXMLText:
		w.inline(doc.XMLText(name).Delta())
	default:
		w.raw("<pre>")
		w.text(string(doc.RootJSON(name)))
		w.raw("</pre>\n")
	}
}

// tag is how a node is written.
type tag struct {
	name  string
	void  bool
	attrs map[string]string // from the node's attribute to HTML's
}

// nodes are those of prosemirror-schema-basic, -list and -tables, and of Tiptap's StarterKit with its usual extensions, which
// writes the same things in camel case.
var nodes = map[string]tag{
	"paragraph":       {name: "p"},
	"blockquote":      {name: "blockquote"},
	"horizontal_rule": {name: "hr", void: true}, "horizontalRule": {name: "hr", void: true},
	"hard_break": {name: "br", void: true}, "hardBreak": {name: "br", void: true},
	"bullet_list": {name: "ul"}, "bulletList": {name: "ul"},
	"ordered_list": {name: "ol", attrs: map[string]string{"order": "start"}},
	"orderedList":  {name: "ol", attrs: map[string]string{"start": "start"}},
	"list_item":    {name: "li"}, "listItem": {name: "li"},
	"taskList": {name: "ul"}, "taskItem": {name: "li", attrs: map[string]string{"checked": "data-checked"}},
	"image":     {name: "img", void: true, attrs: map[string]string{"src": "src", "alt": "alt", "title": "title", "width": "width", "height": "height"}},
	"table":     {name: "table"},
	"table_row": {name: "tr"}, "tableRow": {name: "tr"},
	"table_cell":   {name: "td", attrs: map[string]string{"colspan": "colspan", "rowspan": "rowspan"}},
	"tableCell":    {name: "td", attrs: map[string]string{"colspan": "colspan", "rowspan": "rowspan"}},
	"table_header": {name: "th", attrs: map[string]string{"colspan": "colspan", "rowspan": "rowspan"}},
	"tableHeader":  {name: "th", attrs: map[string]string{"colspan": "colspan", "rowspan": "rowspan"}},
}

func (w *writer) node(n any) {
	switch n := n.(type) {
	case *crdt.XMLText:
		w.inline(n.Delta())
	case *crdt.XMLElement:
		w.element(n)
	case *crdt.XMLHook:
		w.raw(`<div data-hook="`)
		w.text(n.Name())
		w.raw(`"></div>`)
	}
}

func (w *writer) element(e *crdt.XMLElement) {
	attrs := e.Attributes()
	name := e.Name()
	inside := func() {
		for child := range e.Children() {
			w.node(child)
		}
	}
	switch name {
	case "heading":
		level := min(max(whole(attrs["level"], 1), 1), 6)
		w.pair(fmt.Sprintf("h%d", level), nil, inside)
		return
	case "code_block", "codeBlock":
		var class []attr
		if language := scalar(attrs["language"]); language != "" {
			class = []attr{{"class", "language-" + language}}
		}
		w.raw("<pre>")
		w.pair("code", class, inside)
		w.raw("</pre>")
		return
	}
	t, known := nodes[name]
	if !known {
		w.pair("div", append([]attr{{"data-node", name}}, dataAttrs(attrs)...), inside)
		return
	}
	list := known2html(t, attrs)
	if t.void {
		w.open(t.name, list)
		return
	}
	w.pair(t.name, list, inside)
}

// known2html takes over the attributes that HTML has.
func known2html(t tag, attrs map[string]any) (list []attr) {
	for from, to := range t.attrs {
		v := scalar(attrs[from])
		if v == "" || to == "start" && v == "1" || (to == "colspan" || to == "rowspan") && v == "1" {
			continue
		}
		if to == "src" && !safeURL(v, true) {
			continue
		}
		list = append(list, attr{to, v})
	}
	slices.SortFunc(list, func(a, b attr) int { return strings.Compare(a.name, b.name) })
	return list
}

// attr is an attribute of HTML.
type attr struct{ name, value string }

func (w *writer) open(name string, attrs []attr) {
	w.raw("<" + name)
	for _, a := range attrs {
		w.raw(" " + a.name + `="`)
		w.text(a.value)
		w.raw(`"`)
	}
	w.raw(">")
}

func (w *writer) pair(name string, attrs []attr, inside func()) {
	w.open(name, attrs)
	inside()
	w.raw("</" + name + ">")
}

// dataAttrs writes attributes that HTML does not have as data-…, by name.
func dataAttrs(attrs map[string]any) (list []attr) {
	for name, v := range attrs {
		list = append(list, attr{"data-" + attrName(name), scalar(v)})
	}
	slices.SortFunc(list, func(a, b attr) int { return strings.Compare(a.name, b.name) })
	return list
}

// attrName makes a name that may stand in HTML without quotes: anything but letters, digits and dashes becomes a dash.
func attrName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return '-'
	}, name)
}

// scalar writes a value as text: a string as it is, nothing for null, everything else as JSON.
func scalar(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case crdt.Object:
		return scalar(v.Map())
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// whole reads a number.
func whole(v any, otherwise int) int {
	switch v := v.(type) {
	case float64:
		return int(v)
	case int:
		return v
	case string:
		var n int
		if _, err := fmt.Sscan(v, &n); err == nil {
			return n
		}
	}
	return otherwise
}

// safeURL reports whether following or loading an address cannot run a script.
func safeURL(address string, image bool) bool {
	clean := strings.ToLower(strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f {
			return -1 // browsers leave these out of a scheme
		}
		return r
	}, address))
	scheme, _, ok := strings.Cut(clean, ":")
	if !ok || strings.ContainsAny(scheme, "/?#") {
		return true // relative
	}
	switch scheme {
	case "http", "https", "mailto", "tel", "ftp":
		return true
	case "data":
		return image && strings.HasPrefix(clean, "data:image/") && !strings.HasPrefix(clean, "data:image/svg")
	}
	return false
}
