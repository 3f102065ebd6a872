package crdt

import "slices"

// integrateAll is the next three of the seven steps: it takes the structs of
// the blocks in an order in which each finds what it depends on, queues those
// whose dependencies are missing, cuts runs where origins fall inside them and
// integrates (Yjs: integrateStructs). The highest client goes first.
func (tx *Tx) integrateAll(blocks []block) {
	d := tx.d
	order := d.order[:0]
	for i := range blocks {
		d.clients[blocks[i].client].block = int32(i + 1)
		order = append(order, i)
	}
	if len(order) > 1 {
		slices.SortFunc(order, func(a, b int) int {
			if d.clients[blocks[a].client].id < d.clients[blocks[b].client].id {
				return -1
			}
			return 1
		})
	}
	run := integration{tx: tx, blocks: blocks, order: order, stack: d.stack[:0]}
	run.run()
	d.order, d.stack = run.order[:0], run.stack[:0]
	for i := range blocks {
		d.clients[blocks[i].client].block = 0
	}
}

// integration is the state of integrateAll.
type integration struct {
	tx     *Tx
	blocks []block
	order  []int // blocks not begun, the last is next
	stack  []ref // structs that wait for the one at hand
}

// blockOf returns what the update holds of a client, or nil.
func (in *integration) blockOf(client uint32) *block {
	if i := in.tx.d.clients[client].block; i > 0 {
		return &in.blocks[i-1]
	}
	return nil
}

func (b *block) done() bool { return b == nil || b.next == len(b.refs) }

func (b *block) take() ref {
	b.next++
	return b.refs[b.next-1]
}

// nextBlock returns the next block that has structs left, or nil.
func (in *integration) nextBlock() *block {
	for n := len(in.order); n > 0; n-- {
		b := &in.blocks[in.order[n-1]]
		if !b.done() {
			in.order = in.order[:n]
			return b
		}
	}
	in.order = in.order[:0]
	return nil
}

func (in *integration) run() {
	d := in.tx.d
	target := in.nextBlock()
	if target == nil {
		return
	}
	head := target.take()
	for {
		it := d.item(head)
		c := it.client()
		state := d.clients[c].next
		if state >= it.end() {
			if d.keepsSome {
				in.tx.cutAround(it)
			}
			d.discard(head)
		} else if it.clock > state {
			in.stack = append(in.stack, head)
			in.queue(c, it.clock-1)
		} else if m := d.missing(it); m != 0 {
			in.stack = append(in.stack, head)
			if b := in.blockOf(m); !b.done() {
				head = b.take()
				continue
			}
			in.queue(m, d.clients[m].next)
		} else {
			if state == 0 {
				b := in.blockOf(c)
				d.clients[c].structs.reserve(1 + len(b.refs) - b.next)
			}
			in.tx.integrate(head, it, state-it.clock)
		}
		switch n := len(in.stack); {
		case n > 0:
			head, in.stack = in.stack[n-1], in.stack[:n-1]
		case !target.done():
			head = target.take()
		default:
			if target = in.nextBlock(); target == nil {
				return
			}
			head = target.take()
		}
	}
}

// queue moves the structs on the stack, with all that follows them in their
// blocks, to the structs that wait: they need the given client to have passed
// the given clock.
func (in *integration) queue(client, clock uint32) {
	d := in.tx.d
	d.pending.need(client, clock)
	for _, r := range in.stack {
		in.blockOf(d.item(r).client()).next--
	}
	for _, r := range in.stack {
		if b := in.blockOf(d.item(r).client()); !b.done() {
			if d.addPending(b.client, b.refs[b.next:]) {
				in.tx.queued = true
			}
			b.next = len(b.refs)
		}
	}
	in.stack = in.stack[:0]
}

// cutAround cuts runs where the origins of a known item fall into them, as Yjs
// does before it sees that the item is known. It shows only where the item is
// known as collected and what it was put into is not: a surrogate pair is cut.
func (tx *Tx) cutAround(it *item) {
	if it.kind() == kindGC || it.parent != 0 || tx.d.missing(it) != 0 {
		return
	}
	if it.originClient != 0 {
		tx.cleanEnd(it.originClient, it.originClock)
	}
	if it.rightClient != 0 {
		tx.cleanStart(it.rightClient, it.rightClock)
	}
}

