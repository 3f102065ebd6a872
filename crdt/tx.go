package crdt

import "slices"

// Tx is a transaction: the edits that become one update. Edits are made with it
// inside the function given to Doc.Update only; observers read what it did.
type Tx struct {
	d      *Doc
	local  bool
	origin any
	stamp  uint32
	meta   map[any]any

	touched   []touched // clients that got new structs
	deletes   []idRange // what was deleted; sorted and joined when the transaction ends
	deletedOf []uint32  // clients of deletes in the order in which they came, which sorting forgets; if anybody wants it
	waits     []idRange // of the deletes at hand, what waits for what it deletes
	arrivals  []arrival // whose operations came deleted, instead of deletes if tx is lean
	mergeable []id      // structs to try to merge: right parts of splits
	changes   []change
	keys      []changedKey
	roots     []string
	subdocs   *subdocChanges // nil if none came or went
	content   *Prelim        // what the type that is being inserted is to be filled with

	quick   quick
	lean    bool // what comes deleted is looked for when it is asked for: nothing has to be done about it
	merges  bool // new structs may merge, with one another or with the one before
	queued  bool // structs were queued that did not wait before
	clipped bool // part of a struct was known before
	redoing bool // an UndoManager brings back what was deleted

	keysSorted bool // by branch

	want    bool   // update is wanted
	update  []byte // the transaction's own update, once it has ended
	calling *calls // of observers, while they are called
}

// touched is a client that got new structs: where its clock stood when the
// transaction began, and where when it ended.
type touched struct{ client, before, after uint32 }

// arrival says that operations of a client came deleted after that many deletes.
type arrival struct{ client, after uint32 }

// change is a branch that changed, new ones and deleted ones left out (Yjs:
// Transaction.changed).
type change struct {
	b    *branch
	list bool // the list changed, not only keys
	gone bool // it was deleted after it had changed
}

// changedKey is a key that changed, of the branch of that number in changes. It
// may occur more than once.
type changedKey struct {
	change int32
	key    uint32
}

// TxOption is an option of a transaction.
type TxOption struct {
	origin any
	quiet  bool
}

// WithOrigin names who or what is behind a transaction. Observers find it in
// Tx.Origin; an UndoManager tells by it what to undo. It should be comparable.
func WithOrigin(origin any) TxOption { return TxOption{origin: origin} }

// WithoutUpdate leaves Applied.Update out. It is for loading, where nothing is
// sent on, and saves the most with V2.
func WithoutUpdate() TxOption { return TxOption{quiet: true} }

func originOf(opts []TxOption) (origin any) {
	for _, o := range opts {
		if !o.quiet {
			origin = o.origin
		}
	}
	return origin
}

// begin begins a transaction. One that an observer begins waits, once its
// function has returned, until those begun before it have ended (Yjs: transact).
func (d *Doc) begin(local bool, origin any) *Tx {
	tx := &d.tx
	if len(d.queue) > 0 {
		tx = &Tx{d: d}
	}
	d.stamp++
	tx.local, tx.origin, tx.stamp, tx.meta = local, origin, d.stamp, nil
	tx.touched, tx.deletes, tx.mergeable = tx.touched[:0], tx.deletes[:0], tx.mergeable[:0]
	tx.changes, tx.keys, tx.roots = tx.changes[:0], tx.keys[:0], tx.roots[:0]
	tx.deletedOf = nil
	tx.quick, tx.merges = quick{}, false
	tx.arrivals = tx.arrivals[:0]
	tx.lean = !local && d.listeners == nil && d.observed == 0 && d.collectable == nil
	tx.queued, tx.clipped, tx.redoing, tx.keysSorted, tx.subdocs = false, false, false, false, nil
	tx.want, tx.update, tx.calling = len(d.queue) > 0, nil, nil
	d.queue = append(d.queue, tx)
	d.current = tx
	if d.listeners != nil {
		if len(d.queue) == 1 {
			d.emit(BeforeAllTransactions, tx)
		}
		d.emit(BeforeTransaction, tx)
	}
	return tx
}

// outcome is what a transaction came to, with those that its observers began.
type outcome struct {
	update   []byte // its own, if it was wanted
	authored []byte // of the others
	roots    []string
}

// end ends the transaction under way, and then those that its observers began.
// One that an observer began only waits for its turn.
func (tx *Tx) end() (out outcome) {
	d := tx.d
	d.current = nil
	if d.queue[0] != tx {
		return outcome{}
	}
	defer func() {
		tx.shrink()
		clear(d.queue[1:])
		d.queue, d.ended = d.queue[:0], 0
		if d.listeners != nil {
			d.emit(AfterAllTransactions, tx)
		}
	}()
	d.commitAll()
	out = outcome{update: tx.update, roots: tx.roots}
	if len(d.queue) > 1 {
		out.authored = d.authored(tx)
		out.roots = tx.roots
	}
	return out
}

// shrink lets go of scratch space that a large transaction needed.
func (tx *Tx) shrink() {
	const keep = 1024
	if cap(tx.deletes)+cap(tx.arrivals)+cap(tx.mergeable)+cap(tx.changes)+cap(tx.keys)+cap(tx.touched) > keep {
		tx.deletes, tx.arrivals, tx.mergeable, tx.changes, tx.keys, tx.touched = nil, nil, nil, nil, nil, nil
	}
}

// commitAll ends the transactions in the order in which they were begun. If an
// observer panics the others are ended all the same.
func (d *Doc) commitAll() {
	defer func() {
		if d.ended < len(d.queue) {
			d.commitAll()
		}
	}()
	for d.ended < len(d.queue) {
		tx := d.queue[d.ended]
		d.ended++
		tx.commit()
	}
}

