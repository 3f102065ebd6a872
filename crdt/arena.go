package crdt

import (
	"math/bits"
	"slices"
	"sync"
	"unicode/utf8"
	"unsafe"

	"github.com/weftsync/weft/crdt/lib0"
)

// Content lives in three append-only arenas:
//
//   - text holds strings, one byte a code unit where all are ASCII, else two
//     bytes a unit, little endian; both can be cut in O(1);
//   - blobs holds single values: canonical Any, byte arrays, options;
//   - elems holds the elements of array runs: offsets into blobs.
//
// A run of typing extends in place where it ends its arena. A run that must
// grow elsewhere moves once to a block whose size is the next power of two
// (flagRoomy); the size follows from the length, so no field keeps it.
// Bytes left behind are counted and the arena is rewritten when they outweigh
// the live ones.
type arenas struct {
	text  []byte
	blobs []byte
	elems []uint32

	deadText, deadBlobs, deadElems int
}

// arenaMark remembers the ends of the arenas, to take back what a refused
// update put there.
type arenaMark struct{ text, blobs, elems int }

func (a *arenas) mark() arenaMark { return arenaMark{len(a.text), len(a.blobs), len(a.elems)} }

func (a *arenas) rewind(m arenaMark) {
	a.text, a.blobs, a.elems = a.text[:m.text], a.blobs[:m.blobs], a.elems[:m.elems]
}

// textSize returns the length of a string item's content in bytes.
func (it *item) textSize() int {
	if it.wide() {
		return 2 * int(it.len)
	}
	return int(it.len)
}

// units returns a string item's content as it is stored.
func (a *arenas) units(it *item) []byte {
	return a.text[it.content : int(it.content)+it.textSize()]
}

// putText appends s, which may be WTF-8, and makes it the content of it.
// Bytes that are neither become U+FFFD.
func (a *arenas) putText(it *item, s []byte) {
	it.setKind(kindString)
	it.content = uint32(len(a.text))
	if lib0.IsASCII(s) {
		it.len = uint32(len(s))
		a.text = append(a.text, s...)
		return
	}
	it.bits |= flagWide
	n := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && size == 1 && i+3 <= len(s) && s[i] == 0xED && s[i+1] >= 0xA0 && s[i+1] < 0xC0 && s[i+2]&0xC0 == 0x80 {
			r, size = 0xD000|rune(s[i+1]&0x3F)<<6|rune(s[i+2]&0x3F), 3
		}
		i += size
		if r >= 0x10000 {
			r -= 0x10000
			hi, lo := 0xD800|r>>10, 0xDC00|r&0x3FF
			a.text = append(a.text, byte(hi), byte(hi>>8), byte(lo), byte(lo>>8))
			n += 2
			continue
		}
		a.text = append(a.text, byte(r), byte(r>>8))
		n++
	}
	it.len = uint32(n)
}

// putString is putText for a string.
func (a *arenas) putString(it *item, s string) {
	if !isASCII(s) {
		a.putText(it, []byte(s))
		return
	}
	it.setKind(kindString)
	it.content, it.len = uint32(len(a.text)), uint32(len(s))
	a.text = append(a.text, s...)
}

