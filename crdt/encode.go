package crdt

import (
	"fmt"
	"slices"
	"sync"

	"github.com/weftsync/weft/crdt/lib0"
)

// EncodeStateVector returns how far the document knows each client, in the
// form that synchronisation exchanges (Yjs: encodeStateVector). What waits does
// not count. The slice is the caller's; the cost is O(clients · log clients).
func (d *Doc) EncodeStateVector() []byte {
	cs := d.byID()
	b := lib0.AppendUint(make([]byte, 0, 2+8*len(cs)), uint64(len(cs)))
	for _, c := range cs {
		b = lib0.AppendUint(b, d.clients[c].id)
		b = lib0.AppendUint(b, uint64(d.clients[c].next))
	}
	return b
}

// decodeStateVector reads a state vector; nil and empty mean that of an empty
// document. Clients that the document does not know are left out.
func (d *Doc) decodeStateVector(sv []byte) (map[uint32]uint32, error) {
	if len(sv) == 0 {
		return nil, nil
	}
	known := map[uint32]uint32{}
	err := readStateVector(sv, func(client uint64, clock uint32) {
		if c, ok := d.clientIndex[client]; ok {
			known[c] = clock
		}
	})
	return known, err
}

// knownClocks returns the clocks of a state vector. A nil or empty one is that of an empty document.
func knownClocks(sv []byte) (map[uint64]uint32, error) {
	known := map[uint64]uint32{}
	if len(sv) == 0 {
		return known, nil
	}
	err := readStateVector(sv, func(client uint64, clock uint32) { known[client] = clock })
	return known, err
}

// readStateVector hands the clocks of a state vector to see. Those beyond ours
// are cut to the highest that we have.
func readStateVector(sv []byte, see func(client uint64, clock uint32)) error {
	dec := lib0.NewDecoder(sv)
	n, err := dec.Uint()
	if err == nil && n > uint64(dec.Len())/2 {
		err = dec.Fail("number of clients exceeds the bytes left")
	}
	for i := uint64(0); i < n && err == nil; i++ {
		var client, clock uint64
		if client, err = dec.Uint(); err == nil {
			clock, err = dec.Uint()
		}
		if err == nil {
			see(client, uint32(min(clock, maxClock)))
		}
	}
	if err == nil && dec.Len() > 0 {
		err = dec.Fail("trailing bytes after the state vector")
	}
	if err != nil {
		return fmt.Errorf("reading a state vector: %w", refused(err))
	}
	return nil
}

// EncodeStateAsUpdate returns, as a V1 update, what a replica with the given
// state vector lacks; all of the document if it is nil. What waits is part of
// it, and so is the whole delete set. The error is an *UpdateError for a
// malformed state vector.
//
// While the document does not change, asking for all of it again returns the
// same bytes in O(1), until the garbage collector takes them: do not modify them.
func (d *Doc) EncodeStateAsUpdate(stateVector []byte) ([]byte, error) {
	return d.encodeState(v1, stateVector)
}

// EncodeStateAsUpdateV2 is EncodeStateAsUpdate in the V2 format, which is
// smaller for documents with many structs.
func (d *Doc) EncodeStateAsUpdateV2(stateVector []byte) ([]byte, error) {
	return d.encodeState(v2, stateVector)
}

func (d *Doc) encodeState(f format, stateVector []byte) ([]byte, error) {
	known, err := d.decodeStateVector(stateVector)
	if err != nil {
		return nil, err
	}
	whole := len(known) == 0
	var state []byte
	if whole {
		if state = d.remembered(f); state != nil {
			return state, nil
		}
		state = d.encodeWhole(f)
	} else {
		s := f.sink(nil)
		d.writeStructs(&s, func(c uint32) uint32 { return known[c] }, d.byID())
		d.writeDeleteSet(&s, d.deleteSet())
		state = s.finish()
	}
	if d.pending.count == 0 && d.pendingDeletes.count == 0 {
		if whole {
			d.remember(f, state)
		}
		return state, nil
	}
	updates := [][]byte{state}
	if d.pendingDeletes.count > 0 {
		updates = append(updates, d.encodePendingDeletes(f))
	}
	if d.pending.count > 0 {
		waiting, err := diffUpdate(f, d.encodePending(f), stateVector)
		if err != nil {
			return nil, err
		}
		updates = append(updates, waiting)
	}
	return mergeUpdates(f, updates)
}

// encodeWhole returns all of the document but what waits, in a slice without room behind it.
func (d *Doc) encodeWhole(f format) []byte {
	room := wholeRooms.Get().(*wholeRoom)
	defer wholeRooms.Put(room)
	s := sink{b: room.bytes[:0], noting: true, deleted: room.deleted[:0]}
	if f == v2 {
		room.columns.reset()
		s.v2 = &room.columns
	}
	d.writeStructs(&s, func(uint32) uint32 { return 0 }, d.byID())
	d.writeDeleteSet(&s, s.deleted)
	room.bytes, room.deleted = s.b, s.deleted
	if f == v2 {
		return slices.Clip(s.finish())
	}
	return slices.Clip(slices.Clone(s.b)) // memory that is not cleared before it is written
}

