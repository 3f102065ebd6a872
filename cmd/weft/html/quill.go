package html

import (
	"fmt"
	"strings"

	"github.com/weftsync/weft/crdt"
)

// line is a line of a text. In Quill what a line is stands on the newline that ends it.
type line struct {
	runs  []crdt.Op
	attrs map[string]any
}

// lines cuts a delta at its newlines.
func lines(delta []crdt.Op) (all []line) {
	var at line
	for _, op := range delta {
		s, ok := op.Insert.(string)
		if !ok {
			at.runs = append(at.runs, op)
			continue
		}
		for {
			before, after, cut := strings.Cut(s, "\n")
			if before != "" {
				at.runs = append(at.runs, crdt.Op{Insert: before, Attributes: op.Attributes})
			}
			if !cut {
				break
			}
			at.attrs = op.Attributes
			all = append(all, at)
			at, s = line{}, after
		}
	}
	if len(at.runs) > 0 {
		all = append(all, at)
	}
	return all
}

// listTags are the kinds of list of Quill.
var listTags = map[string]string{"ordered": "ol", "bullet": "ul", "checked": "ul", "unchecked": "ul"}

// delta writes a text with the attributes of Quill: a line is a paragraph, unless its newline says what else it is.
func (w *writer) delta(delta []crdt.Op) {
	open := "" // list or code block that goes on
	step := func(next string) {
		if open == next {
			return
		}
		if open != "" {
			w.raw("</" + open + ">\n")
		}
		if open = next; open != "" {
			w.raw("<" + open + ">")
		}
	}
	for _, l := range lines(delta) {
		list, code := listTags[scalar(l.attrs["list"])], l.attrs["code-block"]
		switch {
		case list != "":
			step(list)
			w.pair("li", lineAttrs(l.attrs), func() { w.inline(l.runs) })
			continue
		case code != nil && code != false:
			step("pre")
			w.inline(l.runs)
			w.raw("\n")
			continue
		}
		step("")
		tag := "p"
		if level := whole(l.attrs["header"], 0); level > 0 {
			tag = fmt.Sprintf("h%d", min(level, 6))
		} else if q := l.attrs["blockquote"]; q != nil && q != false {
			tag = "blockquote"
		}
		w.pair(tag, lineAttrs(l.attrs), func() { w.inline(l.runs) })
		w.raw("\n")
	}
	step("")
}

// lineAttrs writes what else a line has.
func lineAttrs(attrs map[string]any) (list []attr) {
	if kind := scalar(attrs["list"]); kind == "checked" || kind == "unchecked" {
		list = append(list, attr{"data-checked", fmt.Sprint(kind == "checked")})
	}
	if n := whole(attrs["indent"], 0); n > 0 {
		list = append(list, attr{"data-indent", fmt.Sprint(n)})
	}
	if v := cssValue(scalar(attrs["align"])); v != "" {
		list = append(list, attr{"style", "text-align:" + v})
	}
	if scalar(attrs["direction"]) == "rtl" {
		list = append(list, attr{"dir", "rtl"})
	}
	return list
}
