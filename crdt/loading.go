package crdt

import (
	"encoding/binary"

	"github.com/weftsync/weft/crdt/lib0"
)

// The short way of loading: nearly all structs of a document are text that is
// ASCII, or deleted, name their neighbours, and find these side by side.

// decodeQuick reads structs at the start of b, part of a V1 update, which are of
// client c and begin at clock, as long as they are of these. It returns how many
// they were, in how many bytes, and the clock after them. What stops it, one of
// the others or something wrong, is for decodeStruct.
func (d *Doc) decodeQuick(u *decoded, b []byte, c, clock uint32, most int) (n, at int, end uint32) {
	known, ids := d.clients[c].next, quickIDs{d: d, c: c, last: c}
	ids.lastID.remember(d.clients[c].id)
	for ; n < most && at < len(b); n++ {
		info := b[at]
		k := kind(info & 31)
		if k != kindString && k != kindDeleted || info&(infoOrigin|infoRight) == 0 {
			break
		}
		var originClient, originClock, rightClient, rightClock uint32
		next := at + 1
		if info&infoOrigin != 0 {
			if originClient, originClock, next = ids.read(b, next, clock); next == 0 {
				break
			}
		}
		if info&infoRight != 0 {
			if rightClient, rightClock, next = ids.read(b, next, clock); next == 0 {
				break
			}
		}
		size, next := lib0.Varint(b, next)
		if next == 0 || size == 0 || size > uint64(maxClock-clock) || clock+uint32(size) <= known {
			break
		}
		content := uint32(0)
		if k == kindString {
			content = uint32(len(d.text))
			if size > uint64(len(b)-next) || !d.appendASCII(b[next:], int(size)) {
				break
			}
			next += int(size)
		}
		r, it := d.alloc()
		it.bits = c<<clientShift | uint32(k)
		it.clock, it.len = clock, uint32(size)
		it.originClient, it.originClock = originClient, originClock
		it.rightClient, it.rightClock = rightClient, rightClock
		it.content = content
		u.refs = append(u.refs, r)
		at, clock = next, clock+uint32(size)
	}
	return n, at, clock
}

// appendASCII appends the first n bytes of b to the text, if they are ASCII.
func (d *Doc) appendASCII(b []byte, n int) bool {
	if to := len(d.text); n <= 8 && len(b) >= 8 && cap(d.text)-to >= 8 {
		word := binary.LittleEndian.Uint64(b)
		if word<<(64-8*n)&0x8080808080808080 != 0 {
			return false
		}
		d.text = d.text[:to+n]
		binary.LittleEndian.PutUint64(d.text[to:to+8], word) // what lies behind is free
		return true
	}
	if !lib0.IsASCII(b[:n]) {
		return false
	}
	d.text = append(d.text, b[:n]...)
	return true
}

// quickIDs reads the origins of structs of client c.
type quickIDs struct {
	d      *Doc
	c      uint32
	last   uint32 // the client read last
	lastID cachedID
}

// read reads the id at b[at:], an origin of a struct that begins at clock, and
// returns where it ends; 0 if something is wrong.
func (q *quickIDs) read(b []byte, at int, clock uint32) (client, of uint32, end int) {
	before := q.lastID.client
	id, end := q.lastID.skim(b, at)
	if end == 0 {
		return 0, 0, 0
	}
	if id.client != before {
		var ok bool
		if q.last, ok = q.d.number(id.client); !ok {
			q.lastID = cachedID{word: 1}
			return 0, 0, 0
		}
	}
	if q.last == q.c && id.clock >= clock {
		return 0, 0, 0
	}
	return q.last, id.clock, end
}

// between integrates text, or a deleted run, of a list that lies between its
// origins, side by side in one list, as nearly all do. It returns false and has
// changed nothing if that is not so.
func (tx *Tx) between(r ref, it *item) bool {
	d := tx.d
	if k := it.kind(); it.parent != 0 || it.originClient == 0 || k != kindString && k != kindDeleted {
		return false
	}
	left := d.find(it.originClient, it.originClock)
	l := d.item(left)
	if l.end()-1 != it.originClock || l.kind() == kindGC || l.key() != 0 {
		return false
	}
	right := l.right
	if right == 0 {
		if it.rightClient != 0 {
			return false
		}
	} else if n := d.item(right); n.client() != it.rightClient || n.clock != it.rightClock {
		return false
	}
	b := d.branches[l.parent]
	if b.tree != 0 || b.conflicts != nil || b.hooks.watched() || d.isGone(b) {
		return false
	}
	it.left, it.right, it.parent, it.where = left, right, l.parent, 0
	l.right = r
	if right != 0 {
		d.item(right).left = r
	} else {
		b.last = r
	}
	b.length += it.visible()
	b.cursor = cursor{}
	merges := tx.merges || it.originClient == it.client() && it.originClock+1 == it.clock && l.kind() == it.kind()
	tx.add(r, it)
	tx.merges = merges
	tx.integrateContent(b, r, it)
	tx.change(b, 0)
	return true
}
