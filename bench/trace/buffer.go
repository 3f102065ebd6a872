package trace

import (
	"fmt"
	"unicode/utf16"
)

// A Buffer is a plain text with a gap where it was last changed: the simplest thing that can follow a history, against
// which an engine's text is checked. It knows nothing of replicas. The zero value is an empty text.
type Buffer struct {
	units    []uint16 // text before the gap, the gap, text behind it
	gapStart int
	gapEnd   int
}

// NewBuffer returns a buffer that holds s.
func NewBuffer(s string) *Buffer {
	units := utf16.Encode([]rune(s))
	return &Buffer{units: units, gapStart: len(units), gapEnd: len(units)}
}

// Len returns the length of the text in UTF-16 code units.
func (b *Buffer) Len() int { return len(b.units) - (b.gapEnd - b.gapStart) }

// String returns the text. Halves of a surrogate pair that stand alone become U+FFFD.
func (b *Buffer) String() string {
	units := make([]uint16, 0, b.Len())
	units = append(units, b.units[:b.gapStart]...)
	units = append(units, b.units[b.gapEnd:]...)
	return string(utf16.Decode(units))
}

// Splice deletes deleted UTF-16 code units at index and inserts s there. It fails, and changes nothing, when the part
// does not lie inside the text. It costs the distance from the last change.
func (b *Buffer) Splice(index, deleted int, s string) error {
	if index < 0 || deleted < 0 || index > b.Len() || deleted > b.Len()-index {
		return fmt.Errorf("splice %d units at %d: the text has %d", deleted, index, b.Len())
	}
	b.moveGap(index)
	b.gapEnd += deleted
	for _, r := range s {
		if r >= 0x10000 {
			high, low := utf16.EncodeRune(r)
			b.put(uint16(high))
			b.put(uint16(low))
			continue
		}
		b.put(uint16(r))
	}
	return nil
}

func (b *Buffer) moveGap(index int) {
	if index < b.gapStart {
		n := b.gapStart - index
		copy(b.units[b.gapEnd-n:b.gapEnd], b.units[index:b.gapStart])
		b.gapStart, b.gapEnd = index, b.gapEnd-n
		return
	}
	n := index - b.gapStart
	copy(b.units[b.gapStart:], b.units[b.gapEnd:b.gapEnd+n])
	b.gapStart, b.gapEnd = index, b.gapEnd+n
}

func (b *Buffer) put(u uint16) {
	if b.gapStart == b.gapEnd {
		grown := make([]uint16, 2*len(b.units)+64)
		copy(grown, b.units[:b.gapStart])
		tail := len(b.units) - b.gapEnd
		copy(grown[len(grown)-tail:], b.units[b.gapEnd:])
		b.units, b.gapEnd = grown, len(grown)-tail
	}
	b.units[b.gapStart] = u
	b.gapStart++
}

// at returns the unit at an index inside the text.
func (b *Buffer) at(index int) uint16 {
	if index >= b.gapStart {
		index += b.gapEnd - b.gapStart
	}
	return b.units[index]
}
