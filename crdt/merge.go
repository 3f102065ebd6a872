package crdt

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
)

// MergeUpdates makes one V1 update of several, without a document (Yjs:
// mergeUpdates): what they have in common once, gaps between the structs of a
// client as Skip structs. One update is returned as it is, the caller's own
// slice, unread. The error wraps an *UpdateError and names the update.
//
// The updates are read twice, first to check them; of a large one most is copied
// then. The cost is linear in their bytes while they come one after the other,
// O(n log m) for n structs in m updates that overlap; the memory is that of the
// result, some ten bytes for each update, and a quarter of large ones of many
// clients.
func MergeUpdates(updates ...[]byte) ([]byte, error) { return mergeUpdates(v1, updates) }

// MergeUpdatesV2 is MergeUpdates for V2 updates.
func MergeUpdatesV2(updates ...[]byte) ([]byte, error) { return mergeUpdates(v2, updates) }

func mergeUpdates(f format, updates [][]byte) ([]byte, error) {
	return (&merger{format: f, updates: updates, copyFrom: copyFrom, longSpan: longSpan}).merge()
}

func (m *merger) merge() ([]byte, error) {
	if len(m.updates) == 1 {
		return m.updates[0], nil
	}
	for i := range m.updates {
		if err := m.add(i); err != nil {
			return nil, fmt.Errorf("merging update %d of %d: %w", i+1, len(m.updates), refused(err))
		}
	}
	if !slices.IsSortedFunc(m.starts, start.compare) {
		slices.SortFunc(m.starts, start.compare)
	}
	if err := m.run(); err != nil {
		return nil, fmt.Errorf("merging updates: %w", refused(err))
	}
	return m.w.finish(joinWireRanges(m.deletes)), nil
}

// merger merges the structs of several updates, the highest client first and by
// clock within a client.
type merger struct {
	format  format
	updates [][]byte
	ordered map[int][]byte // V1, of those whose clients do not descend
	spans   map[int][]span // of large updates

	copyFrom, longSpan int // as the constants say

	starts  []start // updates not begun, in the order of their first structs
	begun   turns
	free    []*turn
	deletes []wireRange
	joinAt  int // join the deletes when there are so many

	w       writer
	written bool   // there is a struct written last, and it
	client  uint64 // is of this client,
	end     uint32 // ends here
	kind    kind   // and is of this kind
}

// start is where the structs of an update begin.
type start struct {
	client uint64
	clock  uint32
	update int32
}

func (a start) compare(b start) int {
	return cmp.Or(cmp.Compare(b.client, a.client), cmp.Compare(a.clock, b.clock), cmp.Compare(a.update, b.update))
}

// add checks an update and notes where it begins, and what it deletes.
func (m *merger) add(i int) error {
	r := m.reader()
	defer m.release(r)
	if err := r.open(m.format, m.updates[i]); err != nil {
		return err
	}
	first := start{update: int32(i)}
	any := false
	var spans []span
	large := m.format == v1 && len(m.updates[i]) >= m.copyFrom
	for {
		more, err := r.nextStruct()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if !any {
			first.client, first.clock, any = r.part.client, r.part.clock, true
		}
		if large {
			spans = r.span(spans, m.longSpan)
		}
	}
	if err := r.deletes(func(d wireRange) { m.deletes = append(m.deletes, d) }); err != nil {
		return err
	}
	if len(m.deletes) > m.joinAt {
		m.deletes = joinWireRanges(m.deletes)
		m.joinAt = max(1<<12, 2*len(m.deletes))
	}
	if any && !r.descending() {
		var err error
		if first, err = m.putInOrder(first, r); err != nil {
			return err
		}
	} else if large {
		if m.spans == nil {
			m.spans = map[int][]span{}
		}
		m.spans[i] = spans
	}
	if any {
		m.starts = append(m.starts, first)
	}
	return nil
}

// putInOrder rewrites an update whose clients do not descend. Yjs never wrote
// one since it merges; where it is given one its result names a client twice.
func (m *merger) putInOrder(first start, r *turn) (start, error) {
	w := v1.writer(m.format, len(m.updates[first.update]))
	if err := readUpdate(m.format, m.updates[first.update], w.write, unread); err != nil {
		return first, err
	}
	if m.ordered == nil {
		m.ordered = map[int][]byte{}
	}
	ordered := w.finishOrdered()
	m.ordered[int(first.update)] = ordered
	if err := r.open(v1, ordered); err != nil {
		return first, err
	}
	_, err := r.nextStruct()
	first.client, first.clock = r.part.client, r.part.clock
	return first, err
}

// reader returns a reader of an update, used before if there is one.
func (m *merger) reader() *turn {
	if n := len(m.free); n > 0 {
		r := m.free[n-1]
		m.free = m.free[:n-1]
		return r
	}
	return &turn{reader: reader{keepRaw: m.format == v1}}
}

func (m *merger) release(r *turn) { m.free = append(m.free, r) }

// run takes structs from the update that is first in order for as long as they
// follow one another, as Yjs does: where updates overlap, this decides which
// one's structs are cut. Of updates that are at the same struct, the one read
// last goes first: Yjs sorts them anew each time, and its sort is stable.
func (m *merger) run() error {
	largest, all := 0, 0
	for _, u := range m.updates {
		largest, all = max(largest, len(u)), all+len(u)
	}
	m.w = m.format.writer(m.format, min(all, 2*largest)) // where they say the same, all would be too much
	for number := 1; ; number++ {
		r, err := m.first()
		if r == nil || err != nil {
			return err
		}
		more, err := m.take(r)
		if err != nil {
			return err
		}
		if more {
			r.number = number
			heap.Push(&m.begun, r)
		} else {
			m.release(r)
		}
	}
}

