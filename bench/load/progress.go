package load

import "math/bits"

// A progress is how much of one author's ops a replica has: all below next, and some of those behind it, as when news
// comes before what was missed while offline.
type progress struct {
	next  int
	clock uint32 // all clocks below it have come
	ahead *ahead // nil when nothing ever was
}

// has reports whether an op has come.
func (p *progress) has(k int) bool { return k < p.next || p.ahead != nil && p.ahead.has(k) }

// take says that an op of the script has come that had not. It moves next and clock over all that is there now.
func (p *progress) take(k int, s *Script) {
	if k > p.next {
		if p.ahead == nil {
			p.ahead = new(ahead)
		}
		p.ahead.add(k, p.next)
	} else {
		p.next++
		for p.ahead != nil && p.ahead.has(p.next) {
			p.next++
		}
	}
	o := &s.ops[k]
	if o.deleted == none && o.from <= p.clock {
		p.clock = o.to
		for p.ahead != nil {
			if k = s.inserting(p.clock); k == len(s.ops) || !p.has(k) {
				break
			}
			p.clock = s.ops[k].to
		}
	}
	if p.ahead != nil {
		p.ahead.forget(p.next)
	}
}

// An ahead is the set of ops that came before it was their turn.
type ahead struct {
	base int // what the first bit stands for
	bits []uint64
}

func (a *ahead) has(k int) bool {
	i := k - a.base
	return i >= 0 && i/64 < len(a.bits) && a.bits[i/64]&(1<<(i%64)) != 0
}

// add adds an op; below next there is none to add.
func (a *ahead) add(k, next int) {
	if len(a.bits) == 0 {
		a.base = next
	}
	i := k - a.base
	for i/64 >= len(a.bits) {
		a.bits = append(a.bits, 0)
	}
	a.bits[i/64] |= 1 << (i % 64)
}

// forget empties the set if there is nothing in it from next on.
func (a *ahead) forget(next int) {
	if n := len(a.bits); n > 0 && next >= a.base+64*n-bits.LeadingZeros64(a.bits[n-1]) {
		a.bits = a.bits[:0]
	}
}
