package crdt

import (
	"slices"

	"github.com/weftsync/weft/crdt/lib0"
)

// clone describes a type with all that is in it. Values are copied as they are
// stored, so that nothing is lost that Go values cannot tell.
func (d *Doc) clone(b *branch) *Prelim {
	p := &Prelim{kind: b.kind}
	switch b.kind {
	case KindText, KindXMLText:
		p.passes = [][]step{d.cloneText(b)}
		return p
	case KindXMLElement:
		p.name = b.tag()
		p.keys = d.cloneKeys(d.enumerate(b)) // through a JavaScript object, in its order
	case KindXMLHook:
		p.name = b.tag()
		fallthrough
	case KindMap:
		p.keys = d.cloneKeys(d.entries(b))
	}
	for r := b.first; r != 0; {
		it := d.item(r)
		for i := range it.visible() {
			p.list = d.cloneElement(p.list, it, i)
		}
		r = it.right
	}
	return p
}

func (d *Doc) cloneKeys(keys []keyed) []keyValue {
	var out []keyValue
	for _, k := range keys {
		it := d.item(k.item)
		out = append(out, keyValue{d.keyNames[k.key], d.cloneElement(nil, it, it.len-1)[0]})
	}
	return out
}

// cloneElement appends a copy of element i of an item, to the run of elements
// at the end if it can be part of one.
func (d *Doc) cloneElement(list []value, it *item, i uint32) []value {
	var raw []byte
	switch it.kind() {
	case kindType:
		return append(list, value{kind: kindType, content: d.clone(d.branches[it.content])})
	case kindBinary, kindDoc:
		return append(list, value{kind: it.kind(), bytes: slices.Clone(d.blobs[it.content : int(it.content)+d.blobSize(it)])})
	case kindString:
		one := *it
		one.len = 1
		if one.content += i; it.wide() {
			one.content += i
		}
		raw = lib0.AppendBytes([]byte{lib0.TagString}, d.appendWTF8(nil, &one))
	case kindEmbed:
		raw = d.blobs[it.content : int(it.content)+d.blobSize(it)]
	default:
		raw = d.blobs[d.elems[it.content+i]:]
		raw = raw[:lib0.SkipAny(raw)]
	}
	return appendElement(list, raw)
}

// cloneText returns the steps that make a text's content (Yjs: toDelta).
func (d *Doc) cloneText(b *branch) []step {
	var out []step
	d.eachRun(b, func(r run) {
		var s step
		if r.item == 0 {
			s.insert = value{kind: kindString, bytes: slices.Clone(r.text)}
		} else if it := d.item(r.item); it.kind() == kindType {
			s.insert = value{kind: kindType, content: d.clone(d.branches[it.content])}
		} else {
			s.insert = value{kind: kindEmbed, bytes: slices.Clone(d.blobs[it.content : int(it.content)+d.blobSize(it)])}
		}
		for _, a := range r.attrs {
			s.attrs = append(s.attrs, mark{d.keyNames[a.key], a.value, a.object})
		}
		out = append(out, s)
	})
	return out
}
