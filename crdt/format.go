package crdt

import (
	"bytes"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/weftsync/weft/crdt/lib0"
)

// Attrs are formatting attributes by name. A nil value removes the attribute.
type Attrs map[string]any

// attr is one attribute: the number of its name, its canonical value, and the
// format item it came from. JavaScript compares objects by identity, and so
// does Yjs in one place: a mark that closes another may hold the very object
// of an earlier one. object numbers such objects; 0 is a primitive.
type attr struct {
	key    uint32
	value  []byte
	from   ref
	object uint64
}

// attrList is a list of attributes in the order in which they were set, the
// order of a JavaScript Map.
type attrList []attr

func (l attrList) clone() attrList { return slices.Clone(l) }

func (l attrList) find(key uint32) int {
	return slices.IndexFunc(l, func(a attr) bool { return a.key == key })
}

// get returns an attribute, null if it is not set.
func (l attrList) get(key uint32) attr {
	if i := l.find(key); i >= 0 {
		return l[i]
	}
	return attr{key: key, value: null}
}

var null = []byte{lib0.TagNull}

func (l *attrList) set(a attr) {
	if i := l.find(a.key); i >= 0 {
		(*l)[i] = a
		return
	}
	*l = append(*l, a)
}

func (l *attrList) remove(key uint32) {
	if i := l.find(key); i >= 0 {
		*l = slices.Delete(*l, i, i+1)
	}
}

// apply sets what a format item says (Yjs: updateCurrentAttributes).
func (l *attrList) apply(a attr) {
	if isNull(a.value) {
		l.remove(a.key)
	} else {
		l.set(a)
	}
}

func isNull(v []byte) bool { return v[0] == lib0.TagNull }

// same is JavaScript's === : primitives by value, objects by identity.
func (a attr) same(b attr) bool {
	if a.value[0] != b.value[0] {
		return false
	}
	switch a.value[0] {
	case lib0.TagObject, lib0.TagArray, lib0.TagBytes:
		return a.object != 0 && a.object == b.object
	case lib0.TagFloat64:
		return bytes.Equal(a.value, b.value) && !isNaN(a.value)
	}
	return bytes.Equal(a.value, b.value)
}

func isNaN(v []byte) bool { f := decodeValue(v).(float64); return f != f }

// equal is Yjs's equality of attribute values: === or, for objects, the same
// keys with values that are ===.
func (a attr) equal(b attr) bool {
	if a.same(b) {
		return true
	}
	if a.value[0] != lib0.TagObject && a.value[0] != lib0.TagArray || b.value[0] != lib0.TagObject && b.value[0] != lib0.TagArray {
		return false
	}
	fa, fb := properties(a.value), properties(b.value)
	if len(fa) != len(fb) {
		return false
	}
	for k, v := range fa {
		o, ok := fb[k]
		if !ok || !(attr{value: v}).same(attr{value: o}) {
			return false
		}
	}
	return true
}

// properties returns the properties of an object or the elements of an array.
func properties(v []byte) map[string][]byte {
	dec := lib0.NewDecoder(v)
	tag, _ := dec.Byte()
	n, _ := dec.Uint()
	out := make(map[string][]byte, n)
	for i := range n {
		key := string(lib0.AppendUint(nil, i))
		if tag == lib0.TagObject {
			k, _ := dec.Bytes()
			key = string(k)
		}
		rest := dec.Rest()
		size := lib0.SkipAny(rest)
		out[key] = rest[:size]
		dec.Fixed(size)
	}
	return out
}

// attrsOf returns the given attributes sorted by name, as far as a JavaScript
// object can have them so: it begins with names that are array indexes.
func (d *Doc) attrsOf(given []Attrs) (attrList, error) {
	var l attrList
	for _, attrs := range given {
		for _, k := range slices.Sorted(maps.Keys(attrs)) {
			v, err := markValue(attrs[k])
			if err == nil {
				err = d.limits.checkName(k)
			}
			if err != nil {
				return nil, err
			}
			l.set(attr{key: d.internKey(wtf8(k)), value: v})
		}
	}
	d.sortIndexes(l)
	return l, nil
}

