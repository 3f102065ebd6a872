package crdt

import (
	"bytes"
	"fmt"
	"sort"

	"github.com/weftsync/weft/crdt/lib0"
)

// An UpdateIndex answers for a V1 update many who lack different parts of it, as
// [DiffUpdate] does: it knows where in the update the structs of each client lie, so
// that those which somebody has need not be read again. It is safe for concurrent use.
type UpdateIndex struct {
	update  []byte
	gap     int // how many structs of a block lie from one mark to the next
	blocks  []indexedBlock
	marks   []indexMark // of the blocks one after the other
	deletes []byte      // the encoded delete set; mostly the end of update
	none    bool        // there is no index, and update is read each time
}

// indexedBlock is the structs of one client.
type indexedBlock struct {
	client uint64
	end    uint32 // clock behind the last
	count  int    // how many there are
	to     int    // offset behind the last
	mark   int    // the first of its marks
}

// indexMark is where a struct begins: the first of a block, and others with gaps between them.
type indexMark struct {
	at    int
	clock uint32
}

// How many structs lie between two marks; which part of the bytes of an update its index takes
// at the most, because that of very many clients is larger than the update; and what it takes.
const (
	indexGap   = 64
	indexShare = 4

	indexedBlockBytes = 40
	indexMarkBytes    = 16
)

// IndexUpdate reads an update once and returns its index. That keeps the slice, which must not
// be changed any more. The error wraps an *UpdateError. The cost is linear in the bytes of the
// update; the index takes a quarter of them at the most, mostly a hundredth.
func IndexUpdate(update []byte) (*UpdateIndex, error) {
	return indexUpdate(update, indexGap, len(update)/indexShare)
}

// indexUpdate is IndexUpdate with so many structs from mark to mark, in so many bytes at the most.
func indexUpdate(update []byte, gap, bound int) (*UpdateIndex, error) {
	ix := &UpdateIndex{update: update, gap: gap}
	r := reader{keepRaw: true}
	err := r.open(v1, update)
	for more := true; err == nil && more; {
		if more, err = r.next(); err == nil && more && !ix.none {
			ix.note(&r, bound)
		}
	}
	var deletes []wireRange
	if err == nil {
		err = r.deletes(func(d wireRange) { deletes = append(deletes, d) })
	}
	if err != nil {
		return nil, fmt.Errorf("reading an update to index it: %w", refused(err))
	}
	if ix.none {
		ix.blocks, ix.marks = nil, nil
		return ix, nil
	}
	s := v1.sink(nil)
	s.deleteSet(deletes)
	if ix.deletes = s.finish(); bytes.HasSuffix(update, ix.deletes) {
		ix.deletes = update[len(update)-len(ix.deletes):]
	}
	return ix, nil
}

// note adds the struct that a reader is at, unless the index becomes too large.
func (ix *UpdateIndex) note(r *reader, bound int) {
	p := &r.part
	if p.raw == nil { // Yjs would write it in another way: so does DiffUpdate
		ix.none = true
		return
	}
	n := len(ix.blocks)
	if n == 0 || ix.blocks[n-1].client != p.client {
		ix.blocks = append(ix.blocks, indexedBlock{client: p.client, mark: len(ix.marks)})
		n++
	}
	blk, end := &ix.blocks[n-1], r.src.Offset()
	if blk.count%ix.gap == 0 {
		ix.marks = append(ix.marks, indexMark{at: end - len(p.raw), clock: p.clock})
		ix.none = indexedBlockBytes*len(ix.blocks)+indexMarkBytes*len(ix.marks) > bound
	}
	blk.count++
	blk.end, blk.to = p.end(), end
}

// Diff returns what [DiffUpdate] returns for the update and a state vector, byte for byte. The
// cost is linear in what it returns and in the clients of both; of the structs that are known it
// reads some sixty of each client.
func (ix *UpdateIndex) Diff(stateVector []byte) ([]byte, error) {
	if ix.none {
		return DiffUpdate(ix.update, stateVector)
	}
	known, err := knownClocks(stateVector)
	if err != nil {
		return nil, err
	}
	w := v1.writer(v1, 0)
	d := difference{known: known, w: &w}
	for i := range ix.blocks {
		if blk := &ix.blocks[i]; blk.end > known[blk.client] {
			if err := ix.write(&d, i); err != nil {
				return nil, fmt.Errorf("reading an update to compare: %w", refused(err))
			}
		}
	}
	return w.finishCopied(ix.deletes), nil
}

// write writes what is not known of block i: it reads to the first struct that is not, and copies what is behind it.
func (ix *UpdateIndex) write(d *difference, i int) error {
	blk, end := &ix.blocks[i], len(ix.marks)
	if i+1 < len(ix.blocks) {
		end = ix.blocks[i+1].mark
	}
	marks, clock := ix.marks[blk.mark:end], d.known[blk.client]
	from := max(0, sort.Search(len(marks), func(n int) bool { return marks[n].clock > clock })-1)

	r := reader{src: source{Decoder: lib0.NewDecoder(ix.update), limits: &defaultLimits}, in: ix.update, keepRaw: true}
	r.last = cachedID{word: 1}
	r.src.Advance(marks[from].at)
	r.part.client, r.part.clock = blk.client, marks[from].clock
	for r.left = blk.count - from*ix.gap; r.left > 0; {
		if _, err := r.next(); err != nil {
			return err
		}
		if d.see(&r.part); d.news {
			d.w.copy(blk.client, r.part.end(), ix.update[r.src.Offset():blk.to], r.left)
			break
		}
	}
	return nil
}
