package crdt

import (
	"slices"
	"sort"
)

// client is what the document knows of one client: its structs in the order
// of their clocks, without gaps from 0 to next.
type client struct {
	id      uint64
	structs runs
	next    uint32 // clock of the next operation

	stamp uint32 // of the last transaction that gave it structs
	at    int32  // index in that transaction's touched
	block int32  // index + 1 of its block in the update being applied

	arrival uint32 // it was the first, second, … to bring structs
}

// intern returns the small number of a client id, giving it one if it is new.
func (d *Doc) intern(id uint64) uint32 {
	if id == d.lastClientID && d.lastClient != 0 {
		return d.lastClient
	}
	c, ok := d.clientIndex[id]
	if !ok {
		c = uint32(len(d.clients))
		d.clients = append(d.clients, client{id: id})
		d.clientIndex[id] = c
		if id == d.self {
			d.selfNumber = c
		}
	}
	d.lastClientID, d.lastClient = id, c
	return c
}

// forgetClients takes back the numbers from n on, of a refused update.
func (d *Doc) forgetClients(n int) {
	for i := n; i < len(d.clients); i++ {
		delete(d.clientIndex, d.clients[i].id)
	}
	clear(d.clients[n:])
	d.clients = d.clients[:n]
	if int(d.selfNumber) >= n {
		d.selfNumber = 0
	}
	d.lastClientID, d.lastClient = 0, 0
}

// byID returns the clients that have structs, the highest id first: the order
// of every encoding. The slice is reused by the next call.
func (d *Doc) byID() []uint32 {
	out := d.sorted[:0]
	for i := 1; i < len(d.clients); i++ {
		if d.clients[i].next > 0 {
			out = append(out, uint32(i))
		}
	}
	d.sortClients(out)
	d.sorted = out
	return out
}

// sortClients sorts client numbers by client id, the highest first.
func (d *Doc) sortClients(cs []uint32) {
	slices.SortFunc(cs, func(a, b uint32) int {
		if d.clients[a].id > d.clients[b].id {
			return -1
		}
		return 1
	})
}

// entry is one struct in a client's list.
type entry struct {
	clock uint32
	ref   ref
}

// runs is the list of one client's structs, in blocks of at most blockLen so
// that a split in the middle of a long history moves little.
type runs struct {
	blocks [][]entry
}

const blockLen = 512

// place is a position in a runs.
type place struct{ block, index int }

func (l *runs) at(p place) entry { return l.blocks[p.block][p.index] }

func (l *runs) last() place {
	b := len(l.blocks) - 1
	return place{b, len(l.blocks[b]) - 1}
}

