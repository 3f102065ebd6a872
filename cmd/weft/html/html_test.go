package html

import (
	"strings"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// node is an element to make: a tag, attributes, and texts or nodes in it.
type node struct {
	tag   string
	attrs map[string]any
	in    []any // node, or []crdt.DeltaOp
}

func build(t *testing.T, nodes ...any) *crdt.Doc {
	t.Helper()
	doc := crdt.New(crdt.Options{})
	_, err := doc.Update(func(tx *crdt.Tx) error {
		for i, n := range nodes {
			add(t, tx, doc.XMLFragment("default"), i, n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// list is what has nodes in it.
type list interface {
	InsertElement(tx *crdt.Tx, index int, tag string) (*crdt.XMLElement, error)
	InsertText(tx *crdt.Tx, index int) (*crdt.XMLText, error)
}

func add(t *testing.T, tx *crdt.Tx, to list, i int, n any) {
	t.Helper()
	switch n := n.(type) {
	case node:
		e, err := to.InsertElement(tx, i, n.tag)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range n.attrs {
			if err := e.SetAttribute(tx, k, v); err != nil {
				t.Fatal(err)
			}
		}
		for j, child := range n.in {
			add(t, tx, e, j, child)
		}
	case []crdt.DeltaOp:
		text, err := to.InsertText(tx, i)
		if err != nil {
			t.Fatal(err)
		}
		if err := text.ApplyDelta(tx, n); err != nil {
			t.Fatal(err)
		}
	}
}

func plain(s string) []crdt.DeltaOp { return []crdt.DeltaOp{{Insert: s}} }

// TestNodes writes every node of the basic schemas, and one that is in none.
func TestNodes(t *testing.T) {
	for _, tt := range []struct {
		n    node
		want string
	}{
		{node{tag: "paragraph", in: []any{plain("a < b & c")}}, "<p>a &lt; b &amp; c</p>"},
		{node{tag: "heading", attrs: map[string]any{"level": 2.0}, in: []any{plain("h")}}, "<h2>h</h2>"},
		{node{tag: "heading", attrs: map[string]any{"level": "99"}}, "<h6></h6>"},
		{node{tag: "blockquote", in: []any{node{tag: "paragraph"}}}, "<blockquote><p></p></blockquote>"},
		{node{tag: "horizontal_rule"}, "<hr>"},
		{node{tag: "horizontalRule"}, "<hr>"},
		{node{tag: "code_block", in: []any{plain("x\n<y>")}}, "<pre><code>x\n&lt;y&gt;</code></pre>"},
		{node{tag: "codeBlock", attrs: map[string]any{"language": "go"}}, `<pre><code class="language-go"></code></pre>`},
		{node{tag: "paragraph", in: []any{plain("a"), node{tag: "hardBreak"}, plain("b")}}, "<p>a<br>b</p>"},
		{node{tag: "bullet_list", in: []any{node{tag: "list_item"}}}, "<ul><li></li></ul>"},
		{node{tag: "orderedList", attrs: map[string]any{"start": 3.0}, in: []any{node{tag: "listItem"}}}, `<ol start="3"><li></li></ol>`},
		{node{tag: "ordered_list", attrs: map[string]any{"order": 1.0}}, `<ol></ol>`},
		{node{tag: "taskList", in: []any{node{tag: "taskItem", attrs: map[string]any{"checked": true}}}}, `<ul><li data-checked="true"></li></ul>`},
		{node{tag: "image", attrs: map[string]any{"src": "https://a/b.png", "alt": `"quoted"`, "title": nil}}, `<img alt="&#34;quoted&#34;" src="https://a/b.png">`},
		{node{tag: "image", attrs: map[string]any{"src": "javascript:alert(1)"}}, `<img>`},
		{node{tag: "table", in: []any{node{tag: "tableRow", in: []any{node{tag: "tableHeader"}, node{tag: "tableCell", attrs: map[string]any{"colspan": 2.0, "rowspan": 1.0}}}}}},
			`<table><tr><th></th><td colspan="2"></td></tr></table>`},
		{node{tag: `evil"><script>`, attrs: map[string]any{`on"x y`: "<&>", "Count": 3.0}, in: []any{node{tag: "paragraph"}}},
			`<div data-node="evil&#34;&gt;&lt;script&gt;" data-count="3" data-on-x-y="&lt;&amp;&gt;"><p></p></div>`},
	} {
		if got := strings.TrimSpace(Root(build(t, tt.n), "default")); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.n.tag, got, tt.want)
		}
	}
}

// TestMarks writes every mark, and one that is in none.
func TestMarks(t *testing.T) {
	type a = crdt.Attrs
	for _, tt := range []struct {
		attrs crdt.Attrs
		want  string
	}{
		{a{"strong": map[string]any{}}, "<strong>x</strong>"},
		{a{"bold": true, "italic": true}, "<strong><em>x</em></strong>"},
		{a{"em": map[string]any{}, "code": map[string]any{}}, "<code><em>x</em></code>"},
		{a{"underline": true, "strike": true}, "<s><u>x</u></s>"},
		{a{"link": map[string]any{"href": "https://a/?b&c", "title": "t"}}, `<a href="https://a/?b&amp;c" title="t">x</a>`},
		{a{"link": "mailto:a@b"}, `<a href="mailto:a@b">x</a>`},
		{a{"link": " jAva\tscript:alert(1)"}, `<span data-mark="link">x</span>`},
		{a{"link": map[string]any{"href": "data:text/html,x"}}, `<span data-mark="link">x</span>`},
		{a{"highlight": map[string]any{"color": "#ff0"}}, `<mark style="background-color:#ff0">x</mark>`},
		{a{"textStyle": map[string]any{"color": "red;background:url(//evil)"}}, `<span style="color:redbackgroundurlevil">x</span>`},
		{a{"color": "rgb(1, 2, 3)"}, `<span style="color:rgb(1, 2, 3)">x</span>`},
		{a{"script": "super"}, "<sup>x</sup>"},
		{a{"comment--h4sh": map[string]any{"id": `"1"`}}, `<span data-mark="comment" data-id="&#34;1&#34;">x</span>`},
	} {
		doc := build(t, node{tag: "paragraph", in: []any{[]crdt.DeltaOp{{Insert: "x", Attributes: tt.attrs}}}})
		if got, want := strings.TrimSpace(Root(doc, "default")), "<p>"+tt.want+"</p>"; got != want {
			t.Errorf("%v:\n got %s\nwant %s", tt.attrs, got, want)
		}
	}
}

// TestQuill writes a text with the attributes of lines and of runs, and what is embedded.
func TestQuill(t *testing.T) {
	type a = crdt.Attrs
	doc := crdt.New(crdt.Options{})
	text := doc.Text("quill")
	_, err := doc.Update(func(tx *crdt.Tx) error {
		return text.ApplyDelta(tx, []crdt.DeltaOp{
			{Insert: "Title"}, {Insert: "\n", Attributes: a{"header": 1}},
			{Insert: "one"}, {Insert: "\n", Attributes: a{"list": "bullet"}},
			{Insert: "two"}, {Insert: "\n", Attributes: a{"list": "bullet", "indent": 1}},
			{Insert: "first"}, {Insert: "\n", Attributes: a{"list": "ordered"}},
			{Insert: "done"}, {Insert: "\n", Attributes: a{"list": "checked"}},
			{Insert: "a < b\nc"}, {Insert: "\n", Attributes: a{"code-block": true}},
			{Insert: "said"}, {Insert: "\n", Attributes: a{"blockquote": true}},
			{Insert: "right"}, {Insert: "\n", Attributes: a{"align": "right", "direction": "rtl"}},
			{Insert: map[string]any{"image": "https://a/b.png"}},
			{Insert: map[string]any{"formula": "e=<mc>"}},
			{Insert: "end"},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `<h1>Title</h1>
<ul><li>one</li><li data-indent="1">two</li></ul>
<ol><li>first</li></ol>
<ul><li data-checked="true">done</li></ul>
<p>a &lt; b</p>
<pre>c
</pre>
<blockquote>said</blockquote>
<p style="text-align:right" dir="rtl">right</p>
<p><img src="https://a/b.png"><span data-embed="" data-formula="e=&lt;mc&gt;"></span>end</p>
`
	if got := Root(doc, "quill"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestDocument writes all roots, with one that HTML has no form for.
func TestDocument(t *testing.T) {
	doc := build(t, node{tag: "paragraph"})
	if _, err := doc.Update(func(tx *crdt.Tx) error { return doc.Map("meta").Set(tx, "k", "<v>") }); err != nil {
		t.Fatal(err)
	}
	got := Document(doc, "a <title>")
	for _, part := range []string{"<title>a &lt;title&gt;</title>", `<section data-root="default">`, `<pre>{&#34;k&#34;:&#34;&lt;v&gt;&#34;}</pre>`} {
		if !strings.Contains(got, part) {
			t.Errorf("no %q in %s", part, got)
		}
	}
}
