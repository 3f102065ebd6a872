package crdt

import (
	"fmt"
	"strings"

	"github.com/weftsync/weft/crdt/lib0"
)

// Text is a shared text with formatting and embedded objects. All indexes and
// lengths count UTF-16 code units; an embedded object or type counts one.
type Text struct {
	shared
	attributes
}

// Text returns the root type of that name as a text, creating it if need be.
// It panics if the name was declared as another type before: two parts of a
// program disagree.
func (d *Doc) Text(name string) *Text { return d.declare(name, KindText).(*Text) }

// Len returns the length in UTF-16 code units, in O(1).
func (t *Text) Len() int { return int(t.b.length) }

// String returns the text without formatting and embedded objects.
func (t *Text) String() string { return t.d.listString(t.b) }

// listString returns the strings in a list as valid UTF-8.
func (d *Doc) listString(b *branch) string {
	var s strings.Builder
	s.Grow(int(b.length))
	for r := b.first; r != 0; {
		it := d.item(r)
		if it.bits&(flagDeleted|15) == uint32(kindString) {
			if it.wide() {
				return string(d.appendString(make([]byte, 0, 2*b.length), b))
			}
			s.Write(d.units(it))
		}
		r = it.right
	}
	return s.String()
}

// appendString appends the strings in a list as UTF-8.
func (d *Doc) appendString(dst []byte, b *branch) []byte {
	n := len(dst)
	dst = d.appendStringWTF8(dst, b)
	lib0.ReplaceSurrogates(dst[n:])
	return dst
}

// appendStringWTF8 appends the strings in a list as WTF-8. The halves of a
// surrogate pair may lie in two items.
func (d *Doc) appendStringWTF8(dst []byte, b *branch) []byte {
	for r := b.first; r != 0; {
		it := d.item(r)
		if !it.deleted() && it.kind() == kindString {
			dst = d.appendWTF8(dst, it)
		}
		r = it.right
	}
	return dst
}

// appendWTF8 appends a string item's text; a surrogate that it begins with
// joins one that dst ends with.
func (d *Doc) appendWTF8(dst []byte, it *item) []byte {
	u := d.units(it)
	if !it.wide() {
		return append(dst, u...)
	}
	for ; len(u) > 0; u = u[2:] {
		dst = lib0.AppendUTF16Unit(dst, unitAt(u, 0))
	}
	return dst
}

// OnSplice calls f for every change of the text's visible content, in order,
// while an update is applied or a transaction runs, until cancel is called.
// Applied one after the other to the text as it was, the splices give the text
// as it is. f may read the document and must not change it. Each costs
// O(log n) more than without a watcher.
func (t *Text) OnSplice(f func(Splice)) (cancel func()) { return t.b.watch(f) }

// Insert inserts s at index. Without attributes it takes the formatting of the
// text before it; with attributes it has exactly those. An index past the end
// appends. The error wraps ErrIndex if index is negative, ErrValue for an attribute
// that is no value. The cost is O(log n), O(n) in a text with formatting.
func (t *Text) Insert(tx *Tx, index int, s string, attrs ...Attrs) error {
	if err := t.edit(tx); err != nil {
		return err
	}
	if index < 0 {
		return t.outOfRange(index, 0)
	}
	if s == "" {
		return nil
	}
	return t.insert(tx, index, attrs, s, func(it *item) { t.d.putString(it, s) })
}

// insert inserts one item of text at index.
func (t *Text) insert(tx *Tx, index int, attrs []Attrs, text string, fill func(*item)) error {
	at := min(index, t.Len())
	if len(attrs) == 0 && !t.b.format {
		left, right := tx.cut(t.b, uint32(at))
		left, right = t.d.skipDeleted(t.b, left, right, uint32(at))
		if tx.typeOn(t.b, left, text) {
			return nil
		}
		r := tx.insert(t.b, left, right, 0, fill)
		t.b.cursor = cursor{r, uint32(at)}
		return nil
	}
	want, err := t.d.attrsOf(attrs)
	if err != nil {
		return err
	}
	pos := tx.walk(t.b, uint32(at))
	if len(attrs) == 0 {
		want = pos.attrs.clone()
	}
	pos.insert(want, fill)
	return nil
}

// fewDeleted is how many deleted items are passed one by one before the next
// visible one is looked up.
const fewDeleted = 16

// skipDeleted moves a position behind index places, in a list without formats,
// to the right of deleted items, where Yjs inserts.
func (d *Doc) skipDeleted(b *branch, left, right ref, index uint32) (ref, ref) {
	for range fewDeleted {
		if right == 0 || !d.item(right).deleted() {
			return left, right
		}
		left, right = right, d.item(right).right
	}
	if index == b.length {
		return b.last, 0
	}
	right, _ = d.locate(b, index+1)
	return d.item(right).left, right
}

