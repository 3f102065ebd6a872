package crdt

import (
	"cmp"
	"container/heap"
	"slices"
	"sort"
)

// pendingStructs holds structs that wait for operations that are not known
// yet. Their items lie in the slab, but in no list.
type pendingStructs struct {
	refs    map[uint32][]ref  // by client, ordered by clock, not overlapping
	missing map[uint32]uint32 // some of them can be tried once the client has passed the clock
	count   int
	bytes   int // of content

	waiting waiting
}

// waiting says what each client's first waiting struct waits for. It spares
// trying again what cannot go on: Yjs tries all that waits whenever something
// comes that any of it might need.
type waiting struct {
	on    map[uint32]*needs // by client that is waited for: the clients that wait
	whole bool              // on is complete, and all that waits was last tried together
	flat  bool              // nobody waits for a client of which something waits
	ready bool              // something can go on
}

func (p *pendingStructs) need(client, clock uint32) {
	if p.missing == nil {
		p.missing = map[uint32]uint32{}
	}
	if old, ok := p.missing[client]; !ok || clock < old {
		p.missing[client] = clock
	}
}

// addPending adds structs of one client, ordered by clock, to those that wait,
// and leaves out what waits already.
func (d *Doc) addPending(client uint32, refs []ref) (added bool) {
	p := &d.pending
	if p.refs == nil {
		p.refs = map[uint32][]ref{}
	}
	list := p.refs[client]
	if len(list) > 0 {
		p.waiting.whole = false
	}
	last := ref(0) // of those added now
	for _, r := range refs {
		it := d.item(r)
		i := len(list)
		if i > 0 && d.item(list[i-1]).clock > it.clock {
			i = sort.Search(len(list), func(i int) bool { return d.item(list[i]).clock > it.clock })
		}
		if i > 0 {
			// What overlaps its front goes first, with all that follows that
			// without a gap, as in MergeUpdates.
			before := d.item(list[i-1]).end()
			for before > it.clock && before < it.end() && i < len(list) && d.item(list[i]).clock == before {
				before = d.item(list[i]).end()
				i++
			}
			if before >= it.end() {
				d.discard(r)
				continue
			} else if before > it.clock {
				d.slice(it, before-it.clock)
			}
		}
		// Those that begin inside the new one yield to it where they overlap.
		j := i
		for j < len(list) && d.item(list[j]).end() <= it.end() {
			p.bytes -= d.contentSize(d.item(list[j]))
			d.discard(list[j])
			j++
		}
		if j < len(list) {
			if next := d.item(list[j]); next.clock < it.end() {
				p.bytes -= d.contentSize(next)
				d.slice(next, it.end()-next.clock)
				p.bytes += d.contentSize(next)
			}
		}
		added = true
		p.count -= j - i
		// Collected runs of different updates become one, as in MergeUpdates.
		if i > 0 && list[i-1] != last && d.meet(list[i-1], r) {
			i--
			d.item(list[i]).len += it.len
			d.release(r)
			list = slices.Delete(list, i+1, j)
		} else {
			list = slices.Replace(list, i, j, r)
			p.count++
			p.bytes += d.contentSize(it)
			last = r
		}
		if i+1 < len(list) && d.meet(list[i], list[i+1]) {
			d.item(list[i]).len += d.item(list[i+1]).len
			d.release(list[i+1])
			list = slices.Delete(list, i+1, i+2)
			p.count--
		}
	}
	p.refs[client] = list
	if p.waiting.whole {
		d.noteWaiting(client, list[0])
		p.waiting.whole = p.waiting.flat
	}
	return added
}

// meet reports whether two waiting structs are collected runs of which the
// second follows the first.
func (d *Doc) meet(left, right ref) bool {
	l, r := d.item(left), d.item(right)
	return l.kind() == kindGC && r.kind() == kindGC && l.end() == r.clock
}

// retryPending tries the deletes that wait, then the waiting structs if
// something that one of them needs has come, and the deletes once more: in this
// order, as Yjs does.
func (tx *Tx) retryPending() {
	d := tx.d
	tx.retryDeletes()
	if d.pending.count > 0 {
		tried := false
		for _, t := range tx.touched {
			clock, ok := d.pending.missing[t.client]
			tried = tried || ok && clock < d.clients[t.client].next
			d.pending.waiting.ready = d.pending.waiting.ready || d.freed(t.client)
			if refs := d.pending.refs[t.client]; len(refs) > 0 && d.item(refs[0]).clock < d.clients[t.client].next {
				d.pending.waiting.whole = false // it came in another form
			}
		}
		switch w := &d.pending.waiting; {
		case !tried || w.whole && !w.ready && !d.tryAll:
		case w.whole && w.flat && !d.tryAll:
			if tx.retryFreed(); !d.pending.waiting.whole {
				tx.retryAll()
			}
		default:
			tx.retryAll()
		}
		tx.retryDeletes()
	}
}

// retryAll tries all that waits.
func (tx *Tx) retryAll() {
	d := tx.d
	blocks := make([]block, 0, len(d.pending.refs))
	for c, refs := range d.pending.refs {
		blocks = append(blocks, block{client: c, refs: refs})
	}
	d.pending = pendingStructs{}
	tx.integrateAll(blocks)
	w := &d.pending.waiting
	*w = waiting{on: map[uint32]*needs{}, whole: true, flat: true}
	for c, refs := range d.pending.refs {
		if len(refs) > 0 {
			d.noteWaiting(c, refs[0])
		}
	}
}

