package crdt

import "fmt"

// Meets reports whether a state vector names a client of the snapshot: whether a
// replica holds, or held, operations of the history that the snapshot is of. The
// error is an *UpdateError.
func (s Snapshot) Meets(stateVector []byte) (bool, error) {
	if len(stateVector) == 0 {
		return false, nil
	}
	mine, met := s.clients(), false
	err := readStateVector(stateVector, func(client uint64, clock uint32) { met = met || clock > 0 && mine[client] })
	return met && err == nil, err
}

// MeetsUpdate reports whether a V1 update has to do with a client of the
// snapshot: brings its operations, deletes some, or builds on them. The error
// wraps an *UpdateError. The cost is that of decoding the update.
func (s Snapshot) MeetsUpdate(update []byte) (bool, error) {
	mine, met := s.clients(), false
	deletes, err := readWhole(v1, update, func(p *part) {
		met = met || p.kind != kindSkip && (mine[p.client] || p.buildsOn(mine))
	})
	if err != nil {
		return false, fmt.Errorf("reading an update to look for clients of a snapshot: %w", err)
	}
	for _, r := range deletes {
		met = met || mine[r.client]
	}
	return met, nil
}

// buildsOn reports whether the part lies beside or below an operation of one of
// the clients.
func (p *part) buildsOn(clients map[uint64]bool) (builds bool) {
	if p.kind != kindGC {
		p.eachID(func(id *wireID) { builds = builds || clients[id.client] })
	}
	return builds
}

// clients returns the clients of whom the snapshot knows operations.
func (s Snapshot) clients() map[uint64]bool {
	all := make(map[uint64]bool, len(s.vector))
	for _, c := range s.vector {
		if c.clock > 0 {
			all[c.client] = true
		}
	}
	return all
}
