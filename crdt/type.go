package crdt

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Type is a shared type that lies in a document: a *Text, *Array, *Map,
// *XMLFragment, *XMLElement, *XMLText or *XMLHook, to be told apart by a type
// switch. There is one handle for each shared type, so two are the same type if
// they are equal with ==, and a handle can be the key of a Go map. A handle
// stays usable for as long as its document; once the type is deleted it reads
// as empty.
type Type interface {
	json.Marshaler

	// Kind returns what the type is.
	Kind() TypeKind

	// Doc returns the document that the type lies in.
	Doc() *Doc

	// Root returns the name of the root that the type is or lies in; "" once
	// it is deleted and collected.
	Root() string

	// Parent returns the shared type that holds this one as an element, a
	// value, an embed or a child. It is nil for a root, for a type that is
	// deleted and collected, and where the holder is a root that nobody
	// declared.
	Parent() Type

	// Deleted reports whether the type was deleted, by itself or with what
	// held it.
	Deleted() bool

	// Clone returns a copy with all that is in it, to be inserted elsewhere, in
	// another document too. See Prelim.
	Clone() *Prelim

	// Observe calls f after every transaction that changed the type itself,
	// ObserveDeep after every one that changed it or anything in it, until
	// cancel is called.
	Observe(f func(*Event)) (cancel func())
	ObserveDeep(f func([]*Event)) (cancel func())

	node() *branch
}

// ErrIndex is returned, wrapped with the numbers and the place, for an index
// or a length that reaches beyond the end of a list.
var ErrIndex = errors.New("crdt: index out of range")

// ErrGone is returned, wrapped with what it was, by edits of a type that was
// deleted and collected. What is written into a type that is deleted and not yet
// collected, in the same transaction or with Options.KeepDeleted, is deleted at
// once, as in Yjs.
var ErrGone = errors.New("crdt: the type is deleted")

// ErrKind is returned, wrapped with the kinds and the place, where a shared
// type of another kind is wanted.
var ErrKind = errors.New("crdt: wrong kind of shared type")

// shared is what all shared types have: the document and the branch.
type shared struct {
	d *Doc
	b *branch
}

func (s shared) node() *branch { return s.b }

// Kind returns what the type is.
func (s shared) Kind() TypeKind { return s.b.kind }

// Doc returns the document that the type lies in.
func (s shared) Doc() *Doc { return s.d }

// Deleted reports whether the type was deleted, by itself or with what held it.
func (s shared) Deleted() bool {
	return s.b.dead || s.b.item != 0 && s.d.item(s.b.item).deleted()
}

// Parent returns the shared type that holds this one; nil for a root, for a
// type that is deleted and collected, and where the holder is a root that
// nobody declared (Yjs: parent).
func (s shared) Parent() Type {
	if s.b.item == 0 {
		return nil
	}
	return s.d.handle(s.d.branches[s.d.item(s.b.item).parent])
}

// Root returns the name of the root that the type is or lies in; "" once it is
// deleted and collected. The cost is O(depth).
func (s shared) Root() string {
	b := s.b
	for b.item != 0 {
		b = s.d.branches[s.d.item(b.item).parent]
	}
	if b.dead {
		return ""
	}
	return b.name
}

// Clone returns a copy of the type with all that is in it, to be inserted
// elsewhere, in another document too; later changes of the type do not reach
// it. As in Yjs the copy of a text has its content, and not the attributes of
// the text itself. Shared types embedded in a text or held by a hook, which
// Yjs cannot copy, are copied too. The cost is O(content).
func (s shared) Clone() *Prelim { return s.d.clone(s.b) }

// edit checks that the type may be changed in tx.
func (s shared) edit(tx *Tx) error {
	if err := tx.check(s.d); err != nil {
		return fmt.Errorf("%w: an edit of %s", err, s.d.where(s.b))
	}
	if s.b.dead {
		return fmt.Errorf("%w: an edit of %s", ErrGone, s.d.where(s.b))
	}
	if s.b.item == 0 && len(s.b.name) > s.d.limits.NameBytes {
		return s.d.limits.checkName(s.b.name)
	}
	return nil
}

func (s shared) outOfRange(index, n int) error {
	return fmt.Errorf("%w: %d places from %d in %s of length %d", ErrIndex, n, index, s.d.where(s.b), s.b.length)
}

// where says what a branch is and how one comes to it from its root, for
// errors: text "notes"[2]["body"].
func (d *Doc) where(b *branch) string {
	what := b.kind.String()
	if b.item != 0 && b.name != "" {
		what += " <" + b.name + ">"
	}
	if b.dead {
		return what
	}
	way := ""
	for b.item != 0 {
		it := d.item(b.item)
		parent := d.branches[it.parent]
		if k := it.key(); k != 0 {
			way = "[" + strconv.Quote(validString([]byte(d.keyNames[k]))) + "]" + way
		} else {
			way = "[" + strconv.FormatUint(uint64(d.indexOf(parent, b.item)), 10) + "]" + way
		}
		b = parent
	}
	return what + " " + strconv.Quote(b.name) + way
}

// handle returns the shared type behind a branch, nil for a root that was not
// declared.
func (d *Doc) handle(b *branch) Type {
	if b.typ != nil || b.kind == Undeclared {
		return b.typ
	}
	s := shared{d, b}
	switch b.kind {
	case KindText:
		b.typ = &Text{s, attributes{s}}
	case KindArray:
		b.typ = &Array{list{s}}
	case KindMap:
		b.typ = &Map{s}
	case KindXMLFragment:
		b.typ = &XMLFragment{xmlList{list{s}}}
	case KindXMLElement:
		b.typ = &XMLElement{xmlList{list{s}}, attributes{s}}
	case KindXMLText:
		b.typ = &XMLText{Text{s, attributes{s}}}
	case KindXMLHook:
		b.typ = &XMLHook{Map{s}}
	}
	return b.typ
}

// Get returns the root type of that name as the given kind, creating it if need
// be: what Text, Array, Map and the others do, for a kind that is known only
// when the program runs, and with an error that wraps ErrKind where they
// panic (Yjs: Doc.get).
func (d *Doc) Get(name string, kind TypeKind) (Type, error) {
	if kind > KindXMLText {
		return nil, fmt.Errorf("%w: root %q asked for as %v", ErrKind, name, kind)
	}
	b := d.root(name)
	if b.kind != kind && b.kind != Undeclared {
		return nil, fmt.Errorf("%w: root %q is declared as %v and asked for as %v", ErrKind, name, b.kind, kind)
	}
	if b.kind == Undeclared {
		b.kind, b.marks = kind, false
	}
	return d.handle(b), nil
}

// Root returns the root type of that name; nil if it does not exist or nobody
// declared what it is. It creates and declares nothing. What an undeclared root
// looks like is told by RootKind, and RootJSON, RootString and RootText read it.
func (d *Doc) Root(name string) Type {
	if b, ok := d.roots[name]; ok {
		return d.handle(b)
	}
	return nil
}

// declare returns a root type and gives it its kind.
func (d *Doc) declare(name string, kind TypeKind) Type {
	t, err := d.Get(name, kind)
	if err != nil {
		panic(err.Error())
	}
	return t
}

var (
	_ Type = (*Text)(nil)
	_ Type = (*Array)(nil)
	_ Type = (*Map)(nil)
	_ Type = (*XMLFragment)(nil)
	_ Type = (*XMLElement)(nil)
	_ Type = (*XMLText)(nil)
	_ Type = (*XMLHook)(nil)
)
