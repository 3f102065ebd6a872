package crdt

// The position tree of a branch is an order-statistic tree over the items of
// its list: it finds the item at an index, and the index of an item, in
// O(log n) whatever the order in which they are asked for. It is built when
// positions in a list longer than a glance are first asked for; a document
// that is only synchronised has none.
//
// A node keeps, beside each child, how many places of the list the child takes
// up. In a leaf the children are items, and each item knows its leaf.
//
// Who types lets one item grow over and over. Its growth is owed to the tree
// until another one changes or somebody asks for a place, so that a run of
// typing is added up once.

type nodeRef uint32

const fan = 31 // a node is four cache lines

type node struct {
	parent nodeRef
	leaf   bool
	n      uint8
	near   uint8       // the slot that was found last
	sums   [fan]uint32 // next to the head, for a search reads both
	kids   [fan]uint32
}

// growth is by how many places an item has grown since its tree was told,
// modulo 2^32.
type growth struct {
	item ref
	by   uint32
}

// nodes holds the nodes of all trees of a document by handle; 0 is none.
type nodes struct {
	chunks []*[8]node
	next   nodeRef
	free   nodeRef // linked by parent

	touched uint32 // what is fetched ahead, see treeAt
}

func (s *nodes) node(r nodeRef) *node { return &s.chunks[r>>3][r&7] }

func (s *nodes) newNode(leaf bool) (nodeRef, *node) {
	r := s.free
	if r != 0 {
		s.free = s.node(r).parent
	} else {
		s.next++
		r = s.next
		if int(r>>3) == len(s.chunks) {
			s.chunks = append(s.chunks, new([8]node))
		}
	}
	n := s.node(r)
	*n = node{leaf: leaf}
	return r, n
}

func (s *nodes) freeNode(r nodeRef) {
	s.node(r).parent = s.free
	s.free = r
}

func (n *node) total() (sum uint32) {
	for _, s := range n.sums[:n.n] {
		sum += s
	}
	return sum
}

// slot returns the number of a child. Whoever changes a place has come down to
// it, so it is nearly always the one that was found last.
func (n *node) slot(kid uint32) int {
	kids := n.kids[:n.n]
	if near := int(n.near); near < len(kids) && kids[near] == kid {
		return near
	}
	for i, k := range kids {
		if k == kid {
			n.near = uint8(i)
			return i
		}
	}
	panic("crdt: a node has lost its child")
}

// buildTree makes the position tree of b, bottom up, three quarters full.
func (d *Doc) buildTree(b *branch) {
	var level []nodeRef
	var r nodeRef
	var n *node
	for i := b.first; i != 0; {
		it := d.item(i)
		if n == nil || n.n == fan*3/4 {
			r, n = d.newNode(true)
			level = append(level, r)
		}
		n.kids[n.n], n.sums[n.n] = uint32(i), it.visible()
		n.n++
		it.where = uint32(r)
		i = it.right
	}
	if len(level) == 0 {
		r, _ = d.newNode(true)
		level = append(level, r)
	}
	for len(level) > 1 {
		var up []nodeRef
		n = nil
		for _, kid := range level {
			if n == nil || n.n == fan*3/4 {
				r, n = d.newNode(false)
				up = append(up, r)
			}
			k := d.node(kid)
			k.parent = r
			n.kids[n.n], n.sums[n.n] = uint32(kid), k.total()
			n.n++
		}
		level = up
	}
	b.tree, b.owed = level[0], growth{}
}

// dropTree frees the position tree of b. The items' links to it are left.
func (d *Doc) dropTree(b *branch) {
	if b.tree != 0 {
		d.dropNode(b.tree)
		b.tree, b.owed = 0, growth{}
	}
}

func (d *Doc) dropNode(r nodeRef) {
	n := d.node(r)
	if !n.leaf {
		for _, k := range n.kids[:n.n] {
			d.dropNode(nodeRef(k))
		}
	}
	d.freeNode(r)
}

// treeAt returns the item that holds the place at index, and the offset of the
// place in it. index must be less than the length of b.
func (d *Doc) treeAt(b *branch, index uint32) (ref, uint32) {
	d.payTree(b)
	n := d.node(b.tree)
	for {
		i := 0
		for index >= n.sums[i] {
			index -= n.sums[i]
			i++
		}
		n.near = uint8(i)
		if n.leaf {
			if i+1 < int(n.n) { // an edit asks for both: fetch the next one meanwhile
				d.touched = d.item(ref(n.kids[i+1])).bits
			}
			return ref(n.kids[i]), index
		}
		n = d.node(nodeRef(n.kids[i]))
	}
}

// treeIndex returns how many places lie before the item.
func (d *Doc) treeIndex(b *branch, r ref) uint32 {
	d.payTree(b)
	at := d.item(r).leaf()
	n := d.node(at)
	index, kid := uint32(0), uint32(r)
	for {
		i := n.slot(kid)
		for _, s := range n.sums[:i] {
			index += s
		}
		if n.parent == 0 {
			return index
		}
		kid, at = uint32(at), n.parent
		n = d.node(at)
	}
}

