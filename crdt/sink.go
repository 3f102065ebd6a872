package crdt

import "github.com/weftsync/weft/crdt/lib0"

// sink writes the parts of an update in either format, see source.
type sink struct {
	b     []byte // V1: everything; V2: the rest
	v2    *columnSink
	clock uint32 // V2: where the last delete range of the client ended

	noting  bool      // keep in mind what is deleted of what is written
	deleted []idRange // by client, in order, joined
}

// columnSink are the columns of a V2 update (Yjs: UpdateEncoderV2).
type columnSink struct {
	keyClocks   lib0.IntDiffRLE
	clients     lib0.UintRLE
	leftClocks  lib0.IntDiffRLE
	rightClocks lib0.IntDiffRLE
	infos       lib0.BytesRLE
	strings     lib0.Strings
	parentInfos lib0.BytesRLE
	typeRefs    lib0.UintRLE
	lens        lib0.UintRLE
	keys        int64
}

// sink begins to write an update. buf may be reused memory.
func (f format) sink(buf []byte) sink {
	if f == v1 {
		return sink{b: buf[:0]}
	}
	return sink{b: buf[:0], v2: new(columnSink)}
}

// reset empties the columns and keeps their memory.
func (c *columnSink) reset() {
	c.keyClocks.Reset()
	c.clients.Reset()
	c.leftClocks.Reset()
	c.rightClocks.Reset()
	c.infos.Reset()
	c.strings.Reset()
	c.parentInfos.Reset()
	c.typeRefs.Reset()
	c.lens.Reset()
	c.keys = 0
}

// finish returns the update. Its memory may be that of the sink.
func (s *sink) finish() []byte {
	c := s.v2
	if c == nil {
		return s.b
	}
	size := 1 + c.keyClocks.Len() + c.clients.Len() + c.leftClocks.Len() + c.rightClocks.Len() + c.infos.Len() +
		c.strings.Len() + c.parentInfos.Len() + c.typeRefs.Len() + c.lens.Len() + len(s.b)
	out := append(make([]byte, 0, size), 0) // no features
	out = c.keyClocks.Append(out)
	out = c.clients.Append(out)
	out = c.leftClocks.Append(out)
	out = c.rightClocks.Append(out)
	out = c.infos.Append(out)
	out = c.strings.Append(out)
	out = c.parentInfos.Append(out)
	out = c.typeRefs.Append(out)
	out = c.lens.Append(out)
	return append(out, s.b...)
}

// noteDeleted keeps in mind that a struct of client c is deleted, if it is.
func (s *sink) noteDeleted(c uint32, it *item) {
	if !s.noting || !it.deleted() {
		return
	}
	if n := len(s.deleted); n > 0 && s.deleted[n-1].client == c && s.deleted[n-1].end() == it.clock {
		s.deleted[n-1].len += it.len
	} else {
		s.deleted = append(s.deleted, idRange{c, it.clock, it.len})
	}
}

// uint writes a number that has no column.
func (s *sink) uint(v uint64) { s.b = lib0.AppendUint(s.b, v) }

func (s *sink) client(id uint64) {
	if s.v2 == nil {
		s.uint(id)
		return
	}
	s.v2.clients.Write(id)
}

func (s *sink) leftID(client uint64, clock uint32) {
	if s.v2 == nil {
		s.b = lib0.AppendUint(lib0.AppendUint(s.b, client), uint64(clock))
		return
	}
	s.v2.clients.Write(client)
	s.v2.leftClocks.Write(int64(clock))
}

func (s *sink) rightID(client uint64, clock uint32) {
	if s.v2 == nil {
		s.b = lib0.AppendUint(lib0.AppendUint(s.b, client), uint64(clock))
		return
	}
	s.v2.clients.Write(client)
	s.v2.rightClocks.Write(int64(clock))
}

func (s *sink) info(v byte) {
	if s.v2 == nil {
		s.b = append(s.b, v)
		return
	}
	s.v2.infos.Write(v)
}

func (s *sink) parentIsRoot(root bool) {
	v := byte(0)
	if root {
		v = 1
	}
	if s.v2 == nil {
		s.b = append(s.b, v)
		return
	}
	s.v2.parentInfos.Write(v)
}

// ascii writes a string of one byte a code unit.
func (s *sink) ascii(p []byte) {
	if s.v2 == nil {
		s.b = lib0.AppendBytes(s.b, p)
		return
	}
	s.v2.strings.Write(p, len(p))
}

// str writes a WTF-8 string.
func (s *sink) str(p []byte) {
	if s.v2 != nil {
		s.v2.strings.Write(p, lib0.UnitLen(p))
		return
	}
	n := len(s.b)
	s.b = lib0.AppendBytes(s.b, p)
	lib0.ReplaceSurrogates(s.b[n:])
}

func (s *sink) typeRef(k TypeKind) {
	if s.v2 == nil {
		s.b = append(s.b, byte(k))
		return
	}
	s.v2.typeRefs.Write(uint64(k))
}

func (s *sink) length(n uint32) {
	if s.v2 == nil {
		s.uint(uint64(n))
		return
	}
	s.v2.lens.Write(uint64(n))
}

// any writes a canonical value.
func (s *sink) any(v []byte) { s.b = lib0.AppendWireAny(s.b, v) }

// json writes a canonical value as JSON, in V2 as Any.
func (s *sink) json(v []byte) {
	if s.v2 != nil {
		s.any(v[:lib0.SkipAny(v)])
		return
	}
	s.b = lib0.AppendBytes(s.b, jsonText(v))
}

// legacyJSON writes a canonical value as JSON in both formats.
func (s *sink) legacyJSON(v []byte) { s.str(jsonText(v)) }

// jsonText returns the JSON of the value at the start of v; JavaScript makes
// the word undefined of what has none.
func jsonText(v []byte) []byte {
	text, ok := lib0.AppendJSON(nil, v)
	if !ok {
		return []byte("undefined")
	}
	return text
}

// key writes the key of a format or the name of an XML node. V2 could refer to
// one written before, and Yjs never does.
func (s *sink) key(k string) { s.keyBytes([]byte(k)) }

func (s *sink) keyBytes(k []byte) {
	if s.v2 != nil {
		s.v2.keyClocks.Write(s.v2.keys)
		s.v2.keys++
	}
	s.str(k)
}

func (s *sink) beginDeletes() { s.clock = 0 }

func (s *sink) deleteRange(r idRange) {
	if s.v2 == nil {
		s.b = lib0.AppendUint(lib0.AppendUint(s.b, uint64(r.clock)), uint64(r.len))
		return
	}
	s.uint(uint64(r.clock - s.clock))
	s.uint(uint64(r.len - 1))
	s.clock = r.end()
}
