package load

import (
	"errors"
	"fmt"

	"github.com/weftsync/weft/crdt/lib0"
)

// The kinds of content that a document of one plain text can hold; the low five bits of a struct's info byte.
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

// A structID is an origin, if there is one.
type structID struct {
	there  bool
	client uint64
	clock  uint64
}

// A yStruct is one struct of an update: a run of clocks and what stands there. Its text aliases the update.
type yStruct struct {
	kind          byte
	n             uint64 // clocks
	text          []byte // of contentString; the scripts hold ASCII only, so a byte is a clock
	origin, right structID
}

// readStruct reads one struct of a document that holds nothing but the text [Root].
func readStruct(d *lib0.Decoder) (st yStruct, err error) {
	info, err := d.Byte()
	if err != nil {
		return st, err
	}
	st.kind = info & infoContent
	if st.kind != contentGC && st.kind != contentSkip {
		if err := st.readPlace(d, info); err != nil {
			return st, err
		}
	}
	switch st.kind {
	case contentGC, contentDeleted, contentSkip:
		st.n, err = d.Uint()
	case contentString:
		st.text, err = d.Bytes()
		st.n = uint64(len(st.text))
	default:
		return st, fmt.Errorf("content of kind %d, want plain text", st.kind)
	}
	if err == nil && st.n == 0 {
		err = errors.New("a struct without a length")
	}
	return st, err
}

// readPlace reads where a struct stands: its origins, or else its parent.
func (st *yStruct) readPlace(d *lib0.Decoder, info byte) error {
	if info&infoOrigin != 0 {
		if err := st.origin.read(d); err != nil {
			return err
		}
	}
	if info&infoRightOrigin != 0 {
		if err := st.right.read(d); err != nil {
			return err
		}
	}
	if st.origin.there || st.right.there {
		return nil
	}
	root, err := d.Uint()
	if err != nil {
		return err
	}
	if root != 1 || info&infoParentSub != 0 {
		return errors.New("an item inside a nested type or a map, want plain text")
	}
	name, err := d.Bytes()
	if err == nil && string(name) != Root {
		return fmt.Errorf("an item in the root %q, want %q", name, Root)
	}
	return err
}

func (id *structID) read(d *lib0.Decoder) (err error) {
	id.there = true
	if id.client, err = d.Uint(); err != nil {
		return err
	}
	id.clock, err = d.Uint()
	return err
}
