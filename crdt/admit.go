package crdt

import (
	"container/heap"
	"fmt"
)

// admit checks a decoded update against those limits that depend on what the
// document holds. It changes nothing. Where the sizes of the update alone show
// that no limit is near, which is nearly always, it costs a few comparisons.
func (d *Doc) admit(u *decoded) error {
	p, l := &d.pending, &d.limits
	if p.count+len(u.refs) > l.PendingStructs || p.bytes+4*u.size > l.PendingBytes ||
		d.pendingDeletes.count+len(u.deletes) > l.PendingDeletes {
		if err := d.admitWaiting(u); err != nil {
			return err
		}
	}
	return d.admitNesting(u)
}

// admitWaiting refuses an update that would make more wait than may.
func (d *Doc) admitWaiting(u *decoded) error {
	f := d.foresee(u.blocks)
	switch p, l := &d.pending, &d.limits; {
	case f.structs > 0 && p.count+f.structs > l.PendingStructs:
		return &UpdateError{0, fmt.Sprintf("more than %d structs would wait for missing ones", l.PendingStructs)}
	case f.bytes > 0 && p.bytes+f.bytes > l.PendingBytes:
		return &UpdateError{0, fmt.Sprintf("more than %d bytes would wait for missing structs", l.PendingBytes)}
	}
	n := 0
	for _, r := range u.deletes {
		if r.end() > f.clocks[r.client] {
			n++
		}
	}
	if n > 0 && d.pendingDeletes.count+n > d.limits.PendingDeletes {
		return &UpdateError{0, fmt.Sprintf("more than %d deletes would wait for what they delete", d.limits.PendingDeletes)}
	}
	return nil
}

// foresight is what would come of integrating the blocks of an update.
type foresight struct {
	d      *Doc
	blocks []block
	at     []int             // of each block: structs that would be integrated
	clocks []uint32          // how far clients would be known, by number
	stuck  map[uint32]*needs // blocks that wait for a client, by client

	structs, bytes int // what would wait
}

// foresee finds which structs depend on operations that neither the document
// nor the blocks hold, directly or not. A block that cannot go on is looked at
// again when the client that it waits for has passed the clock it needs, so the
// cost is O(n log n).
func (d *Doc) foresee(blocks []block) *foresight {
	f := &foresight{d: d, blocks: blocks, at: make([]int, len(blocks)), clocks: make([]uint32, len(d.clients)), stuck: map[uint32]*needs{}}
	for c := range f.clocks {
		f.clocks[c] = d.clients[c].next
	}
	todo := make([]int, 0, len(blocks))
	for i := range blocks {
		todo = append(todo, i)
	}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = f.advance(i, todo[:len(todo)-1])
	}
	for i := range blocks {
		for _, r := range blocks[i].refs[f.at[i]:] {
			f.structs++
			f.bytes += d.contentSize(d.item(r))
		}
	}
	return f
}

// advance takes block i as far as it goes and adds to todo the blocks that can
// go on because of it.
func (f *foresight) advance(i int, todo []int) []int {
	b := &f.blocks[i]
	clock := f.clocks[b.client]
	for ; f.at[i] < len(b.refs); f.at[i]++ {
		it := f.d.item(b.refs[f.at[i]])
		if it.clock > clock {
			break // a gap, which nothing in this update fills
		}
		if need, ok := f.missing(it); ok {
			if f.stuck[need.client] == nil {
				f.stuck[need.client] = &needs{}
			}
			heap.Push(f.stuck[need.client], waiter{need.clock, i})
			break
		}
		clock = max(clock, it.end())
	}
	f.clocks[b.client] = clock
	if w := f.stuck[b.client]; w != nil {
		for len(*w) > 0 && (*w)[0].clock < clock {
			todo = append(todo, heap.Pop(w).(waiter).block)
		}
	}
	return todo
}

// missing returns an operation that an item needs and that is not there yet.
func (f *foresight) missing(it *item) (id, bool) {
	for _, need := range [2]id{{it.originClient, it.originClock}, {it.rightClient, it.rightClock}} {
		if c := need.client; c != 0 && c != it.client() && need.clock >= f.clocks[c] {
			return need, true
		}
	}
	return id{}, false
}

// waiter is a block that waits for a clock.
type waiter struct {
	clock uint32
	block int
}

// needs is a heap of waiters by clock.
type needs []waiter

func (n needs) Len() int           { return len(n) }
func (n needs) Less(i, j int) bool { return n[i].clock < n[j].clock }
func (n needs) Swap(i, j int)      { n[i], n[j] = n[j], n[i] }
func (n *needs) Push(x any)        { *n = append(*n, x.(waiter)) }
func (n *needs) Pop() any {
	last := len(*n) - 1
	w := (*n)[last]
	*n = (*n)[:last]
	return w
}
