package crdt

import (
	"fmt"
	"slices"

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

// put makes a value the content of a new item. What a shared type is filled
// with follows when the item is integrated.
func (tx *Tx) put(it *item, v value) {
	d := tx.d
	switch v.kind {
	case kindType:
		d.putType(it, v.content.kind, v.content.name)
		tx.content = v.content
	case kindAny:
		d.putRun(it, v)
	default:
		d.putBlob(it, v.kind, v.bytes)
	}
}

// putRun makes a run of elements the content of a new item.
func (d *Doc) putRun(it *item, v value) {
	it.setKind(kindAny)
	it.content = uint32(len(d.elems))
	it.len = uint32(len(v.ends))
	d.elems = slices.Grow(d.elems, len(v.ends))
	from := len(d.blobs)
	d.elems = append(d.elems, uint32(from))
	for _, end := range v.ends[:len(v.ends)-1] {
		d.elems = append(d.elems, uint32(from+end))
	}
	d.blobs = append(d.blobs, v.bytes...)
}

// value is the content of an item to be made: elements of an array run, of
// which ends says where each ends in bytes; a single binary, subdocument or
// embed; or a shared type.
type value struct {
	kind    kind
	bytes   []byte
	ends    []int
	content *Prelim
}

// packValues turns Go values into contents of items: what Any can hold goes
// into one run, everything else is an item of its own.
func packValues(vs []any, check func(any) error) ([]value, error) {
	var out []value
	for i := 0; i < len(vs); {
		n, v, err := packRun(vs[i:], check)
		if n == 0 && err == nil {
			n = 1
			if err = check(vs[i]); err == nil {
				v, err = packValue(vs[i])
			}
		}
		if err != nil {
			return nil, fmt.Errorf("value %d: %w", i+n, err)
		}
		out = append(out, v)
		i += n
	}
	return out, nil
}

// packRun turns the values at the start that Any can hold into a run of
// elements, and returns how many they are, or how many came before an error.
func packRun(vs []any, check func(any) error) (int, value, error) {
	n := 0
	for n < len(vs) && isElement(vs[n]) {
		n++
	}
	ends := make([]int, n)
	var b []byte
	for i, v := range vs[:n] {
		err := check(v)
		if err == nil {
			b, err = appendValue(b, v)
		}
		if err != nil {
			return i, value{}, err
		}
		ends[i] = len(b)
		if i == 0 { // most likely the others take about as much
			b = slices.Grow(b, (n-1)*min(len(b), 16))
		}
	}
	return n, value{kind: kindAny, bytes: b, ends: ends}, nil
}

// packValue turns one Go value into the content of an item.
func packValue(v any) (value, error) {
	switch v := v.(type) {
	case []byte:
		return value{kind: kindBinary, bytes: lib0.AppendBytes(nil, v)}, nil
	case Subdoc:
		b, err := v.encode()
		return value{kind: kindDoc, bytes: b}, err
	case *Prelim:
		if v == nil {
			return value{}, fmt.Errorf("%w: a nil Prelim", ErrValue)
		}
		return value{kind: kindType, content: v}, nil
	}
	b, err := appendValue(nil, v)
	return value{kind: kindAny, bytes: b, ends: []int{len(b)}}, err
}

// isElement reports whether a Go value is to be one of a run, and no item of
// its own.
func isElement(v any) bool {
	switch v.(type) {
	case []byte, Subdoc, *Prelim:
		return false
	}
	return true
}

// appendElement appends an element in its canonical form.
func appendElement(list []value, raw []byte) []value {
	run := openRun(&list)
	run.bytes = append(run.bytes, raw...)
	run.ends = append(run.ends, len(run.bytes))
	return list
}

// openRun returns the run of elements that a list of values ends with.
func openRun(list *[]value) *value {
	if n := len(*list); n == 0 || (*list)[n-1].kind != kindAny {
		*list = append(*list, value{kind: kindAny})
	}
	return &(*list)[len(*list)-1]
}

// fits returns what is wrong with shared types among values that are to lie in
// the type: other replicas would refuse it too.
func (s shared) fits(vs ...value) error {
	for _, v := range vs {
		if v.kind == kindType {
			if err := v.content.check(int(s.b.depth)+1, &s.d.limits); err != nil {
				return err
			}
		}
	}
	return nil
}

// fitsType returns what is wrong with an empty type that is to lie in the type.
func (s shared) fitsType(name string) error {
	if int(s.b.depth) >= s.d.limits.Nesting {
		return s.d.limits.nestedTooDeep()
	}
	return s.d.limits.checkName(name)
}

// arrayElement refuses what Yjs does not take as an element of an array.
func arrayElement(v any) error {
	switch v.(type) {
	case undefined, BigInt:
		return fmt.Errorf("%w: %T as an element of an array", ErrValue, v)
	}
	return nil
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
