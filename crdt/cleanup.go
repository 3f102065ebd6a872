package crdt

import "slices"

// leavesMarks reports whether a transaction that changed b may have left marks
// without effect: concurrent formatting does. Yjs looks for them in texts that
// were declared before their formatting came.
func (tx *Tx) leavesMarks(b *branch) bool {
	return !tx.local && b.marks && !tx.d.keepMarks && (b.kind == KindText || b.kind == KindXMLText)
}

// needsCleaning reports whether a text was changed that may have marks without
// effect.
func (tx *Tx) needsCleaning() bool {
	if tx.local || tx.d.keepMarks {
		return false
	}
	for i := range tx.changes {
		if c := &tx.changes[i]; !c.gone && tx.leavesMarks(c.b) && !tx.d.isGone(c.b) {
			return true
		}
	}
	return false
}

// cleanFormatting deletes marks that have no effect, in a transaction of its
// own: in all of a text where marks came or went, elsewhere in the gaps that
// deletions left (Yjs: cleanupYTextAfterTransaction).
func (tx *Tx) cleanFormatting() {
	d := tx.d
	whole := map[*branch]bool{}
	var order []*branch
	add := func(b *branch) {
		if !whole[b] {
			whole[b] = true
			order = append(order, b)
		}
	}
	for _, t := range tx.touched {
		// Yjs takes the end for a length, and so looks at what came since, too.
		r := idRange{t.client, t.before, t.after}
		tx.eachIn(r, func(_ ref, it *item) {
			if !it.deleted() && it.kind() == kindFormat {
				add(d.branches[it.parent])
			}
		})
	}
	d.transact(nil, func(own *Tx) {
		tx.eachDeleted(func(r idRange) {
			tx.eachIn(r, func(r ref, it *item) {
				if it.kind() == kindGC {
					return
				}
				b := d.branches[it.parent]
				switch {
				case !b.marks || whole[b]:
				case it.kind() == kindFormat:
					add(b)
				default:
					own.cleanContextless(r)
				}
			})
		})
		for _, b := range order {
			own.cleanText(b)
		}
	})
}

// eachDeleted calls f for the deleted ranges of one client after the other, in
// the order in which the transaction came to them: whether a text is cleaned
// whole depends on what is met first.
func (tx *Tx) eachDeleted(f func(idRange)) {
	for _, c := range tx.deletedOf {
		i, _ := slices.BinarySearchFunc(tx.deletes, c, func(r idRange, c uint32) int { return int(r.client) - int(c) })
		for ; i < len(tx.deletes) && tx.deletes[i].client == c; i++ {
			f(tx.deletes[i])
		}
	}
}

// eachIn calls f for the structs of a range, cutting those that reach over its
// ends (Yjs: iterateStructs).
func (tx *Tx) eachIn(r idRange, f func(ref, *item)) {
	d := tx.d
	if r.clock >= d.clients[r.client].next {
		return
	}
	tx.cleanStart(r.client, r.clock)
	end := uint64(r.clock) + uint64(r.len)
	for clock := uint64(r.clock); clock < end && clock < uint64(d.clients[r.client].next); {
		l := &d.clients[r.client].structs
		e := l.at(l.find(uint32(clock)))
		it := d.item(e.ref)
		if uint64(it.end()) > end {
			tx.cleanStart(r.client, uint32(end))
		}
		clock = uint64(it.end())
		f(e.ref, it)
	}
}

// cleanContextless deletes, in the gap around a deleted item, all but the last
// mark of each name (Yjs: cleanupContextlessFormattingGap).
func (tx *Tx) cleanContextless(r ref) {
	d := tx.d
	gap := func(r ref) bool { it := d.item(r); return it.deleted() || !it.countable() }
	for next := d.item(r).right; next != 0 && gap(next); next = d.item(r).right {
		r = next
	}
	seen := map[uint32]bool{}
	for ; r != 0 && gap(r); r = d.item(r).left {
		it := d.item(r)
		if it.deleted() || it.kind() != kindFormat {
			continue
		}
		key, _ := d.formatOf(it)
		if seen[key] {
			tx.delete(r)
		}
		seen[key] = true
	}
}

// cleanText deletes marks without effect in all of a text (Yjs:
// cleanupYTextFormatting).
func (tx *Tx) cleanText(b *branch) {
	d := tx.d
	var before, current attrList
	start := b.first
	for r := b.first; r != 0; r = d.item(r).right {
		it := d.item(r)
		if it.deleted() {
			continue
		}
		if it.kind() == kindFormat {
			current.apply(d.formatAttr(r))
			continue
		}
		tx.cleanGap(start, r, before, &current)
		before, start = current.clone(), r
	}
}
