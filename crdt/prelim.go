package crdt

import (
	"fmt"
	"maps"
	"slices"
)

// Prelim is a shared type with its content that does not lie in a document yet.
// NewText, NewArray, NewMap and the others make one, and so does Clone. It is
// accepted wherever a value is: by Array.Insert and Push, Map.Set, InsertEmbed,
// ApplyDelta, SetAttribute, the Insert methods of XML, and inside another
// Prelim:
//
//	notes.Push(tx, crdt.NewMap(map[string]any{
//		"title": "shopping",
//		"body":  crdt.NewText("bread, milk"),
//	}))
//
// Inserting it makes the operations that Yjs makes when a type that was filled
// beforehand is inserted. A Prelim is a description and not the type itself:
// it may be inserted any number of times and each time makes a new type, which
// is then read from where it was put, with Array.Get or Map.Get for instance.
//
// What is wrong with its content is reported where it is inserted, and then
// nothing is inserted.
type Prelim struct {
	kind   TypeKind
	name   string // of an XML element or hook
	list   []value
	passes [][]step // of a text
	keys   []keyValue
	err    error // the first
}

// keyValue is a value of a map, or an attribute.
type keyValue struct {
	key   string // WTF-8
	value value
}

// NewText returns a text that holds s, with the given formatting. Without
// content it is empty.
func NewText(s string, attrs ...Attrs) *Prelim { return newText(KindText, s, attrs) }

// NewXMLText returns an XML text that holds s, with the given formatting.
func NewXMLText(s string, attrs ...Attrs) *Prelim { return newText(KindXMLText, s, attrs) }

func newText(kind TypeKind, s string, attrs []Attrs) *Prelim {
	all := Attrs{}
	for _, a := range attrs {
		maps.Copy(all, a)
	}
	p := &Prelim{kind: kind}
	if s == "" {
		return p
	}
	return p.ApplyDelta(DeltaOp{Insert: s, Attributes: all})
}

// NewArray returns an array that holds the values, which may be whatever
// Array.Insert takes (Yjs: Array.from).
func NewArray(values ...any) *Prelim {
	p := &Prelim{kind: KindArray}
	p.list, p.err = packValues(values, arrayElement)
	return p
}

// NewMap returns a map that holds the entries, which may be whatever Map.Set
// takes. They are set in the order of their keys; use Set for another order.
func NewMap(entries map[string]any) *Prelim {
	return (&Prelim{kind: KindMap}).setAll(entries)
}

// NewXMLFragment returns an XML fragment with the given children: elements,
// texts and hooks.
func NewXMLFragment(children ...*Prelim) *Prelim {
	return (&Prelim{kind: KindXMLFragment}).append(children)
}

// NewXMLElement returns an XML element with the given tag, attributes and
// children. Attributes may be any value; they are set in the order of their
// names, use Set for another order.
func NewXMLElement(tag string, attrs Attrs, children ...*Prelim) *Prelim {
	return (&Prelim{kind: KindXMLElement, name: tag}).setAll(attrs).append(children)
}

// NewXMLHook returns an XML hook of the given name that holds the entries, as
// NewMap does.
func NewXMLHook(name string, entries map[string]any) *Prelim {
	return (&Prelim{kind: KindXMLHook, name: name}).setAll(entries)
}

// Kind returns what the type will be.
func (p *Prelim) Kind() TypeKind { return p.kind }

// Set sets a key of a map or hook, or an attribute of an XML element or a text,
// and returns p. Keys are set in the order in which they were first given, and
// behind the other content.
func (p *Prelim) Set(key string, v any) *Prelim {
	if p.kind == KindArray || p.kind == KindXMLFragment {
		return p.fail(fmt.Errorf("%w: key %q of %v", ErrKind, key, p.kind))
	}
	packed, err := packValue(v)
	if err != nil {
		return p.fail(fmt.Errorf("set key %q of new %v: %w", key, p.kind, err))
	}
	k := string(wtf8(key))
	i := slices.IndexFunc(p.keys, func(e keyValue) bool { return e.key == k })
	if i < 0 || p.kind == KindText || p.kind == KindXMLText { // a text that waits is a list of calls in Yjs
		p.keys = append(p.keys, keyValue{k, packed})
	} else {
		p.keys[i].value = packed
	}
	return p
}

// ApplyDelta changes the content of a text step by step from its start, as
// Text.ApplyDelta does, and returns p.
func (p *Prelim) ApplyDelta(ops ...DeltaOp) *Prelim {
	if p.kind != KindText && p.kind != KindXMLText {
		return p.fail(fmt.Errorf("%w: a delta for %v", ErrKind, p.kind))
	}
	steps, err := packDelta(ops)
	if err != nil {
		return p.fail(fmt.Errorf("apply a delta to new %v: %w", p.kind, err))
	}
	p.passes = append(p.passes, steps)
	return p
}

func (p *Prelim) setAll(entries map[string]any) *Prelim {
	for _, k := range slices.Sorted(maps.Keys(entries)) {
		p.Set(k, entries[k])
	}
	return p
}

func (p *Prelim) append(children []*Prelim) *Prelim {
	nodes, err := packNodes(children)
	if err != nil {
		return p.fail(fmt.Errorf("put a child into new %v: %w", p.kind, err))
	}
	p.list = append(p.list, nodes...)
	return p
}

func (p *Prelim) fail(err error) *Prelim {
	if p.err == nil {
		p.err = err
	}
	return p
}

// check returns what is wrong with the type, which is to lie at the given depth,
// and with all that is in it. A prelim that holds itself is found out so.
func (p *Prelim) check(depth int, l *Limits) error {
	if p == nil {
		return fmt.Errorf("%w: a nil Prelim", ErrValue)
	}
	if depth > l.Nesting {
		return l.nestedTooDeep()
	}
	err := p.err
	if err == nil {
		err = l.checkName(p.name)
	}
	inside := func(v value) {
		if err == nil && v.kind == kindType {
			err = v.content.check(depth+1, l)
		}
	}
	for _, v := range p.list {
		inside(v)
	}
	for _, e := range p.keys {
		if err == nil {
			err = l.checkName(e.key)
		}
		inside(e.value)
	}
	for _, steps := range p.passes {
		for i := range steps {
			if err == nil {
				err = steps[i].check(depth+1, l)
			}
		}
	}
	return err
}

// packNodes makes values of XML nodes.
func packNodes(nodes []*Prelim) ([]value, error) {
	out := make([]value, 0, len(nodes))
	for i, n := range nodes {
		if n != nil && n.kind < KindXMLElement {
			return nil, fmt.Errorf("%w: node %d is %v, want XML", ErrKind, i, n.kind)
		}
		v, err := packValue(n)
		if err != nil {
			return nil, fmt.Errorf("node %d: %w", i, err)
		}
		out = append(out, v)
	}
	return out, nil
}

// fill puts the content of a prelim into the type that was just made of it,
// each piece an operation of its own, in Yjs's order: the list, then the keys.
func (tx *Tx) fill(b *branch, p *Prelim) {
	var last ref
	for _, v := range p.list {
		last = tx.insert(b, last, 0, 0, func(it *item) { tx.put(it, v) })
	}
	for _, steps := range p.passes {
		tx.applySteps(b, steps, false)
	}
	for _, e := range p.keys {
		k := tx.d.internKey([]byte(e.key))
		tx.insert(b, b.get(k), 0, k, func(it *item) { tx.put(it, e.value) })
	}
}