// wholeRoom is scratch space of encodeWhole. The garbage collector takes it.
type wholeRoom struct {
	bytes   []byte
	columns columnSink
	deleted []idRange
}

var wholeRooms = sync.Pool{New: func() any { return new(wholeRoom) }}

// encode returns the transaction's own update. It holds, as in Yjs, what later
// transactions added that observers began.
func (tx *Tx) encode(f format) []byte {
	d := tx.d
	cs := d.sorted[:0]
	for _, t := range tx.touched {
		cs = append(cs, t.client)
	}
	if tx.stamp != d.stamp {
		for _, t := range tx.touchedLater() {
			cs = append(cs, t.client)
		}
	}
	d.sortClients(cs)
	d.sorted = cs
	s := f.sink(d.scratch)
	d.writeStructs(&s, tx.before, cs)
	d.writeDeleteSet(&s, tx.deletes)
	if f == v2 {
		return s.finish()
	}
	if cap(s.b) <= maxScratch {
		d.scratch = s.b
	} else if n := len(s.b); cap(s.b)-n <= n/8 {
		return s.b[:n:n]
	}
	return d.hand(s.b)
}

// maxScratch is how large a buffer a document keeps for the next update.
const maxScratch = 4096

// writeStructs writes the structs from the given clocks on of those of the
// clients that have any.
func (d *Doc) writeStructs(s *sink, from func(client uint32) uint32, cs []uint32) {
	n := 0
	for _, c := range cs {
		if from(c) < d.clients[c].next {
			n++
		}
	}
	s.uint(uint64(n))
	for _, c := range cs {
		clock := from(c)
		if clock >= d.clients[c].next {
			continue
		}
		l := &d.clients[c].structs
		p := l.find(clock)
		count := l.blocks[p.block].len() - p.index
		for _, more := range l.blocks[p.block+1:] {
			count += more.len()
		}
		s.uint(uint64(count))
		s.client(d.clients[c].id)
		s.uint(uint64(clock))
		e := l.at(p)
		d.writeStruct(s, d.item(e.ref), clock-e.clock)
		s.noteDeleted(c, d.item(e.ref))
		for i, done := p.block, p.index+1; i < len(l.blocks); i, done = i+1, 0 {
			d.writeBlock(s, c, &l.blocks[i], done)
		}
	}
}

// writeStruct writes one struct without its first offset operations.
func (d *Doc) writeStruct(s *sink, it *item, offset uint32) {
	k := it.kind()
	if k == kindGC {
		s.info(byte(kindGC))
		s.length(it.len - offset)
		return
	}
	oc, ok := it.originClient, it.originClock
	if it.parent == parentByID {
		oc = 0
	}
	if offset > 0 {
		oc, ok = it.client(), it.clock+offset-1
	}
	info := byte(k)
	if oc != 0 {
		info |= 0x80
	}
	if it.rightClient != 0 {
		info |= 0x40
	}
	if it.key() != 0 {
		info |= 0x20
	}
	s.info(info)
	if oc != 0 {
		s.leftID(d.clients[oc].id, ok)
	}
	if it.rightClient != 0 {
		s.rightID(d.clients[it.rightClient].id, it.rightClock)
	}
	if info&0xC0 == 0 {
		d.writeParent(s, it)
		if key := it.key(); key != 0 {
			s.str([]byte(d.keyNames[key]))
		}
	}
	d.writeContent(s, it, offset)
}

func (d *Doc) writeParent(s *sink, it *item) {
	client, clock := it.originClient, it.originClock
	if it.parent != parentByID {
		name := ""
		if it.parent&parentByName != 0 {
			name = d.keyNames[it.parent&^parentByName]
		} else if b := d.branches[it.parent]; b.item == 0 {
			name = b.name
		} else {
			p := d.item(b.item)
			s.parentIsRoot(false)
			s.leftID(d.clients[p.client()].id, p.clock)
			return
		}
		s.parentIsRoot(true)
		s.str([]byte(name))
		return
	}
	s.parentIsRoot(false)
	s.leftID(d.clients[client].id, clock)
}

func (d *Doc) writeContent(s *sink, it *item, offset uint32) {
	switch it.kind() {
	case kindDeleted:
		s.length(it.len - offset)
	case kindString:
		if !it.wide() {
			s.ascii(d.units(it)[offset:])
			return
		}
		d.wtf8 = d.wtf8[:0]
		for u := d.units(it)[2*offset:]; len(u) > 0; u = u[2:] {
			d.wtf8 = lib0.AppendUTF16Unit(d.wtf8, unitAt(u, 0))
		}
		s.str(d.wtf8)
	case kindAny, kindJSON:
		s.length(it.len - offset)
		d.writeElements(s, it, offset)
	case kindEmbed:
		s.json(d.blobs[it.content:])
	case kindFormat:
		key, value := d.formatOf(it)
		s.key(d.keyNames[key])
		s.json(value)
	case kindType:
		b := d.branches[it.content]
		s.typeRef(b.kind)
		if b.kind == KindXMLElement || b.kind == KindXMLHook {
			s.key(b.name)
		}
	case kindBinary:
		s.b = append(s.b, d.blobs[it.content:int(it.content)+d.blobSize(it)]...)
	case kindDoc:
		src := lib0.NewDecoder(d.blobs[it.content:])
		guid, _ := src.Bytes()
		s.str(guid)
		options := src.Rest()
		s.any(options[:lib0.SkipAny(options)])
	}
}

