package crdt_test

import "testing"

// TestMergeCopiesWhatStands: what may still grow, and gaps, are not copied.
func TestMergeCopiesWhatStands(t *testing.T) {
	of := func(n, clock uint64) raw { return raw(nil).uint(1, n, 7, clock) }
	first := func(u raw) raw { return u.bytes(str).uint(1).str("t").str("x") }
	next := func(u raw, clock uint64) raw { return u.bytes(left|str).uint(7, clock).str("y") }
	run := func(u raw, n uint64) raw { return u.bytes(gc).uint(n) }
	gap := func(u raw, n uint64) raw { return u.bytes(skip).uint(n) }
	for name, updates := range map[string][2]raw{
		"a collected run at the end grows":     {run(next(first(of(3, 0)), 0), 2).uint(0), run(of(1, 2), 5).uint(0)},
		"a gap at the end":                     {gap(next(first(of(3, 0)), 0), 2).uint(0), run(of(1, 4), 5).uint(0)},
		"a gap between":                        {next(gap(next(first(of(4, 0)), 0), 2), 3).uint(0), run(of(1, 7), 5).uint(0)},
		"text behind a collected run":          {next(next(run(of(3, 0), 1), 0), 1).uint(0), run(of(1, 2), 5).uint(0)},
		"text behind text, and what is inside": {next(next(next(first(of(4, 0)), 0), 1), 2).uint(0), run(of(1, 1), 1).uint(0)},
	} {
		t.Run(name, func(t *testing.T) {
			sameCopied(t, updates[0], updates[1])
			sameCopied(t, updates[1], updates[0])
		})
	}
}
