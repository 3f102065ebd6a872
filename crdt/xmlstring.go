package crdt

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/weftsync/weft/crdt/lib0"
)

// appendXML appends an XML node as Yjs's toString prints it, as WTF-8.
func (d *Doc) appendXML(dst []byte, b *branch) []byte {
	switch d.kindOf(b) {
	case KindXMLElement:
		return d.appendElement(dst, b)
	case KindXMLText:
		return d.appendXMLText(dst, b)
	}
	return d.appendChildren(dst, b)
}

func (d *Doc) xmlString(b *branch) string {
	s := d.appendXML(nil, b)
	lib0.ReplaceSurrogates(s)
	return string(s)
}

func (d *Doc) appendElement(dst []byte, b *branch) []byte {
	tag := strings.ToLower(b.tag())
	dst = append(append(dst, '<'), tag...)
	attrs := d.enumerate(b)
	slices.SortFunc(attrs, func(x, y keyed) int {
		return compareUTF16(d.keyNames[x.key], d.keyNames[y.key])
	})
	for _, k := range attrs {
		it := d.item(k.item)
		dst = append(append(append(dst, ' '), d.keyNames[k.key]...), '=', '"')
		dst = append(d.appendContentText(dst, it, it.len-1), '"')
	}
	dst = d.appendChildren(append(dst, '>'), b)
	return append(append(append(dst, '<', '/'), tag...), '>')
}

func (d *Doc) appendChildren(dst []byte, b *branch) []byte {
	for r := b.first; r != 0; {
		it := d.item(r)
		for i := range it.visible() {
			dst = d.appendContentText(dst, it, i)
		}
		r = it.right
	}
	return dst
}

// appendContentText appends element i of an item as JavaScript's String does.
func (d *Doc) appendContentText(dst []byte, it *item, i uint32) []byte {
	switch it.kind() {
	case kindType:
		return d.appendTypeText(dst, d.branches[it.content])
	case kindDoc:
		return append(dst, "[object Object]"...)
	case kindBinary:
		return appendText(dst, append([]byte{lib0.TagBytes}, d.blobs[it.content:int(it.content)+d.blobSize(it)]...))
	case kindEmbed:
		return appendText(dst, d.blobs[it.content:])
	case kindString:
		u := d.units(it)
		if it.wide() {
			return lib0.AppendUTF16Unit(dst, unitAt(u, int(i)))
		}
		return append(dst, u[i])
	}
	return appendText(dst, d.blobs[d.elems[it.content+i]:])
}

// appendTypeText appends a shared type as its toString does in Yjs.
func (d *Doc) appendTypeText(dst []byte, b *branch) []byte {
	switch b.kind {
	case KindText:
		return d.appendStringWTF8(dst, b)
	case KindArray, KindMap, KindXMLHook:
		return append(dst, "[object Object]"...)
	}
	return d.appendXML(dst, b)
}

// appendXMLText appends a formatted text: each attribute is a tag around the
// run, and the properties of its value are the tag's attributes.
func (d *Doc) appendXMLText(dst []byte, b *branch) []byte {
	d.eachRun(b, func(r run) {
		tags := slices.Clone(r.attrs)
		slices.SortFunc(tags, func(x, y attr) int {
			return compareUTF16(d.keyNames[x.key], d.keyNames[y.key])
		})
		for _, t := range tags {
			dst = append(append(dst, '<'), d.keyNames[t.key]...)
			for _, p := range enumerateValue(t.value) {
				dst = append(append(append(dst, ' '), p.key...), '=', '"')
				dst = append(appendText(dst, p.value), '"')
			}
			dst = append(dst, '>')
		}
		if r.item == 0 {
			dst = append(dst, r.text...)
		} else {
			dst = d.appendContentText(dst, d.item(r.item), 0)
		}
		for _, t := range slices.Backward(tags) {
			dst = append(append(append(dst, '<', '/'), d.keyNames[t.key]...), '>')
		}
	})
	return dst
}

type property struct {
	key   string
	value []byte
}

// enumerateValue returns what JavaScript's for-in finds in a value, sorted by
// key: the properties of an object, the elements of an array, the units of a
// string.
func enumerateValue(v []byte) []property {
	var out []property
	dec := lib0.NewDecoder(v)
	switch tag, _ := dec.Byte(); tag {
	case lib0.TagObject, lib0.TagArray:
		n, _ := dec.Uint()
		for i := range n {
			key := strconv.FormatUint(i, 10)
			if tag == lib0.TagObject {
				k, _ := dec.Bytes()
				key = string(k)
			}
			p, _ := dec.Fixed(lib0.SkipAny(dec.Rest()))
			out = append(out, property{key, p})
		}
	case lib0.TagString:
		s, _ := dec.Bytes()
		for i, u := range units(s) {
			c := lib0.AppendUTF16Unit(nil, u)
			out = append(out, property{strconv.Itoa(i), lib0.AppendBytes([]byte{lib0.TagString}, c)})
		}
	}
	slices.SortFunc(out, func(a, b property) int { return compareUTF16(a.key, b.key) })
	return out
}

// appendText appends a value as JavaScript's String does.
func appendText(dst, v []byte) []byte {
	dec := lib0.NewDecoder(v)
	switch tag, _ := dec.Byte(); tag {
	case lib0.TagUndefined:
		return append(dst, "undefined"...)
	case lib0.TagNull:
		return append(dst, "null"...)
	case lib0.TagTrue:
		return append(dst, "true"...)
	case lib0.TagFalse:
		return append(dst, "false"...)
	case lib0.TagBigInt:
		p, _ := dec.Fixed(8)
		return strconv.AppendInt(dst, int64(binary.BigEndian.Uint64(p)), 10)
	case lib0.TagString:
		s, _ := dec.Bytes()
		return append(dst, s...)
	case lib0.TagBytes:
		p, _ := dec.Bytes()
		for i, c := range p {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendInt(dst, int64(c), 10)
		}
		return dst
	case lib0.TagObject:
		return append(dst, "[object Object]"...)
	case lib0.TagArray:
		n, _ := dec.Uint()
		for i := range n {
			if i > 0 {
				dst = append(dst, ',')
			}
			e, _ := dec.Fixed(lib0.SkipAny(dec.Rest()))
			if e[0] != lib0.TagNull && e[0] != lib0.TagUndefined {
				dst = appendText(dst, e)
			}
		}
		return dst
	}
	return lib0.AppendNumberText(dst, decodeValue(v).(float64))
}

// units returns the UTF-16 code units of a WTF-8 string.
func units(s []byte) []uint16 {
	var a arenas
	var it item
	a.putText(&it, s)
	u := a.units(&it)
	if !it.wide() {
		return utf16.Encode([]rune(string(u)))
	}
	out := make([]uint16, it.len)
	for i := range out {
		out[i] = unitAt(u, i)
	}
	return out
}

// compareUTF16 orders strings as JavaScript does.
func compareUTF16(a, b string) int {
	if isASCII(a) && isASCII(b) {
		return bytes.Compare([]byte(a), []byte(b))
	}
	return slices.Compare(units([]byte(a)), units([]byte(b)))
}
