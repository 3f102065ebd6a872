package crdt

import (
	"container/heap"
	"fmt"
	"slices"

	"github.com/weftsync/weft/crdt/lib0"
)

// detached decodes an update without applying it to anything.
func (f format) detached(update []byte) (*Doc, *decoded, error) {
	d := New(Options{ClientID: 1})
	u := new(decoded)
	err := d.decodeUpdate(u, f, update)
	return d, u, err
}

// MergeUpdates makes one V1 update of several, without a document (Yjs:
// mergeUpdates): what they have in common once, gaps between the structs of a
// client as Skip structs. One update is returned as it is. The cost is
// O(n log m) for n structs in m updates. The error wraps an *UpdateError and
// names the update.
func MergeUpdates(updates ...[]byte) ([]byte, error) { return mergeUpdates(v1, updates) }

// MergeUpdatesV2 is MergeUpdates for V2 updates.
func MergeUpdatesV2(updates ...[]byte) ([]byte, error) { return mergeUpdates(v2, updates) }

func mergeUpdates(f format, updates [][]byte) ([]byte, error) {
	if len(updates) == 1 {
		return updates[0], nil
	}
	d := New(Options{ClientID: 1})
	m := merger{d: d, runs: make([][]ref, 0, 8)}
	var deletes []idRange
	for i, update := range updates {
		var u decoded
		if err := d.decodeUpdate(&u, f, update); err != nil {
			return nil, fmt.Errorf("merging update %d of %d: %w", i+1, len(updates), err)
		}
		deletes = append(deletes, u.deletes...)
		if r := (&reader{d: d, blocks: u.blocks, order: -i}); r.settle() {
			m.readers = append(m.readers, r)
		}
	}
	heap.Init(&m)
	m.run()
	s := f.sink(nil)
	s.uint(uint64(len(m.runs)))
	for _, run := range m.runs {
		first := d.item(run[0])
		d.writeDetached(&s, first.client(), run, first.clock, 0)
	}
	d.writeDeleteSet(&s, joinRanges(deletes))
	return s.finish(), nil
}

// reader gives the structs of one update in their order.
type reader struct {
	d      *Doc
	blocks []block
	order  int // tie-break: the greater first, see merger.run
}

// settle moves to the next block that has structs left, if the present one has
// not, and reports whether there is one.
func (r *reader) settle() bool {
	for len(r.blocks) > 0 && r.blocks[0].done() {
		r.blocks = r.blocks[1:]
	}
	return len(r.blocks) > 0
}

func (r *reader) peek() (*item, ref) {
	b := &r.blocks[0]
	return r.d.item(b.refs[b.next]), b.refs[b.next]
}

func (r *reader) advance() bool {
	r.blocks[0].next++
	return r.settle()
}

// merger merges the structs of several readers, the highest client first and
// by clock within a client. It is a heap of readers by their next struct.
type merger struct {
	d       *Doc
	readers []*reader
	out     []ref // of the client at hand, ordered by clock
	client  uint32
	runs    [][]ref // of the clients before it
}

func (m *merger) Len() int { return len(m.readers) }

func (m *merger) Less(i, j int) bool {
	a, _ := m.readers[i].peek()
	b, _ := m.readers[j].peek()
	if a.client() != b.client() {
		return m.d.clients[a.client()].id > m.d.clients[b.client()].id
	}
	if a.clock != b.clock {
		return a.clock < b.clock
	}
	return m.readers[i].order > m.readers[j].order
}

func (m *merger) Swap(i, j int) { m.readers[i], m.readers[j] = m.readers[j], m.readers[i] }
func (m *merger) Push(x any)    { m.readers = append(m.readers, x.(*reader)) }
func (m *merger) Pop() any {
	r := m.readers[len(m.readers)-1]
	m.readers = m.readers[:len(m.readers)-1]
	return r
}

// run takes structs from the reader that is first in order for as long as they
// follow one another, as Yjs does: where updates overlap, this decides which
// one's structs are cut. Of readers that are at the same struct, the one read
// last goes first: Yjs sorts them anew each time, and its sort is stable.
func (m *merger) run() {
	for turn := 1; len(m.readers) > 0; turn++ {
		r := m.readers[0]
		taken, more := m.take(r)
		for taken && more && m.follows(r) {
			_, ref := r.peek()
			m.out = append(m.out, ref)
			more = r.advance()
		}
		if more {
			r.order = turn
			heap.Fix(m, 0)
		} else {
			heap.Pop(m)
		}
	}
	m.flush()
}

// follows reports whether the reader's next struct begins where the last one
// taken ends.
func (m *merger) follows(r *reader) bool {
	it, _ := r.peek()
	return it.client() == m.client && it.clock == m.d.item(m.out[len(m.out)-1]).end()
}

