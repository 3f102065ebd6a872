package crdttest

import (
	"fmt"
	"math/rand/v2"
)

// Generate returns the random history of a seed: two to eight writers, some of
// them Yjs alone, some with undo, one or two observers, a network of random
// unreliability, operations on all types and values of all kinds, and a check
// of everything at the end. The same seed gives the same history.
func Generate(seed uint64) *Script {
	g := &generator{
		random: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)),
		script: &Script{Roots: []string{"t", "a", "m", "x"}},
	}
	g.setUp()
	for g.left > 0 {
		g.step()
	}
	g.finish()
	return g.script
}

type generator struct {
	random  *rand.Rand
	script  *Script
	network *Network[int]
	writers int
	left    int
	subdocs int
	words   wordList
	theme   theme
	clients uint64
	snaps   []int // steps that took snapshots
	lowered []int // and lowered their state vectors
	watched int   // share of steps that deal with snapshots
	undo    bool  // the first writer undoes, and perhaps others
	keys    []string
}

func (g *generator) below(n int) int         { return g.random.IntN(n) }
func (g *generator) chance(percent int) bool { return g.random.IntN(100) < percent }

func pick[T any](g *generator, list []T) T { return list[g.random.IntN(len(list))] }

// clientIDs are where client ids come from: small and dense, of 32 bits as Yjs
// chooses them, and at the end of the range.
func (g *generator) client(style int) uint64 {
	g.clients++
	switch style {
	case 0:
		return g.clients
	case 1:
		return uint64(g.random.Uint32())<<8>>8 + g.clients<<32
	case 2:
		return 1<<53 - 1 - 3*g.clients
	default:
		return uint64(g.random.Uint32()&^0xff) + g.clients
	}
}

func (g *generator) setUp() {
	g.theme = pick(g, themes)
	g.words = pick(g, wordLists)
	g.writers = 2 + g.below(7)
	if g.chance(40) {
		g.writers = 2
	}
	g.left = 10 + g.below(40)
	if g.theme.crowd {
		g.left = 60 + g.below(60)
	}
	style, collect := g.below(4), g.below(4)
	ids := make([]uint64, g.writers+2)
	for i := range ids {
		ids[i] = g.client(style)
	}
	g.random.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	g.undo, g.keys = g.chance(35), keys
	if g.undo && g.chance(30) { // others set the keys that are undone
		g.theme, g.keys = crowdedMaps, keys[:2]
	}
	g.watched = pick(g, []int{0, 10, 40})
	filter := pick(g, []string{"", "", "", "author", "keyed", "text"})
	for i := range g.writers {
		spec := DocSpec{Client: ids[i], Collect: collect != 0 && (collect != 1 || g.chance(50))}
		spec.Clean, spec.Watch, spec.React = g.chance(25), g.chance(20), g.chance(8)
		if g.undo && (i == 0 || g.chance(15)) {
			spec.Undo = &UndoSpec{
				Scope: pick(g, []string{"all", "one", "doc"}), Group: g.chance(30), Overwrite: g.chance(20),
				Foreign: g.chance(20), Filter: g.chance(10),
			}
		}
		if g.chance(50) {
			spec.Filter = filter
		}
		g.script.Docs = append(g.script.Docs, spec)
	}
	for i := range 1 + g.below(2) {
		g.script.Docs = append(g.script.Docs, DocSpec{Client: ids[g.writers+i], Collect: collect != 0, Observer: true})
	}
	g.network = NewNetwork[int](len(g.script.Docs), Conditions{
		Drop: pick(g, []int{0, 0, 5, 20}), Repeat: pick(g, []int{0, 10, 30}),
		Reorder: pick(g, []int{0, 0, 30, 100}), Partition: pick(g, []int{0, 50}),
	}, g.random)
}

func (g *generator) add(s Step) int {
	if s.Slots == nil {
		s.Slots = []int{}
	}
	g.script.Steps = append(g.script.Steps, s)
	return len(g.script.Steps) - 1
}

// emit adds a step whose updates everyone else shall get.
func (g *generator) emit(s Step) { g.network.Send(s.Doc, g.add(s)) }

