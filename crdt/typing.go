package crdt

import "github.com/weftsync/weft/crdt/lib0"

// Most updates and most edits say no more than that somebody typed on: text
// behind the last operation of a client, at a place where nobody interferes. The
// seven steps would make an item of it and merge that into the one before. Here
// the one before grows at once. The result is the same, to the byte; whatever
// does not fit goes the long way.

// typed is an update that holds nothing but such text.
type typed struct {
	client      uint64
	clock       uint32
	rightClient uint64 // of the right origin
	rightClock  uint32
	right       bool // there is one
	text        []byte
}

// applyTyped applies an update that holds nothing but text typed on. ok is false
// if it does not, and then nothing has changed.
func (d *Doc) applyTyped(update []byte) (a Applied, ok bool) {
	t, ok := readTyped(update)
	if !ok || t.client == d.self || !d.plain() {
		return Applied{}, false
	}
	c, ok := d.number(t.client)
	if !ok || d.clients[c].next != t.clock {
		return Applied{}, false
	}
	l := &d.clients[c].structs
	p := l.last()
	r := l.at(p).ref
	left := d.item(r)
	if !d.typesOn(left, uint32(len(t.text))) {
		return Applied{}, false
	}
	if (left.rightClient != 0) != t.right ||
		t.right && (d.clients[left.rightClient].id != t.rightClient || left.rightClock != t.rightClock) {
		return Applied{}, false
	}
	b := d.branches[left.parent]
	if b.hooks.watched() || !extend(d, b, r, left, t.text) {
		return Applied{}, false
	}
	d.tx.mergeLeft(l, p)
	return d.quickly(b, update), true
}

// plain reports whether nothing listens and nothing waits.
func (d *Doc) plain() bool {
	return d.listeners == nil && d.observed == 0 && d.pending.count == 0 && d.pendingDeletes.count == 0
}

// quickly ends the short way of an update that changed b.
func (d *Doc) quickly(b *branch, update []byte) Applied {
	d.stamp++
	d.tidyArenas()
	d.tx.roots = append(d.tx.roots[:0], d.rootOf(b).name)
	d.verify()
	return Applied{Changed: true, Update: update, Roots: d.tx.roots}
}

// verify checks every invariant, if built to.
func (d *Doc) verify() {
	if checking {
		if err := d.Check(); err != nil {
			panic(err)
		}
	}
}

// rootOf returns the root that a branch lies in.
func (d *Doc) rootOf(b *branch) *branch {
	for b.item != 0 {
		b = d.branches[d.item(b.item).parent]
	}
	return b
}

// typesOn reports whether ASCII text of n units that follows an item, the last
// one of its client, would become part of it: its neighbour on the right is
// still the one that it was made with.
func (d *Doc) typesOn(left *item, n uint32) bool {
	if left.bits&(flagDeleted|flagWide|flagRedone|15) != uint32(kindString) || left.where&keyBit != 0 ||
		n > maxClock-left.end() {
		return false
	}
	if left.right == 0 {
		return left.rightClient == 0
	}
	next := d.item(left.right)
	return next.client() == left.rightClient && next.clock == left.rightClock
}

// extend lets an item of text grow, if its client's next operations may follow
// and there is room behind its content.
func extend[T string | []byte](d *Doc, b *branch, r ref, it *item, text T) bool {
	if d.isGone(b) {
		return false
	}
	end, n := int(it.content+it.len), len(text)
	switch {
	case end == len(d.text):
		d.text = append(d.text, text...)
		it.bits &^= flagRoomy // it grows past its block
	case it.bits&flagRoomy != 0 && int(it.len)+n <= roomFor(int(it.len)):
		copy(d.text[end:], text)
	default:
		return false
	}
	it.len += uint32(n)
	b.length += uint32(n)
	d.treeGrow(b, r, int32(n))
	if b.cursor.item != r {
		b.cursor = cursor{}
	}
	d.clients[it.client()].next += uint32(n)
	return true
}

// typeOn lets the item on the left grow by text that is typed here, if that is
// what inserting it would come to.
func (tx *Tx) typeOn(b *branch, left ref, s string) bool {
	d := tx.d
	if left == 0 || d.listeners != nil || d.observed > 0 || b.hooks.watched() {
		return false
	}
	it := d.item(left)
	c := it.client()
	if c != d.selfNumber || it.end() != d.clients[c].next || !isASCII(s) || !d.typesOn(it, uint32(len(s))) {
		return false
	}
	before, first := d.clients[c].next, tx.nothingYet()
	if !extend(d, b, left, it, s) {
		return false
	}
	if tx.quick = (quick{}); first {
		tx.quick.typed = left
	}
	tx.touch(c, before)
	tx.change(b, 0)
	return true
}

// touch notes that a client got new operations.
func (tx *Tx) touch(c, before uint32) {
	if cl := &tx.d.clients[c]; cl.stamp != tx.stamp {
		cl.stamp, cl.at = tx.stamp, int32(len(tx.touched))
		tx.touched = append(tx.touched, touched{client: c, before: before})
	}
}

// readTyped reads an update that holds one item of ASCII text behind the
// operation before it, of the same client, and nothing else.
func readTyped(u []byte) (t typed, ok bool) {
	if len(u) < 10 || u[0] != 1 || u[1] != 1 {
		return t, false
	}
	r := shortReader{u, 2}
	t.client, t.clock = r.uint(), r.clock()
	if r.at == 0 || t.clock == 0 || r.at >= len(u) {
		return t, false
	}
	info := u[r.at]
	r.at++
	if info&^0x40 != 0x80|byte(kindString) {
		return t, false
	}
	if r.uint() != t.client || r.clock() != t.clock-1 || r.at == 0 {
		return t, false
	}
	if t.right = info&0x40 != 0; t.right {
		t.rightClient, t.rightClock = r.uint(), r.clock()
	}
	n := r.uint()
	if r.at == 0 || n == 0 || uint64(len(u)-r.at) != n+1 || u[len(u)-1] != 0 {
		return t, false
	}
	t.text = u[r.at : len(u)-1]
	return t, lib0.IsASCII(t.text)
}

// shortReader reads varints; at is 0 after one that is damaged or too long.
type shortReader struct {
	b  []byte
	at int
}

func (r *shortReader) uint() uint64 {
	var v uint64
	if r.at == 0 {
		return 0
	}
	for shift := 0; shift < 56 && r.at < len(r.b); shift += 7 {
		c := r.b[r.at]
		r.at++
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if c == 0 && shift > 0 || v > 1<<53-1 {
				break
			}
			return v
		}
	}
	r.at = 0
	return 0
}

func (r *shortReader) clock() uint32 {
	v := r.uint()
	if v > maxClock {
		r.at = 0
	}
	return uint32(v)
}
