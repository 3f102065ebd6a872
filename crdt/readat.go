package crdt

import "iter"

// allAt calls f for every element that the list had at a snapshot, in order.
// Elements of one run count by themselves (Yjs: typeListToArraySnapshot, which
// takes a run by its first element until something has cut it).
func (l list) allAt(s Snapshot, f func(v any) bool) {
	m := l.d.moment(s)
	for r := l.b.first; r != 0; {
		it := l.d.item(r)
		next := it.right
		more := !it.countable() || eachPiece(it, []moment{m}, func(p *item) bool {
			if !m.shows(p.client(), p.clock) {
				return true
			}
			for i := range p.len {
				if !f(l.d.contentAt(p, i)) {
					return false
				}
			}
			return true
		})
		if !more {
			return
		}
		r = next
	}
}

// SliceAt returns the elements that the array had at a snapshot, in order. What
// was deleted since and collected is missing. A shared type among them may be
// deleted now; it can be read at the snapshot all the same. The cost is O(n), n
// with all that was ever deleted.
func (a *Array) SliceAt(s Snapshot) []any {
	out := []any{}
	a.allAt(s, func(v any) bool { out = append(out, v); return true })
	return out
}

// ChildrenAt yields the children that the node had at a snapshot, in order. See
// Array.SliceAt.
func (l xmlList) ChildrenAt(s Snapshot) iter.Seq[any] {
	return func(yield func(any) bool) { l.allAt(s, yield) }
}

// itemAt returns the item that held the value of a key at a moment, and which
// of its elements it was; nil if there was no value (Yjs: typeMapGetSnapshot).
func (d *Doc) itemAt(current ref, m moment) (*item, uint32) {
	for r := current; r != 0; {
		it := d.item(r)
		if known := m.of(it.client()).clock; it.clock < known {
			last := min(it.end(), known) - 1
			if !m.shows(it.client(), last) || !it.countable() {
				return nil, 0
			}
			return it, last - it.clock
		}
		r = it.left
	}
	return nil, 0
}

// valueAt returns the value of a key at a snapshot and whether it was set.
func (s shared) valueAt(key string, at Snapshot) (any, bool) {
	k, ok := s.d.keyNumbers[string(wtf8(key))]
	if !ok {
		return nil, false
	}
	it, i := s.d.itemAt(s.b.get(k), s.d.moment(at))
	if it == nil {
		return nil, false
	}
	return s.d.contentAt(it, i), true
}

// valuesAt returns the values of all keys at a snapshot.
func (s shared) valuesAt(at Snapshot) map[string]any {
	m := s.d.moment(at)
	out := map[string]any{}
	for _, k := range s.b.keys {
		if it, i := s.d.itemAt(k.item, m); it != nil {
			out[s.d.keyNames[k.key]] = s.d.contentAt(it, i)
		}
	}
	return out
}

// GetAt returns the value that a key had at a snapshot, or a shared type, and
// whether it was set and is not collected (Yjs: typeMapGetSnapshot). The cost is
// in proportion to how often the key was set since, and to the ranges of the
// snapshot.
func (m *Map) GetAt(key string, s Snapshot) (any, bool) { return m.valueAt(key, s) }

// EntriesAt returns the values of all keys at a snapshot (Yjs:
// typeMapGetAllSnapshot). The map is the caller's.
func (m *Map) EntriesAt(s Snapshot) map[string]any { return m.valuesAt(s) }

// AttributeAt returns the value that an attribute had at a snapshot and whether
// it was set.
func (a attributes) AttributeAt(name string, s Snapshot) (any, bool) { return a.of.valueAt(name, s) }

// AttributesAt returns all attributes at a snapshot (Yjs:
// YXmlElement.getAttributes(snapshot)). The map is the caller's.
func (a attributes) AttributesAt(s Snapshot) map[string]any { return a.of.valuesAt(s) }
