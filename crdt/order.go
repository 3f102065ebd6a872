package crdt

import "math/rand/v2"

// Where many insert at one place the conflict scan of YATA walks past all of
// them, and all that was inserted behind them. An order finds the same place in
// O(log n). It is made for a list, or the history of a key, in which scans have
// passed as many items as the document has, and kept up while it is of use.
//
// It rests on this. Let each item hang on its origin, as a tree. As long as
// the lines from items to their origins do not cross, the list is that tree,
// depth first: behind an item come the items that hang on it, each with all
// that hangs on them, and then something that does not. So of all that a scan
// passes only the siblings of the new item count, those with its own origin:
//
//   - It ends at the first sibling of no lower client with the same right origin,
//     or at the right origin, or where the tree of its origin ends.
//   - The item goes behind the last sibling of a lower client before that, with
//     all that hangs on it.
//
// Siblings with the same right origin stand in the order of their clients.
// Lines cross if an item's right origin hangs on something between its origins.
// No editor makes such; where it has happened the list is scanned as in Yjs.
//
// The depth of an item is counted in operations, of which each hangs on the one
// before it in its run, so that cutting and merging runs does not change it.

// order is the index of a list: a treap of its items with their depths, and the
// siblings by right origin.
type order struct {
	number uint32
	root   ref
	groups map[origins]group
	idle   int // items that came or went since it was of use
}

// orderNode is the node of an item in a treap.
type orderNode struct {
	left, right, up ref
	weight          uint32 // random, not less than those below
	size            uint32 // of the tree below, itself included
	order           uint32 // number of the order, which may be no more
	depth           uint64 // how many operations it hangs on, itself included

	shallow uint64 // the lowest depth below, itself included
	lowest  uint64 // the lowest client id of those at that depth
}

// orders holds the nodes of all orders of a document, by the handle of the item.
type orders struct {
	orderNodes []orderNode
	numbered   uint32 // orders that ever were
	kept       int    // that there are
	shortScan  int    // see the constant
}

func (s *orders) orderNode(r ref) *orderNode { return &s.orderNodes[r] }

// holds reports whether an item lies in the order's list.
func (s *orders) holds(o *order, r ref) bool {
	return r != 0 && int(r) < len(s.orderNodes) && s.orderNodes[r].order == o.number
}

// newOrder indexes the list, or the history of a key, that begins with first.
// It returns nil if lines lead out of it.
func (d *Doc) newOrder(first ref) *order {
	d.numbered++
	d.kept++
	o := &order{number: d.numbered, groups: map[origins]group{}}
	for last, r := ref(0), first; r != 0; last, r = r, d.item(r).right {
		if !d.orderInsert(o, last, r) {
			d.dropOrder(&conflict{order: o})
			return nil
		}
	}
	o.idle = 0
	return o
}

// orderFirst returns the first item of an order.
func (d *Doc) orderFirst(o *order) ref {
	at := o.root
	for d.orderNode(at).left != 0 {
		at = d.orderNode(at).left
	}
	return at
}

// orderInsert puts an item behind left, or in front of all if that is 0. ok is
// false if its origin lies elsewhere.
func (d *Doc) orderInsert(o *order, left, r ref) (ok bool) {
	depth, ok := d.depthOf(o, d.item(r))
	if !ok {
		return false
	}
	if n := int(r) + 1 - len(d.orderNodes); n > 0 {
		d.orderNodes = append(d.orderNodes, make([]orderNode, n)...)
	}
	n := d.orderNode(r)
	*n = orderNode{weight: rand.Uint32(), order: o.number, depth: depth}
	switch {
	case o.root == 0:
		o.root = r
	case left == 0:
		at := d.orderFirst(o)
		d.orderNode(at).left, n.up = r, at
	case d.orderNode(left).right == 0:
		d.orderNode(left).right, n.up = r, left
	default:
		at := d.orderNode(left).right
		for d.orderNode(at).left != 0 {
			at = d.orderNode(at).left
		}
		d.orderNode(at).left, n.up = r, at
	}
	d.sumOrder(r)
	for n.up != 0 && d.orderNode(n.up).weight < n.weight {
		d.rotateUp(o, r)
	}
	for at := n.up; at != 0; at = d.orderNode(at).up {
		d.sumOrder(at)
	}
	d.groupInsert(o, r)
	o.idle++
	return true
}

// orderRemove takes an item out.
func (d *Doc) orderRemove(o *order, r ref) {
	d.groupRemove(o, r)
	n := d.orderNode(r)
	for n.left != 0 || n.right != 0 {
		kid := n.left
		if kid == 0 || n.right != 0 && d.orderNode(n.right).weight > d.orderNode(kid).weight {
			kid = n.right
		}
		d.rotateUp(o, kid)
	}
	if n.up == 0 {
		o.root = 0
	} else {
		*d.orderLink(n.up, r) = 0
	}
	for at := n.up; at != 0; at = d.orderNode(at).up {
		d.sumOrder(at)
	}
	*n = orderNode{}
	o.idle++
}

