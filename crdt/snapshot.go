package crdt

import (
	"fmt"
	"slices"
)

// Snapshot is a moment in the history of a document: how far each client was
// known, and what of that was deleted (Yjs: Snapshot). It is a value of its
// own: it holds no content, stays as it is while the document goes on, and may
// be used with any document that has the same history. The zero value is the
// snapshot of an empty document.
//
// A document that keeps what is deleted (Options.KeepDeleted) can show what it
// was at a snapshot: see Text.DeltaAt, Text.DeltaBetween, Array.SliceAt,
// Map.GetAt and Doc.Restore. In one that collects, deleted content is missing.
type Snapshot struct {
	vector  []clientClock   // the highest client id first, each once
	deletes []clientDeletes // likewise
}

// clientClock says how far a client was known.
type clientClock struct {
	client uint64
	clock  uint32
}

// clientDeletes are the deleted ranges of a client, in order; they may touch
// but do not overlap.
type clientDeletes struct {
	client uint64
	ranges []clockRange
}

// clockRange is a run of operations of a client that is named elsewhere.
type clockRange struct{ clock, len uint32 }

func (r clockRange) end() uint32 { return r.clock + r.len }

// Snapshot returns the snapshot of the document as it is now (Yjs: snapshot).
// What waits for missing operations is not part of it. The cost is O(n).
func (d *Doc) Snapshot() Snapshot {
	var s Snapshot
	for _, c := range d.byID() {
		s.vector = append(s.vector, clientClock{d.clients[c].id, d.clients[c].next})
	}
	var all []IDRange
	for _, r := range d.deleteSet() {
		all = append(all, IDRange{d.clients[r.client].id, uint64(r.clock), uint64(r.len)})
	}
	s.deletes = groupDeletes(all)
	return s
}

// NewSnapshot returns the snapshot of an encoded state vector and a set of
// deleted ranges, which may come in any order and overlap (Yjs:
// createSnapshot). The error is an *UpdateError for a malformed state vector;
// clocks and lengths beyond 2^32-1 are refused too.
func NewSnapshot(stateVector []byte, deleted []IDRange) (Snapshot, error) {
	var s Snapshot
	if len(stateVector) > 0 {
		var err error
		if s.vector, err = decodeWholeVector(stateVector); err != nil {
			return Snapshot{}, err
		}
	}
	for _, r := range deleted {
		if r.Clock > maxClock || r.Len > maxClock-r.Clock {
			return Snapshot{}, fmt.Errorf("crdt: deleted range of client %d reaches beyond clock 2^32-1", r.Client)
		}
	}
	s.deletes = groupDeletes(deleted)
	for i := range s.deletes {
		s.deletes[i].ranges = joinClocks(s.deletes[i].ranges)
	}
	return s, nil
}

// groupDeletes groups ranges by client, the highest id first. The ranges of a
// client stay in the order in which they come, unless they go backwards or
// overlap: then they are sorted and joined.
func groupDeletes(all []IDRange) []clientDeletes {
	var out []clientDeletes
	at := map[uint64]int{}
	for _, r := range all {
		if r.Len == 0 {
			continue
		}
		i, ok := at[r.Client]
		if !ok {
			i = len(out)
			at[r.Client] = i
			out = append(out, clientDeletes{client: r.Client})
		}
		out[i].ranges = append(out[i].ranges, clockRange{uint32(r.Clock), uint32(r.Len)})
	}
	for i, g := range out {
		for j := 1; j < len(g.ranges); j++ {
			if g.ranges[j].clock < g.ranges[j-1].end() {
				out[i].ranges = joinClocks(g.ranges)
				break
			}
		}
	}
	slices.SortFunc(out, func(a, b clientDeletes) int { return descending(a.client, b.client) })
	return out
}

func descending(a, b uint64) int {
	switch {
	case a > b:
		return -1
	case a < b:
		return 1
	}
	return 0
}

// joinClocks sorts ranges of one client and joins those that touch, in place.
func joinClocks(rs []clockRange) []clockRange {
	slices.SortFunc(rs, func(a, b clockRange) int { return descending(uint64(b.clock), uint64(a.clock)) })
	out := rs[:0]
	for _, r := range rs {
		if n := len(out); n > 0 && r.clock <= out[n-1].end() {
			out[n-1].len = max(out[n-1].end(), r.end()) - out[n-1].clock
		} else {
			out = append(out, r)
		}
	}
	return out
}

// Equal reports whether two snapshots are of the same moment (Yjs:
// equalSnapshots).
func (s Snapshot) Equal(o Snapshot) bool {
	return slices.Equal(s.vector, o.vector) && slices.EqualFunc(s.deletes, o.deletes, func(a, b clientDeletes) bool {
		return a.client == b.client && slices.Equal(a.ranges, b.ranges)
	})
}

// StateVector returns the snapshot's state vector, encoded as
// Doc.EncodeStateVector does. The slice is the caller's.
func (s Snapshot) StateVector() []byte { return appendVector(nil, s.vector) }

// Deleted returns the ranges that were deleted, the highest client id first and
// those of a client in order. The slice is the caller's.
func (s Snapshot) Deleted() []IDRange {
	var out []IDRange
	for _, g := range s.deletes {
		for _, r := range g.ranges {
			out = append(out, IDRange{g.client, uint64(r.clock), uint64(r.len)})
		}
	}
	return out
}

// ContainsUpdate reports whether a document at the snapshot knew all of a V1
// update: every operation and every deletion (Yjs: snapshotContainsUpdate). The
// error wraps an *UpdateError. The cost is that of decoding the update.
func (s Snapshot) ContainsUpdate(update []byte) (bool, error) { return s.containsUpdate(v1, update) }

// ContainsUpdateV2 is ContainsUpdate for a V2 update.
func (s Snapshot) ContainsUpdateV2(update []byte) (bool, error) { return s.containsUpdate(v2, update) }

func (s Snapshot) containsUpdate(f format, update []byte) (bool, error) {
	known := make(map[uint64]uint32, len(s.vector))
	for _, c := range s.vector {
		known[c.client] = c.clock
	}
	news := false
	deletes, err := readWhole(f, update, func(p *part) { news = news || known[p.client] < p.end() })
	if err != nil {
		return false, fmt.Errorf("reading an update to look for in a snapshot: %w", err)
	}
	if news {
		return false, nil
	}
	more := map[uint64][]clockRange{}
	for _, r := range deletes {
		more[r.client] = append(more[r.client], clockRange{r.clock, r.len})
	}
	for _, g := range s.deletes {
		both := joinClocks(append(slices.Clone(g.ranges), more[g.client]...))
		if !slices.Equal(both, g.ranges) {
			return false, nil
		}
		delete(more, g.client)
	}
	return len(more) == 0, nil
}
