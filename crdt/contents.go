package crdt

import (
	"fmt"
	"slices"

	"github.com/weftsync/weft/crdt/lib0"
)

// readUpdate hands the structs of an update to see, and the ranges of its delete
// set to seeDelete. The error is an *UpdateError.
func readUpdate(f format, update []byte, see func(*part), seeDelete func(wireRange)) error {
	r := reader{keepRaw: f == v1}
	if err := r.open(f, update); err != nil {
		return refused(err)
	}
	for {
		more, err := r.next()
		if err != nil {
			return refused(err)
		}
		if !more {
			break
		}
		see(&r.part)
	}
	if err := r.deletes(seeDelete); err != nil {
		return refused(err)
	}
	return nil
}

// readWhole is readUpdate with the delete set as a list.
func readWhole(f format, update []byte, see func(*part)) (deletes []wireRange, err error) {
	err = readUpdate(f, update, see, func(r wireRange) { deletes = append(deletes, r) })
	return deletes, err
}

func unread(wireRange) {}

// ValidateUpdate reports whether a V1 update is well formed: nil, or the
// *UpdateError with which an empty document with default limits would refuse
// it. What depends on a document is not looked at: how deep types nest, how much
// would wait; nor how many structs an update of more than 2 MB holds. The cost is linear in the bytes of the update; nothing is kept.
func ValidateUpdate(update []byte) error { return validateUpdate(v1, update) }

// ValidateUpdateV2 is ValidateUpdate for a V2 update.
func ValidateUpdateV2(update []byte) error { return validateUpdate(v2, update) }

func validateUpdate(f format, update []byte) error {
	return readUpdate(f, update, func(*part) {}, unread)
}

// StateVectorFromUpdate returns the state vector of a document to which only
// this V1 update was applied (Yjs: encodeStateVectorFromUpdate): of each client
// what the update holds from clock 0 to the first gap. The error wraps an
// *UpdateError. The cost is linear in the bytes of the update.
func StateVectorFromUpdate(update []byte) ([]byte, error) { return stateVectorOf(v1, update) }

// StateVectorFromUpdateV2 is StateVectorFromUpdate for a V2 update (Yjs:
// encodeStateVectorFromUpdateV2). State vectors have one format only.
func StateVectorFromUpdateV2(update []byte) ([]byte, error) { return stateVectorOf(v2, update) }

func stateVectorOf(f format, update []byte) ([]byte, error) {
	var client uint64
	n, end, begun := uint64(0), uint32(0), false
	var buf []byte
	flush := func() {
		if begun && end > 0 {
			buf = lib0.AppendUint(lib0.AppendUint(buf, client), uint64(end))
			n++
		}
	}
	err := readUpdate(f, update, func(p *part) {
		if !begun || p.client != client {
			flush()
			client, end, begun = p.client, 0, true
		}
		if p.clock == end && p.kind != kindSkip {
			end = p.end()
		}
	}, unread)
	if err != nil {
		return nil, fmt.Errorf("reading an update for its state vector: %w", err)
	}
	flush()
	return append(lib0.AppendUint(nil, n), buf...), nil
}

// UpdateMeta says from which clock to which an update has structs of each
// client. There may be gaps between.
type UpdateMeta struct {
	From map[uint64]uint64 // the clock of the first struct
	To   map[uint64]uint64 // the clock after the last
}

// ParseUpdateMeta returns the extent of a V1 update, without a document (Yjs:
// parseUpdateMeta). A gap at either end, a Skip struct, counts. The error wraps
// an *UpdateError. The cost is linear in the bytes of the update.
func ParseUpdateMeta(update []byte) (UpdateMeta, error) { return parseMeta(v1, update) }

// ParseUpdateMetaV2 is ParseUpdateMeta for a V2 update.
func ParseUpdateMetaV2(update []byte) (UpdateMeta, error) { return parseMeta(v2, update) }

func parseMeta(f format, update []byte) (UpdateMeta, error) {
	m := UpdateMeta{From: map[uint64]uint64{}, To: map[uint64]uint64{}}
	var client uint64
	end, begun := uint32(0), false
	err := readUpdate(f, update, func(p *part) {
		if !begun || p.client != client {
			if begun {
				m.To[client] = uint64(end)
			}
			m.From[p.client] = uint64(p.clock)
			client, begun = p.client, true
		}
		end = p.end()
	}, unread)
	if err != nil {
		return UpdateMeta{}, fmt.Errorf("reading an update for its extent: %w", err)
	}
	if begun {
		m.To[client] = uint64(end)
	}
	return m, nil
}

// A ClockRange is a run of operations of one client: Len of them from Clock on.
type ClockRange struct{ Clock, Len uint64 }

// ClockRanges are operations by client: ranges in ascending order, of which no
// two touch.
type ClockRanges map[uint64][]ClockRange

// UpdateContents says which operations an update brings and which it deletes.
type UpdateContents struct {
	Inserts ClockRanges // collected ones too; a gap is none
	Deletes ClockRanges // by its delete set; what it brings deleted already may lack here
}

// ContentsOfUpdate returns the ids of a V1 update, without a document. The error
// wraps an *UpdateError. The cost is linear in the bytes of the update.
func ContentsOfUpdate(update []byte) (UpdateContents, error) { return contentsOf(v1, update) }

// ContentsOfUpdateV2 is ContentsOfUpdate for a V2 update.
func ContentsOfUpdateV2(update []byte) (UpdateContents, error) { return contentsOf(v2, update) }

func contentsOf(f format, update []byte) (UpdateContents, error) {
	var inserts []wireRange
	deletes, err := readWhole(f, update, func(p *part) {
		if n := len(inserts); n > 0 && inserts[n-1].client == p.client && inserts[n-1].end() == p.clock && p.kind != kindSkip {
			inserts[n-1].len += p.len
		} else if p.kind != kindSkip {
			inserts = append(inserts, wireRange{p.client, p.clock, p.len})
		}
	})
	if err != nil {
		return UpdateContents{}, fmt.Errorf("reading the contents of an update: %w", err)
	}
	return UpdateContents{byClient(inserts), byClient(joinWireRanges(deletes))}, nil
}

func byClient(rs []wireRange) ClockRanges {
	out := ClockRanges{}
	for _, r := range rs {
		out[r.client] = append(out[r.client], ClockRange{uint64(r.clock), uint64(r.len)})
	}
	for client := range out {
		out[client] = slices.Clip(out[client])
	}
	return out
}