// writeElements writes the elements of an array run, from offset on.
func (d *Doc) writeElements(s *sink, it *item, offset uint32) {
	elems := d.elems[it.content+offset : it.content+it.len]
	if it.kind() == kindJSON {
		for _, at := range elems {
			v := d.blobs[at:]
			s.legacyJSON(v[:lib0.SkipAny(v)])
		}
		return
	}
	b := s.b
	if first, last := elems[0], elems[len(elems)-1]; last-first < 16*uint32(len(elems)) { // as long as they lie together
		b = slices.Grow(b, int(last-first))
	}
	for _, at := range elems {
		v := d.blobs[at:]
		b = lib0.AppendWireAny(b, v[:lib0.SkipAny(v)])
	}
	s.b = b
}

// formatOf returns the key and the canonical value of a format item.
func (d *Doc) formatOf(it *item) (key uint32, value []byte) {
	dec := lib0.NewDecoder(d.blobs[it.content:])
	k, _ := dec.Uint()
	rest := dec.Rest()
	return uint32(k), rest[:lib0.SkipAny(rest)]
}

// deleteSet returns what is deleted, sorted by client number and clock, joined.
func (d *Doc) deleteSet() []idRange {
	rs := make([]idRange, 0, d.slab.live/2)
	for c := 1; c < len(d.clients); c++ {
		for _, blk := range d.clients[c].structs.blocks {
			for i := range blk.clocks {
				it := d.item(blk.ref(i))
				if !it.deleted() {
					continue
				}
				if n := len(rs); n > 0 && rs[n-1].client == uint32(c) && rs[n-1].end() == it.clock {
					rs[n-1].len += it.len
				} else {
					rs = append(rs, idRange{uint32(c), it.clock, it.len})
				}
			}
		}
	}
	return rs
}

// writeDeleteSet writes ranges that are grouped by client, the highest client
// id first.
func (d *Doc) writeDeleteSet(s *sink, rs []idRange) {
	var groups [][]idRange
	for i := 0; i < len(rs); {
		j := i + 1
		for j < len(rs) && rs[j].client == rs[i].client {
			j++
		}
		groups = append(groups, rs[i:j])
		i = j
	}
	if len(groups) > 1 {
		slices.SortFunc(groups, func(a, b []idRange) int {
			if d.clients[a[0].client].id > d.clients[b[0].client].id {
				return -1
			}
			return 1
		})
	}
	s.uint(uint64(len(groups)))
	for _, g := range groups {
		s.beginDeletes()
		s.uint(d.clients[g[0].client].id)
		s.uint(uint64(len(g)))
		for _, r := range g {
			s.deleteRange(r)
		}
	}
}

// encodePendingDeletes returns the deletes that wait as an update.
func (d *Doc) encodePendingDeletes(f format) []byte {
	var rs []idRange
	for _, list := range d.pendingDeletes.ranges {
		rs = append(rs, list...)
	}
	s := f.sink(nil)
	s.uint(0)
	d.writeDeleteSet(&s, joinRanges(rs))
	return s.finish()
}

// encodePending returns the structs that wait as an update; gaps between them
// are Skip structs.
func (d *Doc) encodePending(f format) []byte {
	cs := make([]uint32, 0, len(d.pending.refs))
	for c, refs := range d.pending.refs {
		if len(refs) > 0 {
			cs = append(cs, c)
		}
	}
	d.sortClients(cs)
	s := f.sink(nil)
	s.uint(uint64(len(cs)))
	for _, c := range cs {
		refs := d.pending.refs[c]
		d.writeDetached(&s, c, refs, d.item(refs[0]).clock, 0)
	}
	s.uint(0)
	return s.finish()
}

// writeDetached writes the block of one client: structs that lie in no list,
// ordered by clock, with Skip structs for the gaps from start on, between them
// and up to end.
func (d *Doc) writeDetached(s *sink, c uint32, refs []ref, start, end uint32) {
	count, clock := len(refs), start
	for _, r := range refs {
		it := d.item(r)
		if it.clock > clock {
			count++
		}
		clock = it.end()
	}
	if end > clock {
		count++
	}
	s.uint(uint64(count))
	s.client(d.clients[c].id)
	s.uint(uint64(start))
	skip := func(to uint32) {
		if to > clock {
			s.info(byte(kindSkip))
			s.uint(uint64(to - clock))
		}
	}
	clock = start
	for _, r := range refs {
		it := d.item(r)
		skip(it.clock)
		d.writeStruct(s, it, 0)
		clock = it.end()
	}
	skip(end)
}
