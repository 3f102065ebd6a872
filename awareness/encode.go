package awareness

import "github.com/weftsync/weft/crdt/lib0"

// entryRoom is about how long an entry is, beside its state.
const entryRoom = 16

// AppendEntries appends an update that holds the entries, in their order.
func AppendEntries(dst []byte, entries []Entry) []byte {
	dst = lib0.AppendUint(dst, uint64(len(entries)))
	for _, e := range entries {
		dst = appendEntry(dst, e.Client, e.Clock, e.State)
	}
	return dst
}

func appendEntry(dst []byte, client, clock uint64, state []byte) []byte {
	dst = lib0.AppendUint(lib0.AppendUint(dst, client), clock)
	if state == nil {
		return lib0.AppendString(dst, "null")
	}
	return lib0.AppendBytes(dst, state)
}

// Modify returns update with each entry's state replaced by what modify makes of it: a server uses it to put the name
// from a token over the name that a client claims. State and result are JSON objects, nil stands for null; modify may
// not write into the state, which aliases update. Clients and clocks stay. An update that o refuses is refused, and so
// is a result that is no state; an error of modify is returned as it is.
func Modify(update []byte, o Options, modify func(client uint64, state []byte) ([]byte, error)) ([]byte, error) {
	o = o.withDefaults()
	entries, err := Decode(update, o)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		state, err := modify(entries[i].Client, entries[i].State)
		if err != nil {
			return nil, err
		}
		if state != nil {
			if state, err = checkState(state, -1, o); err != nil {
				return nil, err
			}
		}
		entries[i].State = state
	}
	return AppendEntries(make([]byte, 0, len(update)), entries), nil
}