// sortIndexes moves attributes whose names are array indexes to the front, as
// in a JavaScript object.
func (d *Doc) sortIndexes(l attrList) {
	if len(l) > 1 {
		slices.SortStableFunc(l, func(a, b attr) int { return lib0.CompareKeys(d.keyNames[a.key], d.keyNames[b.key]) })
	}
}

// formatAttr returns what a format item says. The value is a copy, because the
// arena it lies in may move.
func (d *Doc) formatAttr(r ref) attr {
	key, value := d.formatOf(d.item(r))
	a := attr{key: key, value: slices.Clone(value), from: r}
	switch value[0] {
	case lib0.TagObject, lib0.TagArray, lib0.TagBytes:
		if a.object = d.objects[r]; a.object == 0 {
			a.object = objects.Add(1)
			d.setObject(r, a.object)
		}
	}
	return a
}

// objects numbers the objects in format items. The numbers are unique in the
// program and not in a document, for a copy of a text holds the objects of the
// original, wherever it is inserted.
var objects atomic.Uint64

// setObject numbers the object that a format item holds.
func (d *Doc) setObject(r ref, object uint64) {
	if d.objects == nil {
		d.objects = map[ref]uint64{}
	}
	d.objects[r] = object
}

// markValue encodes the value of an attribute or an embed. JSON, in which they
// go over the wire, has no undefined; it becomes null.
func markValue(v any) ([]byte, error) {
	if v == any(Undefined) {
		v = nil
	}
	return appendValue(nil, v)
}

// textPos is a position in a formatted text and the attributes in force there
// (Yjs: ItemTextListPosition).
type textPos struct {
	tx          *Tx
	b           *branch
	left, right ref
	attrs       attrList
}

// walk returns the position behind index visible places. It begins at a
// landmark before it, or at the start of the text, because any format item on the
// way may matter.
func (tx *Tx) walk(b *branch, index uint32) *textPos {
	p := &textPos{tx: tx, b: b, right: b.first}
	mark, index := p.landmarkBefore(index)
	for steps := 0; index > 0 && p.right != 0; steps++ {
		if steps >= tx.d.landmarkGap {
			mark, steps = p.setLandmark(mark), 0
		}
		it := tx.d.item(p.right)
		if n := it.visible(); n > 0 {
			if index < n {
				tx.cleanStart(it.client(), it.clock+index)
				n = index
			}
			index -= n
		}
		p.forward()
	}
	return p
}

// forward moves over the item on the right.
func (p *textPos) forward() {
	it := p.tx.d.item(p.right)
	if it.kind() == kindFormat && !it.deleted() {
		p.attrs.apply(p.tx.d.formatAttr(p.right))
	}
	p.left, p.right = p.right, it.right
}

// rightFormat returns the format item on the right, if that is one.
func (p *textPos) rightFormat() (a attr, deleted, format bool) {
	it := p.tx.d.item(p.right)
	if it.deleted() {
		return attr{}, true, false
	}
	if it.kind() != kindFormat {
		return attr{}, false, false
	}
	return p.tx.d.formatAttr(p.right), false, true
}

func (p *textPos) insertFormat(a attr) {
	d := p.tx.d
	p.right = p.tx.insert(p.b, p.left, p.right, 0, func(it *item) {
		d.putBlob(it, kindFormat, append(lib0.AppendUint(nil, uint64(a.key)), a.value...))
	})
	if a.object != 0 {
		d.setObject(p.right, a.object)
	}
	p.forward()
}

// minimize moves right over deleted items and over formats that say what the
// wanted attributes say anyway.
func (p *textPos) minimize(want attrList) {
	for p.right != 0 {
		a, deleted, format := p.rightFormat()
		if !deleted && !(format && want.get(a.key).equal(a)) {
			return
		}
		p.forward()
	}
}

// open inserts the format items that turn the attributes in force into the
// wanted ones, and returns those that turn them back.
func (p *textPos) open(want attrList) (negated attrList) {
	for _, a := range want {
		current := p.attrs.get(a.key)
		if !current.equal(a) {
			negated.set(current)
			p.insertFormat(a)
		}
	}
	return negated
}

