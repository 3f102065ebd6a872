package crdt

// Item is a run of operations of one client, as the filters of collection and
// of undoing see it: one that is about to be collected or deleted. It is valid
// until the filter returns.
type Item struct {
	d  *Doc
	it *item
}

// ID returns the id of the first operation.
func (i Item) ID() ID { return *i.d.idOf(i.it, 0) }

// Len returns the number of operations; for text these are UTF-16 code units.
func (i Item) Len() int { return int(i.it.len) }

// ParentKind returns the kind of the type that holds the item: Undeclared for a
// root that nobody asked for by kind.
func (i Item) ParentKind() TypeKind { return i.parent().kind }

// Parent returns the id of the item that holds the parent; none for a root.
func (i Item) Parent() (id ID, ok bool) {
	b := i.parent()
	if b.item == 0 {
		return ID{}, false
	}
	return *i.d.idOf(i.d.item(b.item), 0), true
}

// Root returns the name of the root type that holds the item at any depth. The
// cost is in proportion to the depth.
func (i Item) Root() string {
	b := i.parent()
	for b.item != 0 {
		b = i.d.branches[i.d.item(b.item).parent]
	}
	return b.name
}

func (i Item) parent() *branch { return i.d.branches[i.it.parent] }

// Key returns the map key or the name of the attribute whose value the item
// was; none for an element of a list.
func (i Item) Key() (key string, ok bool) {
	if k := i.it.key(); k != 0 {
		return i.d.keyNames[k], true
	}
	return "", false
}

// Text returns the text of the item, "" if it is not text. It is decoded anew
// at each call.
func (i Item) Text() string {
	if i.it.kind() != kindString {
		return ""
	}
	return string(i.d.appendUTF8(nil, i.it, 0))
}

// Values returns the elements, the embedded object or the shared type that the
// item holds; none for text, formatting, and what was collected before. They
// are decoded anew at each call.
func (i Item) Values() []any {
	if !i.it.countable() || i.it.kind() == kindString {
		return nil
	}
	out := make([]any, i.it.len)
	for n := range i.it.len {
		out[n] = i.d.contentAt(i.it, n)
	}
	return out
}
