package crdt

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/weftsync/weft/crdt/lib0"
)

// JSON returns the content of all root types as one JSON object, by name in
// the order in which they came into being. See RootJSON.
func (d *Doc) JSON() []byte {
	dst := []byte{'{'}
	for i, name := range d.rootNames {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(lib0.AppendJSONString(dst, []byte(name)), ':')
		dst = d.appendTypeJSON(dst, d.roots[name])
	}
	return append(dst, '}')
}

// RootJSON returns the content of one root type as JSON, as JavaScript's
// JSON.stringify writes it. Text is a string, XML a string of tags, an array an
// array and a map an object. Updates do not say what a root is; one that was
// not declared is taken for a map if it has keys, a text if it holds text, XML
// if it holds XML nodes, an array if it holds anything else; null if it is
// empty or does not exist.
func (d *Doc) RootJSON(name string) []byte {
	b, ok := d.roots[name]
	if !ok {
		return []byte("null")
	}
	return d.appendTypeJSON(nil, b)
}

// RootString returns the text of a root type, whatever it was declared as; ""
// if it does not exist. Formatting and embedded objects are left out.
func (d *Doc) RootString(name string) string {
	b, ok := d.roots[name]
	if !ok {
		return ""
	}
	return d.listString(b)
}

// RootText returns a root's list as the watchers of its splices see it: like
// RootString, but with U+FFFC, the object replacement character, for every
// place that is not text. Its length in UTF-16 code units is RootLen.
func (d *Doc) RootText(name string) string {
	b, ok := d.roots[name]
	if !ok {
		return ""
	}
	var out []byte
	for r := b.first; r != 0; {
		it := d.item(r)
		if n := it.visible(); n > 0 && it.kind() == kindString {
			out = d.appendWTF8(out, it)
		} else {
			out = append(out, strings.Repeat("\uFFFC", int(n))...)
		}
		r = it.right
	}
	lib0.ReplaceSurrogates(out)
	return string(out)
}

// RootLen returns the length of a root's list, which for text is in UTF-16 code
// units, in O(1); 0 if it does not exist.
func (d *Doc) RootLen(name string) int {
	b, ok := d.roots[name]
	if !ok {
		return 0
	}
	return int(b.length)
}

// OnRootSplice is Text.OnSplice for a root type that need not exist or be
// declared yet, and stays undeclared.
func (d *Doc) OnRootSplice(name string, f func(Splice)) (cancel func()) {
	return d.root(name).watch(f)
}

// RootKind returns what a root type is, as RootJSON takes it: Undeclared if it
// is empty or does not exist.
func (d *Doc) RootKind(name string) TypeKind {
	b, ok := d.roots[name]
	if !ok {
		return Undeclared
	}
	return d.kindOf(b)
}

// kindOf returns the kind of a branch, inferred from its content if it was not
// declared.
func (d *Doc) kindOf(b *branch) TypeKind {
	if b.kind != Undeclared {
		return b.kind
	}
	for r := b.first; r != 0; {
		it := d.item(r)
		if !it.deleted() {
			switch it.kind() {
			case kindString, kindFormat, kindEmbed:
				return KindText
			case kindType:
				if d.branches[it.content].kind >= KindXMLElement {
					return KindXMLFragment
				}
				return KindArray
			default:
				return KindArray
			}
		}
		r = it.right
	}
	if len(b.keys) > 0 {
		return KindMap
	}
	return Undeclared
}

// appendTypeJSON appends what Yjs's toJSON gives, as JSON.
func (d *Doc) appendTypeJSON(dst []byte, b *branch) []byte {
	switch d.kindOf(b) {
	case KindText:
		return lib0.AppendJSONString(dst, d.appendStringWTF8(nil, b))
	case KindArray:
		return d.appendArrayJSON(dst, b)
	case KindMap, KindXMLHook:
		return d.appendMapJSON(dst, b)
	case Undeclared:
		return append(dst, "null"...)
	}
	return lib0.AppendJSONString(dst, d.appendXML(nil, b))
}

func (d *Doc) appendArrayJSON(dst []byte, b *branch) []byte {
	dst = append(dst, '[')
	first := true
	for r := b.first; r != 0; {
		it := d.item(r)
		for i := range it.visible() {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = d.appendContentJSON(dst, it, i)
		}
		r = it.right
	}
	return append(dst, ']')
}

// appendMapJSON appends a map's values as an object, keys in JavaScript's order.
func (d *Doc) appendMapJSON(dst []byte, b *branch) []byte {
	dst = append(dst, '{')
	first := true
	for _, k := range d.enumerate(b) {
		it := d.item(k.item)
		if it.kind() == kindAny && d.blobs[d.elems[it.content+it.len-1]] == lib0.TagUndefined {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(lib0.AppendJSONString(dst, []byte(d.keyNames[k.key])), ':')
		dst = d.appendContentJSON(dst, it, it.len-1)
	}
	return append(dst, '}')
}

// enumerate returns the keys that have a value in JavaScript's order: array
// indexes first, ascending.
func (d *Doc) enumerate(b *branch) []keyed {
	var out []keyed
	for _, k := range b.keys {
		if !d.item(k.item).deleted() {
			out = append(out, k)
		}
	}
	slices.SortStableFunc(out, func(a, b keyed) int {
		return lib0.CompareKeys(d.keyNames[a.key], d.keyNames[b.key])
	})
	return out
}

// appendContentJSON appends element i of an item; what JSON has not is null.
func (d *Doc) appendContentJSON(dst []byte, it *item, i uint32) []byte {
	switch it.kind() {
	case kindType:
		return d.appendTypeJSON(dst, d.branches[it.content])
	case kindDoc:
		return append(dst, "{}"...)
	case kindBinary:
		v := append([]byte{lib0.TagBytes}, d.blobs[it.content:int(it.content)+d.blobSize(it)]...)
		dst, _ = lib0.AppendJSON(dst, v)
		return dst
	case kindString:
		u := d.units(it)
		if it.wide() {
			return lib0.AppendJSONString(dst, lib0.AppendUTF16Unit(nil, unitAt(u, int(i))))
		}
		return lib0.AppendJSONString(dst, u[i:i+1])
	}
	at := it.content
	if it.kind() != kindEmbed {
		at = d.elems[it.content+i]
	}
	out, ok := lib0.AppendJSON(dst, d.blobs[at:])
	if !ok {
		return append(dst, "null"...)
	}
	return out
}

// MarshalJSON returns what Yjs's toJSON gives: elements as an array.
func (a *Array) MarshalJSON() ([]byte, error) { return a.d.appendTypeJSON(nil, a.b), nil }

// MarshalJSON returns what Yjs's toJSON gives: values as an object.
func (m *Map) MarshalJSON() ([]byte, error) { return m.d.appendTypeJSON(nil, m.b), nil }

// MarshalJSON returns the text as a JSON string, as Yjs's toJSON does.
func (t *Text) MarshalJSON() ([]byte, error) { return t.d.appendTypeJSON(nil, t.b), nil }

// MarshalJSON returns the node as a string of tags, as Yjs's toJSON does.
func (l xmlList) MarshalJSON() ([]byte, error) { return l.d.appendTypeJSON(nil, l.b), nil }

var (
	_ json.Marshaler = (*Array)(nil)
	_ json.Marshaler = (*Map)(nil)
	_ json.Marshaler = (*Text)(nil)
	_ json.Marshaler = (*XMLElement)(nil)
	_ json.Marshaler = (*XMLText)(nil)
)
