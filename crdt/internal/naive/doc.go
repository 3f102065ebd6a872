// Package naive is the algorithm of package crdt in the fewest words, to be
// read first and to test the other against. It leaves out everything that
// makes an engine usable:
//
//   - Runs. Here every operation is a struct of its own: one code unit of text,
//     one element, one mark. So nothing is ever cut or joined.
//   - Speed. Lists are slices, every search walks from the start, and whatever
//     waits is tried again with each update. Long documents take for ever.
//   - Garbage collection. Deleted content stays in its list, merely marked.
//   - Editing and encoding. It reads V1 updates and shows what they add up to.
//   - Distrust. There are no limits, and an update that breaks the rules of the
//     protocol, which package crdt refuses, gives a document of no meaning.
//   - Halves of surrogate pairs. Yjs replaces both by U+FFFD when it cuts a run
//     between them; here nothing is cut.
//
// What is left is Yjs's document, in this order:
//
//	doc.go        a document is a set of operations; applying an update adds to it
//	op.go         what an operation is
//	integrate.go  when an operation can be added, and where it goes (YATA)
//	delete.go     what deleting is
//	view.go       the text, list or map that the operations amount to
//	read.go       the bytes of an update
package naive

import (
	"cmp"
	"maps"
	"slices"
)

// Doc is a document: the operations that have come, and what they build.
//
// Replicas that have the same operations show the same document, in whatever
// order these came. Everything in this package serves that one sentence.
type Doc struct {
	ops   map[uint64][]*Op // of each client, by clock: ops[c][k] is operation k of client c
	roots map[string]*Type

	waiting []*Op       // operations that name others which have not come
	deletes map[ID]bool // deletions of operations that have not come
}

// New returns an empty document.
func New() *Doc {
	return &Doc{ops: map[uint64][]*Op{}, roots: map[string]*Type{}, deletes: map[ID]bool{}}
}

// Apply adds what a V1 update holds. Updates may come in any order, and twice.
func (d *Doc) Apply(update []byte) error {
	ops, deletes, err := readUpdate(update)
	if err != nil {
		return err
	}
	d.waiting = append(d.waiting, ops...)
	d.integrateReady()
	for _, r := range deletes {
		for clock := r.Clock; clock < r.End(); clock++ {
			d.deleteOrWait(ID{r.Client, clock})
		}
	}
	return nil
}

// Root returns the shared type of that name. Nobody creates roots: every
// document has all of them, most of them empty.
func (d *Doc) Root(name string) *Type {
	t, ok := d.roots[name]
	if !ok {
		t = newType(KindRoot, name, nil)
		d.roots[name] = t
	}
	return t
}

// StateVector returns how many operations of each client the document has.
// Since they are numbered without gaps, that says which.
func (d *Doc) StateVector() map[uint64]uint64 {
	sv := map[uint64]uint64{}
	for client, ops := range d.ops {
		sv[client] = uint64(len(ops))
	}
	return sv
}

// Waiting reports whether there are operations that wait for others.
func (d *Doc) Waiting() bool { return len(d.waiting) > 0 }

// Range names operations of one client that follow one another.
type Range struct{ Client, Clock, Len uint64 }

// End returns the clock after the range.
func (r Range) End() uint64 { return r.Clock + r.Len }

// DeleteSet returns what is deleted, sorted and joined. Deletions that wait for
// what they delete are part of it.
func (d *Doc) DeleteSet() []Range {
	var deleted []ID
	for _, ops := range d.ops {
		for _, op := range ops {
			if op.Deleted {
				deleted = append(deleted, op.ID)
			}
		}
	}
	deleted = slices.AppendSeq(deleted, maps.Keys(d.deletes))
	slices.SortFunc(deleted, func(a, b ID) int {
		return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Clock, b.Clock))
	})
	var set []Range
	for _, id := range deleted {
		if n := len(set); n > 0 && set[n-1].Client == id.Client && set[n-1].End() == id.Clock {
			set[n-1].Len++
		} else {
			set = append(set, Range{id.Client, id.Clock, 1})
		}
	}
	return set
}