// treeGrow adds delta to the places that the item takes up.
func (d *Doc) treeGrow(b *branch, r ref, delta int32) {
	if b.tree == 0 {
		return
	}
	if b.owed.item != r {
		d.payTree(b)
		b.owed.item = r
	}
	b.owed.by += uint32(delta)
}

// payTree adds what an item has grown by to the nodes above it.
func (d *Doc) payTree(b *branch) {
	by := b.owed.by
	if by == 0 {
		return
	}
	b.owed.by = 0
	kid := uint32(b.owed.item)
	at := d.item(b.owed.item).leaf()
	for at != 0 {
		n := d.node(at)
		n.sums[n.slot(kid)] += by
		kid, at = uint32(at), n.parent
	}
}

// treeInsert puts a new item, already linked into the list of b, into the tree.
func (d *Doc) treeInsert(b *branch, r ref) {
	if b.tree == 0 {
		return
	}
	it := d.item(r)
	at, slot := b.tree, 0
	switch {
	case it.left != 0:
		at = d.item(it.left).leaf()
		slot = d.node(at).slot(uint32(it.left)) + 1
	case it.right != 0:
		at = d.item(it.right).leaf()
	}
	d.insertKid(at, slot, uint32(r), 0)
	d.splitIfFull(b, at)
	d.treeGrow(b, r, int32(it.visible()))
}

// insertKid puts a child of the given size into a node, which is never full
// between operations. The sums of the node's ancestors are the caller's.
func (d *Doc) insertKid(at nodeRef, slot int, kid, size uint32) {
	n := d.node(at)
	copy(n.kids[slot+1:n.n+1], n.kids[slot:n.n])
	copy(n.sums[slot+1:n.n+1], n.sums[slot:n.n])
	n.kids[slot], n.sums[slot] = kid, size
	n.n++
	n.near = uint8(slot)
	d.adopt(at, n, kid)
}

// adopt tells a child who its parent is.
func (d *Doc) adopt(at nodeRef, n *node, kid uint32) {
	if n.leaf {
		d.item(ref(kid)).where = uint32(at)
	} else {
		d.node(nodeRef(kid)).parent = at
	}
}

// splitIfFull moves the upper part of a full node to a new one on its right,
// and so on upwards. At the right edge of the tree little is moved, so that a
// list that grows at its end fills its nodes.
func (d *Doc) splitIfFull(b *branch, at nodeRef) {
	n := d.node(at)
	if n.n < fan {
		return
	}
	keep := fan / 2
	if d.atRightEdge(at) {
		keep = fan - 2
	}
	right, m := d.newNode(n.leaf)
	m.n = n.n - uint8(keep)
	copy(m.kids[:m.n], n.kids[keep:n.n])
	copy(m.sums[:m.n], n.sums[keep:n.n])
	n.n = uint8(keep)
	for _, k := range m.kids[:m.n] {
		d.adopt(right, m, k)
	}
	if n.parent == 0 {
		top, t := d.newNode(false)
		t.n = 1
		t.kids[0], t.sums[0] = uint32(at), n.total()+m.total()
		n.parent = top
		b.tree = top
	}
	up := n.parent
	p := d.node(up)
	i := p.slot(uint32(at))
	moved := m.total()
	p.sums[i] -= moved
	d.insertKid(up, i+1, uint32(right), moved)
	d.splitIfFull(b, up)
}

func (d *Doc) atRightEdge(at nodeRef) bool {
	for {
		up := d.node(at).parent
		if up == 0 {
			return true
		}
		p := d.node(up)
		if p.kids[p.n-1] != uint32(at) {
			return false
		}
		at = up
	}
}

// treeSplit accounts for an item that was cut in two: right is new, and what
// it takes up is no longer part of left.
func (d *Doc) treeSplit(b *branch, left, right ref) {
	it := d.item(right)
	if b.tree == 0 {
		it.where = 0
		return
	}
	size := it.visible()
	at := d.item(left).leaf()
	n := d.node(at)
	slot := n.slot(uint32(left))
	n.sums[slot] -= size
	d.insertKid(at, slot+1, uint32(right), size) // what left loses right gains
	d.splitIfFull(b, at)
}

// treeRemove takes out an item that takes up no places of its own any more: it
// was merged into the item on its left, which has grown by size.
func (d *Doc) treeRemove(b *branch, left, r ref, size uint32) {
	if b.tree == 0 {
		return
	}
	if b.owed.item == r {
		d.payTree(b)
		b.owed.item = 0
	}
	at := d.item(r).leaf()
	n := d.node(at)
	slot := n.slot(uint32(r))
	if d.item(left).leaf() == at {
		n.sums[n.slot(uint32(left))] += size
	} else {
		d.treeGrow(b, r, -int32(size))
		d.treeGrow(b, left, int32(size))
	}
	d.removeKid(at, slot)
}

func (d *Doc) removeKid(at nodeRef, slot int) {
	n := d.node(at)
	copy(n.kids[slot:], n.kids[slot+1:n.n])
	copy(n.sums[slot:], n.sums[slot+1:n.n])
	n.n--
	if n.n > 0 || n.parent == 0 {
		return
	}
	up := n.parent
	d.removeKid(up, d.node(up).slot(uint32(at)))
	d.freeNode(at)
}
