package crdt

import "github.com/weftsync/weft/crdt/lib0"

// Undo takes back the last step that changed anything, and returns it, nil if
// there is none, with the update for the other replicas. What Doc.Update says of
// transactions under way and of observers holds here too; in an update from
// elsewhere the error is ErrTransaction.
func (u *UndoManager) Undo() (step *StackItem, update []byte, err error) {
	u.undoing = true
	defer func() { u.undoing = false }()
	return u.pop(&u.undo, false)
}

// Redo brings back what the last Undo took back; else it is like Undo.
func (u *UndoManager) Redo() (step *StackItem, update []byte, err error) {
	u.redoing = true
	defer func() { u.redoing = false }()
	return u.pop(&u.redo, true)
}

// pop takes back the last step of a stack that changes anything (Yjs:
// popStackItem).
func (u *UndoManager) pop(stack *[]*StackItem, redo bool) (*StackItem, []byte, error) {
	var in *Tx
	update, err := u.d.Update(func(tx *Tx) error {
		in = tx
		for u.current == nil && len(*stack) > 0 {
			n := len(*stack) - 1
			s := (*stack)[n]
			*stack = (*stack)[:n]
			if u.takeBack(tx, s) {
				u.current = s
			}
		}
		return nil
	}, WithOrigin(u))
	step := u.current
	if step != nil {
		tell(u.popped, StackEvent{step, redo, in})
		u.current = nil
	}
	return step, update, err
}

// takeBack brings back what a step deleted and deletes what it inserted, and
// reports whether that changed anything.
func (u *UndoManager) takeBack(tx *Tx, s *StackItem) (changed bool) {
	d := u.d
	var remove, bring []ref
	for r := range s.insertions.each() {
		tx.eachIn(r, func(r ref, it *item) {
			if it.kind() == kindGC {
				return
			}
			if it.bits&flagRedone != 0 {
				r = tx.redone(id{it.client(), it.clock})
				it = d.item(r)
			}
			if !it.deleted() && u.inScope(it) {
				remove = append(remove, r)
			}
		})
	}
	b := bringing{u: u, tx: tx, step: s, set: map[ref]bool{}}
	for r := range s.deletions.each() {
		tx.eachIn(r, func(r ref, it *item) {
			if it.kind() != kindGC && u.inScope(it) && !s.insertions.has(it.client(), it.clock) && !b.set[r] {
				b.set[r] = true
				bring = append(bring, r)
			}
		})
	}
	tx.redoing = true
	for _, r := range bring {
		changed = b.back(r) != 0 || changed
	}
	tx.redoing = false
	// Children go before their parents, so that a filter finds them there.
	for i := len(remove) - 1; i >= 0; i-- {
		it := d.item(remove[i])
		if f := u.options.DeleteFilter; f == nil || f(Item{d, it}) {
			tx.delete(remove[i])
			changed = true
		}
	}
	return changed
}

// redone follows an operation to where it was brought back last, and cuts the
// item there (Yjs: followRedone).
func (tx *Tx) redone(i id) ref {
	r, diff := tx.d.followRedone(i)
	if it := tx.d.item(r); diff > 0 {
		return tx.cleanStart(it.client(), it.clock+diff)
	}
	return r
}

// followRedone returns the item in which an operation was brought back last,
// and the offset there.
func (d *Doc) followRedone(i id) (r ref, diff uint32) {
	for {
		r = d.find(i.client, i.clock)
		it := d.item(r)
		diff = i.clock - it.clock
		if it.bits&flagRedone == 0 {
			return r, diff
		}
		next := d.redone[r]
		i = id{next.client, next.clock + diff}
	}
}

// redoneStart returns the item that begins where r was brought back.
func (tx *Tx) redoneStart(r ref) ref {
	next := tx.d.redone[r]
	return tx.cleanStart(next.client, next.clock)
}

// bringing brings back the items of a step that were deleted.
type bringing struct {
	u    *UndoManager
	tx   *Tx
	step *StackItem
	set  map[ref]bool // all that is brought back
}

func (b *bringing) isRedone(r ref) bool { return b.tx.d.item(r).bits&flagRedone != 0 }

// parentOf returns the item that holds the type in which r lies, 0 for a root.
func (b *bringing) parentOf(r ref) ref {
	d := b.tx.d
	it := d.item(r)
	if it.kind() == kindGC {
		return noParent
	}
	return d.branches[it.parent].item
}

