package crdt_test

import (
	"runtime"

	"github.com/weftsync/weft/crdt/lib0"
)

// raw builds updates by hand.
type raw []byte

func (r raw) uint(vs ...uint64) raw {
	for _, v := range vs {
		r = lib0.AppendUint(r, v)
	}
	return r
}

func (r raw) str(s string) raw    { return lib0.AppendString(r, s) }
func (r raw) bytes(b ...byte) raw { return append(r, b...) }

// The first bytes of structs: the kind, and which origins there are.
const (
	gc, deleted, str, typ, anys, skip = 0, 1, 4, 7, 8, 10
	left, right, sub                  = 0x80, 0x40, 0x20
)

// columns assembles a V2 update from its columns. That of the strings always
// begins with them all in one, if only an empty one.
func columns(keys, clients, lefts, rights, infos, strings, parents, types, lens string, rest raw) []byte {
	u := raw{0}
	if strings == "" {
		strings = "\x00"
	}
	for _, c := range []string{keys, clients, lefts, rights, infos, strings, parents, types, lens} {
		u = u.str(c)
	}
	return append(u, rest...)
}

// allocated returns how many bytes were allocated while f ran.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
