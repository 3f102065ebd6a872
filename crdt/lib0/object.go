package lib0

import (
	"bytes"
	"slices"
	"strings"
)

// field is one property of an object that is being rewritten: its key, and
// where key and value lie in the destination.
type field struct {
	key        []byte
	start, end int
}

// canonicalObject reads n properties and appends them in the order in which
// JavaScript would enumerate them.
func canonicalObject(dst []byte, d *Decoder, n, depth int) ([]byte, error) {
	body := len(dst)
	fields := make([]field, 0, min(n, 16))
	odd := false
	for range n {
		f := field{start: len(dst)}
		var err error
		if f.key, err = d.StringBytes(); err != nil {
			return dst, err
		}
		dst = AppendBytes(dst, f.key)
		if dst, err = canonicalAny(dst, d, depth); err != nil {
			return dst, err
		}
		f.end = len(dst)
		// lib0 assigns to obj["__proto__"], which creates no property.
		odd = odd || isArrayIndex(f.key) || string(f.key) == "__proto__"
		fields = append(fields, f)
	}
	if !odd && !hasRepeatedKey(fields) {
		return dst, nil
	}
	fields = slices.DeleteFunc(fields, func(f field) bool { return string(f.key) == "__proto__" })
	return reorder(dst, body, n, fields), nil
}

// reorder rewrites dst[body:], which holds n properties, as the given fields
// in JavaScript's order, and corrects the count in front of it.
func reorder(dst []byte, body, n int, fields []field) []byte {
	fields = enumerationOrder(fields)
	old := slices.Clone(dst[body:])
	dst = AppendUint(dst[:body-UintLen(uint64(n))], uint64(len(fields)))
	for _, f := range fields {
		dst = append(dst, old[f.start-body:f.end-body]...)
	}
	return dst
}

// enumerationOrder puts array indexes first, ascending, then the other keys in
// order of insertion; of a repeated key the last value at the first place.
func enumerationOrder(fields []field) []field {
	out := fields[:0:0]
	at := make(map[string]int, len(fields))
	for _, f := range fields {
		if i, ok := at[string(f.key)]; ok {
			out[i] = f
			continue
		}
		at[string(f.key)] = len(out)
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b field) int { return CompareKeys(string(a.key), string(b.key)) })
	return out
}

// isArrayIndex reports whether k is what ECMAScript calls an array index: the
// decimal form of an integer from 0 to 2^32-2.
func isArrayIndex[T string | []byte](k T) bool {
	if len(k) == 0 || len(k) > 10 || k[0] == '0' && len(k) > 1 {
		return false
	}
	v := uint64(0)
	for i := range len(k) {
		c := k[i]
		if c < '0' || c > '9' {
			return false
		}
		v = v*10 + uint64(c-'0')
	}
	return v <= 1<<32-2
}

func hasRepeatedKey(fields []field) bool {
	if len(fields) <= 8 {
		for i := range fields {
			for j := range fields[:i] {
				if bytes.Equal(fields[i].key, fields[j].key) {
					return true
				}
			}
		}
		return false
	}
	seen := make(map[string]struct{}, len(fields))
	for _, f := range fields {
		seen[string(f.key)] = struct{}{}
	}
	return len(seen) < len(fields)
}

// OrderedObject appends the object raw, whose values are canonical, with its
// keys in JavaScript's order and without repetitions.
func OrderedObject(dst, raw []byte) []byte {
	d := NewDecoder(raw)
	d.pos++
	n, _ := d.Uint()
	start := len(dst)
	dst = append(dst, raw...)
	body := start + d.pos
	fields := make([]field, 0, n)
	for range n {
		f := field{start: start + d.pos}
		f.key, _ = d.Bytes()
		d.skip()
		f.end = start + d.pos
		fields = append(fields, f)
	}
	return reorder(dst, body, int(n), fields)
}

// CompareKeys orders property names as JavaScript enumerates them, as far as
// the names decide: array indexes first, ascending; others are equal.
func CompareKeys(a, b string) int {
	ia, ib := isArrayIndex(a), isArrayIndex(b)
	switch {
	case ia && ib:
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	case ia:
		return -1
	case ib:
		return 1
	}
	return 0
}