// missing returns the client whose operations the item depends on and which
// are not there, or 0.
func (d *Doc) missing(it *item) uint32 {
	self := it.client()
	if c := it.originClient; c != 0 && c != self && it.originClock >= d.clients[c].next {
		return c
	}
	if c := it.rightClient; c != 0 && c != self && it.rightClock >= d.clients[c].next {
		return c
	}
	return 0
}

// discard frees an item that is in no list.
func (d *Doc) discard(r ref) {
	it := d.item(r)
	d.dropContent(it)
	if it.kind() == kindType {
		d.branches[it.content] = nil
	}
	d.release(r)
}

// integrate puts an item whose dependencies are all there into its list. Its
// first offset operations are known already. An item that has no place to go,
// because what it refers to was collected, becomes a collected struct itself.
func (tx *Tx) integrate(r ref, it *item, offset uint32) {
	d := tx.d
	if offset > 0 {
		d.slice(it, offset)
		tx.clipped = true
	}
	if it.kind() == kindGC {
		tx.add(r, it)
		return
	}
	if tx.between(r, it) {
		return
	}
	b := tx.resolve(it)
	if b != nil && it.kind() == kindType && int(b.depth) >= d.limits.Nesting {
		b = nil // it waited, or it would have been refused; see admitNesting
	}
	if b == nil {
		d.dropContent(it)
		if it.kind() == kindType {
			d.branches[it.content] = nil
		}
		*it = item{bits: it.client()<<clientShift | flagDeleted | uint32(kindGC), clock: it.clock, len: it.len}
		tx.add(r, it)
		return
	}
	it.parent = b.handle
	tx.link(b, r, it)
}

// resolve finds the neighbours that the item had when it was made, and the
// branch it belongs to; nil if that was collected (Yjs: Item.getMissing).
func (tx *Tx) resolve(it *item) *branch {
	d := tx.d
	if it.parent != 0 {
		return tx.resolveParent(it)
	}
	collected := false
	if it.originClient != 0 {
		it.left = tx.cleanEnd(it.originClient, it.originClock)
		collected = d.item(it.left).kind() == kindGC
	}
	if it.rightClient != 0 {
		it.right = tx.rightOf(it)
		collected = collected || d.item(it.right).kind() == kindGC
	}
	if collected {
		return nil
	}
	near := it.left
	if near == 0 {
		near = it.right
	}
	n := d.item(near)
	if it.where = 0; n.key() != 0 {
		it.where = n.where
	}
	b := d.branches[n.parent]
	if it.left != 0 && n.end() != it.originClock+1 {
		d.cross(b, n.key()) // the right origin lies in the left one, and has cut it
	}
	return b
}

// rightOf returns the item that begins with the right origin of an item whose
// left neighbour was found: nearly always the one behind that.
func (tx *Tx) rightOf(it *item) ref {
	if d := tx.d; it.left != 0 {
		if r := d.item(it.left).right; r != 0 {
			if n := d.item(r); n.clock == it.rightClock && n.client() == it.rightClient {
				return r
			}
		}
	}
	return tx.cleanStart(it.rightClient, it.rightClock)
}

func (tx *Tx) resolveParent(it *item) *branch {
	d := tx.d
	if it.parent&parentByName != 0 {
		return d.root(d.keyNames[it.parent&^parentByName])
	}
	p := d.item(d.find(it.originClient, it.originClock))
	it.originClient, it.originClock = 0, 0
	if p.kind() != kindType {
		return nil
	}
	return d.branches[p.content]
}

// link is YATA: it finds the item's place among those inserted concurrently at
// the same spot, links it there and applies what its content entails (Yjs:
// Item.integrate).
func (tx *Tx) link(b *branch, r ref, it *item) {
	d := tx.d
	key := it.key()
	if it.left == 0 && (it.right == 0 || d.item(it.right).left != 0) {
		it.left = tx.settle(b, it, d.firstOf(b, key))
	} else if it.left != 0 && d.item(it.left).right != it.right {
		it.left = tx.settle(b, it, d.item(it.left).right)
	}
	if it.left != 0 {
		l := d.item(it.left)
		it.right = l.right
		l.right = r
	} else {
		it.right = d.firstOf(b, key)
		if key == 0 {
			b.first = r
		}
	}
	switch {
	case it.right != 0:
		d.item(it.right).left = r
	case key != 0:
		b.setKey(key, r)
		if it.left != 0 {
			tx.delete(it.left)
		}
	default:
		b.last = r
	}
	if key == 0 {
		b.length += it.visible()
		d.treeInsert(b, r)
		b.cursor = cursor{}
	}
	if b.conflicts != nil {
		d.cameBehind(b, key, it.left, r)
	}
	tx.add(r, it)
	tx.integrateContent(b, r, it)
	tx.change(b, key)
	if b.hooks.watched() {
		tx.reportInsert(b, r, it)
	}
	if b.item != 0 && d.item(b.item).deleted() || key != 0 && it.right != 0 {
		tx.delete(r)
	}
}