func isASCII(s string) bool {
	const short = 16
	if len(s) > short {
		return lib0.IsASCII(unsafe.Slice(unsafe.StringData(s), len(s))) // reads them
	}
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func unitAt(wide []byte, i int) uint16 { return uint16(wide[2*i]) | uint16(wide[2*i+1])<<8 }

func isHigh(u uint16) bool { return u >= 0xD800 && u < 0xDC00 }
func isLow(u uint16) bool  { return u >= 0xDC00 && u < 0xE000 }

// appendUTF8 appends the item's text from unit offset on as UTF-8; a surrogate
// without its partner becomes U+FFFD.
func (a *arenas) appendUTF8(dst []byte, it *item, offset int) []byte {
	u := a.units(it)
	if !it.wide() {
		return append(dst, u[offset:]...)
	}
	return appendWide(dst, u[2*offset:])
}

func appendWide(dst, u []byte) []byte {
	for i, n := 0, len(u)/2; i < n; i++ {
		c := unitAt(u, i)
		switch {
		case c < 0x80:
			dst = append(dst, byte(c))
		case isHigh(c) && i+1 < n && isLow(unitAt(u, i+1)):
			dst = utf8.AppendRune(dst, 0x10000+rune(c-0xD800)<<10+rune(unitAt(u, i+1)-0xDC00))
			i++
		default:
			dst = utf8.AppendRune(dst, rune(c)) // a lone surrogate encodes as U+FFFD
		}
	}
	return dst
}

// splitContent moves the content of left from diff on to right, which begins
// as a copy of left. Cutting a surrogate pair replaces both halves by U+FFFD
// (Yjs: ContentString.splice), which it reports.
func (d *Doc) splitContent(left, right *item, diff uint32) (cutPair bool) {
	left.bits &^= flagRoomy
	right.bits &^= flagRoomy
	switch left.kind() {
	case kindAny, kindJSON:
		right.content += diff
	case kindString:
		if !left.wide() {
			right.content += diff
			return false
		}
		right.content += 2 * diff
		if isHigh(unitAt(d.text[left.content:], int(diff)-1)) {
			copy(d.text[right.content-2:], "\xFD\xFF\xFD\xFF")
			return true
		}
	}
	return false
}

// slice drops the first diff operations of an item that is not integrated:
// what is left of it follows the operation before it (Yjs: sliceStruct).
func (d *Doc) slice(it *item, diff uint32) {
	if it.kind() != kindGC {
		head := *it
		head.len = diff
		d.splitContent(&head, it, diff)
		d.dropContent(&head)
		it.parent = 0
		it.originClient, it.originClock = it.client(), it.clock+diff-1
	}
	it.clock += diff
	it.len -= diff
}

// mergeContent appends the content of right to that of left. Both are of one
// kind that merges; lengths are not yet added.
func (d *Doc) mergeContent(left, right *item) {
	switch left.kind() {
	case kindString:
		if left.wide() != right.wide() {
			d.widen(left)
			d.widen(right)
		}
		n, m := left.textSize(), right.textSize()
		j := join(&d.text, int(left.content), n, int(right.content), m, left.bits&flagRoomy != 0)
		d.deadText += j.dead
		left.content = uint32(j.at)
		left.setRoomy(j.roomy)
	case kindAny, kindJSON:
		j := join(&d.elems, int(left.content), int(left.len), int(right.content), int(right.len), left.bits&flagRoomy != 0)
		d.deadElems += j.dead
		left.content = uint32(j.at)
		left.setRoomy(j.roomy)
	}
}

func (it *item) setRoomy(on bool) {
	it.bits &^= flagRoomy
	if on {
		it.bits |= flagRoomy
	}
}

// joined says where two runs are after they became one.
type joined struct {
	at    int
	roomy bool
	dead  int // elements left behind
}

// join puts the run of m elements at r behind the run of n elements at l:
// where it is, if they are neighbours; at the end of the arena, if l ends it;
// in the room that l has; or both in a new block of the next power of two.
// The cost is O(m) amortised.
func join[T any](arena *[]T, l, n, r, m int, roomy bool) joined {
	a := *arena
	atEnd := r+m == len(a)
	switch {
	case l+n == r:
		return joined{at: l}
	case l+n == len(a):
		*arena = append(a, a[r:r+m]...)
		return joined{at: l, dead: m}
	case roomy && n+m <= roomFor(n):
		copy(a[l+n:], a[r:r+m])
		if atEnd {
			*arena = a[:r]
			return joined{at: l, roomy: true}
		}
		return joined{at: l, roomy: true, dead: m}
	}
	at, size := len(a), roomFor(n+m+1)
	a = slices.Grow(a, size)[:at+size]
	copy(a[at:], a[l:l+n])
	copy(a[at+n:], a[r:r+m])
	*arena = a
	dead := n + m
	if roomy {
		dead = roomFor(n) + m
	}
	return joined{at: at, roomy: true, dead: dead}
}

// roomFor returns the size of the block that holds a roomy run of n elements.
func roomFor(n int) int { return 1 << bits.Len(uint(max(n-1, 15))) }

// widen rewrites ASCII text as two bytes a unit.
func (d *Doc) widen(it *item) {
	if it.wide() {
		return
	}
	at := len(d.text)
	d.text = slices.Grow(d.text, 2*int(it.len))
	for _, c := range d.text[it.content : it.content+it.len] {
		d.text = append(d.text, c, 0)
	}
	d.dropContent(it)
	it.content = uint32(at)
	it.bits = it.bits&^flagRoomy | flagWide
}

// contentSize returns how many bytes of the arenas hold the content of an item
// that was not merged with another.
func (d *Doc) contentSize(it *item) int {
	switch it.kind() {
	case kindString:
		return it.textSize()
	case kindAny, kindJSON:
		n := 4 * int(it.len)
		for _, at := range d.elems[it.content : it.content+it.len] {
			n += lib0.SkipAny(d.blobs[at:])
		}
		return n
	case kindBinary, kindEmbed, kindFormat, kindDoc:
		return d.blobSize(it)
	}
	return 0
}

// dropContent counts the content of an item as dead.
func (d *Doc) dropContent(it *item) {
	switch it.kind() {
	case kindString:
		n := it.textSize()
		if it.bits&flagRoomy != 0 {
			n = roomFor(n)
		}
		d.deadText += n
	case kindAny, kindJSON:
		n := int(it.len)
		for _, at := range d.elems[it.content : int(it.content)+n] {
			d.deadBlobs += lib0.SkipAny(d.blobs[at:])
		}
		if it.bits&flagRoomy != 0 {
			n = roomFor(n)
		}
		d.deadElems += n
	case kindBinary, kindEmbed, kindFormat, kindDoc:
		d.deadBlobs += d.blobSize(it)
	}
}

// blobSize returns how many bytes of blobs a single value takes.
func (d *Doc) blobSize(it *item) int {
	b := d.blobs[it.content:]
	switch it.kind() {
	case kindEmbed:
		return lib0.SkipAny(b)
	case kindBinary:
		dec := lib0.NewDecoder(b)
		dec.Bytes()
		return dec.Offset()
	}
	// A format is its key's number and a value, a subdocument its guid and options.
	dec := lib0.NewDecoder(b)
	if it.kind() == kindFormat {
		dec.Uint()
	} else {
		dec.Bytes()
	}
	return dec.Offset() + lib0.SkipAny(dec.Rest())
}

// trimText lets go of room in the text arena that was made for an update and
// turned out to be too much.
func (d *Doc) trimText() {
	if n := len(d.text); cap(d.text)-n > 4096+n/8 {
		d.text = append(make([]byte, 0, n+n/16), d.text...)
	}
}

// tidyArenas rewrites the arenas of which more than half is dead. That looks at
// every item, so it waits for as many dead bytes as there are items.
func (d *Doc) tidyArenas() {
	least := max(4096, int(d.slab.next))
	if d.deadText > least && d.deadText > len(d.text)/2 {
		d.rewriteText()
	}
	if n := d.deadBlobs + 4*d.deadElems; n > least && n > (len(d.blobs)+4*len(d.elems))/2 {
		d.rewriteBlobs()
	}
}

func (d *Doc) rewriteText() {
	text := make([]byte, 0, max(len(d.text)-d.deadText, 0))
	d.eachItem(func(_ ref, it *item) {
		if it.kind() == kindString {
			u := d.units(it)
			it.content = uint32(len(text))
			it.bits &^= flagRoomy
			text = append(text, u...)
		}
	})
	d.text, d.deadText = text, 0
}

func (d *Doc) rewriteBlobs() {
	scratch := tidied.Get().(*[]byte)
	defer tidied.Put(scratch)
	blobs := (*scratch)[:0]
	var elems []uint32
	d.eachItem(func(_ ref, it *item) {
		switch it.kind() {
		case kindAny, kindJSON:
			old := d.elems[it.content : it.content+it.len]
			it.content = uint32(len(elems))
			it.bits &^= flagRoomy
			for _, at := range old {
				v := d.blobs[at:]
				elems = append(elems, uint32(len(blobs)))
				blobs = append(blobs, v[:lib0.SkipAny(v)]...)
			}
		case kindBinary, kindEmbed, kindFormat, kindDoc:
			v := d.blobs[it.content : int(it.content)+d.blobSize(it)]
			it.content = uint32(len(blobs))
			blobs = append(blobs, v...)
		}
	})
	*scratch = blobs
	d.blobs = refill(d.blobs, blobs)
	d.elems, d.deadBlobs, d.deadElems = elems, 0, 0
}

// tidied holds scratch space of rewriteBlobs.
var tidied = sync.Pool{New: func() any { return new([]byte) }}

// refill returns a copy of live in the memory of old, unless that is far too
// large. A value that is set over and over then needs no memory.
func refill(old, live []byte) []byte {
	const spare = 4096
	if cap(old) < len(live) || cap(old) > 4*len(live)+spare {
		old = make([]byte, 0, len(live))
	}
	return append(old[:0], live...)
}

// eachItem calls f for every item in use, integrated or waiting.
func (d *Doc) eachItem(f func(ref, *item)) {
	for r := ref(1); r < d.slab.next; r++ {
		if it := d.item(r); it.kind() != kindSkip {
			f(r, it)
		}
	}
}
