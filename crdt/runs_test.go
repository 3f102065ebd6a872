package crdt

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRuns compares a client's list with a plain slice through changes of every kind, in lists that were loaded, which
// store no handles, and in others.
func TestRuns(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 0))
		var list runs
		var want []entry
		clock, handle := uint32(0), ref(1+random.Uint32N(9))
		push := func() {
			e := entry{clock, handle}
			list.push(e)
			want = append(want, e)
			clock += 2 + random.Uint32N(5)
			if handle++; seed%3 == 2 && random.IntN(50) == 0 {
				handle += 7
			}
		}
		loaded := []int{1, 5, blockLen, 3*blockLen + 7}[seed%4]
		if seed%2 == 0 {
			list.reserve(loaded)
		}
		for range loaded {
			push()
		}
		stored := func() (n int) {
			for i := range list.blocks {
				n += len(list.blocks[i].refs)
			}
			return n
		}
		if seed%3 != 2 && stored() != 0 {
			t.Fatalf("seed %d: %d handles of a loaded list are stored", seed, stored())
		}
		for step := range 3000 {
			at := random.IntN(len(want))
			if random.IntN(4) == 0 { // what begins a block
				at = 0
				for i := range list.blocks[:random.IntN(len(list.blocks))] {
					at += list.blocks[i].len()
				}
			}
			end := clock
			if at+1 < len(want) {
				end = want[at+1].clock
			}
			p := list.find(want[at].clock + random.Uint32N(end-want[at].clock))
			if got := list.at(p); got != want[at] {
				t.Fatalf("seed %d, step %d: found %v at %d, want %v", seed, step, got, at, want[at])
			}
			switch kind := random.IntN(10); {
			case kind < 2:
				push()
			case kind < 6:
				e := entry{want[at].clock + 1, handle}
				if e.clock == end {
					continue // no room for another
				}
				handle++
				if got := list.at(list.insertAfter(p, e)); got != e {
					t.Fatalf("seed %d, step %d: inserted %v and found %v", seed, step, e, got)
				}
				want = slices.Insert(want, at+1, e)
			case kind < 9 && at > 0:
				list.remove(p)
				want = slices.Delete(want, at, at+1)
			case at > 0 && want[at].clock > want[at-1].clock+1:
				want[at].clock--
				list.startAt(p, want[at].clock)
			}
			if step%100 != 0 && step != 2999 {
				continue
			}
			p, i := place{}, 0
			for ok := true; ok; p, ok = list.next(p) {
				if list.at(p) != want[i] || list.blocks[p.block].len() > blockLen {
					t.Fatalf("seed %d, step %d: %v at %d, want %v", seed, step, list.at(p), i, want[i])
				}
				i++
			}
			if p = list.last(); i != len(want) || list.at(p) != want[i-1] {
				t.Fatalf("seed %d, step %d: %d entries of %d, the last is %v", seed, step, i, len(want), list.at(p))
			}
			for ok := true; ok; p, ok = list.prev(p) {
				if i--; list.at(p) != want[i] {
					t.Fatalf("seed %d, step %d, backwards: %v at %d, want %v", seed, step, list.at(p), i, want[i])
				}
			}
		}
	}
}
