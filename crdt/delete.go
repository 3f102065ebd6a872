package crdt

// applyDeletes is the sixth of the seven steps: it deletes the ranges of an
// update's delete set. What lies beyond the operations known so far waits.
// fresh reports whether nothing in the ranges was deleted before, waiting
// whether some of it waits that did not wait before.
func (tx *Tx) applyDeletes(ranges []idRange) (fresh, waiting bool) {
	fresh = true
	tx.waits = tx.waits[:0]
	for _, r := range ranges {
		deleted := tx.applyDelete(r)
		fresh = fresh && deleted
	}
	if len(tx.waits) == 0 {
		return fresh, false
	}
	waiting = tx.d.pendingDeletes.add(tx.waits)
	if cap(tx.waits) > 4096 {
		tx.waits = nil
	}
	return fresh, waiting
}

// disjoint returns the ranges of a delete set as they are if they come in Yjs's
// order and do not overlap, else sorted and joined. Ranges that all reach over
// the same structs would cost the product of their numbers.
func (d *Doc) disjoint(rs []idRange) []idRange {
	for i := 1; i < len(rs); i++ {
		a, b := rs[i-1], rs[i]
		if a.client == b.client && b.clock < a.end() || a.client != b.client && d.clients[b.client].id > d.clients[a.client].id {
			return joinRanges(rs)
		}
	}
	return rs
}

// applyDelete deletes one range as far as its operations are known (Yjs:
// readAndApplyDeleteSet), and puts the rest among those that wait. whole reports
// that all of it was deleted just now.
func (tx *Tx) applyDelete(r idRange) (whole bool) {
	d := tx.d
	state := d.clients[r.client].next
	if r.end() > state {
		wait := r
		if r.clock < state {
			wait = idRange{r.client, state, r.end() - state}
		}
		tx.waits = append(tx.waits, wait)
		if r.clock >= state {
			return false
		}
	}
	end := min(r.end(), state)
	l := &d.clients[r.client].structs
	p := l.find(r.clock)
	if e := l.at(p); e.clock < r.clock && !d.item(e.ref).deleted() {
		tx.split(l, p, r.clock-e.clock)
		p = l.find(r.clock)
	}
	whole = end == r.end()
	for ok := true; ok; p, ok = l.next(p) {
		e := l.at(p)
		if e.clock >= end {
			break
		}
		it := d.item(e.ref)
		if it.deleted() {
			// What came deleted in this same update was not deleted before it.
			whole = whole && it.clock >= tx.before(r.client)
			continue
		}
		if end < it.end() {
			tx.split(l, p, end-it.clock)
			p = l.find(e.clock)
		}
		tx.delete(e.ref)
	}
	return whole
}

// delete marks an item as deleted, and all that is in it (Yjs: Item.delete).
func (tx *Tx) delete(r ref) {
	d := tx.d
	it := d.item(r)
	if it.deleted() {
		return
	}
	b := d.branches[it.parent]
	if size := it.visible(); size > 0 && it.key() == 0 {
		if b.hooks.watched() {
			tx.reportDelete(b, r, it)
		}
		b.length -= size
		d.treeGrow(b, r, -int32(size))
		b.cursor = cursor{}
	}
	it.bits |= flagDeleted
	tx.merges = true
	tx.deletes = append(tx.deletes, idRange{it.client(), it.clock, it.len})
	tx.change(b, it.key())
	switch it.kind() {
	case kindFormat:
		if it.key() == 0 {
			d.markChanged(b, r)
		}
	case kindType:
		tx.deleteChildren(d.branches[it.content])
	case kindDoc:
		tx.subdocDeleted(it)
	}
}

// deleteChildren deletes what is in a type that was deleted. Children deleted
// before the transaction are noted, because they can merge with neighbours
// once they are collected.
func (tx *Tx) deleteChildren(b *branch) {
	child := func(r ref) {
		if it := tx.d.item(r); !it.deleted() {
			tx.delete(r)
		} else if it.clock < tx.before(it.client()) {
			tx.mergeable = append(tx.mergeable, id{it.client(), it.clock})
		}
	}
	for r := b.first; r != 0; r = tx.d.item(r).right {
		child(r)
	}
	for _, k := range b.keys {
		child(k.item)
	}
	tx.forget(b)
}

// isDeleted reports whether all of a range is known and deleted.
func (d *Doc) isDeleted(r idRange) bool {
	if r.end() > d.clients[r.client].next {
		return false
	}
	l := &d.clients[r.client].structs
	for p, ok := l.find(r.clock), true; ok; p, ok = l.next(p) {
		e := l.at(p)
		if e.clock >= r.end() {
			break
		}
		if !d.item(e.ref).deleted() {
			return false
		}
	}
	return true
}
