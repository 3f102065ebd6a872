package html

import (
	"maps"
	"slices"
	"strings"

	"github.com/weftsync/weft/crdt"
)

// marks are those of ProseMirror, Tiptap and Quill that are a tag and nothing else.
var marks = map[string]string{
	"strong": "strong", "bold": "strong",
	"em": "em", "italic": "em",
	"code":      "code",
	"underline": "u",
	"strike":    "s", "strikethrough": "s",
	"subscript": "sub", "superscript": "sup",
}

// styles are attributes of Quill, and of Tiptap's textStyle, that are a property of CSS.
var styles = map[string]string{
	"color": "color", "background": "background-color", "font": "font-family", "fontFamily": "font-family",
	"size": "font-size", "fontSize": "font-size", "align": "text-align",
}

// inline writes the runs of a text inside a node.
func (w *writer) inline(delta []crdt.Op) {
	for _, op := range delta {
		w.run(op)
	}
}

// run writes one run with its marks around it, in the order of their names.
func (w *writer) run(op crdt.Op) {
	var closing []string
	for _, name := range slices.Sorted(maps.Keys(op.Attributes)) {
		v := op.Attributes[name]
		if v == nil || v == false {
			continue
		}
		tag, attrs := mark(name, v)
		if tag == "" {
			continue
		}
		w.open(tag, attrs)
		closing = append(closing, "</"+tag+">")
	}
	if s, ok := op.Insert.(string); ok {
		w.text(s)
	} else {
		w.embed(op.Insert)
	}
	for _, c := range slices.Backward(closing) {
		w.raw(c)
	}
}

// mark returns the element of a mark. y-prosemirror adds "--" and a hash to a mark that may overlap with its kind.
func mark(name string, v any) (tag string, attrs []attr) {
	name, _, _ = strings.Cut(name, "--")
	if tag, ok := marks[name]; ok {
		return tag, nil
	}
	fields := asMap(v)
	if property, ok := styles[name]; ok {
		return "span", []attr{{"style", property + ":" + cssValue(scalar(v))}}
	}
	switch name {
	case "link":
		address := scalar(v)
		if fields != nil {
			address = scalar(fields["href"])
		}
		if !safeURL(address, false) {
			return "span", []attr{{"data-mark", "link"}}
		}
		attrs = []attr{{"href", address}}
		if title := scalar(fields["title"]); title != "" {
			attrs = append(attrs, attr{"title", title})
		}
		return "a", attrs
	case "highlight":
		if color := scalar(fields["color"]); color != "" {
			attrs = []attr{{"style", "background-color:" + cssValue(color)}}
		}
		return "mark", attrs
	case "script": // Quill's
		if tag := map[string]string{"sub": "sub", "super": "sup"}[scalar(v)]; tag != "" {
			return tag, nil
		}
	case "textStyle":
		var style []string
		for _, field := range slices.Sorted(maps.Keys(fields)) {
			if property, ok := styles[field]; ok && fields[field] != nil {
				style = append(style, property+":"+cssValue(scalar(fields[field])))
			}
		}
		return "span", []attr{{"style", strings.Join(style, ";")}}
	}
	if fields == nil {
		fields = map[string]any{"value": v}
	}
	return "span", append([]attr{{"data-mark", name}}, dataAttrs(fields)...)
}

// asMap returns the fields of an object, nil for anything else.
func asMap(v any) map[string]any {
	switch v := v.(type) {
	case crdt.Object:
		return v.Map()
	case map[string]any:
		return v
	}
	return nil
}

// cssValue keeps what a color, a size or a font is made of, and nothing that could end the property or load something.
func cssValue(v string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("#.,%- ", r):
			return r
		case r == '(' || r == ')':
			if strings.HasPrefix(strings.ToLower(strings.TrimSpace(v)), "rgb") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(v)), "hsl") {
				return r
			}
		}
		return -1
	}, v)
}

// embed writes what stands in a text and is none: Quill's images, videos and formulas, and whatever else there is.
func (w *writer) embed(v any) {
	fields := asMap(v)
	if src := scalar(fields["image"]); src != "" && safeURL(src, true) {
		w.open("img", []attr{{"src", src}})
		return
	}
	if src := scalar(fields["video"]); src != "" && safeURL(src, false) {
		w.pair("a", []attr{{"href", src}}, func() { w.text(src) })
		return
	}
	if fields == nil {
		fields = map[string]any{"value": v}
	}
	w.pair("span", append([]attr{{"data-embed", ""}}, dataAttrs(fields)...), func() {})
}
