package crdt

import "slices"

// entry is one struct in a client's list.
type entry struct {
	clock uint32
	ref   ref
}

// runs is the list of one client's structs, in blocks of at most blockLen so
// that a split in the middle of a long history moves little.
type runs struct {
	blocks               []runBlock
	nearBlock, nearIndex int32 // what was found last
}

const blockLen = 512

// runBlock is some structs of a client in order. A search reads nothing but
// the clocks. Structs that were loaded one after the other have handles one
// after the other, which are not stored.
type runBlock struct {
	clocks []uint32
	refs   []ref // nil: first, first+1, …
	first  ref
}

func (b *runBlock) len() int { return len(b.clocks) }

// ref returns the handle of struct i.
func (b *runBlock) ref(i int) ref {
	if b.refs != nil {
		return b.refs[i]
	}
	return b.first + ref(i)
}

// inOrder reports whether struct i may be r without storing handles.
func (b *runBlock) inOrder(i int, r ref) bool { return b.refs == nil && r == b.first+ref(i) }

// store stores the handles, if they are not.
func (b *runBlock) store() {
	if b.refs != nil {
		return
	}
	b.refs = make([]ref, len(b.clocks), cap(b.clocks))
	for i := range b.refs {
		b.refs[i] = b.first + ref(i)
	}
}

// push appends a struct.
func (b *runBlock) push(e entry) {
	switch n := len(b.clocks); {
	case n == 0 && b.refs == nil:
		b.first = e.ref
	case !b.inOrder(n, e.ref):
		b.store()
		b.refs = append(b.refs, e.ref)
	}
	b.clocks = append(b.clocks, e.clock)
}

// insert puts a struct in front of struct i.
func (b *runBlock) insert(i int, e entry) {
	if i == len(b.clocks) && b.inOrder(i, e.ref) {
		b.clocks = insertTight(b.clocks, i, e.clock)
		return
	}
	b.store()
	b.clocks, b.refs = insertTight(b.clocks, i, e.clock), insertTight(b.refs, i, e.ref)
}

// remove takes struct i out.
func (b *runBlock) remove(i int) {
	switch {
	case b.refs == nil && i == 0:
		b.first++
	case b.refs != nil || i+1 < len(b.clocks):
		b.store()
		b.refs = slices.Delete(b.refs, i, i+1)
	}
	b.clocks = slices.Delete(b.clocks, i, i+1)
}

// split takes the structs from i on out and returns them. Both halves get
// memory of their own, with little to spare: much of a long history is never
// split again.
func (b *runBlock) split(i int) runBlock {
	right := runBlock{clocks: tight(b.clocks[i:]), first: b.first + ref(i)}
	b.clocks = tight(b.clocks[:i])
	if b.refs != nil {
		right.refs, b.refs = tight(b.refs[i:]), tight(b.refs[:i])
	}
	return right
}

// tight returns a copy with room for an eighth more.
func tight[T any](s []T) []T {
	return append(make([]T, 0, len(s)+len(s)/8), s...)
}

// insertTight is slices.Insert for one element, and lets s grow by an eighth.
func insertTight[T any](s []T, i int, v T) []T {
	if len(s) < cap(s) || len(s) < 64 {
		return slices.Insert(s, i, v)
	}
	return slices.Insert(tight(s), i, v)
}

// place is a position in a runs.
type place struct{ block, index int }

func (l *runs) at(p place) entry {
	b := &l.blocks[p.block]
	return entry{b.clocks[p.index], b.ref(p.index)}
}

func (l *runs) last() place {
	b := len(l.blocks) - 1
	return place{b, l.blocks[b].len() - 1}
}

// find returns the place of the struct that contains clock, which must not be
// past the end. What is asked for is often the last struct, or near what was
// asked for before.
func (l *runs) find(clock uint32) place {
	last := len(l.blocks) - 1
	b := l.blocks[last].clocks
	if b[len(b)-1] <= clock {
		return place{last, len(b) - 1}
	}
	at := l.blockOf(clock)
	b = l.blocks[at].clocks
	i := 0
	if near := int(l.nearIndex); at == int(l.nearBlock) && near < len(b) && b[near] <= clock {
		for i = near; i < near+4 && i+1 < len(b) && b[i+1] <= clock; {
			i++
		}
	}
	if i == 0 || i+1 < len(b) && b[i+1] <= clock {
		i = 0
		for n := len(b); n > 1; { // without a branch to guess wrong
			half := n >> 1
			if b[i+half] <= clock {
				i += half
			}
			n -= half
		}
	}
	l.nearBlock, l.nearIndex = int32(at), int32(i)
	return place{at, i}
}

// blockOf returns the block that holds the struct that contains clock.
func (l *runs) blockOf(clock uint32) int {
	begins := func(i int) bool { return l.blocks[i].clocks[0] <= clock }
	if at := int(l.nearBlock); at < len(l.blocks) && begins(at) && (at+1 == len(l.blocks) || !begins(at+1)) {
		return at
	}
	at := 0
	for n := len(l.blocks); n > 1; {
		half := n >> 1
		if begins(at + half) {
			at += half
		}
		n -= half
	}
	return at
}

func (l *runs) prev(p place) (place, bool) {
	if p.index > 0 {
		return place{p.block, p.index - 1}, true
	}
	if p.block > 0 {
		return place{p.block - 1, l.blocks[p.block-1].len() - 1}, true
	}
	return p, false
}

func (l *runs) next(p place) (place, bool) {
	if p.index+1 < l.blocks[p.block].len() {
		return place{p.block, p.index + 1}, true
	}
	if p.block+1 < len(l.blocks) {
		return place{p.block + 1, 0}, true
	}
	return p, false
}

// reserve makes room for n structs of a client that has none.
func (l *runs) reserve(n int) {
	if len(l.blocks) > 0 || n == 0 {
		return
	}
	l.blocks = append(make([]runBlock, 0, 1+(n-1)/blockLen), runBlock{clocks: make([]uint32, 0, min(n, blockLen))})
}

func (l *runs) push(e entry) {
	n := len(l.blocks)
	if n == 0 || l.blocks[n-1].len() >= blockLen {
		var b runBlock
		if n > 0 {
			b.clocks = make([]uint32, 0, blockLen) // it has many, and more to come
		}
		l.blocks = append(l.blocks, b)
		n++
	}
	l.blocks[n-1].push(e)
}

// insertAfter puts e behind the entry at p and returns where it now is.
func (l *runs) insertAfter(p place, e entry) place {
	if l.blocks[p.block].len() >= blockLen {
		l.blocks = slices.Insert(l.blocks, p.block+1, l.blocks[p.block].split(blockLen/2))
		if p.index >= blockLen/2 {
			p = place{p.block + 1, p.index - blockLen/2}
		}
	}
	p.index++
	l.blocks[p.block].insert(p.index, e)
	return p
}

// startAt lets the struct at p begin at another clock.
func (l *runs) startAt(p place, clock uint32) { l.blocks[p.block].clocks[p.index] = clock }

// remove takes out the entry at p, which is not the first of all.
func (l *runs) remove(p place) {
	if b := &l.blocks[p.block]; b.len() > 1 {
		b.remove(p.index)
		return
	}
	l.blocks = slices.Delete(l.blocks, p.block, p.block+1)
}