// take takes the reader's next struct, leaving out what is there already: as it
// is, or cut at the front. A collected run that follows one of another update
// becomes part of it, and is then not taken.
func (m *merger) take(from *reader) (taken, more bool) {
	it, r := from.peek()
	if c := it.client(); c != m.client {
		m.flush()
		m.client = c
	}
	if n := len(m.out); n > 0 {
		last := m.d.item(m.out[n-1])
		passed := false
		for it.end() <= last.end() {
			if !from.advance() {
				return false, false
			}
			if it, r = from.peek(); it.client() != m.client {
				return false, true
			}
			passed = true
		}
		if passed && it.clock > last.end() {
			return false, true
		}
		if it.clock < last.end() {
			m.d.slice(it, last.end()-it.clock)
		}
		if it.clock == last.end() && last.kind() == kindGC && it.kind() == kindGC {
			last.len += it.len
			return false, from.advance()
		}
	}
	m.out = append(m.out, r)
	return true, from.advance()
}

func (m *merger) flush() {
	if len(m.out) > 0 {
		m.runs = append(m.runs, m.out)
		m.out = nil
	}
}

// DiffUpdate returns what a replica with the given state vector lacks of a V1
// update, without a document (Yjs: diffUpdate). The whole delete set is part of
// it. The error wraps an *UpdateError.
func DiffUpdate(update, stateVector []byte) ([]byte, error) {
	return diffUpdate(v1, update, stateVector)
}

// DiffUpdateV2 is DiffUpdate for a V2 update.
func DiffUpdateV2(update, stateVector []byte) ([]byte, error) {
	return diffUpdate(v2, update, stateVector)
}

func diffUpdate(f format, update, stateVector []byte) ([]byte, error) {
	d, u, err := f.detached(update)
	if err != nil {
		return nil, fmt.Errorf("reading an update to compare: %w", err)
	}
	known, err := d.decodeStateVector(stateVector)
	if err != nil {
		return nil, err
	}
	news := u.blocks[:0]
	for _, b := range u.blocks {
		for len(b.refs) > 0 && d.item(b.refs[0]).end() <= known[b.client] {
			b.refs = b.refs[1:]
		}
		if len(b.refs) == 0 {
			continue
		}
		if it := d.item(b.refs[0]); it.clock < known[b.client] {
			d.slice(it, known[b.client]-it.clock)
		}
		news = append(news, b)
	}
	s := f.sink(nil)
	s.uint(uint64(len(news)))
	for _, b := range news {
		d.writeDetached(&s, b.client, b.refs, d.item(b.refs[0]).clock, b.end)
	}
	slices.SortStableFunc(u.deletes, func(a, b idRange) int { return int(a.client) - int(b.client) })
	d.writeDeleteSet(&s, u.deletes)
	return s.finish(), nil
}

// ConvertUpdateV1ToV2 returns a V1 update in the V2 format. The error wraps an
// *UpdateError.
func ConvertUpdateV1ToV2(update []byte) ([]byte, error) { return convertUpdate(v1, v2, update) }

// ConvertUpdateV2ToV1 returns a V2 update in the V1 format. The error wraps an
// *UpdateError.
func ConvertUpdateV2ToV1(update []byte) ([]byte, error) { return convertUpdate(v2, v1, update) }

func convertUpdate(from, to format, update []byte) ([]byte, error) {
	d, u, err := from.detached(update)
	if err != nil {
		return nil, fmt.Errorf("converting an update: %w", err)
	}
	blocks := slices.DeleteFunc(u.blocks, func(b block) bool { return b.start == b.end })
	s := to.sink(nil)
	s.uint(uint64(len(blocks)))
	for _, b := range blocks {
		d.writeDetached(&s, b.client, b.refs, b.start, b.end)
	}
	if to == v2 {
		u.deletes = joinRanges(u.deletes) // V2 cannot go backwards
	}
	slices.SortStableFunc(u.deletes, func(a, b idRange) int { return int(a.client) - int(b.client) })
	d.writeDeleteSet(&s, u.deletes)
	return s.finish(), nil
}

// StateVectorFromUpdate returns the state vector of a document to which only
// this V1 update was applied (Yjs: encodeStateVectorFromUpdate): of each client
// what the update holds from clock 0 to the first gap. The error wraps an
// *UpdateError.
func StateVectorFromUpdate(update []byte) ([]byte, error) {
	d, u, err := v1.detached(update)
	if err != nil {
		return nil, fmt.Errorf("reading an update for its state vector: %w", err)
	}
	n, buf := uint64(0), []byte(nil)
	for i := range u.blocks {
		end := uint32(0)
		for _, r := range u.blocks[i].refs {
			it := d.item(r)
			if it.clock != end {
				break
			}
			end = it.end()
		}
		if end > 0 {
			buf = lib0.AppendUint(lib0.AppendUint(buf, d.clients[u.blocks[i].client].id), uint64(end))
			n++
		}
	}
	return append(lib0.AppendUint(nil, n), buf...), nil
}
