package crdt

import "github.com/weftsync/weft/crdt/lib0"

// quick says that all that a transaction did so far is one thing that has its
// short way, see typing.go and erase.go.
type quick struct {
	typed  ref  // the run that grew
	erased bool // the one range that was deleted is collected and merged
}

// nothingYet reports whether the transaction has changed nothing so far.
func (tx *Tx) nothingYet() bool {
	return len(tx.touched) == 0 && len(tx.deletes) == 0 && len(tx.mergeable) == 0
}

// endQuickly ends a local transaction that did nothing but one thing with a
// short way, and returns its update if that is wanted. ok is false if it did
// more, and then it goes on.
func (tx *Tx) endQuickly() (update []byte, ok bool) {
	d := tx.d
	if len(d.queue) != 1 || len(tx.mergeable) > 0 {
		return nil, false
	}
	switch q := tx.quick; {
	case q.typed != 0 && len(tx.touched) == 1 && len(tx.deletes) == 0:
		l := &d.clients[d.selfNumber].structs
		p := l.last()
		if l.at(p).ref != q.typed {
			return nil, false
		}
		if tx.want {
			update = d.encodeTyped(d.item(q.typed), tx.touched[0].before)
		}
		tx.mergeLeft(l, p)
	case q.erased && len(tx.touched) == 0 && len(tx.deletes) == 1:
		if tx.want {
			update = d.encodeErased(tx.deletes[0])
		}
		d.tidyArenas()
	default:
		return nil, false
	}
	d.current = nil
	d.queue = d.queue[:0]
	d.verify()
	return update, true
}

// encodeTyped returns the update of what a run grew by, from a clock on.
func (d *Doc) encodeTyped(it *item, from uint32) []byte {
	b := append(d.scratch[:0], 1, 1)
	b = lib0.AppendUint(b, d.self)
	b = lib0.AppendUint(b, uint64(from))
	info := byte(0x80 | kindString)
	if it.rightClient != 0 {
		info |= 0x40
	}
	b = append(b, info)
	b = lib0.AppendUint(b, d.self)
	b = lib0.AppendUint(b, uint64(from-1))
	if it.rightClient != 0 {
		b = lib0.AppendUint(b, d.clients[it.rightClient].id)
		b = lib0.AppendUint(b, uint64(it.rightClock))
	}
	b = lib0.AppendBytes(b, d.units(it)[from-it.clock:])
	b = append(b, 0)
	d.scratch = b
	return d.hand(b)
}

// encodeErased returns the update of one range of deletes.
func (d *Doc) encodeErased(r idRange) []byte {
	b := append(d.scratch[:0], 0, 1)
	b = lib0.AppendUint(b, d.clients[r.client].id)
	b = append(b, 1)
	b = lib0.AppendUint(b, uint64(r.clock))
	b = lib0.AppendUint(b, uint64(r.len))
	d.scratch = b
	return d.hand(b)
}

// hand returns a copy of b for the caller to keep. Small ones are cut, one
// behind the other, from blocks of a kilobyte, so that an edit costs a small part
// of an allocation; none reaches into the next.
func (d *Doc) hand(b []byte) []byte {
	const block, small = 1 << 10, 1 << 7
	if len(b) > small {
		return append(make([]byte, 0, len(b)), b...)
	}
	if cap(d.spare)-len(d.spare) < len(b) {
		d.spare = make([]byte, 0, block)
	}
	n := len(d.spare)
	d.spare = append(d.spare, b...)
	return d.spare[n:len(d.spare):len(d.spare)]
}
