package crdt

import "slices"

// TypeKind is the kind of a shared type, numbered as on the wire.
type TypeKind uint8

// The kinds of shared types. A root type that nobody has asked for by kind is
// Undeclared: updates name roots but do not say what they are.
const (
	KindArray       TypeKind = 0
	KindMap         TypeKind = 1
	KindText        TypeKind = 2
	KindXMLElement  TypeKind = 3
	KindXMLFragment TypeKind = 4
	KindXMLHook     TypeKind = 5
	KindXMLText     TypeKind = 6
	Undeclared      TypeKind = 255
)

var kindNames = map[TypeKind]string{
	KindArray: "array", KindMap: "map", KindText: "text", KindXMLElement: "XML element",
	KindXMLFragment: "XML fragment", KindXMLHook: "XML hook", KindXMLText: "XML text", Undeclared: "undeclared",
}

// String returns the kind's name in English.
func (k TypeKind) String() string { return kindNames[k] }

// branch is the node behind a shared type: a list of items, and the current
// item of each key.
type branch struct {
	handle uint32
	item   ref      // the item whose content this is; 0 for a root
	kind   TypeKind // of a root: what it was declared as
	format bool     // a format item has been in the list
	marks  bool     // one came since the type was declared
	dead   bool     // collected
	typ    Type     // the handle, once there is one
	depth  int32    // how many types it lies in; 0 for a root
	name   string   // of the root, the XML element or the hook

	first, last ref
	length      uint32 // visible places

	keys     []keyed           // in order of first integration
	keyIndex map[uint32]uint32 // position in keys, once there are many

	tree   nodeRef // root of the position tree, 0 until positions are asked for
	owed   growth  // of one item, not yet added up in the tree
	cursor cursor

	conflicts map[uint32]*conflict // of the list, and of keys; nil if no scan was long
	landmarks *landmarks           // nil until formatting far from the start is asked for

	changed uint32 // stamp of the last transaction that changed it
	change  int32  // number in that transaction's changes
	passed  uint32 // stamp of the last transaction that looked for its root
	hooks   *hooks // observers and watchers, nil if it never had any
}

// keyed is the current item of a key; older ones are to its left.
type keyed struct {
	key  uint32
	item ref
}

const manyKeys = 12

// get returns the current item of a key, deleted or not, or 0.
func (b *branch) get(key uint32) ref {
	if i := b.keyAt(key); i >= 0 {
		return b.keys[i].item
	}
	return 0
}

func (b *branch) keyAt(key uint32) int {
	if b.keyIndex != nil {
		if i, ok := b.keyIndex[key]; ok {
			return int(i)
		}
		return -1
	}
	return slices.IndexFunc(b.keys, func(k keyed) bool { return k.key == key })
}

func (b *branch) setKey(key uint32, r ref) {
	if i := b.keyAt(key); i >= 0 {
		b.keys[i].item = r
		return
	}
	b.keys = append(b.keys, keyed{key, r})
	if b.keyIndex != nil {
		b.keyIndex[key] = uint32(len(b.keys) - 1)
	} else if len(b.keys) > manyKeys {
		b.keyIndex = make(map[uint32]uint32, 2*len(b.keys))
		for i, k := range b.keys {
			b.keyIndex[k.key] = uint32(i)
		}
	}
}

// newBranch makes a branch that is not yet the content of an item.
func (d *Doc) newBranch(kind TypeKind, name string) *branch {
	b := &branch{handle: uint32(len(d.branches)), kind: kind, name: name}
	d.branches = append(d.branches, b)
	return b
}

// root returns the root type of that name, making it if it does not exist.
func (d *Doc) root(name string) *branch {
	if b, ok := d.roots[name]; ok {
		return b
	}
	b := d.newBranch(Undeclared, name)
	d.roots[name] = b
	d.rootNames = append(d.rootNames, name)
	return b
}

// internKey returns the number of a map key or format name.
func (d *Doc) internKey(s []byte) uint32 {
	if k, ok := d.keyNumbers[string(s)]; ok {
		return k
	}
	k := uint32(len(d.keyNames))
	d.keyNames = append(d.keyNames, string(s))
	d.keyNumbers[string(s)] = k
	return k
}

func (d *Doc) forgetKeys(n int) {
	for _, s := range d.keyNames[n:] {
		delete(d.keyNumbers, s)
	}
	clear(d.keyNames[n:])
	d.keyNames = d.keyNames[:n]
}
