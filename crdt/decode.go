package crdt

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weftsync/weft/crdt/lib0"
)

// UpdateError says why an update, or another encoded input, was refused, and
// where in it.
type UpdateError struct {
	Offset int // in bytes from the start of the input
	Reason string
}

func (e *UpdateError) Error() string {
	return fmt.Sprintf("crdt: refused at offset %d: %s", e.Offset, e.Reason)
}

// refused turns a decoding error into an *UpdateError.
func refused(err error) error {
	var e *lib0.Error
	if errors.As(err, &e) {
		return &UpdateError{e.Offset, e.Reason}
	}
	return err
}

// id names one operation.
type id struct{ client, clock uint32 }

// idRange names a run of operations of one client.
type idRange struct{ client, clock, len uint32 }

func (r idRange) end() uint32 { return r.clock + r.len }

// block is the part of an update that comes from one client: structs in the
// order of their clocks, refs[next:] still to be integrated.
type block struct {
	client uint32
	refs   []ref
	next   int
	start  uint32 // clock of the first struct, a Skip too
	end    uint32 // clock after the last struct, a Skip too
}

// decoded is an update after decoding and checking. Its items lie in the slab
// but in no list; nothing else of the document has changed.
type decoded struct {
	blocks  []block
	refs    []ref // backing of the blocks
	deletes []idRange
	known   bool // part of it was known before and has been left out
	size    int  // in bytes
	mark    decodeMark
}

// decodeMark remembers the sizes of the document's tables, so that an update
// which is refused leaves them as they were.
type decodeMark struct {
	arenas                  arenaMark
	clients, keys, branches int
}

func (d *Doc) decodeMark() decodeMark {
	return decodeMark{d.arenas.mark(), len(d.clients), len(d.keyNames), len(d.branches)}
}

// takeBack undoes the decoding of an update, which must be the last thing that
// happened to the document.
func (d *Doc) takeBack(u *decoded) {
	m := u.mark
	for _, r := range u.refs {
		d.release(r)
	}
	u.blocks, u.refs = u.blocks[:0], u.refs[:0]
	d.arenas.rewind(m.arenas)
	d.forgetClients(m.clients)
	d.forgetKeys(m.keys)
	clear(d.branches[m.branches:])
	d.branches = d.branches[:m.branches]
}

// decodeUpdate is the first two of the seven steps, decode and check: it reads
// an update into u. Whatever can be wrong with an update is found here; a
// refused update changes nothing.
func (d *Doc) decodeUpdate(u *decoded, f format, update []byte) error {
	u.blocks, u.refs, u.deletes, u.known = u.blocks[:0], u.refs[:0], u.deletes[:0], false
	u.size, u.mark = len(update), d.decodeMark()
	src, err := f.source(update, &d.limits, nil)
	if err == nil {
		err = d.decodeStructs(u, &src)
	}
	if err == nil {
		err = d.decodeDeletes(u, &src)
	}
	if err == nil && src.Len() > 0 {
		err = src.Fail("trailing bytes after the update")
	}
	for i := range u.blocks {
		d.clients[u.blocks[i].client].block = 0
	}
	if err != nil {
		d.takeBack(u)
		return refused(err)
	}
	rest := u.refs
	for i := range u.blocks {
		b := &u.blocks[i]
		b.refs, rest = rest[:b.next:b.next], rest[b.next:]
		b.next = 0
	}
	return nil
}

// decodeStructs reads the client blocks. Until the end a block's next counts
// its structs, because the backing slice may still move.
func (d *Doc) decodeStructs(u *decoded, src *source) error {
	clients, err := src.clientCount()
	if err != nil {
		return err
	}
	if src.v2 != nil {
		d.makeRoomForText(src.v2.strings.Text())
	}
	structs := 0
	for range clients {
		at := src.Offset()
		n, err := src.structCount(structs)
		if err != nil {
			return err
		}
		structs += n
		id, err := src.client()
		if err != nil {
			return err
		}
		clock, err := src.clockOrLen()
		if err != nil {
			return err
		}
		c, err := d.decodeClient(id)
		if err != nil {
			return err
		}
		if d.clients[c].block != 0 {
			return src.FailAt(at, "a client occurs twice")
		}
		u.blocks = append(u.blocks, block{client: c})
		d.clients[c].block = int32(len(u.blocks))
		first, start := len(u.refs), clock
		d.makeRoom(u, n, src.Len())
		for n > 0 {
			if src.v2 == nil {
				quick, size, end := d.decodeQuick(u, src.Rest(), c, clock, n)
				src.Advance(size)
				n, clock = n-quick, end
			} else if n >= leastBatch {
				quick, end := d.decodeBatch(u, src.v2, c, clock, n)
				n, clock = n-quick, end
			}
			if n > 0 {
				if clock, err = d.decodeStruct(u, src, c, clock); err != nil {
					return err
				}
				n--
			}
		}
		last := &u.blocks[len(u.blocks)-1]
		last.next, last.start, last.end = len(u.refs)-first, start, clock
	}
	return nil
}