// close inserts the negated attributes where formats to the right do not say
// the same.
func (p *textPos) close(negated attrList) {
	for p.right != 0 {
		a, deleted, format := p.rightFormat()
		if !deleted {
			i := -1
			if format {
				i = negated.find(a.key)
			}
			if i < 0 || !negated[i].equal(a) {
				break
			}
			negated.remove(a.key)
		}
		p.forward()
	}
	for _, a := range negated {
		p.insertFormat(a)
	}
}

// insert inserts one item of content with exactly the wanted attributes (Yjs:
// insertText).
func (p *textPos) insert(want attrList, fill func(*item)) {
	for _, a := range p.attrs {
		if want.find(a.key) < 0 {
			want = append(want, attr{key: a.key, value: null})
		}
	}
	p.tx.d.sortIndexes(want)
	p.minimize(want)
	negated := p.open(want)
	p.right = p.tx.insert(p.b, p.left, p.right, 0, fill)
	p.forward()
	p.close(negated)
}

// format sets the wanted attributes on the next n places (Yjs: formatText).
func (p *textPos) format(n int, want attrList) {
	tx := p.tx
	p.minimize(want)
	negated := p.open(want)
	for p.right != 0 {
		a, deleted, format := p.rightFormat()
		if n == 0 && (len(negated) == 0 || !deleted && !format) {
			break
		}
		it := tx.d.item(p.right)
		if format {
			if i := want.find(a.key); i < 0 {
				p.attrs.set(a)
			} else {
				if want[i].equal(a) {
					negated.remove(a.key)
				} else if n == 0 {
					break
				} else {
					negated.set(a)
				}
				tx.delete(p.right)
			}
		} else if !deleted {
			if uint32(n) < it.len {
				tx.cleanStart(it.client(), it.clock+uint32(n))
			}
			n -= int(it.len)
		}
		p.forward()
	}
	if n > 0 {
		p.right = tx.insert(p.b, p.left, p.right, 0, func(it *item) {
			tx.d.putText(it, bytes.Repeat([]byte{'\n'}, n))
		})
		p.forward()
	}
	p.close(negated)
}

// delete deletes the next n places and the formats that then have no effect
// (Yjs: deleteText).
func (p *textPos) delete(n int) {
	tx := p.tx
	startAttrs, start := p.attrs.clone(), p.right
	for n > 0 && p.right != 0 {
		it := tx.d.item(p.right)
		if !it.deleted() {
			switch it.kind() {
			case kindType, kindEmbed, kindString:
				if uint32(n) < it.len {
					tx.cleanStart(it.client(), it.clock+uint32(n))
				}
				n -= int(it.len)
				tx.delete(p.right)
			}
		}
		p.forward()
	}
	if start != 0 {
		tx.cleanGap(start, p.right, startAttrs, &p.attrs)
	}
}

// cleanGap deletes the formats between two pieces of content that are
// overwritten in the gap or say what was in force before it (Yjs:
// cleanupFormattingGap). current is kept in step up to the item curr.
func (tx *Tx) cleanGap(start, curr ref, before attrList, current *attrList) {
	d := tx.d
	var lasting attrList // the last format of each key in the gap
	end := start
	for end != 0 {
		it := d.item(end)
		if it.countable() && !it.deleted() {
			break
		}
		if !it.deleted() && it.kind() == kindFormat {
			lasting.set(d.formatAttr(end))
		}
		end = it.right
	}
	reached := false
	for r := start; r != end; r = d.item(r).right {
		reached = reached || r == curr
		it := d.item(r)
		if it.deleted() || it.kind() != kindFormat {
			continue
		}
		a := d.formatAttr(r)
		was := before.get(a.key)
		if lasting.get(a.key).from != r || was.same(a) {
			tx.delete(r)
			if !reached && current.get(a.key).same(a) && !was.same(a) {
				current.apply(was)
			}
		} else if !reached {
			current.apply(a)
		}
	}
}
