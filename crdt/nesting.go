package crdt

import (
	"fmt"
	"sort"
)

// admitNesting refuses an update that brings shared types which nest too deep.
// Reading, rendering and deleting types go down as deep as they nest.
//
// How deep a type lies follows from its parent, or from where its origins lie;
// those may be in the document or in the update. As long as all its types, one
// in the other, would not reach the limit, nothing has to be looked up. What
// hangs on something unknown waits, and is looked at when it is integrated: to
// refuse what it waited for would punish somebody else.
func (d *Doc) admitNesting(u *decoded) error {
	types := len(d.branches) - u.mark.branches
	if types == 0 || d.deepest+types <= d.limits.Nesting {
		return nil
	}
	n := nesting{d: d, blocks: u.blocks, levels: make([]int32, d.slab.next)}
	deepest := int32(0)
	for i := range u.blocks {
		d.clients[u.blocks[i].client].block = int32(i + 1)
	}
	for _, r := range u.refs {
		if d.item(r).kind() == kindType {
			deepest = max(deepest, n.level(r)+1)
		}
	}
	for i := range u.blocks {
		d.clients[u.blocks[i].client].block = 0
	}
	if int(deepest) > d.limits.Nesting {
		return &UpdateError{0, fmt.Sprintf("shared types would nest deeper than %d", d.limits.Nesting)}
	}
	return nil
}

// nesting finds out how deep items lie that are not integrated.
type nesting struct {
	d      *Doc
	blocks []block
	levels []int32 // by handle: level + 1, 0 not known yet, -1 being found out
	path   []deeper
}

// deeper is an item on the way to one whose level is known, and how much deeper
// its own is than that of the next.
type deeper struct {
	r    ref
	down int32
}

// level returns how deep the type nests that an item lies in: 0 for a root.
// What the update does not hold counts as a root.
func (n *nesting) level(r ref) int32 {
	n.path = n.path[:0]
	level := int32(0)
	for r != 0 {
		if known := n.levels[r]; known != 0 {
			level = max(known-1, 0) // those that refer to each other in a circle wait for ever
			break
		}
		n.levels[r] = -1
		next, down, base := n.above(n.d.item(r))
		n.path = append(n.path, deeper{r, down})
		r, level = next, base
	}
	for i := len(n.path) - 1; i >= 0; i-- {
		level += n.path[i].down
		n.levels[n.path[i].r] = level + 1
	}
	return level
}

// above returns the item, not integrated, from which the level of it follows, or
// 0 and the level from which it does; and how much deeper it lies.
func (n *nesting) above(it *item) (next ref, down, base int32) {
	d := n.d
	if it.parent&parentByName != 0 || it.kind() == kindGC {
		return 0, 0, 0
	}
	inside := it.parent == parentByID
	client, clock := it.originClient, it.originClock
	if client == 0 {
		client, clock = it.rightClient, it.rightClock
	}
	if clock < d.clients[client].next {
		near := d.item(d.find(client, clock))
		switch {
		case inside && near.kind() == kindType:
			return 0, 0, int32(d.branches[near.content].depth)
		case !inside && near.kind() != kindGC:
			return 0, 0, int32(d.branches[near.parent].depth)
		}
		return 0, 0, 0
	}
	next = n.find(client, clock)
	if inside && next != 0 && d.item(next).kind() == kindType {
		down = 1
	}
	return next, down, 0
}

// find returns the item of the update that holds an operation, or 0.
func (n *nesting) find(client, clock uint32) ref {
	i := n.d.clients[client].block
	if i == 0 {
		return 0
	}
	refs := n.blocks[i-1].refs
	at := sort.Search(len(refs), func(i int) bool { return n.d.item(refs[i]).end() > clock })
	if at < len(refs) && n.d.item(refs[at]).clock <= clock {
		return refs[at]
	}
	return 0
}
