package crdt

import (
	"fmt"

	"github.com/weftsync/weft/crdt/lib0"
)

// putBlob makes v, in the form that blobs have, the content of a new item.
func (d *Doc) putBlob(it *item, k kind, v []byte) {
	it.setKind(k)
	it.content = uint32(len(d.blobs))
	d.blobs = append(d.blobs, v...)
}

// putType makes a new empty shared type the content of a new item.
func (d *Doc) putType(it *item, kind TypeKind, name string) *branch {
	b := d.newBranch(kind, name)
	it.setKind(kindType)
	it.content = b.handle
	return b
}

// putValue makes a value the content of a new item.
func (d *Doc) putValue(it *item, v value) {
	if v.kind != kindAny {
		d.putBlob(it, v.kind, v.bytes)
		return
	}
	it.setKind(kindAny)
	it.content = uint32(len(d.elems))
	it.len = uint32(len(v.ends))
	from := 0
	for _, end := range v.ends {
		d.elems = append(d.elems, uint32(len(d.blobs)))
		d.blobs = append(d.blobs, v.bytes[from:end]...)
		from = end
	}
}

// value is the content of an item to be made: elements of an array run, of
// which ends says where each ends in bytes, or a single binary or subdocument.
type value struct {
	kind  kind
	bytes []byte
	ends  []int
}

// packValues turns Go values into contents of items: what Any can hold goes
// into one run, byte arrays and subdocuments are items of their own.
func packValues(vs []any, check func(any) error) ([]value, error) {
	var out []value
	for _, v := range vs {
		if err := check(v); err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case []byte:
			out = append(out, value{kind: kindBinary, bytes: lib0.AppendBytes(nil, v)})
			continue
		case Subdoc:
			b, err := v.encode()
			if err != nil {
				return nil, err
			}
			out = append(out, value{kind: kindDoc, bytes: b})
			continue
		}
		if n := len(out); n == 0 || out[n-1].kind != kindAny {
			out = append(out, value{kind: kindAny})
		}
		run := &out[len(out)-1]
		b, err := appendValue(run.bytes, v)
		if err != nil {
			return nil, err
		}
		run.bytes, run.ends = b, append(run.ends, len(b))
	}
	return out, nil
}

func (s Subdoc) encode() ([]byte, error) {
	var o Object
	if s.KeepDeleted {
		o = append(o, Field{"gc", false})
	}
	o = append(o, Field{"autoLoad", s.AutoLoad}, Field{"meta", s.Meta})
	return appendSubdocOptions(lib0.AppendBytes(nil, wtf8(s.GUID)), o)
}

// contentAt returns the Go form of element i of an item.
func (d *Doc) contentAt(it *item, i uint32) any {
	switch it.kind() {
	case kindAny, kindJSON:
		return decodeValue(d.blobs[d.elems[it.content+i]:])
	case kindEmbed:
		return decodeValue(d.blobs[it.content:])
	case kindBinary:
		dec := lib0.NewDecoder(d.blobs[it.content:])
		p, _ := dec.Bytes()
		return append([]byte{}, p...)
	case kindType:
		return d.handle(d.branches[it.content])
	case kindDoc:
		return d.subdoc(it)
	case kindString:
		u := d.units(it)
		if !it.wide() {
			return string(u[i : i+1])
		}
		return string(appendWide(nil, u[2*i:2*i+2]))
	}
	return nil
}

func (d *Doc) subdoc(it *item) Subdoc {
	dec := lib0.NewDecoder(d.blobs[it.content:])
	guid, _ := dec.Bytes()
	s := Subdoc{GUID: validString(guid)}
	o, _ := decodeValue(dec.Rest()).(Object)
	for _, f := range o {
		switch f.Key {
		case "gc":
			s.KeepDeleted = true
		case "autoLoad":
			s.AutoLoad = true
		case "meta":
			s.Meta = f.Value
		}
	}
	return s
}

// handle returns the shared type behind a branch. A root that was not declared
// has none.
func (d *Doc) handle(b *branch) any {
	s := shared{d, b}
	switch b.kind {
	case KindText:
		return newText(d, b)
	case KindArray:
		return &Array{list{s}}
	case KindMap:
		return &Map{s}
	case KindXMLFragment:
		return &XMLFragment{xmlList{list{s}}}
	case KindXMLElement:
		return &XMLElement{xmlList{list{s}}, attributes{s}}
	case KindXMLText:
		return &XMLText{*newText(d, b)}
	case KindXMLHook:
		return &XMLHook{Map{s}}
	}
	return nil
}

// list is what arrays and XML nodes with children have in common.
type list struct{ shared }

// Len returns the number of elements, in O(1).
func (l list) Len() int { return int(l.b.length) }

// at returns the place of element i, in O(log n).
func (l list) at(i int) (any, error) {
	if i < 0 || i >= l.Len() {
		return nil, outOfRange(i, 1, l.Len())
	}
	r, within := l.d.locate(l.b, uint32(i)+1)
	return l.d.contentAt(l.d.item(r), within-1), nil
}