// authored returns what observers of a transaction did, and the cleanup of
// formatting after it, as one update; nil if nothing.
func (d *Doc) authored(first *Tx) []byte {
	var own [][]byte
	for _, tx := range d.queue[1:] {
		if tx.update != nil {
			own = append(own, tx.update)
		}
		for _, r := range tx.roots {
			if !slices.Contains(first.roots, r) {
				first.roots = append(first.roots, r)
			}
		}
	}
	if len(own) == 0 {
		return nil
	}
	merged, err := MergeUpdates(own...)
	if err != nil {
		panic("crdt: an update of our own cannot be read: " + err.Error())
	}
	return merged
}

// Origin returns what WithOrigin named, nil if nothing.
func (tx *Tx) Origin() any { return tx.origin }

// Local reports whether the transaction is an edit of this document, not an
// update from elsewhere.
func (tx *Tx) Local() bool { return tx.local }

// Doc returns the document.
func (tx *Tx) Doc() *Doc { return tx.d }

// Meta returns a map in which observers may keep what belongs to the
// transaction.
func (tx *Tx) Meta() map[any]any {
	if tx.meta == nil {
		tx.meta = map[any]any{}
	}
	return tx.meta
}

// IDRange names Len operations of a client, from Clock on.
type IDRange struct{ Client, Clock, Len uint64 }

// Inserted returns the operations that the transaction added, a range for each
// client. It is for observers: before that it is empty.
func (tx *Tx) Inserted() []IDRange {
	var out []IDRange
	for _, t := range tx.touched {
		if t.after > t.before {
			out = append(out, IDRange{tx.d.clients[t.client].id, uint64(t.before), uint64(t.after - t.before)})
		}
	}
	return out
}

// Deleted returns the operations that the transaction deleted, sorted within
// each client. It is for observers: before that it may be neither sorted nor
// joined.
func (tx *Tx) Deleted() []IDRange {
	out := make([]IDRange, len(tx.deletes))
	for i, r := range tx.deletes {
		out[i] = IDRange{tx.d.clients[r.client].id, uint64(r.clock), uint64(r.len)}
	}
	return out
}

// before returns the client's clock when the transaction began.
func (tx *Tx) before(c uint32) uint32 {
	cl := &tx.d.clients[c]
	if cl.stamp == tx.stamp {
		return tx.touched[cl.at].before
	}
	if tx.stamp == tx.d.stamp {
		return cl.next
	}
	return tx.beforeLater(c)
}

// beforeLater is before for a transaction after which others were begun: what
// it did not touch stands where the next one that did found it.
func (tx *Tx) beforeLater(c uint32) uint32 {
	for _, later := range tx.d.queue {
		if later.stamp < tx.stamp {
			continue
		}
		for _, t := range later.touched {
			if t.client == c {
				return t.before
			}
		}
	}
	return tx.d.clients[c].next
}

// touchedLater returns the clients that only later transactions gave structs.
func (tx *Tx) touchedLater() (more []touched) {
	has := map[uint32]bool{}
	for _, t := range tx.touched {
		has[t.client] = true
	}
	for _, later := range tx.d.queue {
		if later.stamp <= tx.stamp {
			continue
		}
		for _, t := range later.touched {
			if !has[t.client] {
				has[t.client] = true
				more = append(more, touched{client: t.client, before: t.before})
			}
		}
	}
	return more
}

// touchLater makes part of the transaction what was added since by those that
// observers began: it ends after them, and Yjs takes the state at its end for
// what it did.
func (tx *Tx) touchLater() { tx.touched = append(tx.touched, tx.touchedLater()...) }

// adds reports whether the transaction made the operation.
func (tx *Tx) adds(it *item) bool { return it.clock >= tx.before(it.client()) }

// removes reports whether the transaction deleted the item's first operation.
// It can be asked once the transaction has ended.
func (tx *Tx) removes(it *item) bool { return inRanges(tx.deletes, it.client(), it.clock) }

// change notes that the list or, if key is not 0, a key of a branch changed
// (Yjs: addChangedTypeToTransaction).
func (tx *Tx) change(b *branch, key uint32) {
	if b.changed != tx.stamp {
		if b.item != 0 {
			if it := tx.d.item(b.item); it.deleted() || tx.adds(it) {
				return
			}
		}
		b.changed, b.change = tx.stamp, int32(len(tx.changes))
		tx.changes = append(tx.changes, change{b: b})
	}
	c := &tx.changes[b.change]
	switch {
	case c.gone:
	case key == 0:
		c.list = true
	default:
		tx.keys = append(tx.keys, changedKey{b.change, key})
	}
}

// forget takes back that a branch changed, for it was deleted.
func (tx *Tx) forget(b *branch) {
	if b.changed == tx.stamp {
		tx.changes[b.change].gone = true
	}
}

// changedAnything reports whether the transaction made or deleted anything.
func (tx *Tx) changedAnything() bool { return len(tx.touched) > 0 || len(tx.deletes) > 0 }

// findRoots collects the names of the roots above the changed branches, before
// branches are collected. Each branch on the way is passed once.
func (tx *Tx) findRoots() {
	d := tx.d
	for _, c := range tx.changes {
		for b := c.b; b.passed != tx.stamp; b = d.branches[d.item(b.item).parent] {
			b.passed = tx.stamp
			if b.item == 0 {
				tx.roots = append(tx.roots, b.name)
				break
			}
		}
	}
}

// check reports whether tx is the transaction under way in d.
func (tx *Tx) check(d *Doc) error {
	if tx == nil || tx.d != d || d.current != tx || !tx.local {
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
