package crdttest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
)

// Machine runs a script on engine documents.
type Machine struct {
	classes *Classes
	script  *Script
	docs    []*Replica
	slots   map[int][][]byte
	snaps   map[int]crdt.Snapshot
}

// Difference says where a run of the engine departs from what was expected.
type Difference struct {
	Step  int
	Doc   int
	Field string
	Got   string
	Want  string
}

func (d *Difference) Error() string {
	return fmt.Sprintf("step %d, document %d: %s\n got %s\nwant %s", d.Step, d.Doc, d.Field, d.Got, d.Want)
}

// RunScript runs a script on engine documents and compares each step with what
// Yjs showed of it. It returns the first difference, nil if there is none.
// Updates travel as Yjs wrote them, so that a difference stays where it arises.
// A panic of the engine is a difference too.
// What the documents applied is counted in classes.
func RunScript(s *Script, yjs []Entry, classes *Classes) (m *Machine, diff *Difference) {
	m = &Machine{classes: classes, script: s, slots: map[int][][]byte{}, snaps: map[int]crdt.Snapshot{}}
	at := 0
	defer func() {
		if r := recover(); r != nil {
			diff = &Difference{Step: at, Field: "panic", Got: fmt.Sprintf("%v\n%s", r, debug.Stack()), Want: "none"}
		}
	}()
	for _, spec := range s.Docs {
		m.docs = append(m.docs, NewReplica(spec, s.Roots))
	}
	for i, step := range s.Steps {
		at = i
		if i >= len(yjs) {
			return m, &Difference{Step: i, Field: "reply", Got: "none", Want: "one entry a step"}
		}
		want := yjs[i]
		if want.Err != "" {
			return m, &Difference{Step: i, Doc: step.Doc, Field: "Yjs threw", Got: "no error", Want: want.Err}
		}
		got, err := m.step(i, step, want)
		if err != nil {
			return m, &Difference{Step: i, Doc: step.Doc, Field: "error", Got: err.Error(), Want: "no error"}
		}
		for _, u := range want.Own {
			m.slots[i] = append(m.slots[i], unhex(u))
		}
		if step.Verb != VerbDiff {
			r := m.docs[step.Doc]
			m.noteEvents(r)
			if got.Log, r.log = r.log, nil; r.halves {
				ignoreXML(got, &want)
			}
		}
		if d := compareEntries(got, &want); d != nil {
			d.Step, d.Doc = i, step.Doc
			return m, d
		}
	}
	return m, nil
}

// noteEvents counts what a document told, and what it wrote without being asked.
func (m *Machine) noteEvents(r *Replica) {
	for _, line := range r.log {
		if strings.Contains(line, " deep: ") {
			m.classes.Note("deep event")
		}
		if strings.HasPrefix(line, "subdocs") {
			m.classes.Note("subdocuments")
		}
	}
	if r.authored {
		m.classes.Note("authored in consequence")
		r.authored = false
	}
}

// ignoreXML makes XML and JSON strings equal: JavaScript joins two halves of a
// pair that meet where one node ends and the next begins, and UTF-8 cannot.
func ignoreXML(got, want *Entry) {
	for name, r := range want.Roots {
		r.XML, r.JSON, r.View = got.Roots[name].XML, got.Roots[name].JSON, got.Roots[name].View
		want.Roots[name] = r
	}
}

// Replica returns the engine's document of that number.
func (m *Machine) Replica(doc int) *Replica { return m.docs[doc] }

func (m *Machine) collect(slots []int) [][]byte {
	var out [][]byte
	for _, slot := range slots {
		out = append(out, m.slots[slot]...)
	}
	return out
}

// step runs one step.
func (m *Machine) step(at int, s Step, want Entry) (*Entry, error) {
	switch s.Verb {
	case VerbDiff:
		return m.diff(s)
	case VerbSnap:
		return m.takeSnapshot(at, s, want)
	case VerbContains:
		return m.contains(s)
	}
	r := m.docs[s.Doc]
	switch s.Verb {
	case VerbOp:
		return r.edit(s.Ops)
	case VerbRecv:
		return m.receive(r, m.collect(s.Slots)...)
	case VerbRecv2:
		return m.receiveV2(r, m.collect(s.Slots)...)
	case VerbMerge:
		updates := m.collect(s.Slots)
		if len(updates) == 0 {
			return &Entry{}, nil
		}
		merged, err := crdt.MergeUpdates(updates...)
		if err != nil {
			return nil, fmt.Errorf("merge updates: %w", err)
		}
		e, err := m.receive(r, merged)
		if e != nil {
			e.Merged = hex.EncodeToString(merged)
		}
		return e, err
	case VerbSync:
		return m.answer(r, m.docs[s.From])
	case VerbReload:
		update, err := r.Reload(s.Client)
		return &Entry{Merged: hex.EncodeToString(update)}, err
	case VerbUndo, VerbRedo, VerbStop, VerbClear:
		e, err := r.undoStep(s.Verb)
		if err == nil && strings.HasPrefix(e.Stacks, "true") {
			m.classes.Note(string(s.Verb))
		}
		return e, err
	case VerbCursor:
		return r.cursor(s)
	case VerbPlaces:
		return r.resolveAll(), nil
	case VerbCheck:
		return r.read(s.Picks, s.Deep)
	case VerbAt, VerbBetween, VerbRestore:
		return m.readSnapshot(r, s)
	}
	return nil, fmt.Errorf("unknown step %q", s.Verb)
}