// makeRoom makes room for n structs that stand in the given number of bytes, if
// they are many.
func (d *Doc) makeRoom(u *decoded, n, bytes int) {
	if n = min(n, bytes); n > 4*chunkLen {
		u.refs = slices.Grow(u.refs, n)
		d.slab.grow(n)
		d.text = slices.Grow(d.text, bytes/4)
	}
}

// makeRoomForText makes room for the strings of an update in V2, which stand
// together, if they are long.
func (d *Doc) makeRoomForText(all []byte) {
	if len(all) > 4096 && lib0.IsASCII(all) {
		d.text = slices.Grow(d.text, len(all))
	}
}

// decodeID turns an id as it was read into the client's number and the clock.
func (d *Doc) decodeID(id uint64, clock uint32, err error) (uint32, uint32, error) {
	if err != nil {
		return 0, 0, err
	}
	c, err := d.decodeClient(id)
	return c, clock, err
}

// decodeClient returns the number of a client.
func (d *Doc) decodeClient(id uint64) (uint32, error) {
	if len(d.clients) > d.limits.Clients {
		if _, known := d.clientIndex[id]; !known {
			return 0, d.limits.tooManyClients()
		}
	}
	return d.intern(id), nil
}

// decodeStruct reads one struct that begins at clock and returns the clock
// after it. Structs that are known already are checked and left out.
func (d *Doc) decodeStruct(u *decoded, src *source, c, clock uint32) (uint32, error) {
	at := src.Offset()
	info, err := src.info()
	if err != nil {
		return 0, err
	}
	if kind(info&31) == kindSkip {
		n, err := src.clockOrLen() // not among the lengths of V2
		if err == nil && n == 0 {
			err = src.FailAt(at, "struct of length 0")
		}
		if err == nil && uint64(clock)+uint64(n) > maxClock {
			err = src.FailAt(at, "clock exceeds 2^32-1")
		}
		return clock + n, err
	}
	mark, branches := d.arenas.mark(), len(d.branches)
	n := item{bits: c<<clientShift | uint32(kindGC), clock: clock}
	it := &n
	if info&31 == byte(kindGC) {
		it.bits |= flagDeleted
		it.len, err = src.length()
	} else if err = d.decodeWhere(src, it, info); err == nil {
		err = d.decodeContent(src, it, info&31, at)
	}
	if err != nil {
		return 0, err
	}
	if uint64(clock)+uint64(it.len) > maxClock {
		return 0, src.FailAt(at, "clock exceeds 2^32-1")
	}
	end := it.end()
	if end <= d.clients[c].next {
		u.known = true
		if !d.keepsSome || it.kind() == kindGC { // or it cuts runs, see cutAround
			d.arenas.rewind(mark)
			clear(d.branches[branches:])
			d.branches = d.branches[:branches]
			return end, nil
		}
	}
	r, place := d.alloc()
	*place = n
	u.refs = append(u.refs, r)
	return end, nil
}

