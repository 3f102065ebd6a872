package crdt

import "slices"

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

// recentClient is a client that was asked for lately; number is 0 if there is
// none. Ids that share a place are looked up in turn.
type recentClient struct {
	id     uint64
	number uint32
}

const recentClients = 8

func (d *Doc) recentOf(id uint64) *recentClient {
	return &d.recent[id*0x9E3779B97F4A7C15>>61] // its upper bits depend on all of id
}

// number returns the number of a client, if it has one.
func (d *Doc) number(id uint64) (uint32, bool) {
	recent := d.recentOf(id)
	if recent.id == id && recent.number != 0 {
		return recent.number, true
	}
	c, ok := d.clientIndex[id]
	if ok {
		*recent = recentClient{id, c}
	}
	return c, ok
}

// intern returns the small number of a client id, giving it one if it is new.
func (d *Doc) intern(id uint64) uint32 {
	if c, ok := d.number(id); ok {
		return c
	}
	c := uint32(len(d.clients))
	d.clients = append(d.clients, client{id: id})
	d.clientIndex[id] = c
	if id == d.self {
		d.selfNumber = c
	}
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
	d.recent = [recentClients]recentClient{}
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

// find returns the struct that holds the given operation, which must be known.
func (d *Doc) find(client, clock uint32) ref {
	l := &d.clients[client].structs
	return l.at(l.find(clock)).ref
}

// add appends an integrated struct to its client's list.
func (tx *Tx) add(r ref, it *item) {
	c := &tx.d.clients[it.client()]
	tx.touch(it.client(), c.next)
	tx.merges = true
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
	if b.conflicts != nil {
		d.cameBehind(b, n.key(), r, nr)
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