// noteWaiting notes what the first waiting struct of a client waits for.
func (d *Doc) noteWaiting(client uint32, first ref) {
	p := &d.pending
	w := &p.waiting
	need, ok := d.needOf(d.item(first))
	if !ok {
		w.ready, w.flat = true, false
		return
	}
	if w.on[client] != nil || need.client != client && len(p.refs[need.client]) > 0 {
		w.flat = false
	}
	if w.on[need.client] == nil {
		w.on[need.client] = &needs{}
	}
	heap.Push(w.on[need.client], waiter{need.clock, int(client)})
}

// needOf returns an operation that has to come before an item can be
// integrated; ok is false if none has to.
func (d *Doc) needOf(it *item) (need id, ok bool) {
	c := it.client()
	if it.clock > d.clients[c].next {
		return id{c, it.clock - 1}, true
	}
	for _, o := range [2]id{{it.originClient, it.originClock}, {it.rightClient, it.rightClock}} {
		if o.client != 0 && o.client != c && o.clock >= d.clients[o.client].next {
			return o, true
		}
	}
	return id{}, false
}

// freed reports whether something that waits for a client can go on.
func (d *Doc) freed(client uint32) bool {
	w := d.pending.waiting.on[client]
	return w != nil && (*w)[0].clock < d.clients[client].next
}

// retryFreed tries what waits for the clients that got new structs. As nobody
// waits for others that wait, trying all would come to the same.
func (tx *Tx) retryFreed() {
	d := tx.d
	p := &d.pending
	var blocks []block
	for _, t := range tx.touched {
		for d.freed(t.client) {
			w := p.waiting.on[t.client]
			c := uint32(heap.Pop(w).(waiter).block)
			refs := p.refs[c]
			delete(p.refs, c)
			p.count -= len(refs)
			for _, r := range refs {
				p.bytes -= d.contentSize(d.item(r))
			}
			blocks = append(blocks, block{client: c, refs: refs})
			if len(*w) == 0 {
				delete(p.waiting.on, t.client)
				delete(p.missing, t.client)
			}
		}
	}
	p.waiting.ready = false
	tx.integrateAll(blocks)
}

// pendingDeletes holds the ranges of delete sets that reach beyond what is
// known of their clients.
type pendingDeletes struct {
	ranges map[uint32][]idRange // by client, sorted, joined
	count  int
}

// add adds ranges and reports whether any was news. They may come in any order:
// many are sorted first, and joined with what waits for their client in one
// pass.
func (p *pendingDeletes) add(rs []idRange) (news bool) {
	if len(rs) > 0 && p.ranges == nil {
		p.ranges = map[uint32][]idRange{}
	}
	rs = joinRanges(rs)
	for len(rs) > 0 {
		n := 1
		for n < len(rs) && rs[n].client == rs[0].client {
			n++
		}
		news = p.addSorted(rs[:n]) || news
		rs = rs[n:]
	}
	return news
}

const fewDeletes = 8

// addSorted adds sorted ranges of one client.
func (p *pendingDeletes) addSorted(rs []idRange) (news bool) {
	if len(rs) <= fewDeletes {
		for _, r := range rs {
			news = p.insert(r) || news
		}
		return news
	}
	old := p.ranges[rs[0].client]
	if !slices.ContainsFunc(rs, func(r idRange) bool { return !covered(old, r) }) {
		return false
	}
	list := joinRanges(slices.Concat(old, rs))
	p.ranges[rs[0].client] = list
	p.count += len(list) - len(old)
	return true
}

// covered reports whether all of a range lies in one of a sorted list.
func covered(list []idRange, r idRange) bool {
	i, _ := slices.BinarySearchFunc(list, r.end(), func(o idRange, end uint32) int { return cmp.Compare(o.end(), end) })
	return i < len(list) && list[i].clock <= r.clock
}

// insert adds a range and reports whether it was news.
func (p *pendingDeletes) insert(r idRange) bool {
	list := p.ranges[r.client]
	i, _ := slices.BinarySearchFunc(list, r.clock, func(o idRange, clock uint32) int {
		if o.end() < clock {
			return -1
		}
		return 1
	})
	j, from, to := i, r.clock, r.end()
	for j < len(list) && list[j].clock <= to {
		from, to = min(from, list[j].clock), max(to, list[j].end())
		j++
	}
	if j == i+1 && list[i].clock == from && list[i].end() == to {
		return false
	}
	p.ranges[r.client] = slices.Replace(list, i, j, idRange{r.client, from, to - from})
	p.count += 1 - (j - i)
	return true
}

// take removes and returns the ranges of a client that begin before clock.
func (p *pendingDeletes) take(client, clock uint32) []idRange {
	list := p.ranges[client]
	n := 0
	for n < len(list) && list[n].clock < clock {
		n++
	}
	if n == 0 {
		return nil
	}
	if n == len(list) {
		delete(p.ranges, client)
	} else {
		p.ranges[client] = list[n:]
	}
	p.count -= n
	return list[:n:n]
}

func (tx *Tx) retryDeletes() {
	d := tx.d
	if d.pendingDeletes.count == 0 {
		return
	}
	tx.waits = tx.waits[:0]
	for _, t := range tx.touched {
		for _, r := range d.pendingDeletes.take(t.client, d.clients[t.client].next) {
			tx.applyDelete(r)
		}
	}
	d.pendingDeletes.add(tx.waits)
}
