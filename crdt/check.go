package crdt

import "fmt"

// Check verifies every invariant of the document's structures and returns the
// first that is broken. The cost is O(n). It is for tests: a broken invariant
// is a bug of this package. Built with the tag weftcheck, every transaction
// ends with a Check and panics if it fails.
func (d *Doc) Check() error {
	c := checker{d: d, seen: make(map[ref]bool)}
	c.clients()
	for h, b := range d.branches {
		if h > 0 && b != nil && (b.item != 0 || d.roots[b.name] == b) {
			c.branch(b)
		}
	}
	c.pending()
	c.redone()
	c.slab()
	return c.err
}

type checker struct {
	d    *Doc
	err  error
	seen map[ref]bool // items reached through a list, a key or as collected
}

func (c *checker) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("crdt: broken invariant: "+format, args...)
	}
}

// clients checks that each client's structs follow one another from 0 to next.
func (c *checker) clients() {
	for i := 1; i < len(c.d.clients); i++ {
		cl := &c.d.clients[i]
		if cl.block != 0 {
			c.fail("client %d is still part of an update", cl.id)
		}
		clock := uint32(0)
		for j := range cl.structs.blocks {
			b := &cl.structs.blocks[j]
			if b.len() == 0 || b.len() > blockLen || b.refs != nil && len(b.refs) != b.len() {
				c.fail("block of %d structs and %d handles of client %d", b.len(), len(b.refs), cl.id)
				return
			}
			for k := range b.clocks {
				e := entry{b.clocks[k], b.ref(k)}
				it := c.d.item(e.ref)
				if e.clock != clock || it.clock != clock || it.client() != uint32(i) || it.len == 0 {
					c.fail("client %d: struct of client %d at %d+%d listed at %d, expected %d", cl.id, it.client(), it.clock, it.len, e.clock, clock)
					return
				}
				if it.kind() == kindGC {
					c.seen[e.ref] = true
				}
				clock = it.end()
			}
		}
		if clock != cl.next {
			c.fail("client %d ends at %d, next is %d", cl.id, clock, cl.next)
		}
	}
}

func (c *checker) branch(b *branch) {
	d := c.d
	length, left := uint32(0), ref(0)
	for r := b.first; r != 0; r = d.item(r).right {
		it := c.item(b, r, left)
		if it == nil {
			return
		}
		if it.key() != 0 {
			c.fail("item with a key in the list of %q", b.name)
		}
		length += it.visible()
		left = r
	}
	if b.last != left {
		c.fail("last item of %q is %d, recorded as %d", b.name, left, b.last)
	}
	if b.length != length {
		c.fail("length of %q is %d, recorded as %d", b.name, length, b.length)
	}
	for _, k := range b.keys {
		right := ref(0)
		for r := k.item; r != 0; r = d.item(r).left {
			it := d.item(r)
			if it.right != right || it.key() != k.key || it.parent != b.handle {
				c.fail("history of key %q of %q is broken", d.keyNames[k.key], b.name)
				return
			}
			if right != 0 && !it.deleted() && !c.cut(it) {
				c.fail("an older value of key %q of %q is not deleted", d.keyNames[k.key], b.name)
			}
			c.reach(r)
			right = r
		}
	}
	if b.tree != 0 {
		c.tree(b)
	}
	if cur := b.cursor; cur.item != 0 {
		index := uint32(0)
		for r := b.first; r != cur.item; r = d.item(r).right {
			if r == 0 {
				c.fail("cursor of %q is in no list", b.name)
				return
			}
			index += d.item(r).visible()
		}
		if index != cur.index {
			c.fail("cursor of %q is at %d, recorded as %d", b.name, index, cur.index)
		}
	}
}

// cut reports whether a value of a key may be the front of a run that was cut.
// No Yjs client makes a run of several values of a key, but Yjs takes one, and
// then leaves the front as it is when something comes behind the rest.
func (c *checker) cut(it *item) bool {
	if it.end() >= c.d.clients[it.client()].next {
		return false
	}
	rest := c.d.item(c.d.find(it.client(), it.end()))
	return rest.parent == it.parent && rest.key() == it.key() &&
		rest.originClient == it.client() && rest.originClock == it.end()-1
}

func (c *checker) reach(r ref) {
	if c.seen[r] {
		c.fail("item %d is in two places", r)
	}
	c.seen[r] = true
}

