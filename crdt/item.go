package crdt

import "slices"

// ref is the handle of an item in the document's slab; 0 is no item. A handle
// is a number and not a pointer so that a resident document gives the garbage
// collector nothing to follow.
type ref uint32

// kind is the content kind of an item, numbered as on the wire.
type kind uint8

const (
	kindGC      kind = 0 // collected: only its length is left
	kindDeleted kind = 1 // deleted content, collected, still in its list
	kindJSON    kind = 2 // legacy array elements
	kindBinary  kind = 3
	kindString  kind = 4
	kindEmbed   kind = 5
	kindFormat  kind = 6
	kindType    kind = 7
	kindAny     kind = 8
	kindDoc     kind = 9
	kindSkip    kind = 10 // on the wire: a gap; in the slab: a free slot
)

const (
	flagDeleted = 1 << 4
	flagKeep    = 1 << 5 // not to be collected
	flagWide    = 1 << 6 // text is stored in two bytes a unit
	flagRoomy   = 1 << 7 // content may grow in place, see arena.go
	flagRedone  = 1 << 8 // an UndoManager has brought it back as another item, see Doc.redone

	clientShift = 9
	maxClients  = 1<<23 - 1
)

// maxClock bounds clocks and lengths: clock + len of every struct and every
// delete range fits in 32 bits.
const maxClock = 1<<32 - 1

// item is one struct of the document: a run of consecutive operations of one
// client. It is 48 bytes and holds no pointers.
//
// While it waits to be integrated, parent says where it belongs in the form
// the wire has it: 0 means "where its origins are", parentByID that the
// origin words hold the id of the parent item, parentByName|key a root type.
type item struct {
	bits         uint32 // client<<9 | flags | kind
	clock        uint32
	len          uint32 // in clock ticks; for text, UTF-16 code units
	originClient uint32 // 0: no origin
	originClock  uint32
	rightClient  uint32 // right origin; 0: none
	rightClock   uint32
	left, right  ref    // neighbours in the list, or in the history of the key
	parent       uint32 // branch
	where        uint32 // keyBit|key for a value of a map, else the leaf of the position tree
	content      uint32 // by kind: offset in an arena, or branch
}

const (
	keyBit       = 1 << 31
	parentByName = 1 << 31
	parentByID   = 1 << 30
)

func (it *item) kind() kind     { return kind(it.bits & 15) }
func (it *item) client() uint32 { return it.bits >> clientShift }
func (it *item) deleted() bool  { return it.bits&flagDeleted != 0 }
func (it *item) wide() bool     { return it.bits&flagWide != 0 }
func (it *item) end() uint32    { return it.clock + it.len }

func (it *item) setKind(k kind) { it.bits = it.bits&^15 | uint32(k) }

// key returns the map key that the item is a value of, 0 for a list item.
func (it *item) key() uint32 {
	if it.where&keyBit != 0 {
		return it.where &^ keyBit
	}
	return 0
}

// leaf returns the leaf of the position tree that holds the item, 0 if none.
func (it *item) leaf() nodeRef {
	if it.where&keyBit != 0 {
		return 0
	}
	return nodeRef(it.where)
}

// countable reports whether the content takes up places in its list.
func (it *item) countable() bool {
	switch it.kind() {
	case kindGC, kindDeleted, kindFormat, kindSkip:
		return false
	}
	return true
}

// visible returns how many places of its list the item takes up.
func (it *item) visible() uint32 {
	if it.deleted() || !it.countable() {
		return 0
	}
	return it.len
}

// slab holds items by handle in chunks that never move, so that an *item stays
// valid until the item is freed. Freed slots are used again first.
type slab struct {
	chunks []*[chunkLen]item
	next   ref // the first handle never used
	free   ref // head of the list of freed slots, linked by right
	live   int
}

const (
	chunkBits = 6
	chunkLen  = 1 << chunkBits
)

func (s *slab) item(r ref) *item { return &s.chunks[r>>chunkBits][r&(chunkLen-1)] }

func (s *slab) alloc() (ref, *item) {
	s.live++
	if r := s.free; r != 0 {
		it := s.item(r)
		s.free = it.right
		*it = item{}
		return r, it
	}
	if s.next == 0 {
		s.next = 1
	}
	r := s.next
	if int(r>>chunkBits) == len(s.chunks) {
		s.chunks = append(s.chunks, new([chunkLen]item))
	}
	s.next++
	return r, s.item(r)
}

// grow makes room for n more items at once, beside the freed slots.
func (s *slab) grow(n int) {
	if n -= len(s.chunks)<<chunkBits - int(s.next); n <= 0 {
		return
	}
	more := make([][chunkLen]item, (n+chunkLen-1)>>chunkBits)
	s.chunks = slices.Grow(s.chunks, len(more))
	for i := range more {
		s.chunks = append(s.chunks, &more[i])
	}
}

func (s *slab) release(r ref) {
	it := s.item(r)
	*it = item{bits: uint32(kindSkip), right: s.free}
	s.free = r
	s.live--
}