func (m *Machine) receive(r *Replica, updates ...[]byte) (*Entry, error) {
	e := &Entry{}
	for _, u := range updates {
		m.classes.Count(u)
		changed, err := r.Apply(u, e)
		if err != nil {
			return nil, fmt.Errorf("apply an update: %w\n%s", err, Describe(u))
		}
		if !changed {
			m.classes.Note("nothing new")
		}
		if r.Doc.Stats().Pending > 0 {
			m.classes.Note("waiting")
		}
		e.Changed = append(e.Changed, changed)
	}
	return e, nil
}

// receiveV2 converts updates to V2 and applies them.
func (m *Machine) receiveV2(r *Replica, updates ...[]byte) (*Entry, error) {
	e := &Entry{}
	for _, u := range updates {
		m.classes.Count(u)
		m.classes.Note("V2")
		converted, err := crdt.ConvertUpdateV1ToV2(u)
		if err != nil {
			return nil, fmt.Errorf("convert an update to V2: %w\n%s", err, Describe(u))
		}
		e.Convert = append(e.Convert, hex.EncodeToString(converted))
		changed, err := r.ApplyV2(converted, e)
		if err != nil {
			return nil, fmt.Errorf("apply an update in V2: %w\n%s", err, Describe(u))
		}
		e.Changed = append(e.Changed, changed)
	}
	return e, nil
}

// answer brings r what from knows beyond it.
func (m *Machine) answer(r, from *Replica) (*Entry, error) {
	update, err := from.Doc.EncodeStateAsUpdate(r.Doc.EncodeStateVector())
	if err != nil {
		return nil, fmt.Errorf("answer a state vector: %w", err)
	}
	e, err := m.receive(r, update)
	if e != nil {
		e.Merged = hex.EncodeToString(update)
	}
	return e, err
}

func (m *Machine) diff(s Step) (*Entry, error) {
	updates := m.collect(s.Slots)
	if len(updates) == 0 {
		return &Entry{}, nil
	}
	merged, err := crdt.MergeUpdates(updates...)
	if err != nil {
		return nil, fmt.Errorf("merge updates: %w", err)
	}
	sv, err := crdt.StateVectorFromUpdate(merged)
	if err != nil {
		return nil, fmt.Errorf("read the state vector of an update: %w", err)
	}
	below := VectorBelow(endsOf(merged), s.Picks)
	diff, err := crdt.DiffUpdate(merged, below)
	if err != nil {
		return nil, fmt.Errorf("take the difference of an update: %w", err)
	}
	e := &Entry{
		Merged: hex.EncodeToString(merged), Vector: hex.EncodeToString(sv),
		Below: hex.EncodeToString(below), Diff: hex.EncodeToString(diff),
	}
	merged2, err := diffV2(e, updates, below)
	if err != nil {
		return nil, err
	}
	return e, withoutDocument(e, merged, merged2, s.Picks)
}

// diffV2 does in V2 what diff does, and returns what was merged.
func diffV2(e *Entry, updates [][]byte, below []byte) ([]byte, error) {
	var converted [][]byte
	for _, u := range updates {
		c, err := crdt.ConvertUpdateV1ToV2(u)
		if err != nil {
			return nil, fmt.Errorf("convert an update to V2: %w", err)
		}
		converted = append(converted, c)
		e.Convert = append(e.Convert, hex.EncodeToString(c))
	}
	merged, err := crdt.MergeUpdatesV2(converted...)
	if err != nil {
		return nil, fmt.Errorf("merge updates in V2: %w", err)
	}
	e.Convert = append(e.Convert, hex.EncodeToString(merged))
	diff, err := crdt.DiffUpdateV2(merged, below)
	if err != nil {
		return nil, fmt.Errorf("take the difference of an update in V2: %w", err)
	}
	e.Diff2 = hex.EncodeToString(diff)
	back, err := crdt.ConvertUpdateV2ToV1(merged)
	if err != nil {
		return nil, fmt.Errorf("convert an update to V1: %w", err)
	}
	e.Back = hex.EncodeToString(back)
	return merged, nil
}

