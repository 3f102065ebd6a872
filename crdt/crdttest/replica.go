package crdttest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"unicode/utf16"

	"github.com/weftsync/weft/crdt"
)

// Replica is an engine document with what a test watches beside it: the
// updates that ApplyUpdate says are worth keeping, and for each text root the
// text that its splices add up to.
type Replica struct {
	Doc   *crdt.Doc
	Roots []string
	Kept  [][]byte // Applied.Update of everything applied, in order

	spec     DocSpec
	undo     *crdt.UndoManager
	log      []string
	cursors  []crdt.RelativePosition
	emitted  [][]byte // updates that the document told of, of its own making
	mirrors  map[string][]uint16
	authored bool // something was written in consequence of an update
	halves   bool // half a surrogate pair was typed here, which a splice cannot tell
}

// NewReplica returns a replica of an empty document.
func NewReplica(spec DocSpec, roots []string) *Replica {
	r := &Replica{Roots: roots, spec: spec}
	r.open()
	return r
}

func (r *Replica) open() {
	r.Doc = crdt.New(crdt.Options{
		ClientID: r.spec.Client, KeepDeleted: !r.spec.Collect, KeepMarks: !r.spec.Clean, CollectFilter: filters[r.spec.Filter],
	})
	r.mirrors = map[string][]uint16{}
	if r.spec.Clean || r.spec.Watch || r.spec.React || r.spec.Undo != nil {
		for _, name := range r.Roots {
			rootOf(r.Doc, name)
		}
	}
	if r.spec.React || r.spec.Watch {
		r.Doc.OnUpdate(func(u []byte, tx *crdt.Tx) {
			if tx.Origin() != any(remote) {
				r.emitted = append(r.emitted, u)
			}
		})
	}
	if r.spec.Watch {
		r.watch()
	}
	if r.spec.React {
		r.react()
	}
	if r.spec.Undo != nil {
		r.undoAll(*r.spec.Undo)
	}
	for _, name := range r.Roots {
		if name[0] == 't' {
			r.Doc.OnRootSplice(name, func(s crdt.Splice) { r.mirror(name, s) })
		}
	}
}

// mirror applies a splice to the copy of a text.
func (r *Replica) mirror(name string, s crdt.Splice) {
	t := r.mirrors[name]
	if s.Index < 0 || s.Deleted < 0 || s.Index+s.Deleted > len(t) {
		panic(fmt.Sprintf("crdttest: splice %+v of a text of %d units", s, len(t)))
	}
	inserted := utf16.Encode([]rune(s.Inserted))
	out := make([]uint16, 0, len(t)+len(inserted)-s.Deleted)
	out = append(out, t[:s.Index]...)
	out = append(out, inserted...)
	r.mirrors[name] = append(out, t[s.Index+s.Deleted:]...)
}

// Apply applies an update and returns whether it changed anything. What the
// document says of the update beforehand has to be true.
// What the document did in consequence goes into e.
func (r *Replica) Apply(update []byte, e *Entry) (changed bool, err error) {
	known, err := r.Doc.Knows(update)
	if err != nil {
		return false, fmt.Errorf("ask whether an update is known: %w", err)
	}
	if err := crdt.ValidateUpdate(update); err != nil {
		return false, fmt.Errorf("validate an update: %w", err)
	}
	changed, err = r.apply(update, e, r.Doc.ApplyUpdate)
	if err == nil && known && changed {
		return false, fmt.Errorf("an update that was known changed the document")
	}
	return changed, err
}

// ApplyV2 applies an update in V2 and returns whether it changed anything.
func (r *Replica) ApplyV2(update []byte, e *Entry) (changed bool, err error) {
	return r.apply(update, e, r.Doc.ApplyUpdateV2)
}

func (r *Replica) apply(update []byte, e *Entry, apply func([]byte, ...crdt.TxOption) (crdt.Applied, error)) (changed bool, err error) {
	before := bytes.Clone(update)
	applied, err := apply(update, crdt.WithOrigin(remote))
	if err != nil {
		return false, err
	}
	if !bytes.Equal(before, update) {
		return false, fmt.Errorf("the update was modified")
	}
	if applied.Changed != (applied.Update != nil) {
		return false, fmt.Errorf("changed is %v, update has %d bytes", applied.Changed, len(applied.Update))
	}
	if applied.Changed {
		r.Kept = append(r.Kept, bytes.Clone(applied.Update))
	}
	r.authored = r.authored || applied.Authored != nil
	r.wrote(e, applied.Authored)
	return applied.Changed, nil
}

// Edit runs operations in one transaction and returns its update, nil if it
// changed nothing.
func (r *Replica) Edit(ops ...Op) ([]byte, error) {
	update, err := r.Doc.Update(func(tx *crdt.Tx) error {
		for _, op := range ops {
			if _, ok := op.String.([]any); ok {
				r.halves = true
			}
			if err := runOp(r.Doc, tx, op); err != nil {
				return fmt.Errorf("operation %+v: %w", op, err)
			}
		}
		return nil
	})
	return update, err
}