func (g *generator) step() {
	g.left--
	doc := g.below(len(g.script.Docs))
	if g.undo && g.chance(30) {
		doc = 0 // what is undone has met what others did
	}
	if g.chance(g.watched) {
		g.snapshotStep(doc)
		return
	}
	switch n := g.below(100); {
	case n < 50 || n < 90 && g.theme.crowd:
		writer := g.below(g.writers)
		if g.undo && g.chance(50) {
			writer = 0 // what is undone and redone has to be found changed in many ways
		}
		if g.script.Docs[writer].Undo != nil && g.chance(40) {
			g.undoSteps(writer)
			return
		}
		if g.chance(5) {
			g.cursor(writer)
			return
		}
		g.emit(Step{Verb: VerbOp, Doc: writer, Ops: g.transaction()})
	case n < 80:
		if slots := g.arrived(doc, 1+g.below(6)); len(slots) > 0 {
			g.emit(Step{Verb: pick(g, []Verb{VerbRecv, VerbRecv, VerbRecv, VerbRecv2}), Doc: doc, Slots: slots})
		}
	case n < 86:
		if slots := g.arrived(doc, 2+g.below(6)); len(slots) > 0 {
			g.emit(Step{Verb: VerbMerge, Doc: doc, Slots: slots})
		}
	case n < 91:
		if from := g.below(len(g.script.Docs)); from != doc {
			g.emit(Step{Verb: VerbSync, Doc: doc, From: from})
		}
	case n < 93:
		g.reload(doc)
	case n < 95:
		g.add(Step{Verb: VerbDiff, Slots: g.anySlots(), Picks: g.picks()})
	case n < 99:
		g.add(Step{Verb: VerbCheck, Doc: doc, Picks: g.picks(), Deep: g.chance(50)})
	default:
		g.network.Shake()
	}
}

var undoVerbs = []Verb{VerbUndo, VerbUndo, VerbUndo, VerbRedo, VerbRedo, VerbStop, VerbClear}

// undoSteps takes something back, and often brings it back at once and takes it
// back again: what was brought back is another item.
func (g *generator) undoSteps(doc int) {
	verb := pick(g, undoVerbs)
	g.emit(Step{Verb: verb, Doc: doc})
	for other := VerbRedo; verb == VerbUndo && g.chance(40); {
		g.emit(Step{Verb: other, Doc: doc})
		if other = VerbUndo; g.chance(50) {
			other = VerbRedo
		}
	}
}

// cursor makes a relative position, or resolves all.
func (g *generator) cursor(doc int) {
	if g.chance(30) {
		g.add(Step{Verb: VerbPlaces, Doc: doc})
		return
	}
	s := Step{Verb: VerbCursor, Doc: doc, Root: pick(g, []string{"t", "a", "x"}), Path: []int{}, At: g.position(), Assoc: g.below(2) - 1}
	for range g.below(g.theme.depth + 1) {
		s.Path = append(s.Path, g.below(4))
	}
	g.add(s)
}

func (g *generator) reload(doc int) {
	if spec := g.script.Docs[doc]; spec.Undo != nil || spec.Watch || spec.React {
		return
	}
	g.add(Step{Verb: VerbReload, Doc: doc, Client: g.client(3) + 1<<40})
}

func (g *generator) arrived(doc, most int) []int {
	var slots []int
	for len(slots) < most {
		slot, ok := g.network.Next(doc)
		if !ok {
			break
		}
		slots = append(slots, slot)
	}
	return slots
}

// anySlots returns some earlier steps, in any order, now and then twice.
func (g *generator) anySlots() []int {
	slots := []int{}
	for range 1 + g.below(8) {
		if n := len(g.script.Steps); n > 0 {
			slots = append(slots, g.below(n))
		}
	}
	return slots
}

func (g *generator) picks() []int {
	picks := make([]int, 1+g.below(4))
	for i := range picks {
		picks[i] = pick(g, []int{0, 255, 250, g.below(256), g.below(256)})
	}
	return picks
}

// finish checks every document, brings all of them together, and checks again.
func (g *generator) finish() {
	docs := len(g.script.Docs)
	for doc := range docs {
		if g.chance(60) {
			if slots := g.arrived(doc, 40); len(slots) > 0 {
				g.add(Step{Verb: VerbRecv, Doc: doc, Slots: slots})
			}
		}
		g.add(Step{Verb: VerbCheck, Doc: doc, Picks: g.picks(), Deep: true})
	}
	g.add(Step{Verb: VerbDiff, Slots: g.anySlots(), Picks: g.picks()})
	for round := range 2 {
		for i := 1; i < docs; i++ {
			if round == 0 {
				g.add(Step{Verb: VerbSync, Doc: 0, From: i})
			} else {
				g.add(Step{Verb: VerbSync, Doc: i, From: 0})
			}
		}
	}
	g.finishSnapshots()
	for doc := range docs {
		g.add(Step{Verb: VerbPlaces, Doc: doc})
		g.add(Step{Verb: VerbCheck, Doc: doc, Picks: g.picks(), Deep: true})
	}
}

func (g *generator) guid() string {
	g.subdocs++
	return fmt.Sprintf("sub-%d", g.subdocs)
}
