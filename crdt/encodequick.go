package crdt

import (
	"slices"

	"github.com/weftsync/weft/crdt/lib0"
)

// The short way of encoding, the counterpart of loading.go: of ASCII text and
// deleted runs that have an origin.

// writeBlock writes the structs of a block of client c.
func (d *Doc) writeBlock(s *sink, c uint32, blk []entry) {
	if s.v2 != nil {
		d.writeBlockV2(s, c, blk)
		return
	}
	w := idWriter{d: d, c: c, out: s.b[:cap(s.b)], n: len(s.b)}
	w.size = len(lib0.AppendUint(w.self[:0], d.clients[c].id))
	for _, e := range blk {
		it := d.item(e.ref)
		s.noteDeleted(c, it)
		if !it.isQuick() {
			s.b = w.out[:w.n]
			d.writeStruct(s, it, 0)
			w.out, w.n = s.b[:cap(s.b)], len(s.b)
			continue
		}
		room := 48
		if it.kind() == kindString {
			room += int(it.len) // a deleted run may be of any length, and takes a number
		}
		w.reserve(room)
		info := byte(it.kind()) | infoOrigin
		if it.rightClient != 0 {
			info |= infoRight
		}
		w.out[w.n] = info
		w.n++
		w.id(it.originClient, it.originClock)
		if it.rightClient != 0 {
			w.id(it.rightClient, it.rightClock)
		}
		w.uint(it.len)
		if it.kind() == kindString {
			w.n += copy(w.out[w.n:], d.text[it.content:it.content+it.len])
		}
	}
	s.b = w.out[:w.n]
}

// writeBlockV2 is writeBlock for V2.
func (d *Doc) writeBlockV2(s *sink, c uint32, blk []entry) {
	v2 := s.v2
	for _, e := range blk {
		it := d.item(e.ref)
		s.noteDeleted(c, it)
		if !it.isQuick() {
			d.writeStruct(s, it, 0)
			continue
		}
		info := byte(it.kind()) | infoOrigin
		if it.rightClient != 0 {
			info |= infoRight
		}
		v2.infos.Write(info)
		v2.clients.Write(d.clients[it.originClient].id)
		v2.leftClocks.Write(int64(it.originClock))
		if it.rightClient != 0 {
			v2.clients.Write(d.clients[it.rightClient].id)
			v2.rightClocks.Write(int64(it.rightClock))
		}
		if it.kind() == kindString {
			v2.strings.Write(d.text[it.content:it.content+it.len], int(it.len))
		} else {
			v2.lens.Write(uint64(it.len))
		}
	}
}

// isQuick reports whether an item is ASCII text or a deleted run, has an origin
// and is in a list.
func (it *item) isQuick() bool {
	k := it.bits & (flagWide | 15)
	return (k == uint32(kindString) || k == uint32(kindDeleted)) && it.originClient != 0 && it.where&keyBit == 0
}

// idWriter writes ids and small numbers into reserved room.
type idWriter struct {
	d    *Doc
	c    uint32   // the client whose structs are written
	self [10]byte // its id as it is written
	size int      // of that
	out  []byte
	n    int // bytes written
}

// reserve makes room for n more bytes.
func (w *idWriter) reserve(n int) {
	if len(w.out)-w.n < n {
		w.out = slices.Grow(w.out[:w.n], n)
		w.out = w.out[:cap(w.out)]
	}
}

// id writes the id of an operation, which takes up to 15 bytes.
func (w *idWriter) id(client, clock uint32) {
	if client == w.c {
		*(*[8]byte)(w.out[w.n:]) = [8]byte(w.self[:])
		w.n += w.size
	} else {
		w.n = len(lib0.AppendUint(w.out[:w.n], w.d.clients[client].id))
	}
	w.uint(clock)
}

// uint writes a number, which takes up to 5 bytes.
func (w *idWriter) uint(v uint32) {
	out := (*[5]byte)(w.out[w.n:])
	switch {
	case v < 1<<7:
		out[0] = byte(v)
		w.n++
	case v < 1<<14:
		out[0], out[1] = byte(v)|0x80, byte(v>>7)
		w.n += 2
	case v < 1<<21:
		out[0], out[1], out[2] = byte(v)|0x80, byte(v>>7)|0x80, byte(v>>14)
		w.n += 3
	case v < 1<<28:
		out[0], out[1], out[2], out[3] = byte(v)|0x80, byte(v>>7)|0x80, byte(v>>14)|0x80, byte(v>>21)
		w.n += 4
	default:
		out[0], out[1], out[2], out[3], out[4] = byte(v)|0x80, byte(v>>7)|0x80, byte(v>>14)|0x80, byte(v>>21)|0x80, byte(v>>28)
		w.n += 5
	}
}
