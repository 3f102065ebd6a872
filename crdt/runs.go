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
	blocks               [][]entry
	nearBlock, nearIndex int32 // what was found last
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
// past the end. What is asked for is often the last struct, or near what was
// asked for before.
func (l *runs) find(clock uint32) place {
	last := len(l.blocks) - 1
	b := l.blocks[last]
	if b[len(b)-1].clock <= clock {
		return place{last, len(b) - 1}
	}
	at := l.blockOf(clock)
	b = l.blocks[at]
	i := 0
	if near := int(l.nearIndex); at == int(l.nearBlock) && near < len(b) && b[near].clock <= clock {
		for i = near; i < near+4 && i+1 < len(b) && b[i+1].clock <= clock; {
			i++
		}
	}
	if i == 0 || i+1 < len(b) && b[i+1].clock <= clock {
		i = 0
		for n := len(b); n > 1; { // without a branch to guess wrong
			half := n >> 1
			if b[i+half].clock <= clock {
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
	begins := func(i int) bool { return l.blocks[i][0].clock <= clock }
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

// reserve makes room for n structs of a client that has none.
func (l *runs) reserve(n int) {
	if len(l.blocks) > 0 || n == 0 {
		return
	}
	l.blocks = append(make([][]entry, 0, 1+(n-1)/blockLen), make([]entry, 0, min(n, blockLen)))
}

func (l *runs) push(e entry) {
	n := len(l.blocks)
	if n == 0 || len(l.blocks[n-1]) >= blockLen {
		var b []entry
		if n > 0 {
			b = make([]entry, 0, blockLen) // it has many, and more to come
		}
		l.blocks = append(l.blocks, b)
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
