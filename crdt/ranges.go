package crdt

import (
	"cmp"
	"slices"
)

// wireRange is a run of operations of one client.
type wireRange struct {
	client     uint64
	clock, len uint32
}

func (r wireRange) end() uint32 { return r.clock + r.len }

// compareClients orders ranges as updates do: the highest client first.
func compareClients(a, b wireRange) int { return cmp.Compare(b.client, a.client) }

// compareRanges orders ranges by client, the highest first, then by clock.
func compareRanges(a, b wireRange) int {
	return cmp.Or(compareClients(a, b), cmp.Compare(a.clock, b.clock))
}

// goBack reports whether a range begins before the one in front of it ends.
func goBack(rs []wireRange) bool {
	for i := 1; i < len(rs); i++ {
		if rs[i].client == rs[i-1].client && rs[i].clock < rs[i-1].end() {
			return true
		}
	}
	return false
}

// joinWireRanges sorts ranges and joins those that touch, in place.
func joinWireRanges(rs []wireRange) []wireRange {
	if len(rs) < 2 {
		return rs
	}
	sortRanges(rs)
	out := rs[:1]
	for _, r := range rs[1:] {
		if last := &out[len(out)-1]; last.client == r.client && r.clock <= last.end() {
			last.len = max(last.end(), r.end()) - last.clock
		} else {
			out = append(out, r)
		}
	}
	return out
}

// sortRanges sorts ranges, of which mostly a long beginning is in order: the deletes of a
// document, with those of later updates behind it.
func sortRanges(rs []wireRange) {
	n := 1
	for n < len(rs) && compareRanges(rs[n-1], rs[n]) <= 0 {
		n++
	}
	if n < len(rs)/2 {
		slices.SortFunc(rs, compareRanges)
		return
	}
	rest := slices.Clone(rs[n:])
	slices.SortFunc(rest, compareRanges)
	for at := len(rs); len(rest) > 0; { // from the back, where there is room
		at--
		if last := len(rest) - 1; n == 0 || compareRanges(rs[n-1], rest[last]) <= 0 {
			rs[at], rest = rest[last], rest[:last]
		} else {
			n--
			rs[at] = rs[n]
		}
	}
}
