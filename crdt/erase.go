package crdt

// Next to typing on, erasing is what happens most: the end of a run goes, or its
// start, and what is beside it went before, the last time the key was pressed.
// The seven steps would cut the run, delete the piece, collect it and merge it
// with the collected run beside it. Here that run grows at once, with the same
// result.

// erasable reports whether part of an item of text may go the short way.
func (d *Doc) erasable(it *item, n uint32) bool {
	return !d.keepDeleted && d.collectable == nil && it.bits&(plainBits|15) == uint32(kindString) && it.key() == 0 && n < it.len &&
		d.branches[it.parent].conflicts == nil
}

const plainBits = flagDeleted | flagKeep | flagRedone

// joins reports whether a collected run is, or would be, one with an item of the
// same client that begins where it ends.
func (d *Doc) joins(run, next *item) bool {
	return next.originClient == run.client() && next.originClock == run.end()-1 && next.client() == run.client() &&
		next.clock == run.end() && next.rightClient == run.rightClient && next.rightClock == run.rightClock
}

func (it *item) isCollectedRun() bool {
	return it.bits&(plainBits|15) == flagDeleted|uint32(kindDeleted)
}

// endErases returns the collected run that the last n operations of an item
// would become part of; 0 if that takes the long way.
func (d *Doc) endErases(it *item, n uint32) ref {
	if !d.erasable(it, n) || it.right == 0 {
		return 0
	}
	next := d.item(it.right)
	if !next.isCollectedRun() || !d.joins(it, next) || it.wide() && isHigh(unitAt(d.text[it.content:], int(it.len-n)-1)) {
		return 0
	}
	return it.right
}

// startErases is endErases for the first n operations of an item, which become
// part of the collected run on its left.
func (d *Doc) startErases(it *item, n uint32) ref {
	if !d.erasable(it, n) || it.left == 0 {
		return 0
	}
	run := d.item(it.left)
	if !run.isCollectedRun() || !d.joins(run, it) || it.wide() && isHigh(unitAt(d.text[it.content:], int(n)-1)) {
		return 0
	}
	return it.left
}

// eraseEnd moves the last n operations of an item to the collected run on its
// right.
func (d *Doc) eraseEnd(b *branch, r ref, it *item, n uint32, into ref) {
	l := &d.clients[it.client()].structs
	next := d.item(into)
	p := l.find(next.clock)
	d.dropEnd(it, n)
	it.len -= n
	next.clock -= n
	next.len += n
	next.originClock -= n
	l.startAt(p, next.clock)
	d.shorten(b, r, n)
	// The cut would have been tried to mend, and with it what comes behind.
	if q, ok := l.next(p); ok {
		d.tx.mergeLeft(l, q)
	}
}

// eraseStart moves the first n operations of an item to the collected run on its
// left.
func (d *Doc) eraseStart(b *branch, r ref, it *item, n uint32, into ref) {
	l := &d.clients[it.client()].structs
	p := l.find(it.clock)
	d.dropStart(it, n)
	it.clock += n
	it.len -= n
	it.originClock += n
	d.item(into).len += n
	l.startAt(p, it.clock)
	d.shorten(b, r, n)
	if q, ok := l.next(p); ok {
		d.tx.mergeLeft(l, q)
	}
	if q, ok := l.prev(p); ok {
		d.tx.mergeLeft(l, q)
	}
}

// shorten accounts for n places that an item takes up no longer.
func (d *Doc) shorten(b *branch, r ref, n uint32) {
	b.length -= n
	d.treeGrow(b, r, -int32(n))
	if b.cursor.item != r {
		b.cursor = cursor{}
	}
}

// dropStart counts the first n units of a text as dead.
func (d *Doc) dropStart(it *item, n uint32) {
	if it.wide() {
		n *= 2
	}
	d.deadText += int(n)
	if it.bits&flagRoomy != 0 {
		all := it.textSize()
		d.deadText += roomFor(all) - all
		it.bits &^= flagRoomy
	}
	it.content += n
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
	in := shortReader{update, 2}
	client := in.uint()
	if in.at == 0 || in.at >= len(update) || update[in.at] != 1 {
		return Applied{}, false
	}
	in.at++
	clock, n := in.clock(), in.clock()
	if in.at != len(update) || n == 0 || n > maxClock-clock {
		return Applied{}, false
	}
	c, ok := d.number(client)
	if !ok || d.clients[c].next < clock+n {
		return Applied{}, false
	}
	r, it := d.findItem(c, clock)
	b, short := d.shortErase(r, it, clock, n)
	if !short {
		return Applied{}, false
	}
	return d.quickly(b, update), true
}

// findItem returns the struct that holds an operation, which must be known.
func (d *Doc) findItem(c, clock uint32) (ref, *item) {
	r := d.find(c, clock)
	return r, d.item(r)
}

// shortErase erases n operations of an item from a clock on, if they are its end
// or its start and that has a short way, and returns the branch.
func (d *Doc) shortErase(r ref, it *item, clock, n uint32) (*branch, bool) {
	var into ref
	start := false
	switch {
	case it.end() == clock+n:
		into = d.endErases(it, n)
	case it.clock == clock && n < it.len:
		into, start = d.startErases(it, n), true
	}
	if into == 0 {
		return nil, false
	}
	b := d.branches[it.parent]
	if b.hooks.watched() || b.marks && !d.keepMarks && d.current == nil { // an update's formatting is cleaned up
		return nil, false
	}
	if start {
		d.eraseStart(b, r, it, n, into)
	} else {
		d.eraseEnd(b, r, it, n, into)
	}
	return b, true
}

// eraseBefore erases the n units before index, if they are the end or the start
// of a run and that has a short way.
func (tx *Tx) eraseBefore(b *branch, index, n uint32) bool {
	d := tx.d
	if d.listeners != nil || d.observed > 0 {
		return false
	}
	r, within := d.locate(b, index)
	it := d.item(r)
	if within < n || within != it.len && within != n {
		return false
	}
	clock := it.clock + within - n
	deleted := idRange{it.client(), clock, n}
	first := tx.nothingYet()
	if _, short := d.shortErase(r, it, clock, n); !short {
		return false
	}
	tx.quick = quick{erased: first}
	tx.deletes = append(tx.deletes, deleted)
	tx.change(b, 0)
	return true
}
