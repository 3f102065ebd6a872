package crdt

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/weftsync/weft/crdt/lib0"
)

// wireID names one operation as the wire does.
type wireID struct {
	client uint64
	clock  uint32
}

// part is one struct of an encoded update as it was read: what the tools that
// need no document work on. Its slices alias the update, or scratch space of
// the reader, and are valid until the reader moves on.
type part struct {
	client     uint64
	clock, len uint32

	kind     kind
	info     byte // the bits that say which of the following there are
	byName   bool // the parent is a root
	typeKind TypeKind

	origin, right, parent wireID

	root   []byte // name of the parent
	key    []byte // of the map that the part is a value of
	text   []byte // WTF-8: the string, the guid, the format's key, the node's name. Or the byte array
	values []byte // canonical Any: elements, embed, the format's value, options

	raw []byte // the part in V1, if it is what Yjs would write; else nil
}

const (
	infoOrigin = 0x80
	infoRight  = 0x40
	infoKey    = 0x20
)

func (p *part) end() uint32 { return p.clock + p.len }

// before reports whether an id may be an origin or a parent of the part: its
// own client's operations have to lie before it.
func (p *part) before(id wireID) bool { return id.client != p.client || id.clock < p.clock }

// read reads the part that begins at r.part.clock. It checks what decodeStruct
// checks, in the same order and with the same words.
func (r *reader) read() error {
	s, p := &r.src, &r.part
	at := s.Offset()
	info, err := s.info()
	if err != nil {
		return err
	}
	p.raw, r.normal = nil, r.keepRaw
	p.info = 0
	r.values = r.values[:0]
	switch kind(info & 31) {
	case kindSkip:
		p.kind = kindSkip
		p.len, err = s.clockOrLen() // not among the lengths of V2
		if err == nil && p.len == 0 {
			err = s.FailAt(at, "struct of length 0")
		}
	case kindGC:
		p.kind = kindGC
		p.len, err = s.length()
		r.normal = r.normal && info == 0
	default:
		p.info = info
		if err = r.readWhere(); err == nil {
			err = r.readContent(info&31, at)
		}
	}
	if err != nil {
		return err
	}
	if uint64(p.clock)+uint64(p.len) > maxClock {
		return s.FailAt(at, "clock exceeds 2^32-1")
	}
	if r.normal {
		p.raw = r.in[at:s.Offset()]
	}
	return nil
}

// readID reads an id and counts its client.
func (r *reader) readID(client uint64, clock uint32, err error) (wireID, error) {
	if err == nil {
		err = r.count(client)
	}
	return wireID{client, clock}, err
}

// readWhere reads an item's origins or, if it has none, its parent.
func (r *reader) readWhere() (err error) {
	s, p := &r.src, &r.part
	at := s.Offset()
	if p.info&infoOrigin != 0 {
		if p.origin, err = r.readID(s.leftID()); err != nil {
			return err
		}
		if !p.before(p.origin) {
			return s.FailAt(at, "origin does not lie before the item")
		}
	}
	if p.info&infoRight != 0 {
		at = s.Offset()
		if p.right, err = r.readID(s.rightID()); err != nil {
			return err
		}
		if !p.before(p.right) {
			return s.FailAt(at, "right origin does not lie before the item")
		}
	}
	if p.info&(infoOrigin|infoRight) != 0 {
		// Yjs does not write the bit where the key follows from the origins.
		r.normal = r.normal && p.info&infoKey == 0
		p.info &^= infoKey
		return nil
	}
	return r.readParent()
}

func (r *reader) readParent() (err error) {
	s, p := &r.src, &r.part
	at := s.Offset()
	if p.byName, err = s.parentIsRoot(); err != nil {
		return err
	}
	if r.normal {
		r.normal = r.in[at] <= 1
	}
	if p.byName {
		if p.root, err = s.name(s.str()); err != nil {
			return err
		}
	} else {
		at = s.Offset()
		if p.parent, err = r.readID(s.leftID()); err != nil {
			return err
		}
		if !p.before(p.parent) {
			return s.FailAt(at, "parent does not lie before the item")
		}
	}
	if p.info&infoKey != 0 {
		p.key, err = s.name(s.str())
	}
	return err
}