// all calls f for every element in order, in O(n).
func (l list) all(f func(v any) bool) {
	for r := l.b.first; r != 0; {
		it := l.d.item(r)
		for i := range it.visible() {
			if !f(l.d.contentAt(it, i)) {
				return
			}
		}
		r = it.right
	}
}

// Delete deletes n elements from index on, in O(log n + items deleted). The
// error wraps ErrIndex if there are not so many; then nothing is deleted.
func (l list) Delete(tx *Tx, index, n int) error {
	if err := l.edit(tx); err != nil {
		return err
	}
	if index < 0 || n < 0 || n > l.Len()-index {
		return outOfRange(index, n, l.Len())
	}
	if n > 0 {
		_, right := tx.cut(l.b, uint32(index))
		tx.deleteFrom(right, uint32(n))
	}
	return nil
}

// insertAt checks an index and returns the items on either side of it.
func (l list) insertAt(tx *Tx, index int) (left, right ref, err error) {
	if err := l.edit(tx); err != nil {
		return 0, 0, err
	}
	if index < 0 || index > l.Len() {
		return 0, 0, outOfRange(index, 0, l.Len())
	}
	left, right = tx.cut(l.b, uint32(index))
	return left, right, nil
}

// insertType inserts an empty shared type.
func (l list) insertType(tx *Tx, index int, kind TypeKind, name string) (*branch, error) {
	left, right, err := l.insertAt(tx, index)
	if err != nil {
		return nil, err
	}
	var b *branch
	tx.insert(l.b, left, right, 0, func(it *item) { b = l.d.putType(it, kind, name) })
	return b, nil
}

// Array is a shared array of values and shared types. Indexes count elements.
type Array struct{ list }

// Array returns the root type of that name as an array, creating it if need
// be. It panics if the name was declared as another type before.
func (d *Doc) Array(name string) *Array {
	return &Array{list{shared{d, d.declare(name, KindArray)}}}
}

// Get returns element i: a value, or a shared type such as *Map. The error
// wraps ErrIndex. The cost is O(log n).
func (a *Array) Get(i int) (any, error) { return a.at(i) }

// Slice returns all elements in order.
func (a *Array) Slice() []any {
	out := make([]any, 0, a.Len())
	a.all(func(v any) bool { out = append(out, v); return true })
	return out
}

// Insert inserts values at index, in the order given. It takes nil, booleans,
// numbers, strings, []byte, []any, map[string]any, Object and Subdoc; like Yjs
// it does not take Undefined and BigInt as elements. The error wraps ErrIndex
// for an index past the end.
func (a *Array) Insert(tx *Tx, index int, values ...any) error {
	packed, err := packValues(values, func(v any) error {
		switch v.(type) {
		case undefined, BigInt:
			return fmt.Errorf("crdt: an array cannot hold %T as an element", v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	left, right, err := a.insertAt(tx, index)
	if err != nil {
		return err
	}
	for _, v := range packed {
		left = tx.insert(a.b, left, right, 0, func(it *item) { a.d.putValue(it, v) })
	}
	return nil
}

// Push inserts values at the end. Other than Insert at the length it inserts
// behind deleted elements too, as in Yjs.
func (a *Array) Push(tx *Tx, values ...any) error {
	if err := a.edit(tx); err != nil {
		return err
	}
	packed, err := packValues(values, func(any) error { return nil })
	if err != nil {
		return err
	}
	left := a.b.last
	for _, v := range packed {
		left = tx.insert(a.b, left, 0, 0, func(it *item) { a.d.putValue(it, v) })
	}
	return nil
}

// InsertText inserts an empty text at index and returns it.
func (a *Array) InsertText(tx *Tx, index int) (*Text, error) {
	b, err := a.insertType(tx, index, KindText, "")
	if err != nil {
		return nil, err
	}
	return newText(a.d, b), nil
}

// InsertArray inserts an empty array at index and returns it.
func (a *Array) InsertArray(tx *Tx, index int) (*Array, error) {
	b, err := a.insertType(tx, index, KindArray, "")
	if err != nil {
		return nil, err
	}
	return &Array{list{shared{a.d, b}}}, nil
}

// InsertMap inserts an empty map at index and returns it.
func (a *Array) InsertMap(tx *Tx, index int) (*Map, error) {
	b, err := a.insertType(tx, index, KindMap, "")
	if err != nil {
		return nil, err
	}
	return &Map{shared{a.d, b}}, nil
}

// InsertXML inserts an empty XML type of the given kind at index and returns
// it: an *XMLElement, *XMLFragment, *XMLText or *XMLHook. name is that of the
// element or hook.
func (a *Array) InsertXML(tx *Tx, index int, kind TypeKind, name string) (any, error) {
	if kind < KindXMLElement || kind > KindXMLText {
		return nil, fmt.Errorf("crdt: %v is not an XML type", kind)
	}
	b, err := a.insertType(tx, index, kind, name)
	if err != nil {
		return nil, err
	}
	return a.d.handle(b), nil
}
