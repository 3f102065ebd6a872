package crdt

import (
	"fmt"
	"slices"

	"github.com/weftsync/weft/crdt/lib0"
)

// EncodeStateVector returns how far the document knows each client, in the
// form that synchronisation exchanges. What waits does not count.
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
	dec := lib0.NewDecoder(sv)
	n, err := dec.Uint()
	if err == nil && n > uint64(dec.Len())/2 {
		err = dec.Fail("number of clients exceeds the bytes left")
	}
	known := make(map[uint32]uint32, min(n, uint64(len(d.clients))))
	for i := uint64(0); i < n && err == nil; i++ {
		var client, clock uint64
		if client, err = dec.Uint(); err != nil {
			break
		}
		clock, err = dec.Uint()
		if c, ok := d.clientIndex[client]; ok {
			known[c] = uint32(min(clock, maxClock))
		}
	}
	if err == nil && dec.Len() > 0 {
		err = dec.Fail("trailing bytes after the state vector")
	}
	if err != nil {
		return nil, fmt.Errorf("reading a state vector: %w", refused(err))
	}
	return known, nil
}

// EncodeStateAsUpdate returns, as a V1 update, what a replica with the given
// state vector lacks; all of the document if it is nil. What waits is part of
// it, and so is the whole delete set. The error is an *UpdateError for a
// malformed state vector.
func (d *Doc) EncodeStateAsUpdate(stateVector []byte) ([]byte, error) {
	known, err := d.decodeStateVector(stateVector)
	if err != nil {
		return nil, err
	}
	b := d.appendStructs(nil, func(c uint32) uint32 { return known[c] }, d.byID())
	b = d.appendDeleteSet(b, d.deleteSet())
	if d.pending.count == 0 && d.pendingDeletes.count == 0 {
		return b, nil
	}
	updates := [][]byte{b}
	if d.pendingDeletes.count > 0 {
		updates = append(updates, d.encodePendingDeletes())
	}
	if d.pending.count > 0 {
		waiting, err := DiffUpdate(d.encodePending(), stateVector)
		if err != nil {
			return nil, err
		}
		updates = append(updates, waiting)
	}
	return MergeUpdates(updates...)
}

// encode returns the transaction's own update.
func (tx *Tx) encode() []byte {
	d := tx.d
	cs := tx.touched
	d.sortClients(cs)
	b := d.appendStructs(d.scratch[:0], func(c uint32) uint32 { return d.clients[c].before }, cs)
	b = d.appendDeleteSet(b, tx.deletes)
	if cap(b) <= maxScratch {
		d.scratch = b
	}
	return slices.Clone(b)
}

// maxScratch is how large a buffer a document keeps for the next update.
const maxScratch = 4096

// appendStructs appends the structs from the given clocks on of those of the
// clients that have any.
func (d *Doc) appendStructs(b []byte, from func(client uint32) uint32, cs []uint32) []byte {
	n := 0
	for _, c := range cs {
		if from(c) < d.clients[c].next {
			n++
		}
	}
	b = lib0.AppendUint(b, uint64(n))
	for _, c := range cs {
		clock := from(c)
		if clock >= d.clients[c].next {
			continue
		}
		l := &d.clients[c].structs
		p := l.find(clock)
		count := len(l.blocks[p.block]) - p.index
		for _, more := range l.blocks[p.block+1:] {
			count += len(more)
		}
		b = lib0.AppendUint(b, uint64(count))
		b = lib0.AppendUint(b, d.clients[c].id)
		b = lib0.AppendUint(b, uint64(clock))
		e := l.at(p)
		b = d.appendStruct(b, d.item(e.ref), clock-e.clock)
		for i, blk := range l.blocks[p.block:] {
			if i == 0 {
				blk = blk[p.index+1:]
			}
			for _, e := range blk {
				b = d.appendStruct(b, d.item(e.ref), 0)
			}
		}
	}
	return b
}

func (d *Doc) appendID(b []byte, client, clock uint32) []byte {
	b = lib0.AppendUint(b, d.clients[client].id)
	return lib0.AppendUint(b, uint64(clock))
}

