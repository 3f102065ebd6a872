package load

import (
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/weftsync/weft/crdt/lib0"
)

// The kinds of content that a history of one plain text can hold; the low five bits of a struct's info byte.
const (
	contentGC      = 0
	contentDeleted = 1
	contentString  = 4
	contentSkip    = 10

	infoContent     = 0x1f
	infoParentSub   = 0x20
	infoRightOrigin = 0x40
	infoOrigin      = 0x80
)

// maxClock bounds the clocks that a coverage keeps account of, and with it the memory of its bit set.
const maxClock = 1 << 26

// A coverage is what somebody has received of one client's edits: its clocks up to a mark, without a gap, and how many
// of them are known to be deleted. An update is covered when the mark is past its structs and all that is deleted by
// it, or was before, is known to be deleted. The zero value has received nothing.
type coverage struct {
	client  uint64
	clock   uint64   // everything below it has come
	deleted int      // bits set in gone
	gone    []uint64 // by clock, a bit for each deleted one
}

// add takes in a V1 update. It fails on one that is damaged, that leaves a gap, that holds content other than plain
// text, or that holds edits of another client.
func (c *coverage) add(update []byte) error {
	d := lib0.NewDecoder(update)
	if err := c.addStructs(&d); err != nil {
		return fmt.Errorf("read structs: %w", err)
	}
	if err := c.addDeletes(&d); err != nil {
		return fmt.Errorf("read deletes: %w", err)
	}
	if d.Len() != 0 {
		return fmt.Errorf("%d bytes behind the update", d.Len())
	}
	return nil
}

func (c *coverage) addStructs(d *lib0.Decoder) error {
	clients, err := d.Uint()
	if err != nil {
		return err
	}
	for range clients {
		structs, err := d.Uint()
		if err != nil {
			return err
		}
		client, err := d.Uint()
		if err != nil {
			return err
		}
		clock, err := d.Uint()
		if err != nil {
			return err
		}
		if client != c.client {
			return fmt.Errorf("edits of client %d, want only those of %d", client, c.client)
		}
		if clock > c.clock {
			return fmt.Errorf("clock %d while the last one known is %d: something is missing", clock, c.clock)
		}
		for range structs {
			n, err := structLen(d)
			if err != nil {
				return err
			}
			clock += n
		}
		if clock > maxClock {
			return fmt.Errorf("clock %d is past what is accounted for", clock)
		}
		c.clock = max(c.clock, clock)
	}
	return nil
}

// structLen reads one struct and returns its length in clocks.
func structLen(d *lib0.Decoder) (uint64, error) {
	info, err := d.Byte()
	if err != nil {
		return 0, err
	}
	kind := info & infoContent
	if kind != contentGC && kind != contentSkip {
		if err := skipPlace(d, info); err != nil {
			return 0, err
		}
	}
	switch kind {
	case contentGC, contentDeleted:
		return d.Uint()
	case contentString:
		b, err := d.Bytes()
		return utf16Len(b), err
	case contentSkip:
		return 0, errors.New("a gap inside an update: something is missing")
	default:
		return 0, fmt.Errorf("content of kind %d, want plain text", kind)
	}
}

// skipPlace passes over where a struct stands: its origins, or its parent.
func skipPlace(d *lib0.Decoder, info byte) error {
	numbers := 0
	if info&infoOrigin != 0 {
		numbers += 2
	}
	if info&infoRightOrigin != 0 {
		numbers += 2
	}
	for range numbers {
		if _, err := d.Uint(); err != nil {
			return err
		}
	}
	if numbers > 0 {
		return nil
	}
	root, err := d.Uint()
	if err != nil {
		return err
	}
	if root != 1 || info&infoParentSub != 0 {
		return errors.New("an item inside a nested type or a map, want plain text")
	}
	_, err = d.Bytes()
	return err
}

func (c *coverage) addDeletes(d *lib0.Decoder) error {
	clients, err := d.Uint()
	if err != nil {
		return err
	}
	for range clients {
		client, err := d.Uint()
		if err != nil {
			return err
		}
		if client != c.client {
			return fmt.Errorf("deletes edits of client %d, want only those of %d", client, c.client)
		}
		ranges, err := d.Uint()
		if err != nil {
			return err
		}
		for range ranges {
			clock, err := d.Uint()
			if err != nil {
				return err
			}
			n, err := d.Uint()
			if err != nil {
				return err
			}
			if clock > maxClock || n > maxClock-clock {
				return fmt.Errorf("deletes %d clocks from %d: past what is accounted for", n, clock)
			}
			c.delete(clock, clock+n)
		}
	}
	return nil
}

// delete marks the clocks in [from, to).
func (c *coverage) delete(from, to uint64) {
	for uint64(len(c.gone))*64 < to {
		c.gone = append(c.gone, 0)
	}
	for from < to {
		word, low := from/64, from%64
		n := min(64-low, to-from)
		mask := (^uint64(0) >> (64 - n)) << low
		c.deleted += bits.OnesCount64(mask &^ c.gone[word])
		c.gone[word] |= mask
		from += n
	}
}

func utf16Len(b []byte) uint64 {
	n := uint64(0)
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		n += uint64(utf16.RuneLen(r))
		b = b[size:]
	}
	return n
}