// decodeWhere reads an item's origins or, if it has none, its parent.
func (d *Doc) decodeWhere(src *source, it *item, info byte) (err error) {
	at := src.Offset()
	self := func(c, clock uint32) bool { return c == it.client() && clock >= it.clock }
	if info&0x80 != 0 {
		if it.originClient, it.originClock, err = d.decodeID(src.leftID()); err != nil {
			return err
		}
		if self(it.originClient, it.originClock) {
			return src.FailAt(at, "origin does not lie before the item")
		}
	}
	if info&0x40 != 0 {
		at = src.Offset()
		if it.rightClient, it.rightClock, err = d.decodeID(src.rightID()); err != nil {
			return err
		}
		if self(it.rightClient, it.rightClock) {
			return src.FailAt(at, "right origin does not lie before the item")
		}
	}
	if info&0xC0 != 0 {
		return nil
	}
	byName, err := src.parentIsRoot()
	if err != nil {
		return err
	}
	if byName {
		name, err := d.decodeName(src.name(src.str()))
		if err != nil {
			return err
		}
		it.parent = parentByName | name
	} else {
		at = src.Offset()
		if it.originClient, it.originClock, err = d.decodeID(src.leftID()); err != nil {
			return err
		}
		if self(it.originClient, it.originClock) {
			return src.FailAt(at, "parent does not lie before the item")
		}
		it.parent = parentByID
	}
	if info&0x20 != 0 {
		key, err := d.decodeName(src.name(src.str()))
		if err != nil {
			return err
		}
		it.where = keyBit | key
	}
	return nil
}

// decodeName reads the name of a root, a key or a format.
func (d *Doc) decodeName(s []byte, err error) (uint32, error) {
	if err != nil {
		return 0, err
	}
	return d.internKey(s), nil
}

// decodeContent reads the content of an item and sets its kind and length.
func (d *Doc) decodeContent(src *source, it *item, ref byte, at int) error {
	it.setKind(kind(ref & 15))
	it.len = 1
	it.content = uint32(len(d.blobs))
	switch kind(ref) {
	case kindDeleted:
		n, err := src.length()
		it.len = n
		return err
	case kindString:
		s, err := src.str()
		if err != nil {
			return err
		}
		if len(s) == 0 {
			return src.FailAt(at, "struct of length 0")
		}
		d.putText(it, s)
		return nil
	case kindAny, kindJSON:
		return d.decodeElements(src, it)
	case kindBinary:
		p, err := src.Bytes()
		d.blobs = lib0.AppendBytes(d.blobs, p)
		return err
	case kindEmbed:
		var err error
		d.blobs, err = src.json(d.blobs)
		return err
	case kindFormat:
		key, err := d.decodeName(src.name(src.key()))
		if err != nil {
			return err
		}
		d.blobs, err = src.json(lib0.AppendUint(d.blobs, uint64(key)))
		return err
	case kindDoc:
		guid, err := src.str()
		if err != nil {
			return err
		}
		d.blobs = lib0.AppendBytes(d.blobs, guid)
		d.blobs, err = canonicalSubdocOptions(d.blobs, &src.Decoder)
		return err
	case kindType:
		return d.decodeType(src, it)
	}
	return src.FailAt(at, fmt.Sprintf("unknown struct kind %d", ref))
}

func (d *Doc) decodeType(src *source, it *item) error {
	k, err := src.typeKind()
	if err != nil {
		return err
	}
	name := ""
	if k == KindXMLElement || k == KindXMLHook {
		s, err := src.name(src.key())
		if err != nil {
			return err
		}
		name = string(s)
	}
	it.content = d.newBranch(k, name).handle
	return nil
}

// decodeElements reads the elements of an array run; legacy JSON elements are
// kept as Any like the others.
func (d *Doc) decodeElements(src *source, it *item) error {
	n, err := src.elements(it.kind())
	if err != nil {
		return err
	}
	it.len, it.content = n, uint32(len(d.elems))
	if likely := min(int(n), src.Len()); likely > 16 {
		d.elems, d.blobs = slices.Grow(d.elems, likely), slices.Grow(d.blobs, 2*likely)
	}
	elems, blobs := d.elems, d.blobs
	for range n {
		elems = append(elems, uint32(len(blobs)))
		if it.kind() == kindAny {
			blobs, err = lib0.CanonicalAny(blobs, &src.Decoder)
		} else {
			blobs, err = src.legacyJSON(blobs)
		}
		if err != nil {
			break
		}
	}
	d.elems, d.blobs = elems, blobs
	return err
}

// decodeDeletes reads the delete set. Ranges may come unsorted and overlapping.
func (d *Doc) decodeDeletes(u *decoded, src *source) error {
	clients, err := src.deleteClients()
	if err != nil {
		return err
	}
	for range clients {
		id, n, err := src.beginDeletes()
		if err != nil {
			return err
		}
		c, err := d.decodeClient(id)
		if err != nil {
			return err
		}
		for range n {
			clock, length, err := src.deleteRange()
			if err != nil {
				return err
			}
			u.deletes = append(u.deletes, idRange{c, clock, length})
		}
	}
	return nil
}