// appendStruct appends one struct without its first offset operations.
func (d *Doc) appendStruct(b []byte, it *item, offset uint32) []byte {
	k := it.kind()
	if k == kindGC {
		return lib0.AppendUint(append(b, byte(kindGC)), uint64(it.len-offset))
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
	b = append(b, info)
	if oc != 0 {
		b = d.appendID(b, oc, ok)
	}
	if it.rightClient != 0 {
		b = d.appendID(b, it.rightClient, it.rightClock)
	}
	if info&0xC0 == 0 {
		b = d.appendParent(b, it)
		if key := it.key(); key != 0 {
			b = lib0.AppendString(b, d.keyNames[key])
		}
	}
	return d.appendContent(b, it, offset)
}

func (d *Doc) appendParent(b []byte, it *item) []byte {
	switch {
	case it.parent&parentByName != 0:
		return lib0.AppendString(append(b, 1), d.keyNames[it.parent&^parentByName])
	case it.parent == parentByID:
		return d.appendID(append(b, 0), it.originClient, it.originClock)
	}
	br := d.branches[it.parent]
	if br.item == 0 {
		return lib0.AppendString(append(b, 1), br.name)
	}
	p := d.item(br.item)
	return d.appendID(append(b, 0), p.client(), p.clock)
}

func (d *Doc) appendContent(b []byte, it *item, offset uint32) []byte {
	switch it.kind() {
	case kindDeleted:
		return lib0.AppendUint(b, uint64(it.len-offset))
	case kindString:
		if !it.wide() {
			return lib0.AppendBytes(b, d.units(it)[offset:])
		}
		s := d.appendUTF8(nil, it, int(offset))
		return lib0.AppendBytes(b, s)
	case kindAny, kindJSON:
		b = lib0.AppendUint(b, uint64(it.len-offset))
		for _, at := range d.elems[it.content+offset : it.content+it.len] {
			v := d.blobs[at:]
			v = v[:lib0.SkipAny(v)]
			if it.kind() == kindAny {
				b = lib0.AppendWireAny(b, v)
			} else {
				b = appendJSONText(b, v)
			}
		}
		return b
	case kindEmbed:
		return appendJSONText(b, d.blobs[it.content:])
	case kindFormat:
		key, value := d.formatOf(it)
		return appendJSONText(lib0.AppendString(b, d.keyNames[key]), value)
	case kindType:
		br := d.branches[it.content]
		b = append(b, byte(br.kind))
		if br.kind == KindXMLElement || br.kind == KindXMLHook {
			b = lib0.AppendString(b, br.name)
		}
		return b
	}
	return append(b, d.blobs[it.content:int(it.content)+d.blobSize(it)]...) // binary, subdocument
}

// appendJSONText appends the value at the start of v as a string of JSON.
func appendJSONText(b, v []byte) []byte {
	text, ok := lib0.AppendJSON(nil, v)
	if !ok {
		text = []byte("undefined")
	}
	return lib0.AppendBytes(b, text)
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
	var rs []idRange
	for c := 1; c < len(d.clients); c++ {
		for _, blk := range d.clients[c].structs.blocks {
			for _, e := range blk {
				it := d.item(e.ref)
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

// appendDeleteSet appends ranges that are grouped by client, the highest
// client id first.
func (d *Doc) appendDeleteSet(b []byte, rs []idRange) []byte {
	if len(rs) == 0 {
		return append(b, 0)
	}
	var groups [][]idRange
	for i := 0; i < len(rs); {
		j := i + 1
		for j < len(rs) && rs[j].client == rs[i].client {
			j++
		}
		groups = append(groups, rs[i:j])
		i = j
	}
	slices.SortFunc(groups, func(a, b []idRange) int {
		if d.clients[a[0].client].id > d.clients[b[0].client].id {
			return -1
		}
		return 1
	})
	b = lib0.AppendUint(b, uint64(len(groups)))
	for _, g := range groups {
		b = lib0.AppendUint(b, d.clients[g[0].client].id)
		b = lib0.AppendUint(b, uint64(len(g)))
		for _, r := range g {
			b = lib0.AppendUint(b, uint64(r.clock))
			b = lib0.AppendUint(b, uint64(r.len))
		}
	}
	return b
}

// encodePendingDeletes returns the deletes that wait as an update.
func (d *Doc) encodePendingDeletes() []byte {
	var rs []idRange
	for _, list := range d.pendingDeletes.ranges {
		rs = append(rs, list...)
	}
	return d.appendDeleteSet([]byte{0}, joinRanges(rs))
}

// encodePending returns the structs that wait as an update; gaps between them
// are Skip structs.
func (d *Doc) encodePending() []byte {
	cs := make([]uint32, 0, len(d.pending.refs))
	for c, refs := range d.pending.refs {
		if len(refs) > 0 {
			cs = append(cs, c)
		}
	}
	d.sortClients(cs)
	b := lib0.AppendUint(nil, uint64(len(cs)))
	for _, c := range cs {
		b = d.appendDetached(b, c, d.pending.refs[c], 0)
	}
	return append(b, 0)
}

// appendDetached appends the block of one client: structs that lie in no list,
// ordered by clock, with Skip structs for the gaps between them and up to end.
func (d *Doc) appendDetached(b []byte, c uint32, refs []ref, end uint32) []byte {
	start := d.item(refs[0]).clock
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
	b = lib0.AppendUint(b, uint64(count))
	b = d.appendID(b, c, start)
	skip := func(to uint32) {
		if to > clock {
			b = lib0.AppendUint(append(b, byte(kindSkip)), uint64(to-clock))
		}
	}
	clock = start
	for _, r := range refs {
		it := d.item(r)
		skip(it.clock)
		b = d.appendStruct(b, it, 0)
		clock = it.end()
	}
	skip(end)
	return b
}
