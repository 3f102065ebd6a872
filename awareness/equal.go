package awareness

import (
	"bytes"

	"github.com/weftsync/weft/crdt/lib0"
)

// equalStates reports whether two states mean the same: keys in any order, numbers by value. nil equals nothing.
func equalStates(a, b []byte) bool {
	if a == nil || b == nil {
		return false
	}
	if bytes.Equal(a, b) {
		return true
	}
	x, errX := lib0.AnyFromJSON(nil, a)
	y, errY := lib0.AnyFromJSON(nil, b)
	return errX == nil && errY == nil && equalAny(x, y)
}

// equalAny compares two canonical Any values. Canonical means that equal numbers have equal bytes, but for -0, and that
// no key repeats.
func equalAny(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if a[0] != b[0] {
		return false
	}
	switch a[0] {
	case lib0.TagInteger:
		return isZero(a) && isZero(b)
	case lib0.TagArray:
		return equalArray(a, b)
	case lib0.TagObject:
		return equalObject(a, b)
	}
	return false
}

// isZero reports whether the Any integer v is 0 or -0.
func isZero(v []byte) bool { return len(v) == 2 && v[1]&^0x40 == 0 }

func equalArray(a, b []byte) bool {
	n, a := count(a)
	m, b := count(b)
	if n != m {
		return false
	}
	for range n {
		var x, y []byte
		x, a = cut(a)
		y, b = cut(b)
		if !equalAny(x, y) {
			return false
		}
	}
	return true
}

func equalObject(a, b []byte) bool {
	n, a := count(a)
	m, b := count(b)
	if n != m {
		return false
	}
	values := make(map[string][]byte, m)
	for range m {
		var key, value []byte
		key, b = cutBytes(b)
		value, b = cut(b)
		values[string(key)] = value
	}
	for range n {
		var key, value []byte
		key, a = cutBytes(a)
		value, a = cut(a)
		other, ok := values[string(key)]
		if !ok || !equalAny(value, other) {
			return false
		}
	}
	return true
}

// count returns the number of elements of an Any array or object, and what follows the number.
func count(v []byte) (uint64, []byte) {
	d := lib0.NewDecoder(v[1:])
	n, _ := d.Uint()
	return n, d.Rest()
}

// cut returns the Any value at the start of v, and what follows it.
func cut(v []byte) (value, rest []byte) {
	n := lib0.SkipAny(v)
	return v[:n], v[n:]
}

// cutBytes returns the length-prefixed bytes at the start of v, and what follows them.
func cutBytes(v []byte) (p, rest []byte) {
	d := lib0.NewDecoder(v)
	p, _ = d.Bytes()
	return p, d.Rest()
}
