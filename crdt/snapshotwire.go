package crdt

import (
	"slices"

	"github.com/weftsync/weft/crdt/lib0"
)

// Encode returns the snapshot in the V1 format (Yjs: encodeSnapshot). Equal
// snapshots have equal bytes.
func (s Snapshot) Encode() []byte { return s.encode(v1) }

// EncodeV2 returns the snapshot in the V2 format (Yjs: encodeSnapshotV2), in
// which a range says how far it lies behind the one before it.
func (s Snapshot) EncodeV2() []byte { return s.encode(v2) }

// encode writes the delete set, then the state vector. V2 has no columns here.
func (s Snapshot) encode(f format) []byte {
	out := f.sink(nil)
	s.writeDeletes(&out)
	return appendVector(out.b, s.vector)
}

func (s Snapshot) writeDeletes(out *sink) {
	out.uint(uint64(len(s.deletes)))
	for _, g := range s.deletes {
		out.beginDeletes()
		out.uint(g.client)
		out.uint(uint64(len(g.ranges)))
		for _, r := range g.ranges {
			out.deleteRange(idRange{clock: r.clock, len: r.len})
		}
	}
}

func appendVector(b []byte, vector []clientClock) []byte {
	b = lib0.AppendUint(b, uint64(len(vector)))
	for _, c := range vector {
		b = lib0.AppendUint(lib0.AppendUint(b, c.client), uint64(c.clock))
	}
	return b
}

// DecodeSnapshot reads a snapshot in the V1 format (Yjs: decodeSnapshot). The
// error is an *UpdateError. The snapshot keeps no reference to b; its memory is
// in proportion to the length of b.
func DecodeSnapshot(b []byte) (Snapshot, error) { return decodeSnapshot(v1, b) }

// DecodeSnapshotV2 reads a snapshot in the V2 format (Yjs: decodeSnapshotV2).
func DecodeSnapshotV2(b []byte) (Snapshot, error) { return decodeSnapshot(v2, b) }

func decodeSnapshot(f format, b []byte) (Snapshot, error) {
	src := source{Decoder: lib0.NewDecoder(b)}
	if f == v2 {
		src.v2 = new(columns)
	}
	all, err := src.snapshotDeletes()
	var vector []clientClock
	if err == nil {
		vector, err = src.vector()
	}
	if err == nil && src.Len() > 0 {
		err = src.Fail("trailing bytes after the snapshot")
	}
	if err != nil {
		return Snapshot{}, refused(err)
	}
	return Snapshot{vector: vector, deletes: groupDeletes(all)}, nil
}

// snapshotDeletes reads a delete set. Clients without ranges are left out.
func (s *source) snapshotDeletes() ([]IDRange, error) {
	clients, err := s.deleteClients()
	if err != nil {
		return nil, err
	}
	var all []IDRange
	for range clients {
		client, n, err := s.beginDeletes()
		if err != nil {
			return nil, err
		}
		for range n {
			clock, length, err := s.deleteRange()
			if err != nil {
				return nil, err
			}
			all = append(all, IDRange{client, uint64(clock), uint64(length)})
		}
	}
	return all, nil
}

// count reads a number of entries of at least two bytes each.
func (s *source) count(tooMany string) (uint64, error) {
	at := s.Offset()
	n, err := s.Uint()
	if err == nil && n > uint64(s.Len())/2 {
		err = s.FailAt(at, tooMany)
	}
	return n, err
}

// vector reads a state vector: the highest client id first; of a client that
// occurs twice the last clock counts.
func (s *source) vector() ([]clientClock, error) {
	n, err := s.count("number of clients exceeds the bytes left")
	if err != nil {
		return nil, err
	}
	var out []clientClock
	for range n {
		client, clock, err := s.plainID()
		if err != nil {
			return nil, err
		}
		out = append(out, clientClock{client, clock})
	}
	slices.Reverse(out)
	slices.SortStableFunc(out, func(a, b clientClock) int { return descending(a.client, b.client) })
	return slices.CompactFunc(out, func(a, b clientClock) bool { return a.client == b.client }), nil
}

// decodeWholeVector reads an encoded state vector with all its clients.
func decodeWholeVector(b []byte) ([]clientClock, error) {
	src := source{Decoder: lib0.NewDecoder(b)}
	vector, err := src.vector()
	if err == nil && src.Len() > 0 {
		err = src.Fail("trailing bytes after the state vector")
	}
	if err != nil {
		return nil, refused(err)
	}
	return vector, nil
}

// ReachedBy reports whether a replica with the given state vector knows every
// operation of the snapshot; what is deleted is not compared. A nil or empty
// state vector is that of an empty document. The error is an *UpdateError.
func (s Snapshot) ReachedBy(stateVector []byte) (bool, error) {
	known, err := knownClocks(stateVector)
	if err != nil {
		return false, err
	}
	for _, c := range s.vector {
		if known[c.client] < c.clock {
			return false, nil
		}
	}
	return true, nil
}

// DeletesAsUpdate returns what the snapshot deletes as a V1 update without
// operations: all that a replica needs which knows every operation of the
// document, see ReachedBy. The slice is the caller's.
func (s Snapshot) DeletesAsUpdate() []byte {
	out := v1.sink(nil)
	out.uint(0)
	s.writeDeletes(&out)
	return out.finish()
}