// item checks one item of a list.
func (c *checker) item(b *branch, r, left ref) *item {
	d := c.d
	it := d.item(r)
	c.reach(r)
	if it.left != left || it.parent != b.handle || c.err != nil {
		c.fail("item %d of %q: left %d, want %d; parent %d, want %d", r, b.name, it.left, left, it.parent, b.handle)
		return nil
	}
	switch it.kind() {
	case kindGC, kindSkip:
		c.fail("item %d of %q is of kind %d", r, b.name, it.kind())
	case kindString:
		if int(it.content)+it.textSize() > len(d.text) {
			c.fail("text of item %d reaches past the arena", r)
		}
	case kindAny, kindJSON:
		if int(it.content+it.len) > len(d.elems) {
			c.fail("elements of item %d reach past the arena", r)
		}
	case kindType:
		if nb := d.branches[it.content]; nb == nil || nb.item != r {
			c.fail("item %d does not hold its branch", r)
		}
	}
	if it.originClient != 0 && it.originClock >= d.clients[it.originClient].next ||
		it.rightClient != 0 && it.rightClock >= d.clients[it.rightClient].next {
		c.fail("an origin of item %d is not known", r)
	}
	return it
}

// tree checks that the position tree lists the items in order with their sizes.
func (c *checker) tree(b *branch) {
	d := c.d
	next := b.first
	var walk func(at nodeRef) uint32
	walk = func(at nodeRef) uint32 {
		n := d.node(at)
		total := uint32(0)
		for i, k := range n.kids[:n.n] {
			size := uint32(0)
			if n.leaf {
				if ref(k) != next || d.item(next).leaf() != at {
					c.fail("tree of %q has item %d in leaf %d, expected item %d", b.name, k, at, next)
					return 0
				}
				it := d.item(ref(k))
				if size, next = it.visible(), it.right; ref(k) == b.owed.item {
					size -= b.owed.by
				}
			} else {
				if d.node(nodeRef(k)).parent != at {
					c.fail("tree of %q: node %d has a wrong parent", b.name, k)
					return 0
				}
				size = walk(nodeRef(k))
			}
			if n.sums[i] != size {
				c.fail("tree of %q: node %d counts %d for a child of %d", b.name, at, n.sums[i], size)
			}
			total += size
		}
		return total
	}
	if walk(b.tree); next != 0 {
		c.fail("tree of %q ends before item %d", b.name, next)
	}
}

// redone checks that the items that were brought back are noted as such.
func (c *checker) redone() {
	d, n := c.d, 0
	d.eachItem(func(r ref, it *item) {
		if it.bits&flagRedone == 0 {
			return
		}
		n++
		if as, ok := d.redone[r]; !ok || as.clock >= d.clients[as.client].next {
			c.fail("item %d was brought back as %v", r, as)
		}
	})
	if n != len(d.redone) {
		c.fail("%d items were brought back, recorded %d", n, len(d.redone))
	}
}

func (c *checker) pending() {
	count, bytes := 0, 0
	for client, refs := range c.d.pending.refs {
		end := uint32(0)
		for _, r := range refs {
			it := c.d.item(r)
			if it.client() != client || it.clock < end {
				c.fail("waiting structs of client %d are out of order", client)
			}
			c.reach(r)
			end = it.end()
			count++
			bytes += c.d.contentSize(it)
		}
	}
	if p := c.d.pending; count != p.count || bytes != p.bytes {
		c.fail("%d structs wait, with %d bytes, recorded as %d and %d", count, bytes, p.count, p.bytes)
	}
	ranges := 0
	for _, rs := range c.d.pendingDeletes.ranges {
		ranges += len(rs)
	}
	if ranges != c.d.pendingDeletes.count {
		c.fail("%d deletes wait, recorded as %d", ranges, c.d.pendingDeletes.count)
	}
}

// slab checks that every item in use was reached, and no other.
func (c *checker) slab() {
	d := c.d
	n := 0
	d.eachItem(func(r ref, it *item) {
		n++
		if !c.seen[r] {
			c.fail("item %d of kind %d, client %d clock %d, is in no list", r, it.kind(), it.client(), it.clock)
		}
	})
	if n != d.slab.live || n != len(c.seen) {
		c.fail("%d items in use, %d recorded, %d reached", n, d.slab.live, len(c.seen))
	}
	if d.deadText < 0 || d.deadText > len(d.text) || d.deadBlobs < 0 || d.deadBlobs > len(d.blobs) || d.deadElems < 0 || d.deadElems > len(d.elems) {
		c.fail("dead bytes: %d of %d text, %d of %d blobs, %d of %d elements", d.deadText, len(d.text), d.deadBlobs, len(d.blobs), d.deadElems, len(d.elems))
	}
}
