package crdt

import (
	"slices"

	"github.com/weftsync/weft/crdt/lib0"
)

// The short way of encoding, the counterpart of loading.go: of ASCII text and
// deleted runs that have an origin.

// writeBlock writes the structs of a block of client c, from number i on.
func (d *Doc) writeBlock(s *sink, c uint32, blk *runBlock, i int) {
	if s.v2 != nil {
		d.writeBlockV2(s, c, blk, i)
		return
	}
	var self [10]byte // the client's id as it is written
	selfLen := len(lib0.AppendUint(self[:0], d.clients[c].id))
	out, n := s.b[:cap(s.b)], len(s.b)
	for ; i < blk.len(); i++ {
		it := d.item(blk.ref(i))
		s.noteDeleted(c, it)
		if !it.isQuick() {
			s.b = out[:n]
			d.writeStruct(s, it, 0)
			out, n = s.b[:cap(s.b)], len(s.b)
			continue
		}
		size := it.len
		text := it.kind() == kindString
		room := quickRoom
		if text {
			room += int(size) // a deleted run may be of any length, and takes a number
		}
		if len(out)-n < room {
			out = slices.Grow(out[:n], room)
			out = out[:cap(out)]
		}
		info := byte(it.bits&15) | infoOrigin
		if it.rightClient != 0 {
			info |= infoRight
		}
		out[n] = info
		n++
		if it.originClient == c { // by far the most
			*(*[8]byte)(out[n:]) = [8]byte(self[:])
			n += selfLen
		} else {
			n = len(lib0.AppendUint(out[:n], d.clients[it.originClient].id))
		}
		n = putUint(out, n, it.originClock)
		switch it.rightClient {
		case 0:
		case c:
			*(*[8]byte)(out[n:]) = [8]byte(self[:])
			n = putUint(out, n+selfLen, it.rightClock)
		default:
			n = putUint(out, len(lib0.AppendUint(out[:n], d.clients[it.rightClient].id)), it.rightClock)
		}
		n = putUint(out, n, size)
		if !text {
			continue
		}
		at := it.content
		if size <= 16 && int(at)+16 <= len(d.text) {
			*(*[16]byte)(out[n:]) = [16]byte(d.text[at:]) // what is too much is written over
		} else {
			copy(out[n:], d.text[at:at+size])
		}
		n += int(size)
	}
	s.b = out[:n]
}

// quickRoom is how much a struct that is written in the short way takes at most besides its text: two ids of 15 bytes,
// two numbers, and what is written too much.
const quickRoom = 64

// putUint writes a number into reserved room and returns where it ends. It branches on the length, which is mostly three
// bytes for the clocks in a document: lib0 writes the numbers of V2, of which that is not so, without a branch.
func putUint(out []byte, n int, v uint32) int {
	if v < 1<<7 {
		out[n] = byte(v)
		return n + 1
	}
	return putLong(out, n, v)
}

// putLong is putUint for a number of two bytes or more.
func putLong(out []byte, n int, v uint32) int {
	to := (*[5]byte)(out[n:])
	to[0], to[1] = byte(v)|0x80, byte(v>>7)
	if v < 1<<14 {
		return n + 2
	}
	to[1] |= 0x80
	to[2] = byte(v >> 14)
	if v < 1<<21 {
		return n + 3
	}
	to[2] |= 0x80
	to[3] = byte(v >> 21)
	if v < 1<<28 {
		return n + 4
	}
	to[3] |= 0x80
	to[4] = byte(v >> 28)
	return n + 5
}

// writeBlockV2 is writeBlock for V2.
func (d *Doc) writeBlockV2(s *sink, c uint32, blk *runBlock, i int) {
	v2 := s.v2
	for ; i < blk.len(); i++ {
		it := d.item(blk.ref(i))
		s.noteDeleted(c, it)
		if !it.isQuick() {
			d.writeStruct(s, it, 0)
			continue
		}
		info := byte(it.bits&15) | infoOrigin
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
