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
	if !slices.IsSortedFunc(rs, compareRanges) {
		slices.SortFunc(rs, compareRanges)
	}
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
