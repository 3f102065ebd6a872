package crdt

import (
	"cmp"
	"iter"
	"slices"
	"sort"
)

// StackEvent says what became of a step.
type StackEvent struct {
	Item *StackItem
	Redo bool // it is a step to redo, or was redone; else to undo, or undone
	Tx   *Tx  // the transaction that made it, or took it back
}

type (
	stackListener struct{ f func(StackEvent) }
	clearListener struct{ f func(undo, redo bool) }
)

func tell(list []*stackListener, e StackEvent) {
	for _, l := range list {
		l.f(e)
	}
}

// OnAdded calls f for every new step until cancel is called: the place to put a
// cursor into StackItem.Meta (Yjs: stack-item-added).
func (u *UndoManager) OnAdded(f func(StackEvent)) (cancel func()) {
	return addTo(&u.added, &stackListener{f})
}

// OnUpdated calls f when an edit becomes part of the step before it (Yjs:
// stack-item-updated).
func (u *UndoManager) OnUpdated(f func(StackEvent)) (cancel func()) {
	return addTo(&u.updated, &stackListener{f})
}

// OnPopped calls f when a step was undone or redone (Yjs: stack-item-popped).
func (u *UndoManager) OnPopped(f func(StackEvent)) (cancel func()) {
	return addTo(&u.popped, &stackListener{f})
}

// OnCleared calls f when steps are forgotten (Yjs: stack-cleared).
func (u *UndoManager) OnCleared(f func(undo, redo bool)) (cancel func()) {
	return addTo(&u.cleared, &clearListener{f})
}

// idSet is a set of operations that remembers in which order clients came into
// it. The order decides in which order Yjs brings back what was deleted.
type idSet struct {
	ranges []idRange // sorted and joined
	order  []uint32  // clients
}

func (s idSet) has(client, clock uint32) bool { return inRanges(s.ranges, client, clock) }

// each yields the ranges client by client.
func (s idSet) each() iter.Seq[idRange] {
	return func(yield func(idRange) bool) {
		for _, c := range s.order {
			i, _ := slices.BinarySearchFunc(s.ranges, c, func(r idRange, c uint32) int { return cmp.Compare(r.client, c) })
			for ; i < len(s.ranges) && s.ranges[i].client == c; i++ {
				if !yield(s.ranges[i]) {
					return
				}
			}
		}
	}
}

// unite adds another set to s. Adding few ranges to many costs the few, but for
// moving what lies behind them.
func (s *idSet) unite(o idSet) {
	if len(o.ranges) > fewRanges {
		s.ranges = joinRanges(slices.Concat(s.ranges, o.ranges))
	} else {
		for _, r := range o.ranges {
			s.ranges = addRange(s.ranges, r)
		}
	}
	if len(o.order) == 0 {
		return
	}
	known := map[uint32]bool{}
	for _, c := range s.order {
		known[c] = true
	}
	for _, c := range o.order {
		if !known[c] {
			s.order = append(s.order, c)
		}
	}
}

const fewRanges = 8

// addRange adds a range to sorted and joined ones.
func addRange(rs []idRange, r idRange) []idRange {
	i := sort.Search(len(rs), func(i int) bool {
		o := rs[i]
		return o.client > r.client || o.client == r.client && o.end() >= r.clock
	})
	j, from, to := i, r.clock, r.end()
	for j < len(rs) && rs[j].client == r.client && rs[j].clock <= to {
		from, to = min(from, rs[j].clock), max(to, rs[j].end())
		j++
	}
	return slices.Replace(rs, i, j, idRange{r.client, from, to - from})
}

func (s idSet) export(d *Doc) []IDRange {
	var out []IDRange
	for r := range s.each() {
		out = append(out, IDRange{d.clients[r.client].id, uint64(r.clock), uint64(r.len)})
	}
	return out
}

// insertedSet returns what the transaction added, clients in the order in which
// the document came to know them.
func (tx *Tx) insertedSet() idSet {
	var s idSet
	for _, t := range tx.touched {
		s.ranges = append(s.ranges, idRange{t.client, t.before, t.after - t.before})
		s.order = append(s.order, t.client)
	}
	slices.SortFunc(s.order, func(a, b uint32) int {
		return cmp.Compare(tx.d.clients[a].arrival, tx.d.clients[b].arrival)
	})
	s.ranges = joinRanges(s.ranges)
	return s
}

// deletedSet returns what the transaction deleted, clients in the order in
// which it came to them.
func (tx *Tx) deletedSet() idSet { return idSet{slices.Clone(tx.deletes), slices.Clone(tx.deletedOf)} }

// clientsOf returns the clients of deletes, and of what came deleted between
// them, in the order in which they occur.
func clientsOf(deletes []idRange, arrivals []arrival) []uint32 {
	const few = 8
	var order []uint32
	var known map[uint32]bool
	add := func(c uint32) {
		switch n := len(order); {
		case n > 0 && order[n-1] == c, known == nil && slices.Contains(order, c), known[c]:
			return
		case n == few:
			known = map[uint32]bool{}
			for _, c := range order {
				known[c] = true
			}
		}
		order = append(order, c)
		if known != nil {
			known[c] = true
		}
	}
	for i, r := range deletes {
		for ; len(arrivals) > 0 && int(arrivals[0].after) <= i; arrivals = arrivals[1:] {
			add(arrivals[0].client)
		}
		add(r.client)
	}
	for _, a := range arrivals {
		add(a.client)
	}
	return order
}
