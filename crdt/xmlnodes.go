package crdt

import (
	"fmt"
	"iter"
	"strings"
)

// Insert inserts nodes at index, each with all that is in it: all of them, or
// none on an error. The error wraps ErrKind for a node that is not XML.
func (l xmlList) Insert(tx *Tx, index int, nodes ...*Prelim) error {
	packed, err := packNodes(nodes)
	return l.insertValues(tx, index, packed, err)
}

// Push inserts nodes behind the last child.
func (l xmlList) Push(tx *Tx, nodes ...*Prelim) error { return l.Insert(tx, l.Len(), nodes...) }

// Unshift inserts nodes in front of the first child.
func (l xmlList) Unshift(tx *Tx, nodes ...*Prelim) error { return l.Insert(tx, 0, nodes...) }

// InsertAfter inserts nodes behind a child, in front of the first one if child
// is nil. The error wraps ErrKind if child lies elsewhere.
func (l xmlList) InsertAfter(tx *Tx, child Type, nodes ...*Prelim) error {
	packed, err := packNodes(nodes)
	if err := l.ready(tx, packed, err); err != nil {
		return err
	}
	left, right := ref(0), l.b.first
	if child != nil {
		b := child.node()
		if b.dead {
			return fmt.Errorf("%w: an insertion behind %s into %s", ErrGone, child.Doc().where(b), l.d.where(l.b))
		}
		if child.Doc() != l.d || b.item == 0 || l.d.item(b.item).parent != l.b.handle || l.d.item(b.item).key() != 0 {
			return fmt.Errorf("%w: %s is not a child of %s", ErrKind, child.Doc().where(b), l.d.where(l.b))
		}
		left, right = b.item, l.d.item(b.item).right
	}
	tx.insertRun(l.b, left, right, packed)
	return nil
}

// FirstChild returns the first child, nil if there is none.
func (l xmlList) FirstChild() Type { return l.d.typeFrom(l.b.first, toRight) }

// NextSibling returns the node behind the element, nil at the end.
func (e *XMLElement) NextSibling() Type { return e.sibling(toRight) }

// PrevSibling returns the node in front of the element, nil at the start.
func (e *XMLElement) PrevSibling() Type { return e.sibling(toLeft) }

// NextSibling returns the node behind the text, nil at the end.
func (t *XMLText) NextSibling() Type { return t.sibling(toRight) }

// PrevSibling returns the node in front of the text, nil at the start.
func (t *XMLText) PrevSibling() Type { return t.sibling(toLeft) }

// NextSibling returns the node behind the hook, nil at the end.
func (h *XMLHook) NextSibling() Type { return h.sibling(toRight) }

// PrevSibling returns the node in front of the hook, nil at the start.
func (h *XMLHook) PrevSibling() Type { return h.sibling(toLeft) }

func toRight(it *item) ref { return it.right }
func toLeft(it *item) ref  { return it.left }

func (s shared) sibling(step func(*item) ref) Type {
	if s.b.item == 0 {
		return nil
	}
	return s.d.typeFrom(step(s.d.item(s.b.item)), step)
}

// typeFrom returns the shared type in the first item from r on that is not
// deleted; nil if there is none or it holds something else.
func (d *Doc) typeFrom(r ref, step func(*item) ref) Type {
	for ; r != 0; r = step(d.item(r)) {
		if it := d.item(r); !it.deleted() {
			if it.kind() == kindType {
				return d.handle(d.branches[it.content])
			}
			return nil
		}
	}
	return nil
}

// Walk yields the nodes below this one, each in front of what is in it, as far
// as filter accepts them; without a filter all. What is in a node that filter
// rejects is walked all the same, what is in texts and hooks is not. The tree
// must not be changed meanwhile (Yjs: createTreeWalker).
func (l xmlList) Walk(filter func(Type) bool) iter.Seq[Type] {
	return func(yield func(Type) bool) {
		d, root := l.d, l.b
		for r := root.first; r != 0; {
			it := d.item(r)
			if !it.deleted() && it.kind() == kindType {
				b := d.branches[it.content]
				if t := d.handle(b); (filter == nil || filter(t)) && !yield(t) {
					return
				}
				if (b.kind == KindXMLElement || b.kind == KindXMLFragment) && b.first != 0 {
					r = b.first
					continue
				}
			}
			for ; it.right == 0; it = d.item(r) {
				parent := d.branches[it.parent]
				if parent == root {
					return
				}
				r = parent.item
			}
			r = it.right
		}
	}
}

// Find returns the first element with the given tag below this node, in the
// order of Walk, whatever the case of its letters; nil if there is none (Yjs:
// querySelector).
func (l xmlList) Find(tag string) *XMLElement {
	for e := range l.FindAll(tag) {
		return e
	}
	return nil
}

// FindAll yields all elements with the given tag below this node, in the order
// of Walk, whatever the case of their letters (Yjs: querySelectorAll).
func (l xmlList) FindAll(tag string) iter.Seq[*XMLElement] {
	tag = strings.ToUpper(tag)
	return func(yield func(*XMLElement) bool) {
		for t := range l.Walk(nil) {
			if e, ok := t.(*XMLElement); ok && strings.ToUpper(e.Name()) == tag && !yield(e) {
				return
			}
		}
	}
}
