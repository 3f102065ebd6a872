package crdt

// Tx is a transaction: the edits that become one update. It is valid inside
// the function given to Doc.Update only.
type Tx struct {
	d      *Doc
	active bool
	local  bool
	stamp  uint32

	touched   []uint32  // clients that got new structs
	deletes   []idRange // what was deleted; sorted and joined by commit
	mergeable []id      // structs to try to merge: right parts of splits
	changes   []*branch
	roots     []string

	queued  bool // structs were queued that did not wait before
	clipped bool // part of a struct was known before
}

func (d *Doc) begin(local bool) *Tx {
	d.stamp++
	tx := &d.tx
	tx.active, tx.local, tx.stamp = true, local, d.stamp
	tx.touched, tx.deletes, tx.mergeable = tx.touched[:0], tx.deletes[:0], tx.mergeable[:0]
	tx.changes, tx.roots = tx.changes[:0], tx.roots[:0]
	tx.queued, tx.clipped = false, false
	return tx
}

// change notes that a branch changed.
func (tx *Tx) change(b *branch) {
	if b.changed != tx.stamp {
		b.changed = tx.stamp
		tx.changes = append(tx.changes, b)
	}
}

// changedAnything reports whether the transaction made or deleted anything.
func (tx *Tx) changedAnything() bool { return len(tx.touched) > 0 || len(tx.deletes) > 0 }

// findRoots collects the names of the roots above the changed branches, before
// commit collects branches. Each branch on the way is passed once.
func (tx *Tx) findRoots() {
	d := tx.d
	for _, b := range tx.changes {
		for b.passed != tx.stamp {
			b.passed = tx.stamp
			if b.item == 0 {
				tx.roots = append(tx.roots, b.name)
				break
			}
			b = d.branches[d.item(b.item).parent]
		}
	}
}

func (tx *Tx) changedRoots() []string { return tx.roots }

// check reports whether tx is the transaction under way in d.
func (tx *Tx) check(d *Doc) error {
	if tx == nil || tx.d != d || !tx.active || !tx.local {
		return ErrTransaction
	}
	return nil
}

// insert makes a local item with content of the given kind between left and
// right and integrates it. fill sets the content and its length.
func (tx *Tx) insert(b *branch, left, right ref, key uint32, fill func(*item)) ref {
	d := tx.d
	c := d.selfNumber
	if c == 0 {
		c = d.intern(d.self)
	}
	r, it := d.alloc()
	it.bits = c << clientShift
	it.clock, it.len = d.clients[c].next, 1
	it.left, it.right = left, right
	if left != 0 {
		l := d.item(left)
		it.originClient, it.originClock = l.client(), l.end()-1
	}
	if right != 0 {
		n := d.item(right)
		it.rightClient, it.rightClock = n.client(), n.clock
	}
	if key != 0 {
		it.where = keyBit | key
	}
	it.parent = b.handle
	fill(it)
	tx.link(b, r, it)
	return r
}
