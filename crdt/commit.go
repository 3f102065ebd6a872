package crdt

import (
	"slices"
	"sort"
)

// commit is the last of the seven steps: observers are called, what was deleted
// is collected, neighbours merge back into runs, and the transaction's update is
// made (Yjs: cleanupTransactions). Which neighbours are tried follows Yjs
// exactly, for it decides where the encoded state is cut into structs.
func (tx *Tx) commit() {
	d := tx.d
	if tx.stamp != d.stamp {
		tx.touchLater()
	}
	for i := range tx.touched {
		t := &tx.touched[i]
		t.after = d.clients[t.client].next
	}
	cleaning := tx.needsCleaning()
	if d.listeners != nil || cleaning {
		tx.deletedOf = clientsOf(tx.deletes, tx.arrivals)
	}
	if len(tx.arrivals) > 0 && (tx.want || cleaning) {
		tx.takeArrived()
	}
	tx.deletes = joinRanges(tx.deletes)
	tx.findRoots()
	if d.listeners != nil || d.observed > 0 || cleaning {
		defer tx.cleanUp()
		tx.callObservers()
		return
	}
	tx.cleanUp()
}

func (tx *Tx) cleanUp() {
	d := tx.d
	if !d.keepDeleted {
		tx.collectDeleted()
	}
	tx.mergeDeleted()
	tx.mergeNew()
	tx.mergeSplit()
	if !tx.local && tx.wroteAs(d.selfNumber) {
		d.self = randomClientID() // somebody else uses ours
		d.selfNumber = d.clientIndex[d.self]
	}
	d.tidyArenas()
	d.emit(AfterTransactionCleanup, tx)
	if tx.want && tx.changedAnything() {
		tx.update = tx.encode(v1)
	}
	tx.emitUpdates()
	tx.settleSubdocs()
	d.verify()
}

// takeArrived adds what came deleted to the deletes.
func (tx *Tx) takeArrived() {
	for _, t := range tx.touched {
		l := &tx.d.clients[t.client].structs
		for p, ok := l.find(t.before), t.before < t.after; ok; p, ok = l.next(p) {
			if it := tx.d.item(l.at(p).ref); it.kind() == kindDeleted && it.clock >= t.before {
				tx.deletes = append(tx.deletes, idRange{t.client, it.clock, it.len})
			}
		}
	}
}

// wroteAs reports whether the transaction added operations of a client.
func (tx *Tx) wroteAs(client uint32) bool {
	return client != 0 && slices.ContainsFunc(tx.touched, func(t touched) bool { return t.client == client })
}

// inRanges reports whether ranges that joinRanges returned hold an operation.
func inRanges(rs []idRange, client, clock uint32) bool {
	i := sort.Search(len(rs), func(i int) bool {
		r := rs[i]
		return r.client > client || r.client == client && r.end() > clock
	})
	return i < len(rs) && rs[i].client == client && rs[i].clock <= clock
}

// joinRanges sorts ranges by client and clock, and joins those that touch.
func joinRanges(rs []idRange) []idRange {
	if len(rs) < 2 {
		return rs
	}
	slices.SortFunc(rs, func(a, b idRange) int {
		if a.client != b.client {
			return int(a.client) - int(b.client)
		}
		return int(int64(a.clock) - int64(b.clock))
	})
	out := rs[:1]
	for _, r := range rs[1:] {
		if last := &out[len(out)-1]; last.client == r.client && r.clock <= last.end() {
			last.len = max(last.end(), r.end()) - last.clock
		} else {
			out = append(out, r)
		}
	}
	return out
}

func (tx *Tx) collectDeleted() {
	d := tx.d
	for i := len(tx.deletes) - 1; i >= 0; i-- {
		r := tx.deletes[i]
		l := &d.clients[r.client].structs
		for p, ok := l.find(r.clock), true; ok; p, ok = l.next(p) {
			e := l.at(p)
			if e.clock >= r.end() {
				break
			}
			it := d.item(e.ref)
			if it.kind() != kindGC && it.deleted() && it.bits&flagKeep == 0 &&
				(d.collectable == nil || d.collectable(Item{d, it})) {
				tx.collect(e.ref, it, false)
			}
		}
	}
}

