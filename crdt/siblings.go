package crdt

import (
	"slices"
	"sort"
)

// origins are the two origins of an item.
type origins struct{ left, right id }

func (it *item) origins() origins {
	return origins{id{it.originClient, it.originClock}, id{it.rightClient, it.rightClock}}
}

// group is the items of a list that have both origins in common: by client,
// lowest first, of one client the last first, which is how they stand in the
// list. They lie in blocks; one alone needs none.
type group struct {
	only   ref
	blocks [][]ref
}

const groupBlock = 256

// before reports whether an item stands before one of the given client and
// clock in their group.
func (d *Doc) standsBefore(r ref, client uint64, clock uint32) bool {
	it := d.item(r)
	if c := d.clients[it.client()].id; c != client {
		return c < client
	}
	return it.clock > clock
}

// find returns the place of the first member that does not stand before the
// given client and clock; that may be behind the last one of the last block.
func (g *group) find(d *Doc, client uint64, clock uint32) place {
	b := sort.Search(len(g.blocks), func(i int) bool {
		blk := g.blocks[i]
		return !d.standsBefore(blk[len(blk)-1], client, clock)
	})
	if b == len(g.blocks) {
		b--
		return place{b, len(g.blocks[b])}
	}
	blk := g.blocks[b]
	return place{b, sort.Search(len(blk), func(i int) bool { return !d.standsBefore(blk[i], client, clock) })}
}

// from returns the first member of a client that is not lower than the given
// one, 0 if there is none.
func (g *group) from(d *Doc, client uint64) ref {
	if g.blocks == nil {
		if g.only != 0 && !d.standsBefore(g.only, client, maxClock) {
			return g.only
		}
		return 0
	}
	p := g.find(d, client, maxClock)
	if p.index == len(g.blocks[p.block]) {
		return 0
	}
	return g.blocks[p.block][p.index]
}

func (d *Doc) groupInsert(o *order, r ref) {
	it := d.item(r)
	g := o.groups[it.origins()]
	switch {
	case g.blocks == nil && g.only == 0:
		g.only = r
		o.groups[it.origins()] = g
		return
	case g.blocks == nil:
		g.blocks = [][]ref{{g.only}}
	}
	p := g.find(d, d.clients[it.client()].id, it.clock)
	blk := slices.Insert(g.blocks[p.block], p.index, r)
	g.blocks[p.block] = blk
	if len(blk) == groupBlock {
		g.blocks[p.block] = blk[: groupBlock/2 : groupBlock/2]
		g.blocks = slices.Insert(g.blocks, p.block+1, slices.Clone(blk[groupBlock/2:]))
	}
	o.groups[it.origins()] = g
}

func (d *Doc) groupRemove(o *order, r ref) {
	it := d.item(r)
	g := o.groups[it.origins()]
	if g.blocks == nil {
		delete(o.groups, it.origins())
		return
	}
	p := g.find(d, d.clients[it.client()].id, it.clock)
	if len(g.blocks[p.block]) > 1 {
		g.blocks[p.block] = slices.Delete(g.blocks[p.block], p.index, p.index+1)
		return
	}
	if g.blocks = slices.Delete(g.blocks, p.block, p.block+1); len(g.blocks) == 0 {
		delete(o.groups, it.origins())
		return
	}
	o.groups[it.origins()] = g
}
