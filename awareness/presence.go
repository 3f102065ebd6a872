package awareness

import (
	"bytes"
	"slices"
	"time"
)

// Remove takes the states of clients whose connection ended and returns, in the order given, those that were present.
// Their clocks stay, so that the removal loses against anything that the client itself says afterwards; a client of this
// program (see Set) leaves with a higher clock. AppendUpdate of the result tells the others.
func (s *States) Remove(now time.Time, ids ...uint64) (removed []uint64) {
	for _, id := range ids {
		c := s.clients[id]
		if c == nil || c.state == nil {
			continue
		}
		clock := c.clock
		if c.own {
			clock = raised(clock)
		}
		s.put(id, &client{clock: clock, renewed: now, own: c.own})
		removed = append(removed, id)
	}
	return removed
}

// Expire removes the clients that were silent for [Options.Timeout] and returns them by ascending id, as Remove does.
// Clients of this program do not expire. It also forgets the clocks of those who left long ago. Call it every few
// seconds; the cost is linear in the clients remembered.
func (s *States) Expire(now time.Time) (removed []uint64) {
	for id, c := range s.clients {
		if c.state != nil && !c.own && now.Sub(c.renewed) >= s.options.Timeout {
			removed = append(removed, id)
		}
	}
	slices.Sort(removed)
	s.Remove(now, removed...)
	s.forget(now)
	return removed
}

// forget drops the clocks of clients that left ForgetAfter ago. It scans only when some clock can be that old, so that a
// flood of unknown clients at the limit does not cost a scan for each.
func (s *States) forget(now time.Time) {
	if now.Before(s.nextScan) {
		return
	}
	s.nextScan = now.Add(s.options.ForgetAfter)
	for id, c := range s.clients {
		if c.state != nil || c.own {
			continue
		}
		due := c.renewed.Add(s.options.ForgetAfter)
		if !due.After(now) {
			delete(s.clients, id)
		} else if due.Before(s.nextScan) {
			s.nextScan = due
		}
	}
}

// Set speaks for a client of this program: state is its new state, a JSON object, or nil when it leaves. Its clock begins
// at 0 and rises by one with each call; y-protocols ignores a new client at clock 0, so the first state, by custom {},
// is one that nobody needs to see. From then on the client is this program's own: peers cannot remove it, it does not
// expire, and it has to be renewed (see Renew). The state is copied. Errors are [*Error].
func (s *States) Set(id uint64, state []byte, now time.Time) (Change, error) {
	var change Change
	if state != nil {
		var err error
		if state, err = checkState(state, -1, s.options); err != nil {
			return change, err
		}
	}
	is := client{renewed: now, own: true}
	known := s.clients[id]
	if known != nil {
		is.clock = raised(known.clock)
	}
	was := s.State(id)
	state = bytes.Clone(state)
	is.state = state
	if err := s.checkRoom(known == nil, len(state)-len(was), -1, now); err != nil {
		return change, err
	}
	switch {
	case state == nil:
		change.Removed = []uint64{id}
	case was == nil:
		change.Added = []uint64{id}
	default:
		change.update(id, was, state)
	}
	s.put(id, &is)
	return change, nil
}

// Renew raises the clocks of this program's own clients whose state is half as old as [Options.Timeout] and returns
// them by ascending id; AppendUpdate of them keeps them alive for everybody else.
func (s *States) Renew(now time.Time) (renewed []uint64) {
	for id, c := range s.clients {
		if c.own && c.state != nil && now.Sub(c.renewed) >= s.options.Timeout/2 {
			renewed = append(renewed, id)
		}
	}
	slices.Sort(renewed)
	for _, id := range renewed {
		c := s.clients[id]
		s.put(id, &client{clock: raised(c.clock), renewed: now, state: c.state, own: true})
	}
	return renewed
}
