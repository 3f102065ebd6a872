package awareness

import (
	"bytes"
	"fmt"
	"time"
)

// Change is what an update, or a call that stands for one, did. Ids are in the order of the update's entries. Added,
// Updated and Removed are y-protocols' 'update' event; its 'change' event has [Change.Changed] in Updated's place and is
// not emitted when all three are empty.
type Change struct {
	Added   []uint64 // clients nobody knew
	Updated []uint64 // clients that said something newer: a new state, the old one once more, or that they are back
	Removed []uint64 // clients that left, and clients known to have left that were said to have left later

	// Claimed are clients of this program that a peer called gone. They are not: their clocks were raised, and they
	// have to be announced again. y-protocols lists them among the removed.
	Claimed []uint64

	// Stale are clients whose state was ignored because a removal with the same or a later clock stands. Whoever sent
	// it should be sent that removal (AppendUpdate of these ids): the client then raises its clock and returns.
	Stale []uint64

	updates []stateUpdate // what Changed compares
}

// stateUpdate is what one of [Change.Updated] did to a state. before is nil if the client had left.
type stateUpdate struct {
	id            uint64
	before, after []byte
}

// Changed returns those of Updated whose state means something else than before, as JSON: most clients renew theirs
// every few seconds without a change. Comparing costs time linear in the states that are not the same bytes.
func (c Change) Changed() []uint64 {
	var ids []uint64
	for _, u := range c.updates {
		if !equalStates(u.before, u.after) {
			ids = append(ids, u.id)
		}
	}
	return ids
}

// update notes that a client said something newer.
func (c *Change) update(id uint64, before, after []byte) {
	c.Updated = append(c.Updated, id)
	c.updates = append(c.updates, stateUpdate{id, before, after})
}

// Touched returns the ids whose state or clock moved: what has to be sent to everybody else.
func (c Change) Touched() []uint64 {
	ids := make([]uint64, 0, len(c.Added)+len(c.Updated)+len(c.Removed)+len(c.Claimed))
	ids = append(append(ids, c.Added...), c.Updated...)
	return append(append(ids, c.Removed...), c.Claimed...)
}

// IsZero reports whether nothing moved and nobody is stale.
func (c Change) IsZero() bool {
	return len(c.Added)+len(c.Updated)+len(c.Removed)+len(c.Claimed)+len(c.Stale) == 0
}

// undone is what stood for a client before the running Apply touched it.
type undone struct {
	id  uint64
	was *client // nil if it was unknown
}

// ApplyUpdate decodes an update and applies it, whole or not at all. now is when it arrived. The update may be reused
// afterwards. Errors are [*Error].
func (s *States) ApplyUpdate(update []byte, now time.Time) (Change, error) {
	entries, err := Decode(update, s.options)
	if err != nil {
		return Change{}, err
	}
	return s.Apply(entries, now)
}

// Apply applies entries that [Decode] returned, all of them or, when one breaks a limit, none. now is when they
// arrived. The states are copied. Errors are [*Error].
func (s *States) Apply(entries []Entry, now time.Time) (Change, error) {
	var change Change
	s.undo = s.undo[:0]
	for _, e := range entries {
		if err := s.applyEntry(e, now, &change); err != nil {
			s.rollBack()
			return Change{}, err
		}
	}
	clear(s.undo)
	return change, nil
}

// applyEntry applies one entry and notes in change what it did.
func (s *States) applyEntry(e Entry, now time.Time, change *Change) error {
	known := s.clients[e.Client]
	var was client // an unknown client counts as one that left at clock 0
	if known != nil {
		was = *known
	}
	if e.Clock < was.clock || e.Clock == was.clock && (e.State != nil || was.state == nil) {
		if e.State != nil && known != nil && was.state == nil {
			change.Stale = append(change.Stale, e.Client)
		}
		return nil
	}
	if known != nil && e.Clock-was.clock > s.options.MaxClockStep {
		reason := fmt.Sprintf("clock moves by %d, more than %d", e.Clock-was.clock, s.options.MaxClockStep)
		return &Error{Offset: e.offset, Reason: reason, Kind: ErrTooLarge}
	}
	is := client{clock: e.Clock, renewed: now, own: was.own}
	if bytes.Equal(e.State, was.state) {
		is.state = was.state // most renewals: keep the copy that we have
	} else {
		is.state = bytes.Clone(e.State)
	}
	switch {
	case known != nil && e.State == nil && was.own && was.state != nil:
		// Nobody else says that we are gone: stay, and outbid the one who said so.
		is.state, is.clock = was.state, raised(e.Clock)
		change.Claimed = append(change.Claimed, e.Client)
	case known != nil && e.State == nil:
		change.Removed = append(change.Removed, e.Client)
	case known == nil && e.State != nil:
		change.Added = append(change.Added, e.Client)
	case e.State != nil:
		change.update(e.Client, was.state, is.state)
	}
	if err := s.checkRoom(known == nil, len(is.state)-len(was.state), e.offset, now); err != nil {
		return err
	}
	s.undo = append(s.undo, undone{e.Client, known})
	s.put(e.Client, &is)
	return nil
}

// checkRoom fails if a new client, or more bytes of state, would pass the document's limits. What was forgotten by
// then makes room first.
func (s *States) checkRoom(isNew bool, more, offset int, now time.Time) error {
	if isNew && len(s.clients) >= s.options.MaxClients {
		s.forget(now)
		if len(s.clients) >= s.options.MaxClients {
			reason := fmt.Sprintf("%d clients are known, the most that may be", len(s.clients))
			return &Error{Offset: offset, Reason: reason, Kind: ErrFull}
		}
	}
	if more > 0 && s.bytes+more > s.options.MaxTotalBytes {
		reason := fmt.Sprintf("%d bytes of states and %d more exceed %d", s.bytes, more, s.options.MaxTotalBytes)
		return &Error{Offset: offset, Reason: reason, Kind: ErrFull}
	}
	return nil
}

// rollBack undoes what the running Apply did, the last first.
func (s *States) rollBack() {
	for i := len(s.undo) - 1; i >= 0; i-- {
		s.put(s.undo[i].id, s.undo[i].was)
	}
	clear(s.undo)
}

// put makes c what is known of a client, nothing if c is nil, and keeps the totals.
func (s *States) put(id uint64, c *client) {
	if was := s.clients[id]; was != nil && was.state != nil {
		s.live--
		s.bytes -= len(was.state)
	}
	if c == nil {
		delete(s.clients, id)
		return
	}
	if c.state != nil {
		s.live++
		s.bytes += len(c.state)
	}
	s.clients[id] = c
}

// raised returns the clock after clock. The last one has no next: it stays, for nobody could read a higher one.
func raised(clock uint64) uint64 { return min(clock+1, MaxClock) }
