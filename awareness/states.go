package awareness

import (
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/weftsync/weft/crdt/lib0"
)

// States is the awareness of one document: the state and the clock of every client. It is not safe for concurrent use.
type States struct {
	options Options
	clients map[uint64]*client
	live    int // clients with a state
	bytes   int // of all states

	undo     []undone  // what the running Apply has replaced
	nextScan time.Time // before this no removed clock is old enough to be forgotten
}

// client is what is known of one client.
type client struct {
	clock   uint64
	renewed time.Time // when the clock was last moved or the state last set
	state   []byte    // JSON, never written into; nil when the client has left
	own     bool      // this program speaks for it: see Set
}

// New returns the awareness of a document in which nobody is present.
func New(o Options) *States {
	return &States{options: o.withDefaults(), clients: make(map[uint64]*client)}
}

// State returns the state of a client as JSON, or nil if it is unknown or has left. The caller must not write into it,
// and may keep it: a new state never overwrites it.
func (s *States) State(id uint64) []byte {
	if c := s.clients[id]; c != nil {
		return c.state
	}
	return nil
}

// Clock returns the clock of a client, also of one that has left. It reports false for an unknown client.
func (s *States) Clock(id uint64) (uint64, bool) {
	if c := s.clients[id]; c != nil {
		return c.clock, true
	}
	return 0, false
}

// Len returns the number of clients that are present.
func (s *States) Len() int { return s.live }

// All returns the clients that are present, by ascending id, and their states. See [States.State] on the slices.
// States must not change while it runs. It sorts: O(n log n) in the clients remembered.
func (s *States) All() iter.Seq2[uint64, []byte] {
	return func(yield func(uint64, []byte) bool) {
		for _, id := range slices.Sorted(maps.Keys(s.clients)) {
			if state := s.clients[id].state; state != nil && !yield(id, state) {
				return
			}
		}
	}
}

// AppendUpdate appends an update that tells the state and clock of these clients, null for those who have left.
// Unknown ids are left out.
func (s *States) AppendUpdate(dst []byte, ids ...uint64) []byte {
	n, size := 0, entryRoom
	for _, id := range ids {
		if c := s.clients[id]; c != nil {
			n++
			size += entryRoom + len(c.state)
		}
	}
	dst = lib0.AppendUint(slices.Grow(dst, size), uint64(n))
	for _, id := range ids {
		if c := s.clients[id]; c != nil {
			dst = appendEntry(dst, id, c.clock, c.state)
		}
	}
	return dst
}

// AppendAll appends an update that tells of every client that is present: what somebody who joins has to hear.
func (s *States) AppendAll(dst []byte) []byte {
	dst = lib0.AppendUint(slices.Grow(dst, s.bytes+(1+s.live)*entryRoom), uint64(s.live))
	for id, state := range s.All() {
		dst = appendEntry(dst, id, s.clients[id].clock, state)
	}
	return dst
}

// Stats are figures for metrics.
type Stats struct {
	Live  int // clients that are present
	Known int // clients remembered, those who left included
	Bytes int // of all states
}

// Stats returns how much is held.
func (s *States) Stats() Stats {
	return Stats{Live: s.live, Known: len(s.clients), Bytes: s.bytes}
}
