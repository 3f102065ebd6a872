package crdt

import (
	"encoding/binary"

	"github.com/weftsync/weft/crdt/lib0"
)

// skim reads a part that needs no care: text or deleted content in V1 which has
// an origin. That is nearly all of what people type. It reports false for
// everything else, what is malformed too, and has then read nothing. Where clients
// are counted, that is so too for a part that names another client than the one
// before it: whoever reads it counts it.
func (r *reader) skim() bool {
	if r.src.v2 != nil {
		return false
	}
	b, at := r.in, r.src.Offset()
	if at >= len(b) {
		return false
	}
	p, info, n := &r.part, b[at], at+1
	if info&infoKey != 0 || info&(infoOrigin|infoRight) == 0 {
		return false
	}
	k := kind(info & 31)
	if k != kindString && k != kindDeleted {
		return false
	}
	if info&infoOrigin != 0 {
		counted := r.seen == nil || r.last.isAt(b, n)
		if p.origin, n = r.last.skim(b, n); !counted || n == 0 || !p.before(p.origin) {
			return false
		}
	}
	if info&infoRight != 0 {
		counted := r.seen == nil || r.last.isAt(b, n)
		if p.right, n = r.last.skim(b, n); !counted || n == 0 || !p.before(p.right) {
			return false
		}
	}
	size, n := lib0.Varint(b, n)
	if n == 0 || size == 0 || uint64(p.clock)+size > maxClock {
		return false
	}
	if k == kindString {
		if size > uint64(len(b)-n) {
			return false
		}
		p.text = b[n : n+int(size) : n+int(size)]
		if !lib0.IsASCII(p.text) {
			return false
		}
		n += int(size)
	}
	r.src.Advance(n - at)
	p.kind, p.info, p.len, p.raw = k, info, uint32(size), b[at:n]
	return true
}

// cachedID remembers the client that was read last and its bytes, because the
// next one is mostly the same: one comparison tells.
type cachedID struct {
	word, mask uint64 // the bytes as a little-endian word, and which of it count
	size       int
	client     uint64
}

// isAt reports whether the client stands at b[at:].
func (c *cachedID) isAt(b []byte, at int) bool {
	return at+8 <= len(b) && binary.LittleEndian.Uint64(b[at:])&c.mask == c.word
}

// skim reads an id at b[at:] and returns where it ends, 0 if it is malformed.
func (c *cachedID) skim(b []byte, at int) (id wireID, end int) {
	if c.isAt(b, at) {
		at += c.size
	} else {
		client, next := lib0.Varint(b, at)
		if next == 0 {
			return id, 0
		}
		if *c = (cachedID{word: 1, client: client}); at+8 <= len(b) {
			c.size = next - at
			c.mask = 1<<(8*c.size) - 1
			c.word = binary.LittleEndian.Uint64(b[at:]) & c.mask
		}
		at = next
	}
	clock, at := lib0.Varint(b, at)
	if clock > maxClock {
		return id, 0
	}
	return wireID{c.client, uint32(clock)}, at
}

// remember makes a client the one read last.
func (c *cachedID) remember(client uint64) {
	var b [16]byte
	lib0.AppendUint(b[:0], client)
	*c = cachedID{word: 1}
	c.skim(b[:], 0)
}