// InsertEmbed inserts an embedded object at index that counts one unit: a
// value, typically a map[string]any, or a shared type, given as a Prelim. An
// index past the end appends. Other than a string it has no formatting but the
// given one.
func (t *Text) InsertEmbed(tx *Tx, index int, embed any, attrs ...Attrs) error {
	if err := t.edit(tx); err != nil {
		return err
	}
	if index < 0 {
		return t.outOfRange(index, 0)
	}
	v, err := packEmbed(embed)
	if err == nil {
		err = t.fits(v)
	}
	if err != nil {
		return fmt.Errorf("embed into %s: %w", t.d.where(t.b), err)
	}
	return t.insertObject(tx, index, attrs, func(it *item) { tx.put(it, v) })
}

// insertObject inserts an embed or a type. Unlike a string it does not inherit
// formatting.
func (t *Text) insertObject(tx *Tx, index int, attrs []Attrs, fill func(*item)) error {
	want, err := t.d.attrsOf(attrs)
	if err != nil {
		return err
	}
	pos := tx.walk(t.b, uint32(min(index, t.Len())))
	pos.insert(want, fill)
	return nil
}

// InsertType inserts an empty shared type at index, as an embedded object, and
// returns it: a *Text, *Array, *Map or one of the XML types. name is that of an
// XML element or hook.
func (t *Text) InsertType(tx *Tx, index int, kind TypeKind, name string, attrs ...Attrs) (Type, error) {
	if err := t.edit(tx); err != nil {
		return nil, err
	}
	if index < 0 {
		return nil, t.outOfRange(index, 0)
	}
	if kind > KindXMLText {
		return nil, fmt.Errorf("%w: %v embedded into %s", ErrKind, kind, t.d.where(t.b))
	}
	err := t.fitsType(name)
	if err != nil {
		return nil, fmt.Errorf("embed into %s: %w", t.d.where(t.b), err)
	}
	var nb *branch
	err = t.insertObject(tx, index, attrs, func(it *item) { nb = t.d.putType(it, kind, name) })
	if err != nil {
		return nil, err
	}
	return t.d.handle(nb), nil
}

// Delete deletes n code units from index on. What reaches past the end is cut
// off, as in Yjs. Formatting that the deletion leaves without effect goes too.
// The error wraps ErrIndex if index or n is negative.
func (t *Text) Delete(tx *Tx, index, n int) error {
	if err := t.edit(tx); err != nil {
		return err
	}
	if index < 0 || n < 0 {
		return t.outOfRange(index, n)
	}
	if n = min(n, t.Len()-index); n <= 0 {
		return nil
	}
	if t.b.format {
		tx.walk(t.b, uint32(index)).delete(n)
		return nil
	}
	if tx.eraseBefore(t.b, uint32(index+n), uint32(n)) {
		return nil
	}
	left, right := tx.cut(t.b, uint32(index))
	keep := t.b.cursor
	if left != 0 {
		keep = cursor{left, uint32(index) - t.d.item(left).len}
	}
	tx.deleteFrom(t.b, right, uint32(index), uint32(n))
	if left != 0 {
		t.b.cursor = keep
	}
	return nil
}

// deleteFrom deletes n visible places from item r on, before which lie index
// places.
func (tx *Tx) deleteFrom(b *branch, r ref, index, n uint32) {
	d := tx.d
	for passed := 0; n > 0 && r != 0; {
		it := d.item(r)
		if v := it.visible(); v > 0 {
			if n < v {
				tx.cleanStart(it.client(), it.clock+n)
				v = n
			}
			tx.delete(r)
			n -= v
			passed = 0
		} else if passed++; passed > fewDeleted {
			if index == b.length {
				return
			}
			r, _ = d.locate(b, index+1)
			continue
		}
		r = it.right
	}
}

// Format sets attributes of n code units from index on; a nil value removes
// one. What reaches past the end is filled with newlines, as in Yjs. The error wraps
// ErrIndex if index or n is negative, ErrValue for what is no value. The cost is
// O(n) in the length of the text.
func (t *Text) Format(tx *Tx, index, n int, attrs Attrs) error {
	if err := t.edit(tx); err != nil {
		return err
	}
	if index < 0 || n < 0 {
		return t.outOfRange(index, n)
	}
	want, err := t.d.attrsOf([]Attrs{attrs})
	if err != nil || n == 0 {
		return err
	}
	pos := tx.walk(t.b, uint32(min(index, t.Len())))
	if pos.right != 0 {
		pos.format(n, want)
	}
	return nil
}
