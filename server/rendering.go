package server

import (
	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
)

// rendering is a document, or one root of it, as viewers see it at one moment. Of a plain text only the kind is kept:
// its changes come as splices from the engine. Of everything else the whole is kept, to be compared with the next.
type rendering struct {
	spliced bool   // a text whose changes the engine tells
	text    string // of XML
	json    node
}

// render renders what a key says.
func render(doc *crdt.Doc, key feedKey) rendering {
	switch {
	case key.json && key.named:
		return rendering{json: parseJSON(doc.RootJSON(key.root))}
	case key.json:
		return rendering{json: parseJSON(doc.JSON())}
	case !key.named || isSpliced(doc, key.root):
		return rendering{spliced: true}
	}
	return rendering{text: textOf(doc, key.root)}
}

// change sets in e what turns from into r, a rendering of doc. It reports whether there is anything.
func (r *rendering) change(doc *crdt.Doc, key feedKey, from *rendering, e *viewEvent) bool {
	switch {
	case r.json.raw != nil:
		e.patch = appendPatch(nil, nil, &from.json, &r.json)
		return len(e.patch) > 0
	case r.spliced || from.spliced:
		// What the root holds has become something else: text has turned out to be XML, or the other way round.
		e.whole = appendWholeText(nil, true, key.root, textOf(doc, key.root))
		return true
	}
	if from.text == r.text {
		return false
	}
	e.splices = []crdt.Splice{spliceBetween(from.text, r.text)}
	return true
}

// isSpliced reports whether a root's changes come as splices: it is a text, or there is nothing in it yet.
func isSpliced(doc *crdt.Doc, root string) bool {
	kind := doc.RootKind(root)
	return kind == crdt.KindText || kind == crdt.Undeclared
}

// isXML reports whether a kind of root is XML.
func isXML(k crdt.TypeKind) bool {
	return k == crdt.KindXMLFragment || k == crdt.KindXMLElement || k == crdt.KindXMLText
}

// hasText reports whether a kind of root can be watched as text.
func hasText(k crdt.TypeKind) bool { return k == crdt.KindText || k == crdt.Undeclared || isXML(k) }

// textRoots returns the roots that hold text.
func textRoots(doc *crdt.Doc) []string {
	var found []string
	for _, root := range doc.Roots() {
		if k := doc.RootKind(root); k == crdt.KindText || isXML(k) {
			found = append(found, root)
		}
	}
	return found
}

// textOf returns the text of a root: XML as tags, and nothing for what is no text.
func textOf(doc *crdt.Doc, root string) string {
	switch kind := doc.RootKind(root); {
	case kind == crdt.KindText:
		return doc.RootText(root)
	case isXML(kind):
		return stringOfJSON(doc.RootJSON(root))
	}
	return ""
}

// stringOfJSON returns the string that a JSON text is, as WTF-8.
func stringOfJSON(text []byte) string {
	canonical, err := lib0.AnyFromJSON(nil, text)
	if err != nil || len(canonical) == 0 || canonical[0] != lib0.TagString {
		return ""
	}
	d := lib0.NewDecoder(canonical[1:])
	s, err := d.Bytes()
	if err != nil {
		return ""
	}
	return string(s)
}

// appendWhole appends the data of a whole: what a viewer begins with.
func appendWhole(b []byte, doc *crdt.Doc, key feedKey) []byte {
	if !key.json {
		return appendWholeText(b, key.named, key.root, textOf(doc, key.root))
	}
	b = appendRoot(b, key.named, key.root)
	b = append(b, `,"json":`...)
	if key.named {
		b = append(b, doc.RootJSON(key.root)...)
	} else {
		b = append(b, doc.JSON()...)
	}
	return append(b, '}')
}

// appendWholeText appends {"root":…,"text":…}.
func appendWholeText(b []byte, named bool, root, text string) []byte {
	b = appendRoot(b, named, root)
	b = lib0.AppendJSONString(append(b, `,"text":`...), []byte(text))
	return append(b, '}')
}

// appendRoot appends {"root": and the root's name, null if there is none.
func appendRoot(b []byte, named bool, root string) []byte {
	b = append(b, `{"root":`...)
	if !named {
		return append(b, "null"...)
	}
	return lib0.AppendJSONString(b, []byte(root))
}
