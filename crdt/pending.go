package crdt

import (
	"fmt"
	"slices"
	"sort"
)

// pendingStructs holds structs that wait for operations that are not known
// yet. Their items lie in the slab, but in no list.
type pendingStructs struct {
	refs    map[uint32][]ref  // by client, ordered by clock, not overlapping
	missing map[uint32]uint32 // some of them can be tried once the client has passed the clock
	count   int
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
			d.discard(list[j])
			j++
		}
		if j < len(list) {
			if next := d.item(list[j]); next.clock < it.end() {
				d.slice(next, it.end()-next.clock)
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

// checkPending refuses an update that could make more wait than the limits
// allow. It is conservative only once something waits: what an update brings
// in order counts as if it waited too.
func (d *Doc) checkPending(u *decoded) error {
	if d.pending.count+len(u.refs) > d.limits.PendingStructs {
		if n := d.countWaiting(u.blocks); d.pending.count+n > d.limits.PendingStructs && n > 0 {
			return &UpdateError{0, fmt.Sprintf("more than %d structs would wait for missing ones", d.limits.PendingStructs)}
		}
	}
	if d.pendingDeletes.count+len(u.deletes) > d.limits.PendingDeletes {
		n := 0
		for _, r := range u.deletes {
			if r.end() > d.clients[r.client].next {
				n++
			}
		}
		if d.pendingDeletes.count+n > d.limits.PendingDeletes && n > len(u.refs) {
			return &UpdateError{0, fmt.Sprintf("more than %d deletes would wait for what they delete", d.limits.PendingDeletes)}
		}
	}
	return nil
}

// countWaiting returns how many structs of the blocks depend on operations
// that neither the document nor the blocks hold, directly or not. A block that
// stops is looked at again when the struct it stopped for is settled, so the
// cost is O(n log n) whatever depends on what.
func (d *Doc) countWaiting(blocks []block) int {
	type place struct{ block, index int }
	of := make(map[uint32]int, len(blocks)) // block by client
	ready := make([]int, len(blocks))
	left := 0
	for i := range blocks {
		of[blocks[i].client], ready[i] = i, i
		left += len(blocks[i].refs)
	}
	at := make([]int, len(blocks)) // structs settled of each block
	stopped := map[place][]int{}   // blocks that stopped for a struct
	known := func(c uint32) uint32 {
		if i, ok := of[c]; ok && at[i] > 0 {
			return max(d.clients[c].next, d.item(blocks[i].refs[at[i]-1]).end())
		}
		return d.clients[c].next
	}
	for len(ready) > 0 {
		i := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		for b := &blocks[i]; at[i] < len(b.refs); {
			it := d.item(b.refs[at[i]])
			if it.clock > known(b.client) {
				break
			}
			client, clock := it.originClient, it.originClock
			if client == 0 || client == b.client || clock < known(client) {
				client, clock = it.rightClient, it.rightClock
			}
			if client != 0 && client != b.client && clock >= known(client) {
				if j, ok := of[client]; ok {
					refs := blocks[j].refs
					k := sort.Search(len(refs), func(k int) bool { return d.item(refs[k]).end() > clock })
					stopped[place{j, k}] = append(stopped[place{j, k}], i)
				}
				break
			}
			ready = append(ready, stopped[place{i, at[i]}]...)
			at[i]++
			left--
		}
	}
	return left
}

// discardAll frees the items of a decoded update that is refused after all.
func (d *Doc) discardAll(u *decoded) {
	for i := range u.blocks {
		for _, r := range u.blocks[i].refs {
			d.discard(r)
		}
	}
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

// add adds a range and reports whether it was news.
func (p *pendingDeletes) add(r idRange) bool {
	if p.ranges == nil {
		p.ranges = map[uint32][]idRange{}
	}
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
	ready := slices.Clone(list[:n])
	if n == len(list) {
		delete(p.ranges, client)
	} else {
		p.ranges[client] = slices.Delete(list, 0, n)
	}
	p.count -= n
	return ready
}

func (tx *Tx) retryDeletes() {
	d := tx.d
	if d.pendingDeletes.count == 0 {
		return
	}
	for _, t := range tx.touched {
		for _, r := range d.pendingDeletes.take(t.client, d.clients[t.client].next) {
			tx.applyDelete(r)
		}
	}
}
