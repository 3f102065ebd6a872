package crdt

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
)

// DeltaOp is one step of a change to a text: exactly one of Insert, Retain and
// Delete is set. Retain and Delete count UTF-16 code units. In the delta of an
// Event Insert may be a shared type, of which a Clone can be applied elsewhere.
type DeltaOp struct {
	Insert     any // a string, an embedded value, or a *Prelim
	Retain     int
	Delete     int
	Attributes Attrs // of what is inserted, or to set on what is retained
}

// DeltaOption changes how Text.ApplyDelta reads a delta.
type DeltaOption int

// DropFinalNewline leaves out the newline with which the last insertion of a
// delta ends if it would become the end of the text. Editors like Quill hold a
// newline at the end of every document, which the shared text does without
// (Yjs: sanitize false).
const DropFinalNewline DeltaOption = 1

// ApplyDelta changes the text step by step from its start (Yjs: applyDelta).
// The delta is checked first: on an error the text is as it was. What is
// retained with attributes beyond the end is filled with newlines, what is
// deleted beyond it is not there, as in Yjs.
func (t *Text) ApplyDelta(tx *Tx, ops []DeltaOp, options ...DeltaOption) error {
	if err := t.edit(tx); err != nil {
		return err
	}
	steps, err := packDelta(ops)
	if err == nil {
		err = t.fitsSteps(steps)
	}
	if err != nil {
		return fmt.Errorf("apply a delta to %s: %w", t.d.where(t.b), err)
	}
	tx.applySteps(t.b, steps, slices.Contains(options, DropFinalNewline))
	return nil
}

// fitsSteps returns what is wrong with the types and the names of a delta.
func (s shared) fitsSteps(steps []step) error {
	for i := range steps {
		if err := steps[i].check(int(s.b.depth)+1, &s.d.limits); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// check returns what is wrong with a step whose type is to lie at a depth.
func (s *step) check(depth int, l *Limits) error {
	for _, m := range s.attrs {
		if err := l.checkName(m.name); err != nil {
			return err
		}
	}
	if s.insert.kind == kindType {
		return s.insert.content.check(depth, l)
	}
	return nil
}

// step is a DeltaOp in the engine's terms. The kind of insert is kindString,
// its bytes WTF-8; kindEmbed; kindType; or 0 if nothing is inserted.
type step struct {
	insert         value
	retain, delete int
	attrs          []mark
}

// mark is a formatting attribute that does not belong to a document yet. See
// attr for object.
type mark struct {
	name   string // WTF-8
	value  []byte
	object uint64
}

func packDelta(ops []DeltaOp) ([]step, error) {
	out := make([]step, 0, len(ops))
	for i, op := range ops {
		s, err := packStep(op)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func packStep(op DeltaOp) (step, error) {
	s := step{retain: op.Retain, delete: op.Delete}
	set := 0
	for _, is := range []bool{op.Insert != nil, op.Retain != 0, op.Delete != 0} {
		if is {
			set++
		}
	}
	if set > 1 || op.Retain < 0 || op.Delete < 0 {
		return s, fmt.Errorf("%w: insert %v, retain %d, delete %d in one step", ErrValue, op.Insert, op.Retain, op.Delete)
	}
	for _, name := range slices.Sorted(maps.Keys(op.Attributes)) {
		v, err := markValue(op.Attributes[name])
		if err != nil {
			return s, fmt.Errorf("attribute %q: %w", name, err)
		}
		s.attrs = append(s.attrs, mark{name: string(wtf8(name)), value: v})
	}
	var err error
	switch v := op.Insert.(type) {
	case nil:
	case string:
		s.insert = value{kind: kindString, bytes: []byte(v)}
	default:
		s.insert, err = packEmbed(v)
	}
	return s, err
}

// packEmbed makes the content of an embed.
func packEmbed(v any) (value, error) {
	switch v.(type) {
	case *Prelim, Type:
		return packValue(v)
	}
	b, err := markValue(v)
	return value{kind: kindEmbed, bytes: b}, err
}

// applySteps runs a delta from the start of a text.
func (tx *Tx) applySteps(b *branch, steps []step, dropNewline bool) {
	pos := &textPos{tx: tx, b: b, right: b.first}
	for i, s := range steps {
		var want attrList
		for _, m := range s.attrs {
			want.set(attr{key: tx.d.internKey([]byte(m.name)), value: m.value, object: m.object})
		}
		tx.d.sortIndexes(want)
		switch {
		case s.insert.kind == kindString:
			text := s.insert.bytes
			if dropNewline && i == len(steps)-1 && pos.right == 0 {
				text = bytes.TrimSuffix(text, []byte("\n"))
			}
			if len(text) > 0 {
				pos.insert(slices.Clip(want), func(it *item) { tx.d.putText(it, text) })
			}
		case s.insert.kind != 0:
			pos.insert(slices.Clip(want), func(it *item) { tx.put(it, s.insert) })
		case s.retain > 0:
			pos.format(s.retain, want)
		case s.delete > 0:
			pos.delete(s.delete)
		}
	}
	b.cursor = cursor{}
}
