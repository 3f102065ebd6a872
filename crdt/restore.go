package crdt

import (
	"errors"
	"fmt"
)

// ErrCollects is returned when a document that collects what is deleted is
// asked for its content at a snapshot: part of it may be gone.
var ErrCollects = errors.New("crdt: the document collects what is deleted (Options.KeepDeleted is not set)")

// ErrSnapshot is returned for a snapshot that the document has not reached: it
// names operations that the document does not know.
var ErrSnapshot = errors.New("crdt: the document does not know all operations of the snapshot")

// Restore returns a new document that is what this one was at a snapshot (Yjs:
// createDocFromSnapshot). The document itself stays as it is. It has to keep
// what is deleted (Options.KeepDeleted), else the error is ErrCollects; the new
// one need not. The error is ErrSnapshot for a snapshot that lies ahead. The
// cost is that of encoding and applying the state.
func (d *Doc) Restore(s Snapshot, o Options) (*Doc, error) {
	update, err := d.EncodeStateAtV2(s)
	if err != nil {
		return nil, err
	}
	restored := New(o)
	limits := restored.limits
	restored.limits.Structs = max(limits.Structs, d.slab.live) // it is our own
	restored.limits.PendingStructs = max(limits.PendingStructs, d.slab.live)
	restored.limits.PendingDeletes = max(limits.PendingDeletes, len(s.Deleted()))
	if _, err := restored.ApplyUpdateV2(update); err != nil {
		return nil, fmt.Errorf("restoring a snapshot: %w", err)
	}
	restored.limits = limits
	return restored, nil
}

// EncodeStateAt returns the state of the document at a snapshot as a V1 update,
// which makes an empty document what this one was. It fails as Restore does.
func (d *Doc) EncodeStateAt(s Snapshot) ([]byte, error) { return d.encodeStateAt(v1, s) }

// EncodeStateAtV2 is EncodeStateAt in the V2 format.
func (d *Doc) EncodeStateAtV2(s Snapshot) ([]byte, error) { return d.encodeStateAt(v2, s) }

func (d *Doc) encodeStateAt(f format, s Snapshot) ([]byte, error) {
	if !d.keepDeleted {
		return nil, ErrCollects
	}
	clients := 0
	for _, c := range s.vector {
		if c.clock == 0 {
			continue
		}
		if n, ok := d.clientIndex[c.client]; !ok || d.clients[n].next < c.clock {
			return nil, ErrSnapshot
		}
		clients++
	}
	d.scar(d.moment(s), false)
	out := f.sink(nil)
	out.uint(uint64(clients))
	for _, c := range s.vector {
		if c.clock > 0 {
			d.writeStructsUntil(&out, d.clientIndex[c.client], c.clock)
		}
	}
	s.writeDeletes(&out)
	return out.finish(), nil
}

// writeStructsUntil writes a client's structs from the first on; the one that
// holds the operation end is cut before it. Collected structs are not cut.
func (d *Doc) writeStructsUntil(s *sink, client, end uint32) {
	l := &d.clients[client].structs
	last := l.find(end - 1)
	count := last.index + 1
	for _, b := range l.blocks[:last.block] {
		count += b.len()
	}
	s.uint(uint64(count))
	s.client(d.clients[client].id)
	s.uint(0)
	for p := (place{}); ; p, _ = l.next(p) {
		it := d.item(l.at(p).ref)
		if p == last {
			if it.kind() != kindGC && it.end() > end {
				head := it.piece(it.clock, end-it.clock)
				it = &head
			}
			d.writeStruct(s, it, 0)
			return
		}
		d.writeStruct(s, it, 0)
	}
}