func (r *Replica) edit(ops []Op) (*Entry, error) {
	update, err := r.Edit(ops...)
	if err != nil {
		return nil, err
	}
	e := &Entry{}
	r.wrote(e, update)
	return e, nil
}

// wrote puts into e what the document wrote on its own account: one update, or
// those that it told of one by one.
func (r *Replica) wrote(e *Entry, update []byte) {
	switch {
	case r.spec.React || r.spec.Watch:
		for _, u := range r.emitted {
			e.Own = append(e.Own, hex.EncodeToString(u))
		}
		r.emitted = nil
	case update != nil:
		e.Own = append(e.Own, hex.EncodeToString(update))
	}
	if update != nil {
		r.Kept = append(r.Kept, bytes.Clone(update))
	}
}

// Reload encodes the document, loads it into a fresh one with another client
// id, and goes on with that. It returns what was encoded.
func (r *Replica) Reload(client uint64) ([]byte, error) {
	update, err := r.Doc.EncodeStateAsUpdate(nil)
	if err != nil {
		return nil, fmt.Errorf("encode the state: %w", err)
	}
	r.spec.Client = client
	r.open()
	if _, err := r.Doc.ApplyUpdate(update); err != nil {
		return update, fmt.Errorf("load the state: %w", err)
	}
	return update, nil
}

// read reads all that a check compares.
func (r *Replica) read(picks []int, deep bool) (*Entry, error) {
	sv := r.Doc.EncodeStateVector()
	below := VectorBelow(ReadVector(sv), picks)
	update, err := r.Doc.EncodeStateAsUpdate(nil)
	if err != nil {
		return nil, fmt.Errorf("encode the state: %w", err)
	}
	diff, err := r.Doc.EncodeStateAsUpdate(below)
	if err != nil {
		return nil, fmt.Errorf("encode a difference: %w", err)
	}
	update2, err := r.Doc.EncodeStateAsUpdateV2(nil)
	if err != nil {
		return nil, fmt.Errorf("encode the state in V2: %w", err)
	}
	diff2, err := r.Doc.EncodeStateAsUpdateV2(below)
	if err != nil {
		return nil, fmt.Errorf("encode a difference in V2: %w", err)
	}
	if err := r.Doc.Check(); err != nil {
		return nil, fmt.Errorf("check the document: %w", err)
	}
	e := &Entry{
		Update2: hex.EncodeToString(update2), Diff2: hex.EncodeToString(diff2),
		Vector: hex.EncodeToString(sv), Update: hex.EncodeToString(update),
		Below: hex.EncodeToString(below), Diff: hex.EncodeToString(diff),
		Pending: r.Doc.Stats().Pending > 0,
	}
	e.encodeSnapshot(r.Doc.Snapshot())
	if deep {
		e.Roots = map[string]RootEntry{}
		for _, name := range r.Roots {
			e.Roots[name] = ReadRoot(r.Doc, name, rootOf(r.Doc, name))
		}
	}
	return e, r.checkMirrors()
}

// checkMirrors compares what splices added up to with what is there.
func (r *Replica) checkMirrors() error {
	for name, mirror := range r.mirrors {
		if r.halves {
			break
		}
		var shown []uint16
		for _, op := range r.Doc.Text(name).Delta() {
			if s, ok := op.Insert.(string); ok {
				shown = append(shown, utf16.Encode([]rune(s))...)
			} else {
				shown = append(shown, 0xfffc)
			}
		}
		if got, want := string(utf16.Decode(mirror)), string(utf16.Decode(shown)); got != want {
			return fmt.Errorf("splices of root %s add up to %q, want %q", name, got, want)
		}
	}
	return nil
}

// ReadRoot reads a root type, given its name and its handle, in every way.
func ReadRoot(d *crdt.Doc, name string, t any) RootEntry {
	e := RootEntry{Dump: Canonical(t), JSON: string(d.RootJSON(name)), View: view(t)}
	switch t := t.(type) {
	case *crdt.XMLText:
		e.Text, e.Delta, e.Length = CanonicalString(t.Text.String()), CanonicalDelta(t.Delta()), t.Len()
		e.XML = CanonicalString(t.String())
	case *crdt.Text:
		e.Text, e.Delta, e.Length = CanonicalString(t.String()), CanonicalDelta(t.Delta()), t.Len()
	case *crdt.Array:
		e.Length = t.Len()
	case *crdt.XMLFragment:
		e.XML, e.Length = CanonicalString(t.String()), t.Len()
	case *crdt.XMLElement:
		e.XML, e.Length = CanonicalString(t.String()), t.Len()
	}
	return e
}