// find returns the place of the struct that contains clock, which must not be
// past the end.
func (l *runs) find(clock uint32) place {
	p := l.last()
	if l.blocks[p.block][p.index].clock <= clock {
		return p
	}
	if p.block > 0 {
		p.block = sort.Search(len(l.blocks), func(i int) bool { return l.blocks[i][0].clock > clock }) - 1
	}
	b := l.blocks[p.block]
	lo, hi := 0, len(b)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if b[mid].clock <= clock {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	p.index = lo - 1
	return p
}

func (l *runs) prev(p place) (place, bool) {
	if p.index > 0 {
		return place{p.block, p.index - 1}, true
	}
	if p.block > 0 {
		return place{p.block - 1, len(l.blocks[p.block-1]) - 1}, true
	}
	return p, false
}

func (l *runs) next(p place) (place, bool) {
	if p.index+1 < len(l.blocks[p.block]) {
		return place{p.block, p.index + 1}, true
	}
	if p.block+1 < len(l.blocks) {
		return place{p.block + 1, 0}, true
	}
	return p, false
}

func (l *runs) push(e entry) {
	n := len(l.blocks)
	if n == 0 || len(l.blocks[n-1]) >= blockLen {
		l.blocks = append(l.blocks, nil)
		n++
	}
	l.blocks[n-1] = append(l.blocks[n-1], e)
}

// insertAfter puts e behind the entry at p and returns where it now is.
func (l *runs) insertAfter(p place, e entry) place {
	if b := l.blocks[p.block]; len(b) >= blockLen {
		half := slices.Clone(b[blockLen/2:])
		l.blocks[p.block] = b[: blockLen/2 : blockLen/2]
		l.blocks = slices.Insert(l.blocks, p.block+1, half)
		if p.index >= blockLen/2 {
			p = place{p.block + 1, p.index - blockLen/2}
		}
	}
	p.index++
	l.blocks[p.block] = slices.Insert(l.blocks[p.block], p.index, e)
	return p
}

// startAt lets the struct at p begin at another clock.
func (l *runs) startAt(p place, clock uint32) { l.blocks[p.block][p.index].clock = clock }

// remove takes out the entry at p, which is not the first of all.
func (l *runs) remove(p place) {
	b := l.blocks[p.block]
	if len(b) == 1 {
		l.blocks = slices.Delete(l.blocks, p.block, p.block+1)
		return
	}
	if p.index == len(b)-1 {
		l.blocks[p.block] = b[:p.index]
		return
	}
	l.blocks[p.block] = slices.Delete(b, p.index, p.index+1)
}

// find returns the struct that holds the given operation, which must be known.
func (d *Doc) find(client, clock uint32) ref {
	l := &d.clients[client].structs
	return l.at(l.find(clock)).ref
}

// add appends an integrated struct to its client's list.
func (tx *Tx) add(r ref, it *item) {
	c := &tx.d.clients[it.client()]
	tx.touch(it.client(), c.next)
	if c.next == 0 {
		tx.d.arrived++
		c.arrival = tx.d.arrived
	}
	c.structs.push(entry{it.clock, r})
	c.next = it.end()
}

// cleanStart returns the struct that begins at the given operation, splitting
// the item that holds it if need be. Collected structs are not split.
func (tx *Tx) cleanStart(client, clock uint32) ref {
	l := &tx.d.clients[client].structs
	p := l.find(clock)
	e := l.at(p)
	if e.clock == clock || tx.d.item(e.ref).kind() == kindGC {
		return e.ref
	}
	return tx.split(l, p, clock-e.clock)
}

// cleanEnd returns the struct that ends with the given operation, splitting
// the item that holds it if need be. Collected structs are not split.
func (tx *Tx) cleanEnd(client, clock uint32) ref {
	l := &tx.d.clients[client].structs
	p := l.find(clock)
	e := l.at(p)
	it := tx.d.item(e.ref)
	if it.end()-1 != clock && it.kind() != kindGC {
		tx.split(l, p, clock-e.clock+1)
	}
	return e.ref
}

// split cuts the item at p in two, the left one diff long, and returns the
// right one.
func (tx *Tx) split(l *runs, p place, diff uint32) ref {
	d := tx.d
	r := l.at(p).ref
	it := d.item(r)
	nr, n := d.alloc()
	*n = *it
	n.clock += diff
	n.len -= diff
	n.originClient, n.originClock = it.client(), n.clock-1
	n.left = r
	cutPair := d.splitContent(it, n, diff)
	it.len = diff
	it.right = nr
	b := d.branches[it.parent]
	if n.right != 0 {
		d.item(n.right).left = nr
	} else if k := n.key(); k != 0 {
		b.setKey(k, nr)
	} else {
		b.last = nr
	}
	if n.key() == 0 {
		d.treeSplit(b, r, nr)
	}
	l.insertAfter(p, entry{n.clock, nr})
	if cutPair && b.hooks.watched() && !n.deleted() && n.key() == 0 {
		b.hooks.report(Splice{Index: int(d.indexOf(b, nr)) - 1, Deleted: 2, Inserted: "\uFFFD\uFFFD"})
	}
	if it.bits&flagRedone != 0 {
		as := d.redone[r]
		d.setRedone(nr, id{as.client, as.clock + diff})
	}
	tx.mergeable = append(tx.mergeable, id{n.client(), n.clock})
	return nr
}