// readContent reads the content of an item and sets its kind and length.
func (r *reader) readContent(ref byte, at int) (err error) {
	s, p := &r.src, &r.part
	p.kind, p.len = kind(ref&15), 1
	switch kind(ref) {
	case kindDeleted:
		p.len, err = s.length()
		return err
	case kindString:
		if p.text, err = s.str(); err != nil {
			return err
		}
		if len(p.text) == 0 {
			return s.FailAt(at, "struct of length 0")
		}
		p.len = uint32(lib0.UnitLen(p.text))
		return nil
	case kindAny, kindJSON:
		return r.readElements()
	case kindBinary:
		p.text, err = s.Bytes()
		return err
	case kindEmbed:
		return r.readJSON()
	case kindFormat:
		if p.text, err = s.name(s.key()); err != nil {
			return err
		}
		return r.readJSON()
	case kindDoc:
		if p.text, err = s.str(); err != nil {
			return err
		}
		at = s.Offset()
		r.values, err = canonicalSubdocOptions(r.values, &s.Decoder)
		p.values = r.values
		r.normal = r.normal && bytes.Equal(r.in[at:s.Offset()], p.values)
		return err
	case kindType:
		if p.typeKind, err = s.typeKind(); err != nil {
			return err
		}
		if p.typeKind == KindXMLElement || p.typeKind == KindXMLHook {
			p.text, err = s.name(s.key())
		}
		return err
	}
	return s.FailAt(at, fmt.Sprintf("unknown struct kind %d", ref))
}

// readJSON reads a value that V1 writes as JSON.
func (r *reader) readJSON() (err error) {
	s, p := &r.src, &r.part
	at := s.Offset()
	r.values, err = s.json(r.values)
	p.values = r.values
	if err == nil && r.normal {
		r.normal = r.isNormalJSON(at, p.values)
	}
	return err
}

// isNormalJSON reports whether the JSON string at an offset of a V1 update,
// just read, is what JSON.stringify makes of its value.
func (r *reader) isNormalJSON(at int, value []byte) bool {
	d := lib0.NewDecoder(r.in[at:r.src.Offset()])
	text, err := d.Bytes()
	if err != nil {
		return false
	}
	out, ok := lib0.AppendJSON(r.json[:0], value)
	if !ok {
		return string(text) == "undefined"
	}
	r.json = out
	return bytes.Equal(text, out)
}

// readElements reads the elements of an array run.
func (r *reader) readElements() error {
	s, p := &r.src, &r.part
	n, err := s.elements(p.kind)
	if err != nil {
		return err
	}
	p.len = n
	at := s.Offset()
	for range n {
		from, start := s.Offset(), len(r.values)
		if p.kind == kindAny {
			r.values, err = lib0.CanonicalAny(r.values, &s.Decoder)
		} else {
			r.values, err = s.legacyJSON(r.values)
			if err == nil && r.normal {
				r.normal = r.isNormalJSON(from, r.values[start:])
			}
		}
		if err != nil {
			return err
		}
	}
	p.values = r.values
	if p.kind == kindAny && r.normal {
		r.normal = bytes.Equal(r.in[at:s.Offset()], p.values)
	}
	return nil
}

// cut takes the first n operations off the part: what is left follows the
// operation before it (Yjs: sliceStruct). whole says that a surrogate pair which
// the cut parts loses both halves, as in a document; else the half that is left
// stays what it is.
func (p *part) cut(n uint32, whole bool) {
	if n == 0 {
		return
	}
	p.raw = nil
	switch p.kind {
	case kindString:
		p.text = cutUnits(p.text, int(n), whole)
	case kindAny, kindJSON:
		for range n {
			p.values = p.values[lib0.SkipAny(p.values):]
		}
	}
	p.clock += n
	p.len -= n
	if p.kind != kindGC && p.kind != kindSkip {
		p.info |= infoOrigin
		p.origin = wireID{p.client, p.clock - 1}
	}
}

// cutUnits returns a WTF-8 string without its first n UTF-16 units.
func cutUnits(s []byte, n int, whole bool) []byte {
	for n > 0 {
		switch c := s[0]; {
		case c < 0x80:
			s = s[1:]
		case c < 0xE0:
			s = s[2:]
		case c < 0xF0:
			high := whole && n == 1 && c == 0xED && s[1] >= 0xA0 && s[1] < 0xB0
			s = s[3:]
			if high { // Yjs takes whatever follows for its other half
				return append([]byte("\uFFFD"), cutUnits(s, 1, false)...)
			}
		case n > 1:
			s = s[4:]
			n--
		case whole:
			return append([]byte("\uFFFD"), s[4:]...)
		default:
			c, _ := utf8.DecodeRune(s)
			return append(lib0.AppendUTF16Unit(nil, 0xDC00|uint16(c-0x10000)&0x3FF), s[4:]...)
		}
		n--
	}
	return s
}