const noParent = ^ref(0) // of what was collected

// back brings an item back as a new one with the same content, and returns it;
// 0 if that cannot be, because its place is gone or somebody else's (Yjs:
// redoItem).
func (b *bringing) back(r ref) ref {
	tx, d := b.tx, b.tx.d
	if b.isRedone(r) {
		return tx.redoneStart(r)
	}
	it := d.item(r)
	branch := d.branches[it.parent]
	parent := branch.item
	if parent != 0 && d.item(parent).deleted() {
		if !b.isRedone(parent) && (!b.set[parent] || b.back(parent) == 0) {
			return 0
		}
		for b.isRedone(parent) {
			parent = tx.redoneStart(parent)
		}
		if d.item(parent).kind() != kindType {
			return 0
		}
		branch = d.branches[d.item(parent).content]
	}
	var left, right ref
	if it.key() == 0 {
		left = b.nearest(it.left, parent, func(it *item) ref { return it.left })
		right = b.nearest(r, parent, func(it *item) ref { return it.right })
	} else {
		var ok bool
		if left, ok = b.before(r, branch); !ok {
			return 0
		}
		if left != 0 && b.parentOf(left) != parent {
			left = branch.get(it.key())
		}
	}
	key := it.key()
	c := d.selfNumber
	if c == 0 {
		c = d.intern(d.self)
	}
	d.setRedone(r, id{c, d.clients[c].next})
	n := tx.insert(branch, left, right, key, func(n *item) {
		d.copyContent(n, r)
		n.bits |= flagKeep
		d.keep(parent, true)
	})
	if o := d.objects[r]; o != 0 && it.kind() == kindFormat {
		d.setObject(n, o)
	}
	return n
}

// nearest returns the first item from r on in a direction that lies in the type
// of the given item, or was brought back into it; 0 if there is none.
func (b *bringing) nearest(r, parent ref, step func(*item) ref) ref {
	for r != 0 {
		for trace := r; ; trace = b.tx.redoneStart(trace) {
			if b.parentOf(trace) == parent {
				return trace
			}
			if !b.isRedone(trace) {
				break
			}
		}
		r = step(b.tx.d.item(r))
	}
	return 0
}

// before returns the item after which the value of a key is brought back. ok is
// false if somebody else has set the key since.
func (b *bringing) before(r ref, branch *branch) (left ref, ok bool) {
	d, u := b.tx.d, b.u
	it := d.item(r)
	if it.right == 0 || u.options.OverwriteRemote {
		return branch.get(it.key()), true
	}
	left = r
	for next := it.right; next != 0; next = d.item(left).right {
		n := d.item(next)
		if !b.isRedone(next) && !b.step.insertions.has(n.client(), n.clock) &&
			!inDeletions(u.undo, n) && !inDeletions(u.redo, n) {
			return 0, false
		}
		left = next
		for b.isRedone(left) {
			left = b.tx.redoneStart(left)
		}
	}
	return left, true
}

func inDeletions(stack []*StackItem, it *item) bool {
	for _, s := range stack {
		if s.deletions.has(it.client(), it.clock) {
			return true
		}
	}
	return false
}

// setRedone notes that an item was brought back.
func (d *Doc) setRedone(r ref, as id) {
	if d.redone == nil {
		d.redone = map[ref]id{}
	}
	d.redone[r] = as
	d.item(r).bits |= flagRedone
}

// copyContent makes the content of a new item like that of r.
func (d *Doc) copyContent(n *item, r ref) {
	it := d.item(r)
	n.len = it.len
	n.setKind(it.kind())
	switch it.kind() {
	case kindString:
		n.bits |= it.bits & flagWide
		n.content = uint32(len(d.text))
		d.text = append(d.text, d.units(it)...)
	case kindAny, kindJSON:
		n.content = uint32(len(d.elems))
		for _, at := range d.elems[it.content : it.content+it.len] {
			d.elems = append(d.elems, uint32(len(d.blobs)))
			d.blobs = append(d.blobs, d.blobs[at:int(at)+lib0.SkipAny(d.blobs[at:])]...)
		}
	case kindBinary, kindEmbed, kindFormat, kindDoc:
		n.content = uint32(len(d.blobs))
		d.blobs = append(d.blobs, d.blobs[it.content:int(it.content)+d.blobSize(it)]...)
	case kindType:
		b := d.branches[it.content]
		d.putType(n, b.kind, b.name)
	}
}