// depthOf returns how deep an item hangs whose origin is in the order.
func (d *Doc) depthOf(o *order, it *item) (depth uint64, ok bool) {
	if it.originClient == 0 {
		return 1, true
	}
	r := d.find(it.originClient, it.originClock)
	if !d.holds(o, r) {
		return 0, false
	}
	return d.orderNode(r).depth + uint64(it.originClock-d.item(r).clock) + 1, true
}

// orderLink returns the link of a node to one of its two kids.
func (d *Doc) orderLink(up, kid ref) *ref {
	if n := d.orderNode(up); n.left == kid {
		return &n.left
	} else {
		return &n.right
	}
}

// rotateUp makes a node the parent of its parent.
func (d *Doc) rotateUp(o *order, r ref) {
	n := d.orderNode(r)
	up := n.up
	p := d.orderNode(up)
	if p.up == 0 {
		o.root = r
	} else {
		*d.orderLink(p.up, up) = r
	}
	n.up, p.up = p.up, r
	moved := n.right
	if p.left == r {
		p.left, n.right = n.right, up
	} else {
		moved = n.left
		p.right, n.left = n.left, up
	}
	if moved != 0 {
		d.orderNode(moved).up = up
	}
	d.sumOrder(up)
	d.sumOrder(r)
}

// sumOrder brings what a node says of the tree below it up to date.
func (d *Doc) sumOrder(r ref) {
	n := d.orderNode(r)
	n.size, n.shallow, n.lowest = 1, n.depth, d.clients[d.item(r).client()].id
	for _, kid := range [2]ref{n.left, n.right} {
		if kid == 0 {
			continue
		}
		k := d.orderNode(kid)
		n.size += k.size
		switch {
		case k.shallow < n.shallow:
			n.shallow, n.lowest = k.shallow, k.lowest
		case k.shallow == n.shallow:
			n.lowest = min(n.lowest, k.lowest)
		}
	}
}

// place returns how many items of its list lie before an item.
func (d *Doc) place(r ref) uint32 {
	n := d.orderNode(r)
	place := uint32(0)
	if n.left != 0 {
		place = d.orderNode(n.left).size
	}
	for at := r; n.up != 0; at, n = n.up, d.orderNode(n.up) {
		if p := d.orderNode(n.up); p.right == at {
			place++
			if p.left != 0 {
				place += d.orderNode(p.left).size
			}
		}
	}
	return place
}

// shallowAfter returns the first item behind r whose depth is at most the given
// one, 0 if there is none. Behind 0 lies all of the list.
func (d *Doc) shallowAfter(o *order, r ref, depth uint64) ref {
	at := o.root
	if r != 0 {
		for at = d.orderNode(r).right; at == 0 || d.orderNode(at).shallow > depth; {
			up := d.orderNode(r).up
			if up == 0 {
				return 0
			}
			p := d.orderNode(up)
			fromLeft := p.left == r
			r, at = up, 0
			if fromLeft {
				if p.depth <= depth {
					return up
				}
				at = p.right
			}
		}
	}
	if at == 0 || d.orderNode(at).shallow > depth {
		return 0
	}
	for {
		n := d.orderNode(at)
		switch {
		case n.left != 0 && d.orderNode(n.left).shallow <= depth:
			at = n.left
		case n.depth <= depth:
			return at
		default:
			at = n.right
		}
	}
}

// lowerBefore returns the last item in front of r that is less deep than depth,
// or as deep and of a lower client than id; 0 if there is none. In front of 0
// lies all of the list.
func (d *Doc) lowerBefore(o *order, r ref, depth, id uint64) ref {
	below := func(at ref) bool {
		if at == 0 {
			return false
		}
		n := d.orderNode(at)
		return n.shallow < depth || n.shallow == depth && n.lowest < id
	}
	here := func(at ref) bool {
		n := d.orderNode(at)
		return n.depth < depth || n.depth == depth && d.clients[d.item(at).client()].id < id
	}
	at := o.root
	if r != 0 {
		for at = d.orderNode(r).left; !below(at); {
			up := d.orderNode(r).up
			if up == 0 {
				return 0
			}
			p := d.orderNode(up)
			fromRight := p.right == r
			r, at = up, 0
			if fromRight {
				if here(up) {
					return up
				}
				at = p.left
			}
		}
	}
	if !below(at) {
		return 0
	}
	for {
		n := d.orderNode(at)
		switch {
		case below(n.right):
			at = n.right
		case here(at):
			return at
		default:
			at = n.left
		}
	}
}
