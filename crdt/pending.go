package crdt

import (
	"cmp"
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
	return added
}

// meet reports whether two waiting structs are collected runs of which the
// second follows the first.
func (d *Doc) meet(left, right ref) bool {
	l, r := d.item(left), d.item(right)
	return l.kind() == kindGC && r.kind() == kindGC && l.end() == r.clock
}

// retryPending tries the waiting structs again if something that one of them
// needs has come, and then the deletes that wait.
func (tx *Tx) retryPending() {
	d := tx.d
	if d.pending.count > 0 {
		ready := slices.ContainsFunc(tx.touched, func(t touched) bool {
			clock, ok := d.pending.missing[t.client]
			return ok && clock < d.clients[t.client].next
		})
		if ready {
			blocks := make([]block, 0, len(d.pending.refs))
			for c, refs := range d.pending.refs {
				blocks = append(blocks, block{client: c, refs: refs})
			}
			d.pending = pendingStructs{}
			tx.integrateAll(blocks)
		}
	}
	tx.retryDeletes()
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
