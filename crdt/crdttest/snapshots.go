package crdttest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weftsync/weft/crdt"
)

// filters of collection by name, as in web/oracle/machine.mjs.
var filters = map[string]func(crdt.Item) bool{
	"author": func(i crdt.Item) bool { return i.ID().Client%2 == 1 },
	"keyed":  func(i crdt.Item) bool { _, keyed := i.Key(); return keyed },
	"text":   func(i crdt.Item) bool { return i.Text() != "" },
}

func (e *Entry) encodeSnapshot(s crdt.Snapshot) {
	e.Snap, e.Snap2 = hex.EncodeToString(s.Encode()), hex.EncodeToString(s.EncodeV2())
}

// takeSnapshot remembers a snapshot: the document's own, or what the bytes that
// Yjs wrote decode to.
func (m *Machine) takeSnapshot(at int, s Step, want Entry) (*Entry, error) {
	decoded, err := crdt.DecodeSnapshot(unhex(want.Snap))
	if err != nil {
		return nil, fmt.Errorf("decode a snapshot: %w", err)
	}
	decoded2, err := crdt.DecodeSnapshotV2(unhex(want.Snap2))
	if err != nil {
		return nil, fmt.Errorf("decode a snapshot in V2: %w", err)
	}
	if !decoded.Equal(decoded2) {
		return nil, fmt.Errorf("the snapshots in V1 and V2 differ: %v, %v", decoded, decoded2)
	}
	m.snaps[at] = decoded
	own := m.docs[s.Doc].Doc.Snapshot()
	if len(s.Picks) > 0 {
		below := VectorBelow(ReadVector(own.StateVector()), s.Picks)
		if own, err = crdt.NewSnapshot(below, own.Deleted()); err != nil {
			return nil, fmt.Errorf("make a snapshot: %w", err)
		}
	}
	if at%2 == 0 {
		m.snaps[at] = own
	}
	e := &Entry{}
	e.encodeSnapshot(own)
	return e, nil
}

// contains asks a snapshot for updates, and whether it is equal to another.
func (m *Machine) contains(s Step) (*Entry, error) {
	a, b := m.snaps[s.Snaps[0]], m.snaps[s.Snaps[1]]
	updates := m.collect(s.Slots)
	if len(updates) > 0 {
		merged, err := crdt.MergeUpdates(updates...)
		if err != nil {
			return nil, fmt.Errorf("merge updates: %w", err)
		}
		updates = append(updates, merged)
	}
	e := &Entry{}
	for _, u := range updates {
		in, err := a.ContainsUpdate(u)
		if err != nil {
			return nil, fmt.Errorf("look for an update in a snapshot: %w", err)
		}
		u2, err := crdt.ConvertUpdateV1ToV2(u)
		if err != nil {
			return nil, fmt.Errorf("convert an update to V2: %w", err)
		}
		if in2, err := a.ContainsUpdateV2(u2); err != nil || in2 != in {
			return nil, fmt.Errorf("an update is contained in V1: %v, in V2: %v, %w", in, in2, err)
		}
		e.Answers = append(e.Answers, in)
	}
	e.Answers = append(e.Answers, a.Equal(b))
	return e, nil
}

func (m *Machine) readSnapshot(r *Replica, s Step) (*Entry, error) {
	snap := m.snaps[s.Snaps[0]]
	switch s.Verb {
	case VerbAt:
		return m.readAt(r, snap), nil
	case VerbBetween:
		return m.readBetween(r, snap, m.snaps[s.Snaps[1]]), nil
	}
	restored, err := r.Doc.Restore(snap, crdt.Options{KeepDeleted: !s.Deep})
	if errors.Is(err, crdt.ErrCollects) || errors.Is(err, crdt.ErrSnapshot) {
		return &Entry{Refused: true}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("restore a snapshot: %w", err)
	}
	m.classes.Note("restored")
	if err := restored.Check(); err != nil {
		return nil, fmt.Errorf("check a restored document: %w", err)
	}
	update, err := restored.EncodeStateAsUpdate(nil)
	if err != nil {
		return nil, err
	}
	update2, err := restored.EncodeStateAsUpdateV2(nil)
	if err != nil {
		return nil, err
	}
	e := &Entry{
		Vector: hex.EncodeToString(restored.EncodeStateVector()),
		Update: hex.EncodeToString(update), Update2: hex.EncodeToString(update2), At: map[string]string{},
	}
	e.encodeSnapshot(restored.Snapshot())
	for _, name := range r.Roots {
		e.At[name] = Canonical(rootOf(restored, name))
	}
	return e, nil
}

