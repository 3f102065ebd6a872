package awareness

import (
	"encoding/json"
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
	for i := range entries {
		if entries[i], err = decodeEntry(&d, o); err != nil {
			return nil, err
		}
	}
	if d.Len() > 0 {
		return nil, malformed(d.Fail("bytes behind the last entry"), 0)
	}
	return entries, nil
}

// decodeEntry reads one entry.
func decodeEntry(d *lib0.Decoder, o Options) (Entry, error) {
	e := Entry{offset: d.Offset()}
	var err error
	if e.Client, err = d.Uint(); err != nil {
		return e, malformed(err, 0)
	}
	if e.Clock, err = d.Uint(); err != nil {
		return e, malformed(err, 0)
	}
	text, err := d.StringBytes()
	if err != nil {
		return e, malformed(err, 0)
	}
	e.State, err = checkState(text, d.Offset()-len(text), o)
	return e, err
}

// checkState returns text as a state: itself if it is a JSON object, nil if it is null. base is the offset of text in
// its update, -1 if it came by none.
func checkState(text []byte, base int, o Options) ([]byte, error) {
	if len(text) > o.MaxStateBytes {
		reason := fmt.Sprintf("state of %d bytes, more than %d", len(text), o.MaxStateBytes)
		return nil, &Error{Offset: base, Reason: reason, Kind: ErrTooLarge}
	}
	if isObject(text) {
		return text, nil
	}
	// Rare: a farewell, or something wrong, of which this reader knows the place.
	value, err := lib0.AnyFromJSON(nil, text)
	if err != nil {
		err := malformed(err, max(base, 0))
		if base < 0 {
			err.Offset = -1
		}
		return nil, err
	}
	if value[0] == lib0.TagNull {
		return nil, nil
	}
	if value[0] == lib0.TagObject { // with space in front
		return text, nil
	}
	return nil, &Error{Offset: base, Reason: "state is neither an object nor null", Kind: ErrMalformed}
}

// isObject reports whether text begins with a brace and is JSON nested no deeper than MaxDepth. It allocates nothing.
func isObject(text []byte) bool {
	if len(text) == 0 || text[0] != '{' || !json.Valid(text) {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && (c == '{' || c == '['):
			if depth++; depth > MaxDepth {
				return false
			}
		case !quoted && (c == '}' || c == ']'):
			depth--
		}
	}
	return true
}
