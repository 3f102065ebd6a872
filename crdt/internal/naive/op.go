package naive

// ID names an operation: the client that made it, and how many that client had
// made before.
type ID struct{ Client, Clock uint64 }

// Op is one operation: the insertion of one thing at one place. It never
// changes, but for being deleted.
//
// A place cannot be an index, because others insert and delete before it
// meanwhile. It is described by the neighbours that the author saw: "after this
// one, before that one". They stay in the list for ever, deleted or not, so the
// description never goes stale.
type Op struct {
	ID ID

	Left  *ID // what stood to the left when it was made (Yjs: origin); nil for the start of the list
	Right *ID // what stood to the right (Yjs: right origin); nil for the end of the list

	// In says which list, if neither neighbour does.
	In Place

	Content any
	Deleted bool

	list *list // where it is; nil if that was collected before it came
}

// Place names a list: a shared type, and one of its keys or none.
type Place struct {
	Root string // the root of that name, if Holder is nil
	// Holder is the operation that inserted the type.
	Holder *ID
	// Key names a value of a map. A map is a list for each key, of all the
	// values that it ever had; the last one counts.
	Key   string
	Keyed bool
}

// Content of an operation is one of these, or a *Type.
type (
	// Unit is one UTF-16 code unit of text.
	Unit uint16
	// Value is an element of an array or a value of a map, in lib0's Any
	// encoding. Equal values have equal encodings.
	Value string
	// Embed is an object among text.
	Embed Value
	// Mark begins or ends formatting: what follows it has the value, until the
	// next mark of that key. Null is no formatting.
	Mark struct {
		Key   string
		Value Value
	}
	// Subdoc is a document by reference.
	Subdoc struct {
		GUID    string
		Options Value
	}
	// Gone is content that its sender had deleted and thrown away.
	Gone struct{}
	// Collected stands for an operation of which its sender has kept nothing,
	// not even the place: it lay in a type that was deleted.
	Collected struct{}
)

// Kind is what a shared type is, numbered as on the wire.
type Kind uint64

// The kinds of shared types. Updates do not say what kind a root is.
const (
	KindArray Kind = iota
	KindMap
	KindText
	KindXMLElement
	KindXMLFragment
	KindXMLHook
	KindXMLText
	KindRoot Kind = 255
)

// Type is a shared type. Whatever its kind it has a list and keys; a text or an
// array uses the list, a map the keys, an XML element both.
type Type struct {
	Kind   Kind
	Name   string // of a root, an XML element or a hook
	holder *Op    // the operation whose content it is; nil for a root
	list   *list
	keys   map[string]*list
}

// list is a list of operations, deleted ones included.
type list struct {
	of    *Type
	keyed bool
	ops   []*Op
}

func newType(kind Kind, name string, holder *Op) *Type {
	t := &Type{Kind: kind, Name: name, holder: holder, keys: map[string]*list{}}
	t.list = &list{of: t}
	return t
}

// at returns the list of a key, or that of the type itself.
func (t *Type) at(p Place) *list {
	if !p.Keyed {
		return t.list
	}
	l, ok := t.keys[p.Key]
	if !ok {
		l = &list{of: t, keyed: true}
		t.keys[p.Key] = l
	}
	return l
}
