package crdt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/weftsync/weft/crdt/lib0"
)

// ErrValue is returned, wrapped with what and where it was, for a Go value that
// a document cannot hold.
var ErrValue = errors.New("crdt: not a value for a document")

// Undefined is JavaScript's undefined as a value of a map, or inside another
// value; it is no element of an Array. It is not null, which is nil.
var Undefined = undefined{}

type undefined struct{}

// String returns "undefined".
func (undefined) String() string { return "undefined" }

// BigInt is a JavaScript bigint as a value of a map.
type BigInt int64

// Object is a JavaScript object whose keys keep their order. Where order does
// not matter a map[string]any will do.
type Object []Field

// Field is one property of an Object.
type Field struct {
	Key   string
	Value any
}

// Map returns the object as a map, its nested objects too.
func (o Object) Map() map[string]any {
	m := make(map[string]any, len(o))
	for _, f := range o {
		m[f.Key] = plain(f.Value)
	}
	return m
}

// plain turns objects into maps.
func plain(v any) any {
	switch v := v.(type) {
	case Object:
		return v.Map()
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	}
	return v
}

// appendValue appends the Any form of a Go value: nil, Undefined, booleans,
// integers and floats (as JavaScript numbers), BigInt, strings, []byte, []any,
// Object, and map[string]any with its keys sorted.
func appendValue(b []byte, v any) ([]byte, error) {
	return appendNested(b, v, 0)
}

func appendNested(b []byte, v any, depth int) ([]byte, error) {
	if depth > lib0.MaxDepth {
		return b, fmt.Errorf("%w: nested deeper than %d", ErrValue, lib0.MaxDepth)
	}
	switch v := v.(type) {
	case nil:
		return append(b, lib0.TagNull), nil
	case undefined:
		return append(b, lib0.TagUndefined), nil
	case bool:
		if v {
			return append(b, lib0.TagTrue), nil
		}
		return append(b, lib0.TagFalse), nil
	case string:
		return lib0.AppendBytes(append(b, lib0.TagString), wtf8(v)), nil
	case []byte:
		return lib0.AppendBytes(append(b, lib0.TagBytes), v), nil
	case BigInt:
		return binary.BigEndian.AppendUint64(append(b, lib0.TagBigInt), uint64(v)), nil
	case []any:
		b = lib0.AppendUint(append(b, lib0.TagArray), uint64(len(v)))
		for _, e := range v {
			var err error
			if b, err = appendNested(b, e, depth+1); err != nil {
				return b, err
			}
		}
		return b, nil
	case map[string]any:
		o := make(Object, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			o = append(o, Field{k, v[k]})
		}
		return appendObject(b, o, depth)
	case Object:
		return appendObject(b, v, depth)
	}
	if f, ok := number(v); ok {
		if f != f {
			f = math.Float64frombits(0x7ff8000000000000) // JavaScript's NaN; Go's has a payload
		}
		return lib0.AppendNumber(b, f), nil
	}
	if _, ok := v.(Type); ok {
		return b, fmt.Errorf("%w: %T lies in a document already; its Clone can be inserted", ErrValue, v)
	}
	return b, fmt.Errorf("%w: type %T", ErrValue, v)
}

// appendObject appends an object by way of the decoder, which puts its keys in
// JavaScript's order.
func appendObject(b []byte, o Object, depth int) ([]byte, error) {
	raw := lib0.AppendUint([]byte{lib0.TagObject}, uint64(len(o)))
	for _, f := range o {
		var err error
		raw = lib0.AppendBytes(raw, wtf8(f.Key))
		if raw, err = appendNested(raw, f.Value, depth+1); err != nil {
			return b, err
		}
	}
	return lib0.OrderedObject(b, raw), nil
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case int:
		return float64(v), true
	case int8:
		return float64(v), true
	case int16:
		return float64(v), true
	case int32:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint:
		return float64(v), true
	case uint8:
		return float64(v), true
	case uint16:
		return float64(v), true
	case uint32:
		return float64(v), true
	case uint64:
		return float64(v), true
	}
	return 0, false
}

// wtf8 returns s with every byte that is part of neither UTF-8 nor a lone
// surrogate replaced by U+FFFD.
func wtf8(s string) []byte {
	if isASCII(s) {
		return []byte(s)
	}
	var a arenas
	var it item
	a.putText(&it, []byte(s))
	var out []byte
	for u := a.units(&it); len(u) > 0; u = u[2:] {
		out = lib0.AppendUTF16Unit(out, unitAt(u, 0))
	}
	return out
}

// decodeValue returns the Go form of a canonical value. Objects keep their order.
func decodeValue(v []byte) any {
	dec := lib0.NewDecoder(v)
	return readValue(&dec)
}

func readValue(dec *lib0.Decoder) any {
	tag, _ := dec.Byte()
	switch tag {
	case lib0.TagUndefined:
		return Undefined
	case lib0.TagTrue:
		return true
	case lib0.TagFalse:
		return false
	case lib0.TagInteger:
		v, negative, _ := dec.Int()
		if v == 0 && negative {
			return math.Copysign(0, -1)
		}
		return float64(v)
	case lib0.TagFloat32:
		b, _ := dec.Fixed(4)
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
	case lib0.TagFloat64:
		b, _ := dec.Fixed(8)
		return math.Float64frombits(binary.BigEndian.Uint64(b))
	case lib0.TagBigInt:
		b, _ := dec.Fixed(8)
		return BigInt(binary.BigEndian.Uint64(b))
	case lib0.TagString:
		s, _ := dec.Bytes()
		return validString(s)
	case lib0.TagBytes:
		p, _ := dec.Bytes()
		return slices.Clone(p)
	case lib0.TagArray:
		n, _ := dec.Uint()
		a := make([]any, n)
		for i := range a {
			a[i] = readValue(dec)
		}
		return a
	case lib0.TagObject:
		n, _ := dec.Uint()
		o := make(Object, n)
		for i := range o {
			k, _ := dec.Bytes()
			o[i].Key = validString(k)
			o[i].Value = readValue(dec)
		}
		return o
	}
	return nil
}

// validString returns a WTF-8 string with lone surrogates replaced by U+FFFD.
func validString(s []byte) string {
	if lib0.IsASCII(s) {
		return string(s)
	}
	out := slices.Clone(s)
	lib0.ReplaceSurrogates(out)
	return string(out)
}

// truthy reports whether JavaScript takes the value for true.
func truthy(v any) bool {
	switch v := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return v
	case float64:
		return v != 0 && v == v
	case string:
		return v != ""
	case BigInt:
		return v != 0
	}
	return true
}
