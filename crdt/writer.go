package crdt

import (
	"cmp"
	"slices"

	"github.com/weftsync/weft/crdt/lib0"
)

// writer writes an update struct by struct, without a document (Yjs:
// LazyStructWriter). How many structs a client has is known only once they are
// written, so the counts are put in at the end.
type writer struct {
	sink        // b holds the blocks without their counts
	copies bool // a part's bytes can be copied
	blocks []written
	gc     part // a collected run that may still grow; of length 0 if there is none
}

// written is one client's block.
type written struct {
	client uint64
	at     int // where it begins in the sink
	end    int // and ends
	count  int
}

// writer begins to write an update that will take about so many bytes. Parts
// come from updates in the format from.
func (f format) writer(from format, size int) writer {
	w := writer{sink: f.sink(nil), copies: f == v1 && from == v1}
	w.b = make([]byte, 0, size)
	return w
}

// write writes a struct.
func (w *writer) write(p *part) {
	w.flush()
	w.put(p)
}

// writeGC writes a collected run to which more can be added by growGC before
// the next struct is written.
func (w *writer) writeGC(p *part) {
	w.flush()
	w.gc = part{client: p.client, clock: p.clock, len: p.len}
}

// growGC adds to the collected run that was just written.
func (w *writer) growGC(n uint32) { w.gc.len += n }

func (w *writer) flush() {
	if w.gc.len > 0 {
		w.put(&w.gc)
		w.gc.len = 0
	}
}

func (w *writer) put(p *part) {
	w.in(p.client, p.clock)
	if w.copies && p.raw != nil {
		w.b = append(w.b, p.raw...)
	} else {
		w.part(p)
	}
	w.wrote(1)
}

// copy writes so many structs of a client as they are encoded in V1, from a clock on.
func (w *writer) copy(client uint64, clock uint32, structs []byte, count int) {
	w.flush()
	w.in(client, clock)
	w.b = append(w.b, structs...)
	w.wrote(count)
}

// in begins the block of a client, unless it is the one that is written.
func (w *writer) in(client uint64, clock uint32) {
	if n := len(w.blocks); n == 0 || w.blocks[n-1].client != client {
		w.blocks = append(w.blocks, written{client: client, at: len(w.b)})
		w.client(client)
		w.uint(uint64(clock))
	}
}

func (w *writer) wrote(count int) {
	blk := &w.blocks[len(w.blocks)-1]
	blk.count += count
	blk.end = len(w.b)
}

// part writes a struct in the sink's format.
func (s *sink) part(p *part) {
	switch p.kind {
	case kindSkip:
		s.info(byte(kindSkip))
		s.uint(uint64(p.len))
		return
	case kindGC:
		s.info(byte(kindGC))
		s.length(p.len)
		return
	}
	s.info(p.info&^31 | byte(p.kind))
	if p.info&infoOrigin != 0 {
		s.leftID(p.origin.client, p.origin.clock)
	}
	if p.info&infoRight != 0 {
		s.rightID(p.right.client, p.right.clock)
	}
	if p.info&(infoOrigin|infoRight) == 0 {
		s.parentIsRoot(p.byName)
		if p.byName {
			s.str(p.root)
		} else {
			s.leftID(p.parent.client, p.parent.clock)
		}
		if p.info&infoKey != 0 {
			s.str(p.key)
		}
	}
	s.partContent(p)
}

func (s *sink) partContent(p *part) {
	switch p.kind {
	case kindDeleted:
		s.length(p.len)
	case kindString:
		s.str(p.text)
	case kindAny, kindJSON:
		s.length(p.len)
		for v := p.values; len(v) > 0; {
			n := lib0.SkipAny(v)
			if p.kind == kindAny {
				s.any(v[:n])
			} else {
				s.legacyJSON(v[:n])
			}
			v = v[n:]
		}
	case kindBinary:
		s.b = lib0.AppendBytes(s.b, p.text)
	case kindEmbed:
		s.json(p.values)
	case kindFormat:
		s.keyBytes(p.text)
		s.json(p.values)
	case kindType:
		s.typeRef(p.typeKind)
		if p.typeKind == KindXMLElement || p.typeKind == KindXMLHook {
			s.keyBytes(p.text)
		}
	case kindDoc:
		s.str(p.text)
		s.any(p.values)
	}
}

// finish returns the update: the structs written, and the given delete set.
func (w *writer) finish(deletes []wireRange) []byte {
	w.flush()
	w.assemble(12 * len(deletes))
	w.deleteSet(deletes)
	return w.sink.finish()
}

// finishCopied is finish in V1 with a delete set that is encoded already.
func (w *writer) finishCopied(deletes []byte) []byte {
	w.flush()
	w.assemble(len(deletes))
	return append(w.b, deletes...)
}

// finishOrdered is finish without deletes, and with the clients in the order in
// which Yjs writes them. It is for V1 only: V2 has no blocks to move.
func (w *writer) finishOrdered() []byte {
	w.flush()
	slices.SortFunc(w.blocks, func(a, b written) int { return cmp.Compare(b.client, a.client) })
	w.assemble(0)
	w.deleteSet(nil)
	return w.sink.finish()
}

// assemble puts the counts in front of the blocks, and leaves room for so many bytes of deletes.
func (w *writer) assemble(deletes int) {
	body := w.b
	size := 2*lib0.UintLen(1<<53) + 8*len(w.blocks) + len(body) + deletes
	w.b = make([]byte, 0, size)
	w.uint(uint64(len(w.blocks)))
	for _, blk := range w.blocks {
		w.uint(uint64(blk.count))
		w.b = append(w.b, body[blk.at:blk.end]...)
	}
}

// deleteSet writes ranges: the highest client first, those of one client in the
// order in which they came.
func (s *sink) deleteSet(rs []wireRange) {
	if !slices.IsSortedFunc(rs, compareClients) {
		slices.SortStableFunc(rs, compareClients)
	}
	if s.v2 != nil && goBack(rs) {
		rs = joinWireRanges(rs) // V2 cannot say that
	}
	clients := 0
	for i := range rs {
		if i == 0 || rs[i].client != rs[i-1].client {
			clients++
		}
	}
	s.uint(uint64(clients))
	for len(rs) > 0 {
		n := 1
		for n < len(rs) && rs[n].client == rs[0].client {
			n++
		}
		s.beginDeletes()
		s.uint(rs[0].client)
		s.uint(uint64(n))
		for _, r := range rs[:n] {
			s.deleteRange(idRange{clock: r.clock, len: r.len})
		}
		rs = rs[n:]
	}
}
