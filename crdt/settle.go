package crdt

// conflict is what conflict scans have made of a list, or of the history of a
// key.
type conflict struct {
	passed  int    // items that long scans have passed since there was an order
	crossed bool   // lines to origins cross, see order
	order   *order // nil: there is none
}

// shortScan is how many items a scan passes before an order is asked.
const shortScan = 32

// conflictOf returns the conflict of a list, whose key is 0, or of a key's history.
func (b *branch) conflictOf(key uint32) *conflict {
	c := b.conflicts[key]
	if c == nil {
		if b.conflicts == nil {
			b.conflicts = map[uint32]*conflict{}
		}
		c = &conflict{}
		b.conflicts[key] = c
	}
	return c
}

// firstOf returns the first item of a list or of the history of a key.
func (d *Doc) firstOf(b *branch, key uint32) ref {
	if key == 0 {
		return b.first
	}
	o := b.get(key)
	if c := b.conflicts[key]; c != nil && c.order != nil {
		return d.orderFirst(c.order)
	}
	steps := 0
	for ; o != 0 && d.item(o).left != 0; steps++ {
		o = d.item(o).left
	}
	d.passedItems(b, key, steps)
	return o
}

// settle returns the item that a new one has to follow: it scans the items
// between its origins, from o on, or asks the order that there is.
func (tx *Tx) settle(b *branch, it *item, o ref) ref {
	d := tx.d
	key := it.key()
	most := maxScan
	c := b.conflicts[key]
	if c != nil && c.order != nil {
		most = d.shortScan
	}
	s := d.scan(it, o, most)
	if !s.ended {
		left, crossed := d.settleBy(c.order, b, it)
		if checking {
			if plain := d.scan(it, o, maxScan); plain.left != left || plain.crossed != crossed {
				panic("crdt: an order and a conflict scan differ")
			}
		}
		s.left, s.crossed = left, crossed
		c.order.idle = 0
	}
	if s.crossed {
		d.cross(b, key)
	}
	d.passedItems(b, key, s.steps)
	return s.left
}

const maxScan = int(^uint32(0) >> 1)

// passedItems notes that a scan has passed items, and makes an order once that
// costs no more than the scans have.
func (d *Doc) passedItems(b *branch, key uint32, n int) {
	if n < d.shortScan {
		return
	}
	c := b.conflictOf(key)
	if c.passed += n; c.order != nil || c.crossed || c.passed <= d.slab.live && d.shortScan > 0 {
		return
	}
	c.passed = 0
	first := b.first
	if key != 0 {
		for first = b.get(key); first != 0 && d.item(first).left != 0; {
			first = d.item(first).left
		}
	}
	if first == 0 {
		return
	}
	if c.order = d.newOrder(first); c.order == nil {
		c.crossed = true
	}
}

// settleBy is a conflict scan by means of an order.
func (d *Doc) settleBy(o *order, b *branch, it *item) (left ref, crossed bool) {
	before := func(a, b ref) bool { return a != 0 && (b == 0 || a != b && d.place(a) < d.place(b)) }
	depth, _ := d.depthOf(o, it)
	client := d.clients[it.client()].id
	stop := d.shallowAfter(o, it.left, depth-1)
	if d.holds(o, it.right) && (it.left == 0 || before(it.left, it.right)) && before(it.right, stop) {
		stop = it.right
	}
	g := o.groups[it.origins()]
	if p := g.from(d, client); before(p, stop) {
		stop = p
	}
	last := d.lowerBefore(o, stop, depth, client)
	if last == 0 || d.orderNode(last).depth < depth {
		return it.left, false
	}
	end := d.shallowAfter(o, last, depth)
	if !before(end, stop) {
		end = stop
		crossed = stop != 0 && stop == it.right && d.orderNode(stop).depth > depth
	}
	switch {
	case end != 0:
		return d.item(end).left, crossed
	case it.key() != 0:
		return b.get(it.key()), false
	}
	return b.last, false
}

// cameBehind tells the order of a list of an item that was linked behind left.
func (d *Doc) cameBehind(b *branch, key uint32, left, r ref) {
	c := b.conflicts[key]
	if c == nil || c.order == nil {
		return
	}
	if !d.orderInsert(c.order, left, r) {
		c.crossed = true
	}
	if c.crossed || c.order.idle > 1024+4*int(d.orderNode(c.order.root).size) {
		d.dropOrder(c)
	}
}

// goes tells the order of a list of an item that is about to go.
func (d *Doc) goes(b *branch, key uint32, r ref) {
	if c := b.conflicts[key]; c != nil && c.order != nil {
		d.orderRemove(c.order, r)
	}
}

// cross notes that the lines of a list cross.
func (d *Doc) cross(b *branch, key uint32) {
	c := b.conflictOf(key)
	c.crossed = true
	d.dropOrder(c)
}

// dropOrder gives up the order of a list. Its nodes go with those of the last.
func (d *Doc) dropOrder(c *conflict) {
	if c.order == nil {
		return
	}
	c.order, c.passed = nil, 0
	if d.kept--; d.kept == 0 {
		d.orderNodes = nil
	}
}

// dropOrders gives up what there is of a branch that goes.
func (d *Doc) dropOrders(b *branch) {
	for _, c := range b.conflicts {
		d.dropOrder(c)
	}
}
