package crdt

import "github.com/weftsync/weft/crdt/lib0"

// The short way of loading: nearly all structs of a document are text that is
// ASCII, or deleted, name their neighbours, and find these side by side.

// decodeQuick reads the struct at the start of b, part of a V1 update, which is of
// client c and begins at clock. It returns how many bytes that was; 0 if it is
// one of the others or if anything is wrong, which is for decodeStruct.
func (d *Doc) decodeQuick(u *decoded, b []byte, c, clock uint32) (size int, end uint32) {
	if len(b) == 0 {
		return 0, 0
	}
	info := b[0]
	k := kind(info & 31)
	if k != kindString && k != kindDeleted || info&(infoOrigin|infoRight) == 0 {
		return 0, 0
	}
	n := item{bits: c<<clientShift | uint32(k), clock: clock}
	r := shortReader{b, 1}
	ok := true
	if info&infoOrigin != 0 {
		n.originClient, n.originClock, ok = d.quickID(&r, c, clock)
	}
	if ok && info&infoRight != 0 {
		n.rightClient, n.rightClock, ok = d.quickID(&r, c, clock)
	}
	size64 := r.uint()
	if !ok || r.at == 0 || size64 == 0 || size64 > uint64(maxClock-clock) {
		return 0, 0
	}
	n.len = uint32(size64)
	if n.end() <= d.clients[c].next {
		return 0, 0
	}
	if k == kindString {
		if size64 > uint64(len(b)-r.at) {
			return 0, 0
		}
		text := b[r.at : r.at+int(size64)]
		if !lib0.IsASCII(text) {
			return 0, 0
		}
		n.content = uint32(len(d.text))
		d.text = append(d.text, text...)
		r.at += len(text)
	}
	ref, it := d.alloc()
	*it = n
	u.refs = append(u.refs, ref)
	return r.at, n.end()
}

// quickID reads an origin of a struct of client c that begins at clock.
func (d *Doc) quickID(r *shortReader, c, clock uint32) (client, at uint32, ok bool) {
	id := r.uint()
	at = r.clock()
	if r.at == 0 {
		return 0, 0, false
	}
	if id == d.clients[c].id {
		return c, at, at < clock
	}
	client, ok = d.number(id)
	return client, at, ok
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