// collect drops the content of a deleted item. If its parent was collected,
// nothing but its length is left of it (Yjs: Item.gc).
func (tx *Tx) collect(r ref, it *item, orphan bool) {
	d := tx.d
	if it.kind() == kindFormat {
		delete(d.objects, r)
	}
	if it.kind() == kindType {
		tx.collectBranch(d.branches[it.content])
	} else {
		d.dropContent(it)
	}
	if orphan {
		if it.bits&flagRedone != 0 {
			delete(d.redone, r)
		}
		*it = item{bits: it.client()<<clientShift | flagDeleted | uint32(kindGC), clock: it.clock, len: it.len}
		return
	}
	it.setKind(kindDeleted)
	it.bits &^= flagWide | flagRoomy
	it.content = 0
}

func (tx *Tx) collectBranch(b *branch) {
	d := tx.d
	d.dropTree(b)
	d.dropOrders(b)
	for r := b.first; r != 0; {
		it := d.item(r)
		next := it.right
		tx.collect(r, it, true)
		r = next
	}
	for _, k := range b.keys {
		for r := k.item; r != 0; {
			it := d.item(r)
			next := it.left
			tx.collect(r, it, true)
			r = next
		}
	}
	d.branches[b.handle] = nil
	*b = branch{handle: b.handle, kind: b.kind, name: b.name, typ: b.typ, dead: true}
}

// mergeDeleted tries the structs in and beside what was deleted, from right to
// left (Yjs: tryMergeDeleteSet).
func (tx *Tx) mergeDeleted() {
	for i := len(tx.deletes) - 1; i >= 0; i-- {
		r := tx.deletes[i]
		l := &tx.d.clients[r.client].structs
		p := l.find(r.end() - 1)
		if next, ok := l.next(p); ok {
			p = next
		}
		for ok := true; ok && l.at(p).clock >= r.clock; {
			p, _ = tx.mergeLeft(l, p)
			p, ok = l.prev(p)
		}
	}
}

// mergeNew tries all new structs, and the one before them.
func (tx *Tx) mergeNew() {
	if !tx.merges && tx.stamp == tx.d.stamp {
		return
	}
	for _, t := range tx.touched {
		l := &tx.d.clients[t.client].structs
		first := l.at(l.find(t.before)).clock
		p := l.last()
		for ok := true; ok && l.at(p).clock >= first; {
			p, _ = tx.mergeLeft(l, p)
			p, ok = l.prev(p)
		}
	}
}

// mergeSplit tries to put together again what was split.
func (tx *Tx) mergeSplit() {
	for i := len(tx.mergeable) - 1; i >= 0; i-- {
		m := tx.mergeable[i]
		l := &tx.d.clients[m.client].structs
		p := l.find(m.clock)
		if next, ok := l.next(p); ok {
			if _, n := tx.mergeLeft(l, next); n > 1 {
				continue
			}
		}
		tx.mergeLeft(l, p)
	}
}

// mergeLeft merges the struct at p into the one before it, that into the one
// before it, and so on, and returns where it ended and how many were merged.
func (tx *Tx) mergeLeft(l *runs, p place) (place, int) {
	for n := 0; ; n++ {
		q, ok := l.prev(p)
		if !ok || !tx.d.merge(l.at(q).ref, l.at(p).ref) {
			return p, n
		}
		l.remove(p)
		p = q
	}
}

// merge makes one struct of two of the same client that follow one another, if
// they were one operation's content cut in two or might have been (Yjs:
// Item.mergeWith).
func (d *Doc) merge(left, right ref) bool {
	r := d.item(right)
	if r.kind() != kindGC && (r.originClient != r.client() || r.originClock != r.clock-1) {
		return false // nearly always, and without a look at what is before it
	}
	l := d.item(left)
	if (l.bits^r.bits)&(flagDeleted|15) != 0 || (l.bits|r.bits)&flagRedone != 0 {
		return false
	}
	switch l.kind() {
	case kindGC:
		l.len += r.len
		d.release(right)
		return true
	case kindString, kindAny, kindJSON, kindDeleted:
	default:
		return false
	}
	if l.right != right || l.rightClient != r.rightClient || l.rightClock != r.rightClock {
		return false
	}
	b := d.branches[l.parent]
	if b.conflicts != nil {
		d.goes(b, r.key(), right)
	}
	if b.landmarks != nil {
		b.landmarks.landmarkGoes(right)
	}
	if k := r.key(); k == 0 {
		d.treeRemove(b, left, right, r.visible())
		if b.cursor.item == right {
			b.cursor.item = left
			b.cursor.index -= l.visible()
		}
		if b.last == right {
			b.last = left
		}
	} else if b.get(k) == right {
		b.setKey(k, left)
	}
	d.mergeContent(l, r)
	l.bits |= r.bits & flagKeep
	l.right = r.right
	if r.right != 0 {
		d.item(r.right).left = left
	}
	l.len += r.len
	d.release(right)
	return true
}