// endsOf returns for each client of an update where its last struct ends.
func endsOf(update []byte) map[uint64]uint64 {
	structs, _, _ := ScanUpdate(update)
	ends := map[uint64]uint64{}
	for _, s := range structs {
		ends[s.Client] = s.Clock + s.Len
	}
	return ends
}

// VectorBelow returns an encoded state vector that lies below clocks: client by
// client in descending order, each at a fraction of 255 that picks names, left
// out at 0.
func VectorBelow(clocks map[uint64]uint64, picks []int) []byte {
	var clients []uint64
	for c := range clocks {
		clients = append(clients, c)
	}
	slices.Sort(clients)
	slices.Reverse(clients)
	var body []byte
	n := uint64(0)
	for i, c := range clients {
		if pick := picks[i%len(picks)]; pick > 0 {
			n++
			body = lib0.AppendUint(body, c)
			body = lib0.AppendUint(body, clocks[c]*uint64(pick)/255)
		}
	}
	return append(lib0.AppendUint(nil, n), body...)
}

// ReadVector decodes a state vector.
func ReadVector(sv []byte) map[uint64]uint64 {
	dec := lib0.NewDecoder(sv)
	n, _ := dec.Uint()
	out := map[uint64]uint64{}
	for range n {
		client, _ := dec.Uint()
		clock, _ := dec.Uint()
		out[client] = clock
	}
	return out
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(fmt.Sprintf("crdttest: hex: %v", err))
	}
	return b
}

func compareEntries(got, want *Entry) *Difference {
	for _, f := range []struct{ name, got, want string }{
		{"own updates", fmt.Sprint(got.Own), fmt.Sprint(want.Own)},
		{"merged", got.Merged, want.Merged},
		{"changed", fmt.Sprint(got.Changed), fmt.Sprint(want.Changed)},
		{"state vector", got.Vector, want.Vector},
		{"encoded state", got.Update, want.Update},
		{"picked state vector", got.Below, want.Below},
		{"difference", got.Diff, want.Diff},
		{"encoded state in V2", got.Update2, want.Update2},
		{"difference in V2", got.Diff2, want.Diff2},
		{"converted to V2", fmt.Sprint(got.Convert), fmt.Sprint(want.Convert)},
		{"converted back to V1", got.Back, want.Back},
		{"obfuscated", fmt.Sprint(got.Hidden), fmt.Sprint(want.Hidden)},
		{"extent", fmt.Sprint(got.Meta), fmt.Sprint(want.Meta)},
		{"state vector by V2", got.Vector2, want.Vector2},
		{"pending", fmt.Sprint(got.Pending), fmt.Sprint(want.Pending)},
		{"undo stacks", got.Stacks, want.Stacks},
		{"relative positions", got.Cursor, want.Cursor},
		{"what the document told", lines(got.Log), lines(want.Log)},
		{"snapshot", got.Snap, want.Snap},
		{"snapshot in V2", got.Snap2, want.Snap2},
		{"texts between snapshots", strings.Join(got.Between, "\n"), strings.Join(want.Between, "\n")},
		{"answers of snapshots", fmt.Sprint(got.Answers), fmt.Sprint(want.Answers)},
		{"refused to restore", fmt.Sprint(got.Refused), fmt.Sprint(want.Refused)},
	} {
		if f.got != f.want {
			return &Difference{Field: f.name, Got: f.got + inWords(f.got), Want: f.want + inWords(f.want)}
		}
	}
	for name, w := range want.At {
		if g := got.At[name]; g != w {
			return &Difference{Field: "root " + name + " at a snapshot", Got: g, Want: w}
		}
	}
	for name, w := range want.Roots {
		g := got.Roots[name]
		for _, f := range []struct{ name, got, want string }{
			{"text", g.Text, w.Text}, {"delta", g.Delta, w.Delta}, {"XML", g.XML, w.XML}, {"JSON", g.JSON, w.JSON},
			{"content", g.Dump, w.Dump}, {"view", g.View, w.View}, {"length", fmt.Sprint(g.Length), fmt.Sprint(w.Length)},
		} {
			if f.got != f.want {
				return &Difference{Field: f.name + " of root " + name, Got: f.got, Want: f.want}
			}
		}
	}
	return nil
}

// lines puts each on a line of its own, behind an empty one.
func lines(log []string) string {
	out := ""
	for _, line := range log {
		out += "\n\t" + line
	}
	return out
}

// inWords describes a hex update, or a printed list of one.
func inWords(s string) string {
	s = string(bytes.Trim([]byte(s), "[]"))
	b, err := hex.DecodeString(s)
	if err != nil || len(b) < 2 {
		return ""
	}
	if _, _, err := ScanUpdate(b); err != nil {
		return ""
	}
	return "\n" + Describe(b)
}
