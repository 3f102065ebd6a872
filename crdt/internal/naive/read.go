package naive

import (
	"fmt"
	"slices"
	"unicode/utf16"

	"github.com/weftsync/weft/crdt/lib0"
)

// The kinds of structs, which are runs of operations.
const (
	structGC = iota
	structDeleted
	structJSON
	structBinary
	structString
	structEmbed
	structFormat
	structType
	structAny
	structDoc
	structSkip
)

// The bits of a struct's first byte beside its kind.
const (
	hasLeft  = 0x80
	hasRight = 0x40
	hasKey   = 0x20
)

// readUpdate reads a V1 update: for each client structs, in the order of their
// clocks; then for each client ranges of deleted operations.
func readUpdate(update []byte) (ops []*Op, deletes []Range, err error) {
	r := reader{dec: lib0.NewDecoder(update)}
	for range r.count() {
		structs, client, clock := r.count(), r.uint(), r.uint()
		for range structs {
			run, n := r.run(ID{client, clock})
			ops = append(ops, run...)
			clock += n
		}
	}
	for range r.count() {
		client, ranges := r.uint(), r.count()
		for range ranges {
			deletes = append(deletes, Range{client, r.uint(), r.uint()})
		}
	}
	return ops, deletes, r.err
}

// reader reads the parts of an update. After an error it reads nothing more:
// numbers are 0, strings empty.
type reader struct {
	dec lib0.Decoder
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("naive: %w", err)
	}
}

func (r *reader) uint() uint64 {
	if r.err != nil {
		return 0
	}
	v, err := r.dec.Uint()
	r.fail(err)
	return v
}

// count reads how many things follow, each of which takes up a byte at least.
func (r *reader) count() uint64 {
	n := r.uint()
	if n > uint64(r.dec.Len()) {
		r.fail(fmt.Errorf("%d things in %d bytes", n, r.dec.Len()))
		return 0
	}
	return n
}

func (r *reader) string() string {
	if r.err != nil {
		return ""
	}
	s, err := r.dec.String()
	r.fail(err)
	return s
}

// any reads a value in the Any encoding.
func (r *reader) any() Value {
	if r.err != nil {
		return ""
	}
	v, err := lib0.CanonicalAny(nil, &r.dec)
	r.fail(err)
	return Value(v)
}

// json reads a value that is written as JSON.
func (r *reader) json() Value {
	text := r.string()
	if text == "undefined" { // in legacy arrays
		return Value([]byte{lib0.TagUndefined})
	}
	v, err := lib0.AnyFromJSON(nil, []byte(text))
	r.fail(err)
	return Value(v)
}

func (r *reader) id() *ID { return &ID{r.uint(), r.uint()} }

// run reads one struct and takes it apart: the first operation has the struct's
// left neighbour, each further one the operation before it, and all have the
// struct's right neighbour. It returns how many clocks the struct takes up.
func (r *reader) run(first ID) (ops []*Op, n uint64) {
	if r.err != nil {
		return nil, 0
	}
	info, err := r.dec.Byte()
	r.fail(err)
	if info == structSkip { // operations that are in another update
		return nil, r.uint()
	}
	op := Op{ID: first}
	if info != structGC {
		if info&hasLeft != 0 {
			op.Left = r.id()
		}
		if info&hasRight != 0 {
			op.Right = r.id()
		}
		if info&(hasLeft|hasRight) == 0 {
			op.In = r.place(info&hasKey != 0)
		}
	}
	contents := r.contents(info & 0x1f)
	for i, content := range contents {
		next := op
		next.Content = content
		if i > 0 {
			next.ID.Clock += uint64(i)
			next.Left, next.In = &ops[i-1].ID, Place{}
		}
		ops = append(ops, &next)
	}
	return ops, uint64(len(contents))
}

func (r *reader) place(keyed bool) (p Place) {
	if r.uint() == 1 {
		p.Root = r.string()
	} else {
		p.Holder = r.id()
	}
	if p.Keyed = keyed; keyed {
		p.Key = r.string()
	}
	return p
}

// contents reads the content of a struct, one for each operation.
func (r *reader) contents(kind byte) (out []any) {
	switch kind {
	case structGC:
		return slices.Repeat([]any{Collected{}}, int(r.uint()))
	case structDeleted:
		return slices.Repeat([]any{Gone{}}, int(r.uint()))
	case structJSON:
		for range r.count() {
			out = append(out, r.json())
		}
	case structBinary:
		p, err := r.dec.Bytes()
		r.fail(err)
		return []any{Value(lib0.AppendBytes([]byte{lib0.TagBytes}, p))}
	case structString:
		for _, unit := range utf16.Encode([]rune(r.string())) {
			out = append(out, Unit(unit))
		}
	case structEmbed:
		return []any{Embed(r.json())}
	case structFormat:
		return []any{Mark{r.string(), r.json()}}
	case structType:
		t := newType(Kind(r.uint()), "", nil)
		if t.Kind == KindXMLElement || t.Kind == KindXMLHook {
			t.Name = r.string()
		}
		return []any{t}
	case structAny:
		for range r.count() {
			out = append(out, r.any())
		}
	case structDoc:
		return []any{Subdoc{r.string(), r.any()}}
	default:
		r.fail(fmt.Errorf("unknown struct kind %d", kind))
	}
	return out
}
