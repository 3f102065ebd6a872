package crdt

import (
	"fmt"

	"github.com/weftsync/weft/crdt/lib0"
)

// source reads the parts of an update in either format. In V1 they follow one
// another; in V2 each kind of part has a column, and what has none is in the
// rest. It hides which one it is.
type source struct {
	lib0.Decoder // V1: everything; V2: the rest
	v2           *columns
	clock        uint32 // V2: where the last delete range of the client ended
	limits       *Limits
}

// columns are the columns of a V2 update (Yjs: UpdateDecoderV2).
type columns struct {
	keyClocks   lib0.IntDiffRLEDecoder
	clients     lib0.UintRLEDecoder
	leftClocks  lib0.IntDiffRLEDecoder
	rightClocks lib0.IntDiffRLEDecoder
	infos       lib0.BytesRLEDecoder
	strings     lib0.StringsDecoder
	parentInfos lib0.BytesRLEDecoder
	typeRefs    lib0.UintRLEDecoder
	lens        lib0.UintRLEDecoder
	keys        [][]byte
	repeated    int // bytes of keys that may still be read again, see key
	batch       *batch
}

// format is one of the two formats of updates.
type format uint8

const (
	v1 format = iota
	v2
)

// repeatedPerStruct bounds, in bytes for each struct that an update may hold,
// what keys repeated in V2 add up to when each is written out.
const repeatedPerStruct = 16

// source begins to read an update. The columns of V2 are kept in c, if there is
// one to use again.
func (f format) source(b []byte, limits *Limits, c *columns) (source, error) {
	s := source{Decoder: lib0.NewDecoder(b), limits: limits}
	if f == v1 {
		return s, nil
	}
	if c == nil {
		c = new(columns)
	}
	*c = columns{keys: c.keys[:0], repeated: repeatedPerStruct * limits.Structs}
	s.v2 = c
	if flags, err := s.Byte(); err != nil {
		return s, err
	} else if flags != 0 {
		return s, s.FailAt(0, "unknown features")
	}
	var strings lib0.Decoder
	for _, column := range []*lib0.Decoder{
		&c.keyClocks.Decoder, &c.clients.Decoder, &c.leftClocks.Decoder, &c.rightClocks.Decoder, &c.infos.Decoder,
		&strings, &c.parentInfos.Decoder, &c.typeRefs.Decoder, &c.lens.Decoder,
	} {
		var err error
		if *column, err = s.Sub(); err != nil {
			return s, err
		}
	}
	var err error
	c.strings, err = lib0.NewStringsDecoder(strings)
	return s, err
}

// clientCount reads how many clients' structs follow.
func (s *source) clientCount() (uint64, error) {
	n, err := s.Uint()
	if err == nil && n > uint64(s.Len()) {
		err = s.Fail("number of clients exceeds the bytes left")
	}
	return n, err
}

// structCount reads how many structs of a client follow; there were so many
// before it in the update.
func (s *source) structCount(before int) (int, error) {
	at := s.Offset()
	n, err := s.Uint()
	if err != nil {
		return 0, err
	}
	if s.v2 == nil && n > uint64(s.Len())/2 {
		return 0, s.FailAt(at, "number of structs exceeds the bytes left")
	}
	if n > uint64(s.limits.Structs-before) {
		return 0, s.FailAt(at, fmt.Sprintf("more than %d structs in one update", s.limits.Structs))
	}
	return int(n), nil
}

// name checks the length of a name that was just read.
func (s *source) name(name []byte, err error) ([]byte, error) {
	if err == nil && len(name) > s.limits.NameBytes {
		err = s.Fail(fmt.Sprintf("name of more than %d bytes", s.limits.NameBytes))
	}
	return name, err
}

// narrow returns v as a clock or a length.
func (s *source) narrow(v uint64, at int) (uint32, error) {
	if v > maxClock {
		return 0, s.FailAt(at, "clock or length exceeds 2^32-1")
	}
	return uint32(v), nil
}

// clockOrLen reads a clock or a length that has no column.
func (s *source) clockOrLen() (uint32, error) {
	at := s.Offset()
	v, err := s.Uint()
	if err != nil {
		return 0, err
	}
	return s.narrow(v, at)
}

// client reads the id of the client whose structs follow.
func (s *source) client() (uint64, error) {
	if s.v2 == nil {
		return s.Uint()
	}
	return s.v2.clients.Read()
}

// leftID reads the id of an origin or a parent.
func (s *source) leftID() (client uint64, clock uint32, err error) {
	if s.v2 == nil {
		return s.plainID()
	}
	return s.columnID(&s.v2.leftClocks)
}

// rightID reads the id of a right origin.
func (s *source) rightID() (client uint64, clock uint32, err error) {
	if s.v2 == nil {
		return s.plainID()
	}
	return s.columnID(&s.v2.rightClocks)
}

func (s *source) plainID() (client uint64, clock uint32, err error) {
	if client, err = s.Uint(); err != nil {
		return 0, 0, err
	}
	clock, err = s.clockOrLen()
	return client, clock, err
}

func (s *source) columnID(clocks *lib0.IntDiffRLEDecoder) (client uint64, clock uint32, err error) {
	if client, err = s.v2.clients.Read(); err != nil {
		return 0, 0, err
	}
	at := clocks.Offset()
	v, err := clocks.Read()
	if err == nil && v < 0 {
		err = s.FailAt(at, "negative clock")
	}
	if err != nil {
		return 0, 0, err
	}
	clock, err = s.narrow(uint64(v), at)
	return client, clock, err
}

