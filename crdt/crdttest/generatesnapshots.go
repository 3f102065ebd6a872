package crdttest

// snapshotStep adds a step that takes a snapshot or does something with those
// taken. Any document may be read at the snapshot of any other.
func (g *generator) snapshotStep(doc int) {
	if len(g.snaps) == 0 || g.chance(35) {
		s := Step{Verb: VerbSnap, Doc: doc}
		if g.chance(15) {
			s.Picks = g.picks()
			g.lowered = append(g.lowered, g.add(s))
			return
		}
		g.snaps = append(g.snaps, g.add(s))
		return
	}
	switch n := g.below(100); {
	case n < 35:
		g.add(Step{Verb: VerbAt, Doc: doc, Snaps: []int{g.snap(doc)}})
	case n < 70:
		g.add(Step{Verb: VerbBetween, Doc: doc, Snaps: []int{g.snap(doc), g.snap(doc)}})
	case n < 90:
		g.add(Step{Verb: VerbRestore, Doc: doc, Snaps: []int{g.snap(doc)}, Deep: g.chance(50)})
	default:
		g.add(Step{Verb: VerbContains, Snaps: []int{g.snap(doc), g.snap(doc)}, Slots: g.anySlots()})
	}
}

// snap chooses a snapshot, now and then the empty one. One whose state vector
// was lowered may fall into a surrogate pair and tear it: the document is then
// no longer what its log says, which observers are held to.
func (g *generator) snap(doc int) int {
	if g.chance(5) {
		return -1
	}
	if doc < g.writers && len(g.lowered) > 0 && g.chance(30) {
		return pick(g, g.lowered)
	}
	return pick(g, g.snaps)
}

// finishSnapshots reads documents that know everything at the snapshots.
func (g *generator) finishSnapshots() {
	if len(g.snaps) == 0 {
		return
	}
	for doc := range g.script.Docs {
		for range g.below(4) {
			g.snapshotStep(doc)
		}
	}
}