// first returns the update whose next struct is first in order, nil if no
// update has any left.
func (m *merger) first() (*turn, error) {
	if len(m.begun) > 0 && (len(m.starts) == 0 || !m.starts[0].isBefore(&m.begun[0].part)) {
		return heap.Pop(&m.begun).(*turn), nil
	}
	if len(m.starts) == 0 {
		return nil, nil
	}
	i := int(m.starts[0].update)
	m.starts = m.starts[1:]
	r := m.reader()
	f, update := m.format, m.updates[i]
	if ordered, ok := m.ordered[i]; ok {
		f, update = v1, ordered
	}
	if err := r.open(f, update); err != nil {
		return nil, err
	}
	r.spans = m.spans[i]
	_, err := r.nextStruct()
	return r, err
}

func (a start) isBefore(p *part) bool {
	return a.client > p.client || a.client == p.client && a.clock < p.clock
}

// take writes what the update has next: its struct, or what of it is not
// written yet, and those that follow it without a gap. more reports whether it
// has any left.
func (m *merger) take(r *turn) (more bool, err error) {
	p, client := &r.part, r.part.client
	passed := false
	for m.has(p) {
		if more, err = r.nextStruct(); !more || err != nil {
			return false, err
		}
		passed = true
	}
	same := m.written && p.client == m.client
	switch {
	case p.client != client || passed && p.clock > m.end:
		return true, nil // another update may come first
	case same && p.clock > m.end:
		m.write(&part{client: client, clock: m.end, len: p.clock - m.end, kind: kindSkip})
	case same && m.kind == kindGC && p.kind == kindGC:
		// The run that was written grows, and in Yjs the update does not move on.
		m.w.growGC(p.end() - m.end)
		m.end = p.end()
		return true, nil
	case same:
		p.cut(m.end-p.clock, true)
	}
	if !same {
		m.write(p)
		if more, err = r.nextStruct(); !more || err != nil {
			return false, err
		}
	}
	for p.client == client && p.clock == m.end {
		if s := r.spanAhead(); s != nil {
			m.copy(r, s)
		} else {
			m.write(p)
		}
		if more, err = r.nextStruct(); !more || err != nil {
			return false, err
		}
	}
	return true, nil
}

// has reports whether all of a part is written already.
func (m *merger) has(p *part) bool {
	return m.written && p.client == m.client && p.end() <= m.end
}

func (m *merger) write(p *part) {
	m.client, m.end, m.kind, m.written = p.client, p.end(), p.kind, true
	if p.kind == kindGC {
		m.w.writeGC(p)
	} else {
		m.w.write(p)
	}
}

// copy writes the structs from the one at hand to the end of a span.
func (m *merger) copy(r *turn, s *span) {
	p := &r.part
	at := r.src.Offset()
	m.w.copy(p.client, p.clock, r.in[at-len(p.raw):s.to], r.left+1)
	m.end, m.kind = s.end, kindString
	r.src.Advance(s.to - at)
	p.clock, p.len, r.left = s.end, 0, 0
}

// turn is an update that is being read, and the number of its last turn.
type turn struct {
	reader
	number int
	spans  []span // to come, of a large update
}

// span is the structs of a client in an update, but for the first, as they were found when it was
// checked. Nobody has to read them again to write them.
type span struct {
	client   uint64
	end      uint32 // clock behind the last
	from, to int    // offsets
	left     int    // gaps behind the last
	plain    bool   // Yjs would write them so, and there is no gap between them

	collected bool // the last is a collected run, which may have to grow
}

// How many bytes make an update large, because of smaller ones there may be hundreds of thousands; and how many a span,
// so that what is kept in mind of an update of many clients is less than it.
const (
	copyFrom = 4096
	longSpan = 256
)

// span adds the struct at hand to the spans so far, of which the last may yet be too short.
func (r *turn) span(spans []span, bytes int) []span {
	p, at, n := &r.part, r.src.Offset(), len(spans)
	if n == 0 || spans[n-1].client != p.client {
		if n > 0 && spans[n-1].to-spans[n-1].from < bytes {
			spans = spans[:n-1]
		}
		return append(spans, span{client: p.client, end: p.end(), from: at, to: at, left: r.left, plain: true})
	}
	s := &spans[n-1]
	s.plain = s.plain && p.raw != nil && p.clock == s.end
	s.collected = p.kind == kindGC
	s.end, s.to, s.left = p.end(), at, r.left
	return spans
}

// spanAhead returns the span in which the struct at hand is, if all from there to its end can be copied.
func (r *turn) spanAhead() *span {
	p, at := &r.part, r.src.Offset()
	for len(r.spans) > 0 && r.spans[0].client > p.client {
		r.spans = r.spans[1:]
	}
	if len(r.spans) == 0 || p.raw == nil {
		return nil
	}
	if s := &r.spans[0]; s.client == p.client && at > s.from && s.plain && s.left == 0 && !s.collected {
		return s
	}
	return nil
}

// turns is a heap of updates by their next struct.
type turns []*turn

func (t turns) Len() int { return len(t) }

func (t turns) Less(i, j int) bool {
	a, b := &t[i].part, &t[j].part
	if a.client != b.client {
		return a.client > b.client
	}
	if a.clock != b.clock {
		return a.clock < b.clock
	}
	return t[i].number > t[j].number
}

func (t turns) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *turns) Push(x any)   { *t = append(*t, x.(*turn)) }
func (t *turns) Pop() any {
	last := len(*t) - 1
	r := (*t)[last]
	*t = (*t)[:last]
	return r
}