// scan is what a conflict scan came to.
type scan struct {
	left    ref // the item that the new one has to follow
	steps   int
	ended   bool // not because it was long
	crossed bool // the item's right origin hangs on what lies between its origins
}

// scan scans the items between the item's origins, from o on, but no more than
// so many.
func (d *Doc) scan(it *item, o ref, most int) (s scan) {
	s.left = it.left
	seen := &d.seen
	seen.reset()
	id := d.clients[it.client()].id
	for ; o != 0; s.steps++ {
		oi := d.item(o)
		sibling := oi.originClient == it.originClient && oi.originClock == it.originClock
		if o == it.right {
			if !sibling && oi.originClient != 0 {
				before, since := seen.has(d.find(oi.originClient, oi.originClock))
				s.crossed = before && !since
			}
			break
		}
		if s.steps == most {
			return s
		}
		seen.add(o)
		if sibling {
			if d.clients[oi.client()].id < id {
				s.left = o
				seen.clear()
			} else if oi.rightClient == it.rightClient && oi.rightClock == it.rightClock {
				break
			}
		} else if oi.originClient == 0 {
			break
		} else if before, since := seen.has(d.find(oi.originClient, oi.originClock)); !before {
			break
		} else if !since {
			s.left = o
			seen.clear()
		}
		o = oi.right
	}
	s.ended = true
	return s
}

// scanned is the set of items that a conflict scan has passed, and which of
// them it has passed since it last moved. Steps are numbered through all scans,
// so that nothing has to be cleared between them.
type scanned struct {
	few   []ref    // the first items of this scan
	steps []uint32 // by handle: the step at which a long scan passed the item
	first uint32   // the first step of this scan
	moved uint32   // the first step after the last move
	next  uint32
}

const fewScanned = 16

func (s *scanned) reset() {
	if s.next > 1<<31 {
		clear(s.steps)
		s.next = 0
	}
	s.few = s.few[:0]
	s.next++
	s.first, s.moved = s.next, s.next
}

func (s *scanned) add(r ref) {
	if len(s.few) < fewScanned {
		s.few = append(s.few, r)
	} else {
		if s.next == s.first+fewScanned {
			for i, f := range s.few {
				s.put(f, s.first+uint32(i))
			}
		}
		s.put(r, s.next)
	}
	s.next++
}

func (s *scanned) put(r ref, step uint32) {
	if n := int(r) + 1 - len(s.steps); n > 0 {
		s.steps = append(s.steps, make([]uint32, n)...)
	}
	s.steps[r] = step
}

func (s *scanned) clear() { s.moved = s.next }

// has reports whether r was passed at all, and whether since the last move.
func (s *scanned) has(r ref) (before, since bool) {
	step := uint32(0)
	if s.next-s.first <= fewScanned {
		if i := slices.Index(s.few, r); i >= 0 {
			step = s.first + uint32(i)
		}
	} else if int(r) < len(s.steps) {
		step = s.steps[r]
	}
	return step >= s.first, step >= s.moved
}

// integrateContent does what a kind of content does when it enters a list.
func (tx *Tx) integrateContent(b *branch, r ref, it *item) {
	switch it.kind() {
	case kindDeleted:
		if c := it.client(); !tx.lean {
			tx.deletes = append(tx.deletes, idRange{c, it.clock, it.len})
		} else if n := len(tx.arrivals); n == 0 || tx.arrivals[n-1].client != c {
			tx.arrivals = append(tx.arrivals, arrival{c, uint32(len(tx.deletes))})
		}
		it.bits |= flagDeleted
	case kindFormat:
		b.format, b.marks = true, true
		if it.key() == 0 {
			tx.d.markChanged(b, r)
		}
	case kindType:
		inside := tx.d.branches[it.content]
		inside.item, inside.depth = r, b.depth+1
		tx.d.deepest = max(tx.d.deepest, int(inside.depth))
		if p := tx.content; p != nil {
			tx.content = nil
			tx.fill(inside, p)
		}
	case kindDoc:
		tx.subdocAdded(it)
	}
}
