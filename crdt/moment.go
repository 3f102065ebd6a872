package crdt

import "sort"

// moment is a snapshot in the terms of one document: what is known of each
// client, by number.
//
// Yjs reads a document at a snapshot by cutting its runs where the snapshot
// begins and ends, looking at whole items, and merging them again. Here runs
// stay whole and are cut while they are read, so that reading costs no
// allocation an item and leaves the structs as they are, but for scar.
type moment []seen

// seen is what a snapshot has of one client.
type seen struct {
	clock   uint32 // how far it was known
	deletes []clockRange
}

// moment returns the snapshot in the document's terms. Clients that the
// document does not know have nothing to show.
func (d *Doc) moment(s Snapshot) moment {
	m := make(moment, len(d.clients))
	for _, c := range s.vector {
		if n, ok := d.clientIndex[c.client]; ok {
			m[n].clock = c.clock
		}
	}
	for _, g := range s.deletes {
		if n, ok := d.clientIndex[g.client]; ok {
			m[n].deletes = g.ranges
		}
	}
	return m
}

// of returns what is known of a client, nothing of one that is newer than m.
func (m moment) of(client uint32) *seen {
	if int(client) < len(m) {
		return &m[client]
	}
	return &seen{}
}

// after returns the index of the first range that ends behind clock.
func (s *seen) after(clock uint32) int {
	return sort.Search(len(s.deletes), func(i int) bool { return s.deletes[i].end() > clock })
}

// shows reports whether an operation was there and not deleted (Yjs:
// isVisible).
func (m moment) shows(client, clock uint32) bool {
	s := m.of(client)
	if clock >= s.clock {
		return false
	}
	i := s.after(clock)
	return i == len(s.deletes) || s.deletes[i].clock > clock
}

// cut returns the end of the piece that begins at clock: where the snapshot
// begins, ends or deletes something, at most end.
func (m moment) cut(client, clock, end uint32) uint32 {
	s := m.of(client)
	if s.clock > clock {
		end = min(end, s.clock)
	}
	if i := s.after(clock); i < len(s.deletes) {
		if r := s.deletes[i]; r.clock > clock {
			end = min(end, r.clock)
		} else {
			end = min(end, r.end())
		}
	}
	return end
}

// piece returns the n operations of an item from clock on, as an item that
// lies nowhere.
func (it *item) piece(clock, n uint32) item {
	p := *it
	skip := clock - it.clock
	p.clock, p.len = clock, n
	switch it.kind() {
	case kindString:
		if it.wide() {
			skip *= 2
		}
		p.content += skip
	case kindAny, kindJSON:
		p.content += skip
	}
	return p
}

// eachPiece calls f for the pieces into which the moments cut an item, in
// order, until f returns false.
func eachPiece(it *item, ms []moment, f func(p *item) bool) bool {
	for clock := it.clock; clock < it.end(); {
		end := it.end()
		for _, m := range ms {
			end = m.cut(it.client(), clock, end)
		}
		p := it.piece(clock, end-clock)
		if !f(&p) {
			return false
		}
		clock = end
	}
	return true
}

// scar does to the document what cutting its runs at a moment does to it in Yjs
// and is not undone when they are merged again. A surrogate pair that is cut is
// lost: histories in which each half of a pair is typed by itself, and
// snapshots that no document ever had, come to that. An item that an
// UndoManager has brought back stays in two, for such items do not merge. Cuts
// at the deletes are made too if all is set.
func (d *Doc) scar(m moment, all bool) {
	d.stamp++ // what is encoded may change
	for c := range m {
		client := uint32(c)
		d.scarAt(client, m[c].clock)
		if !all {
			continue
		}
		for _, r := range m[c].deletes {
			d.scarAt(client, r.clock)
			d.scarAt(client, r.end())
		}
	}
}

func (d *Doc) scarAt(client, clock uint32) {
	c := &d.clients[client]
	if clock == 0 || clock >= c.next {
		return
	}
	p := c.structs.find(clock)
	r := c.structs.at(p).ref
	it := d.item(r)
	diff := clock - it.clock
	switch {
	case diff == 0:
	case it.bits&flagRedone != 0:
		(&Tx{d: d}).split(&c.structs, p, diff)
	case it.kind() == kindString && it.wide() && isHigh(unitAt(d.units(it), int(diff)-1)):
		d.tear(r, it, diff)
	}
}

// tear makes both units beside a cut U+FFFD (Yjs: ContentString.splice).
func (d *Doc) tear(r ref, it *item, diff uint32) {
	copy(d.units(it)[2*diff-2:], "\xFD\xFF\xFD\xFF")
	b := d.branches[it.parent]
	if b.hooks.watched() && it.visible() > 0 && it.key() == 0 {
		b.hooks.report(Splice{Index: int(d.indexOf(b, r)+diff) - 1, Deleted: 2, Inserted: "\uFFFD\uFFFD"})
	}
}

// cutAt returns the moment of a snapshot for reading texts.
func (d *Doc) cutAt(s Snapshot) moment {
	m := d.moment(s)
	d.scar(m, true)
	return m
}
