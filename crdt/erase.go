package crdt

// Next to typing on, erasing is what happens most: the end of a run goes, and
// what was behind it went before, the last time the key was pressed. The seven
// steps would cut the run, delete the piece, collect it and merge it with the
// collected run on its right. Here that run grows to the left at once, with the
// same result.

// erasesInto returns the collected run that the last n operations of an item
// would become part of, and its place; 0 if that takes the long way.
func (d *Doc) erasesInto(it *item, n uint32) (ref, place) {
	const plain = flagDeleted | flagKeep | flagRedone
	if d.keepDeleted || d.collectable != nil || it.bits&(plain|15) != uint32(kindString) || it.key() != 0 ||
		n >= it.len || it.right == 0 || d.branches[it.parent].conflicts != nil {
		return 0, place{}
	}
	next := d.item(it.right)
	if next.bits&(plain|15) != flagDeleted|uint32(kindDeleted) || next.client() != it.client() || next.clock != it.end() ||
		next.originClient != it.client() || next.originClock != it.end()-1 ||
		next.rightClient != it.rightClient || next.rightClock != it.rightClock {
		return 0, place{}
	}
	if it.wide() && isHigh(unitAt(d.text[it.content:], int(it.len-n)-1)) {
		return 0, place{}
	}
	return it.right, d.clients[it.client()].structs.find(next.clock)
}

// erase moves the last n operations of an item to the collected run on its
// right, which lies at p.
func (d *Doc) erase(tx *Tx, b *branch, r ref, it *item, n uint32, into ref, p place) {
	d.dropEnd(it, n)
	it.len -= n
	next := d.item(into)
	next.clock -= n
	next.len += n
	next.originClock -= n
	l := &d.clients[it.client()].structs
	l.startAt(p, next.clock)
	b.length -= n
	d.treeGrow(b, r, -int32(n))
	if b.cursor.item != r {
		b.cursor = cursor{}
	}
	// The cut would have been tried to mend, and with it what comes behind.
	if q, ok := l.next(p); ok {
		tx.mergeLeft(l, q)
	}
}

// dropEnd counts the last n units of a text as dead, or frees them if they end
// the arena.
func (d *Doc) dropEnd(it *item, n uint32) {
	size, all := int(n), it.textSize()
	if it.wide() {
		size *= 2
	}
	switch end := int(it.content) + all; {
	case it.bits&flagRoomy != 0:
		d.deadText += roomFor(all) - all + size
		it.bits &^= flagRoomy
	case end == len(d.text):
		d.text = d.text[:end-size]
	default:
		d.deadText += size
	}
}

// applyErased applies an update that holds nothing but one range of deletes at
// the end of a run. ok is false if it holds anything else, and then nothing has
// changed.
func (d *Doc) applyErased(update []byte) (a Applied, ok bool) {
	if len(update) < 6 || update[0] != 0 || update[1] != 1 || !d.plain() {
		return Applied{}, false
	}
	r := shortReader{update, 2}
	client := r.uint()
	if r.at == 0 || r.at >= len(update) || update[r.at] != 1 {
		return Applied{}, false
	}
	r.at++
	clock, n := r.clock(), r.clock()
	if r.at != len(update) || n == 0 || n > maxClock-clock {
		return Applied{}, false
	}
	c, ok := d.number(client)
	if !ok || d.clients[c].next < clock+n {
		return Applied{}, false
	}
	l := &d.clients[c].structs
	ref := l.at(l.find(clock)).ref
	it := d.item(ref)
	if it.end() != clock+n {
		return Applied{}, false
	}
	into, p := d.erasesInto(it, n)
	if into == 0 {
		return Applied{}, false
	}
	b := d.branches[it.parent]
	if b.hooks.watched() {
		return Applied{}, false
	}
	if b.marks && !d.keepMarks {
		return Applied{}, false // its formatting is cleaned up
	}
	d.erase(&d.tx, b, ref, it, n, into, p)
	return d.quickly(b, update), true
}

// eraseEnd erases the n units before index if they are the end of a run, as far
// as that is what deleting them comes to.
func (tx *Tx) eraseEnd(b *branch, index, n uint32) bool {
	d := tx.d
	if d.listeners != nil || d.observed > 0 || b.hooks.watched() {
		return false
	}
	r, within := d.locate(b, index)
	it := d.item(r)
	if within != it.len {
		return false
	}
	into, p := d.erasesInto(it, n)
	if into == 0 {
		return false
	}
	tx.quick = quick{erased: tx.nothingYet()}
	tx.deletes = append(tx.deletes, idRange{it.client(), it.end() - n, n})
	tx.change(b, 0)
	d.erase(tx, b, r, it, n, into, p)
	return true
}
