package crdt

import (
	"cmp"
	"iter"
	"slices"
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

func (s idSet) union(o idSet) idSet {
	out := idSet{joinRanges(slices.Concat(s.ranges, o.ranges)), slices.Clone(s.order)}
	for _, c := range o.order {
		if !slices.Contains(out.order, c) {
			out.order = append(out.order, c)
		}
	}
	return out
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

// clientsOf returns the clients of ranges in the order in which they occur.
func clientsOf(rs []idRange) []uint32 {
	var order []uint32
	for _, r := range rs {
		if n := len(order); n > 0 && order[n-1] == r.client || slices.Contains(order, r.client) {
			continue
		}
		order = append(order, r.client)
	}
	return order
}
