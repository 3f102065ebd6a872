package awareness

import (
	"fmt"

	"github.com/weftsync/weft/crdt/lib0"
)

// Entry is what an update says of one client.
type Entry struct {
	Client uint64
	Clock  uint64
	State  []byte // a JSON object as its client wrote it; nil for null: the client has left

	offset int // where in the update it stood, for errors; -1 if it came by none
}

// minEntryBytes is the least that an entry takes: one byte of id, one of clock, one of length, and "{}".
const minEntryBytes = 5

// Decode reads an update and checks all of it that can be checked without knowing the document: form, JSON, and the
// limits of o on one update. The states alias update. Errors are [*Error]. The cost is linear in the bytes of update,
// whatever count they claim.
func Decode(update []byte, o Options) ([]Entry, error) {
	o = o.withDefaults()
	d := lib0.NewDecoder(update)
	n, err := d.Uint()
	if err != nil {
		return nil, malformed(err, 0)
	}
	if n > uint64(d.Len()/minEntryBytes) {
		return nil, malformed(d.FailAt(0, fmt.Sprintf("%d entries exceed the %d bytes left", n, d.Len())), 0)
	}
	if n > uint64(o.MaxEntries) {
		return nil, &Error{Reason: fmt.Sprintf("%d entries, more than %d", n, o.MaxEntries), Kind: ErrTooLarge}
	}
	entries := make([]Entry, n)
	var scratch []byte
	for i := range entries {
		if entries[i], scratch, err = decodeEntry(&d, o, scratch); err != nil {
			return nil, err
		}
	}
	if d.Len() > 0 {
		return nil, malformed(d.Fail("bytes behind the last entry"), 0)
	}
	return entries, nil
}

// decodeEntry reads one entry. It returns scratch, which it may have grown, for the next one.
func decodeEntry(d *lib0.Decoder, o Options, scratch []byte) (Entry, []byte, error) {
	e := Entry{offset: d.Offset()}
	var err error
	if e.Client, err = d.Uint(); err != nil {
		return e, scratch, malformed(err, 0)
	}
	if e.Clock, err = d.Uint(); err != nil {
		return e, scratch, malformed(err, 0)
	}
	text, err := d.StringBytes()
	if err != nil {
		return e, scratch, malformed(err, 0)
	}
	e.State, scratch, err = checkState(text, d.Offset()-len(text), o, scratch)
	return e, scratch, err
}

// checkState returns text as a state: itself if it is a JSON object, nil if it is null. base is the offset of text in
// its update, -1 if it came by none. scratch is overwritten and returned, perhaps grown.
func checkState(text []byte, base int, o Options, scratch []byte) (state, _ []byte, err error) {
	if len(text) > o.MaxStateBytes {
		reason := fmt.Sprintf("state of %d bytes, more than %d", len(text), o.MaxStateBytes)
		return nil, scratch, &Error{Offset: base, Reason: reason, Kind: ErrTooLarge}
	}
	if scratch, err = lib0.AnyFromJSON(scratch[:0], text); err != nil {
		err := malformed(err, max(base, 0))
		if base < 0 {
			err.(*Error).Offset = -1
		}
		return nil, scratch, err
	}
	switch scratch[0] {
	case lib0.TagObject:
		return text, scratch, nil
	case lib0.TagNull:
		return nil, scratch, nil
	}
	return nil, scratch, &Error{Offset: base, Reason: "state is neither an object nor null", Kind: ErrMalformed}
}
