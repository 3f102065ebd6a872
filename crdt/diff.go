package crdt

import "fmt"

// DiffUpdate returns what a replica with the given state vector lacks of a V1
// update, without a document (Yjs: diffUpdate). The whole delete set is part of
// it. A nil or empty state vector is that of an empty document. The error wraps
// an *UpdateError.
//
// The cost is linear in the bytes of the update; the memory is that of the
// result.
func DiffUpdate(update, stateVector []byte) ([]byte, error) {
	return diffUpdate(v1, update, stateVector)
}

// DiffUpdateV2 is DiffUpdate for a V2 update.
func DiffUpdateV2(update, stateVector []byte) ([]byte, error) {
	return diffUpdate(v2, update, stateVector)
}

func diffUpdate(f format, update, stateVector []byte) ([]byte, error) {
	known, noVector := knownClocks(stateVector)
	size := len(update)
	if len(known) > 0 {
		size /= 2
	}
	w := f.writer(f, size)
	d := difference{known: known, w: &w}
	deletes, err := readWhole(f, update, d.see)
	if err != nil {
		return nil, fmt.Errorf("reading an update to compare: %w", err)
	}
	if noVector != nil {
		return nil, noVector
	}
	return w.finish(deletes), nil
}

// difference writes what is not known of the structs that it sees.
type difference struct {
	known  map[uint64]uint32
	w      *writer
	client uint64
	clock  uint32 // known of the client
	news   bool   // a struct of the client is written, and so all that follow it
	begun  bool
}

func (d *difference) see(p *part) {
	if !d.begun || p.client != d.client {
		d.client, d.clock, d.news, d.begun = p.client, d.known[p.client], false, true
	}
	if !d.news {
		if p.kind == kindSkip || p.end() <= d.clock {
			return
		}
		d.news = true
		if p.clock < d.clock {
			p.cut(d.clock-p.clock, false)
		}
	}
	d.w.write(p)
}
