package crdttest

import "slices"

// Shrink returns a smaller script that still fails, by leaving out runs of
// steps, then operations, then documents (ddmin). It calls fails at most budget
// times. Slots keep naming the steps that they named.
func Shrink(s *Script, budget int, fails func(*Script) bool) *Script {
	try := func(c *Script) bool {
		if budget <= 0 {
			return false
		}
		budget--
		return fails(c)
	}
	for before := -1; before != size(s) && budget > 0; {
		before = size(s)
		s = shrinkSteps(s, try)
		s = shrinkOps(s, try)
		s = shrinkSlots(s, try)
	}
	return s
}

func size(s *Script) int {
	n := len(s.Steps)
	for _, step := range s.Steps {
		n += len(step.Ops) + len(step.Slots)
	}
	return n
}

func shrinkSteps(s *Script, try func(*Script) bool) *Script {
	for chunk := max(len(s.Steps)/2, 1); ; chunk /= 2 {
		for from := len(s.Steps) - chunk; from > -chunk; from -= chunk {
			lo, hi := max(from, 0), min(from+chunk, len(s.Steps))
			if lo >= hi {
				continue
			}
			if c := withoutSteps(s, lo, hi); try(c) {
				s = c
			}
		}
		if chunk <= 1 {
			return s
		}
	}
}

// withoutSteps returns the script without steps lo to hi; slots behind are
// renumbered, slots that are gone are left out.
func withoutSteps(s *Script, lo, hi int) *Script {
	c := &Script{Docs: s.Docs, Roots: s.Roots, Steps: []Step{}}
	for i, step := range s.Steps {
		if i >= lo && i < hi {
			continue
		}
		var slots []int
		for _, slot := range step.Slots {
			switch {
			case slot < lo:
				slots = append(slots, slot)
			case slot >= hi:
				slots = append(slots, slot-(hi-lo))
			}
		}
		if step.Slots = slots; slots == nil {
			step.Slots = []int{}
		}
		step.Snaps = slices.Clone(step.Snaps)
		for i, snap := range step.Snaps {
			switch {
			case snap >= hi:
				step.Snaps[i] = snap - (hi - lo)
			case snap >= lo:
				step.Snaps[i] = -1
			}
		}
		c.Steps = append(c.Steps, step)
	}
	return c
}

func shrinkOps(s *Script, try func(*Script) bool) *Script {
	for i := range s.Steps {
		for j := len(s.Steps[i].Ops) - 1; j >= 0 && len(s.Steps[i].Ops) > 1; j-- {
			c := copyOf(s)
			c.Steps[i].Ops = slices.Delete(slices.Clone(c.Steps[i].Ops), j, j+1)
			if try(c) {
				s = c
			}
		}
	}
	return s
}

func shrinkSlots(s *Script, try func(*Script) bool) *Script {
	for i := range s.Steps {
		for j := len(s.Steps[i].Slots) - 1; j >= 0; j-- {
			c := copyOf(s)
			c.Steps[i].Slots = slices.Delete(slices.Clone(c.Steps[i].Slots), j, j+1)
			if try(c) {
				s = c
			}
		}
	}
	return s
}

func copyOf(s *Script) *Script {
	return &Script{Docs: s.Docs, Roots: s.Roots, Steps: slices.Clone(s.Steps)}
}