// readAt reads all roots at a snapshot.
func (m *Machine) readAt(r *Replica, snap crdt.Snapshot) *Entry {
	m.classes.Note("read at a snapshot")
	e := &Entry{At: map[string]string{}}
	for _, name := range r.Roots {
		t := rootOf(r.Doc, name)
		e.At[name] = CanonicalAt(t, snap)
		if text, ok := t.(*crdt.Text); ok {
			e.At[name+" text"] = CanonicalString(text.StringAt(snap))
		}
	}
	return e
}

// CanonicalAt is Canonical for a shared type as it was at a snapshot.
func CanonicalAt(t any, snap crdt.Snapshot) string {
	var b strings.Builder
	appendAt(&b, t, snap)
	return b.String()
}

// appendAt appends the canonical text of a value, of a shared type with all
// that was in it at a snapshot.
func appendAt(b *strings.Builder, v any, snap crdt.Snapshot) {
	list := func(vs []any) {
		for i, v := range vs {
			if i > 0 {
				b.WriteByte(',')
			}
			appendAt(b, v, snap)
		}
	}
	switch t := v.(type) {
	case *crdt.XMLText:
		b.WriteString("xml")
		appendAt(b, &t.Text, snap)
	case *crdt.Text:
		b.WriteString("text([")
		for i, op := range t.DeltaAt(snap) {
			if i > 0 {
				b.WriteByte(',')
			}
			appendAt(b, op.Insert, snap)
			if len(op.Attributes) > 0 {
				appendSorted(b, op.Attributes)
			}
		}
		b.WriteString("],")
		appendEntriesAt(b, t.AttributesAt(snap), snap)
		b.WriteByte(')')
	case *crdt.Array:
		b.WriteString("array[")
		list(t.SliceAt(snap))
		b.WriteByte(']')
	case *crdt.XMLHook:
		b.WriteString("hook(")
		appendQuoted(b, t.Name())
		b.WriteByte(',')
		appendEntriesAt(b, t.EntriesAt(snap), snap)
		b.WriteByte(')')
	case *crdt.Map:
		b.WriteString("map")
		appendEntriesAt(b, t.EntriesAt(snap), snap)
	case *crdt.XMLElement:
		b.WriteString("element(")
		appendQuoted(b, t.Name())
		b.WriteByte(',')
		appendEntriesAt(b, t.AttributesAt(snap), snap)
		b.WriteString(",[")
		list(slices.Collect(t.ChildrenAt(snap)))
		b.WriteString("])")
	case *crdt.XMLFragment:
		b.WriteString("fragment[")
		list(slices.Collect(t.ChildrenAt(snap)))
		b.WriteByte(']')
	default:
		appendCanonical(b, v)
	}
}

func appendEntriesAt(b *strings.Builder, entries map[string]any, snap crdt.Snapshot) {
	keys := make([]string, 0, len(entries))
	for k, v := range entries {
		if v != any(crdt.Undefined) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, compareUnits)
	b.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		appendQuoted(b, k)
		b.WriteByte(':')
		appendAt(b, entries[k], snap)
	}
	b.WriteByte('}')
}

// describers are the ways in which changes between snapshots are described.
var describers = []func(crdt.TextChange, crdt.ID) any{
	nil,
	func(c crdt.TextChange, id crdt.ID) any {
		return crdt.Object{{Key: "user", Value: float64(id.Client)}, {Key: "type", Value: string(c)}, {Key: "clock", Value: float64(id.Clock)}}
	},
	func(c crdt.TextChange, id crdt.ID) any {
		return crdt.Object{{Key: "type", Value: string(c)}, {Key: "clock", Value: float64(id.Clock)}}
	},
}

// readBetween reads the texts that are in the document now between two
// snapshots.
func (m *Machine) readBetween(r *Replica, before, snap crdt.Snapshot) *Entry {
	e := &Entry{Between: []string{}}
	var read func(t any)
	read = func(t any) {
		text, ok := t.(*crdt.Text)
		if x, isXML := t.(*crdt.XMLText); isXML {
			text, ok = &x.Text, true
		}
		if ok {
			for _, describe := range describers {
				delta := CanonicalDelta(text.DeltaBetween(before, snap, describe))
				if strings.Contains(delta, `"type":"removed"`) {
					m.classes.Note("removed between snapshots")
				}
				e.Between = append(e.Between, delta)
			}
		}
		for _, inside := range nestedIn(t) {
			read(inside)
		}
	}
	for _, name := range r.Roots {
		read(rootOf(r.Doc, name))
	}
	return e
}