func (s *source) info() (byte, error) {
	if s.v2 == nil {
		return s.Byte()
	}
	return s.v2.infos.Read()
}

// parentIsRoot reads whether a parent is named or given by id.
func (s *source) parentIsRoot() (bool, error) {
	if s.v2 == nil {
		v, err := s.Uint()
		return v == 1, err
	}
	v, err := s.v2.parentInfos.Read()
	return v == 1, err
}

// str reads a string as WTF-8, aliasing the input if it can.
func (s *source) str() ([]byte, error) {
	if s.v2 == nil {
		return s.StringBytes()
	}
	return s.v2.strings.Read()
}

func (s *source) typeRef() (uint64, error) {
	if s.v2 == nil {
		return s.Uint()
	}
	return s.v2.typeRefs.Read()
}

// typeKind reads the kind of a shared type.
func (s *source) typeKind() (TypeKind, error) {
	at := s.Offset()
	k, err := s.typeRef()
	if err == nil && k > uint64(KindXMLText) {
		err = s.FailAt(at, fmt.Sprintf("unknown type %d", k))
	}
	return TypeKind(k), err
}

// elements reads how many elements an array run of the given kind has.
func (s *source) elements(k kind) (uint32, error) {
	at := s.Offset()
	n, err := s.length()
	if err == nil && int(n) > s.Len() && (s.v2 == nil || k == kindAny) {
		err = s.FailAt(at, "number of elements exceeds the bytes left")
	}
	return n, err
}

// length reads the length of a struct, which is at least 1.
func (s *source) length() (uint32, error) {
	at := s.Offset()
	var v uint64
	var err error
	if s.v2 == nil {
		v, err = s.Uint()
	} else {
		at = s.v2.lens.Offset()
		v, err = s.v2.lens.Read()
	}
	if err == nil && v == 0 {
		err = s.FailAt(at, "struct of length 0")
	}
	if err != nil {
		return 0, err
	}
	return s.narrow(v, at)
}

// json appends the canonical Any of a value that V1 writes as JSON.
func (s *source) json(dst []byte) ([]byte, error) {
	at, n := s.Offset(), len(dst)
	if s.v2 != nil {
		out, err := lib0.CanonicalAny(dst, &s.Decoder)
		if err == nil && out[n] == lib0.TagUndefined {
			err = s.FailAt(at, "a value that JSON does not have")
		}
		return out, err
	}
	text, err := s.StringBytes()
	if err != nil {
		return dst, err
	}
	out, err := lib0.AnyFromJSON(dst, text)
	if err != nil {
		return dst, s.FailAt(at, err.(*lib0.Error).Reason)
	}
	return out, nil
}

// legacyJSON appends the canonical Any of an element of a legacy array: JSON in
// both formats, or the word undefined.
func (s *source) legacyJSON(dst []byte) ([]byte, error) {
	at := s.Offset()
	text, err := s.str()
	if err != nil {
		return dst, err
	}
	if string(text) == "undefined" {
		return append(dst, lib0.TagUndefined), nil
	}
	out, err := lib0.AnyFromJSON(dst, text)
	if err != nil {
		return dst, s.FailAt(at, err.(*lib0.Error).Reason)
	}
	return out, nil
}

// key reads the key of a format or the name of an XML node.
func (s *source) key() ([]byte, error) {
	if s.v2 == nil {
		return s.StringBytes()
	}
	c := s.v2
	at := c.keyClocks.Offset()
	i, err := c.keyClocks.Read()
	if err != nil {
		return nil, err
	}
	if i < 0 {
		return nil, s.FailAt(at, "negative number of a key")
	}
	if i < int64(len(c.keys)) {
		// A repetition takes no bytes of the input. Yjs repeats none.
		if c.repeated -= len(c.keys[i]); c.repeated < 0 {
			return nil, s.FailAt(at, "keys are repeated too often")
		}
		return c.keys[i], nil
	}
	k, err := c.strings.Read()
	if err == nil {
		c.keys = append(c.keys, k)
	}
	return k, err
}

// deleteClients reads how many clients a delete set has.
func (s *source) deleteClients() (uint64, error) {
	n, err := s.Uint()
	if err == nil && n > uint64(s.Len())/2 {
		err = s.Fail("number of clients in the delete set exceeds the bytes left")
	}
	return n, err
}

// beginDeletes reads whose delete ranges follow, and how many.
func (s *source) beginDeletes() (client, n uint64, err error) {
	s.clock = 0
	if client, err = s.Uint(); err != nil {
		return 0, 0, err
	}
	at := s.Offset()
	if n, err = s.Uint(); err == nil && n > uint64(s.Len())/2 {
		err = s.FailAt(at, "number of deletes exceeds the bytes left")
	}
	return client, n, err
}

// deleteRange reads one range of a delete set.
func (s *source) deleteRange() (clock, length uint32, err error) {
	at := s.Offset()
	if clock, err = s.clockOrLen(); err != nil {
		return 0, 0, err
	}
	if length, err = s.clockOrLen(); err != nil {
		return 0, 0, err
	}
	if s.v2 != nil {
		from, to := uint64(s.clock)+uint64(clock), uint64(s.clock)+uint64(clock)+uint64(length)+1
		if to > maxClock {
			return 0, 0, s.FailAt(at, "delete beyond clock 2^32-1")
		}
		s.clock = uint32(to)
		return uint32(from), length + 1, nil
	}
	if length == 0 {
		return 0, 0, s.FailAt(at, "delete of length 0")
	}
	if uint64(clock)+uint64(length) > maxClock {
		return 0, 0, s.FailAt(at, "delete beyond clock 2^32-1")
	}
	return clock, length, nil
}
