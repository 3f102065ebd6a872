package lib0

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// The tags of Any. A value begins with one of them.
const (
	TagUndefined = 127
	TagNull      = 126
	TagInteger   = 125
	TagFloat32   = 124
	TagFloat64   = 123
	TagBigInt    = 122
	TagFalse     = 121
	TagTrue      = 120
	TagString    = 119
	TagObject    = 118
	TagArray     = 117
	TagBytes     = 116
)

// MaxDepth is how deep objects and arrays may nest in an Any or JSON value.
const MaxDepth = 100

// CanonicalAny reads one value and appends it to dst as lib0 would write it
// after reading it: the shortest form of each number, keys of objects in
// JavaScript's order, the last of repeated keys. Invalid UTF-8, unknown tags
// and values nested deeper than MaxDepth are refused; dst is then returned
// unchanged in length. The cost is linear in the bytes read.
func CanonicalAny(dst []byte, d *Decoder) ([]byte, error) {
	n, pos := len(dst), d.pos
	out, err := canonicalAny(dst, d, 0)
	if err != nil {
		d.pos = pos
		return dst[:n], err
	}
	return out, nil
}

func canonicalAny(dst []byte, d *Decoder, depth int) ([]byte, error) {
	start := d.pos
	tag, err := d.Byte()
	if err != nil {
		return dst, err
	}
	switch tag {
	case TagUndefined, TagNull, TagFalse, TagTrue:
		return append(dst, tag), nil
	case TagInteger:
		v, negative, err := d.Int()
		if err != nil {
			return dst, err
		}
		if v >= -math.MaxInt32 && v <= math.MaxInt32 && v != 0 {
			return append(dst, d.buf[start:d.pos]...), nil // the one form that Int takes
		}
		if v == 0 && negative {
			return AppendNegativeZero(append(dst, TagInteger)), nil
		}
		return AppendNumber(dst, float64(v)), nil
	case TagFloat32:
		b, err := d.Fixed(4)
		if err != nil {
			return dst, err
		}
		return AppendNumber(dst, float64(math.Float32frombits(binary.BigEndian.Uint32(b)))), nil
	case TagFloat64:
		b, err := d.Fixed(8)
		if err != nil {
			return dst, err
		}
		return AppendNumber(dst, math.Float64frombits(binary.BigEndian.Uint64(b))), nil
	case TagBigInt:
		b, err := d.Fixed(8)
		if err != nil {
			return dst, err
		}
		return append(append(dst, tag), b...), nil
	case TagString:
		s, err := d.StringBytes()
		if err != nil {
			return dst, err
		}
		return AppendBytes(append(dst, tag), s), nil
	case TagBytes:
		p, err := d.Bytes()
		if err != nil {
			return dst, err
		}
		return AppendBytes(append(dst, tag), p), nil
	case TagArray, TagObject:
		if depth >= MaxDepth {
			return dst, d.FailAt(start, "value is nested too deep")
		}
		n, err := d.Uint()
		if err != nil {
			return dst, err
		}
		least := uint64(1) // bytes that an element takes at the least
		if tag == TagObject {
			least = 2
		}
		if n > uint64(d.Len())/least {
			return dst, d.FailAt(start, "count exceeds the bytes left")
		}
		dst = AppendUint(append(dst, tag), n)
		if tag == TagObject {
			return canonicalObject(dst, d, int(n), depth+1)
		}
		for ; n > 0; n-- {
			if dst, err = canonicalAny(dst, d, depth+1); err != nil {
				return dst, err
			}
		}
		return dst, nil
	}
	d.pos = start
	return dst, d.Fail("unknown tag of an Any value")
}

// AppendNumber appends a JavaScript number in the form lib0 chooses for it: an
// integer up to 2^31-1 in magnitude, else a float32 if that is exact, else a
// float64.
func AppendNumber(dst []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) <= math.MaxInt32 {
		dst = append(dst, TagInteger)
		if f == 0 && math.Signbit(f) {
			return AppendNegativeZero(dst)
		}
		return AppendInt(dst, int64(f))
	}
	if float64(float32(f)) == f {
		return binary.BigEndian.AppendUint32(append(dst, TagFloat32), math.Float32bits(float32(f)))
	}
	return binary.BigEndian.AppendUint64(append(dst, TagFloat64), math.Float64bits(f))
}

// AppendWireAny appends the canonical value v as it goes over the wire: lone
// surrogates become U+FFFD, everything else is copied.
func AppendWireAny(dst, v []byte) []byte {
	if tag := v[0]; tag != TagString && tag != TagObject && tag != TagArray && tag != TagBytes || utf8.Valid(v) || !hasSurrogate(v) {
		return append(dst, v...)
	}
	d := NewDecoder(v)
	return appendWire(dst, &d)
}

func appendWire(dst []byte, d *Decoder) []byte {
	start := d.pos
	tag := d.buf[d.pos]
	switch tag {
	case TagString:
		d.pos++
		s, _ := d.Bytes()
		return appendWireString(append(dst, tag), s)
	case TagArray, TagObject:
		d.pos++
		n, _ := d.Uint()
		dst = AppendUint(append(dst, tag), n)
		for ; n > 0; n-- {
			if tag == TagObject {
				k, _ := d.Bytes()
				dst = appendWireString(dst, k)
			}
			dst = appendWire(dst, d)
		}
		return dst
	}
	d.skip()
	return append(dst, d.buf[start:d.pos]...)
}

func appendWireString(dst, s []byte) []byte {
	n := len(dst)
	dst = AppendBytes(dst, s)
	ReplaceSurrogates(dst[n:])
	return dst
}

// ReplaceSurrogates turns each lone surrogate in the WTF-8 string s into
// U+FFFD, which is as long, and so makes it UTF-8.
func ReplaceSurrogates(s []byte) {
	for i := 0; ; i++ {
		next := bytes.IndexByte(s[i:], 0xED) // with which they begin, and little else does
		if next < 0 {
			return
		}
		if i += next; isSurrogate(s[i:]) {
			copy(s[i:], "\uFFFD")
		}
	}
}

// isSurrogate reports whether s begins with a surrogate in WTF-8.
func isSurrogate(s []byte) bool { return len(s) >= 3 && s[0] == 0xED && s[1] >= 0xA0 }

func hasSurrogate(s []byte) bool {
	for i := 0; i+2 < len(s); i++ {
		if s[i] == 0xED && s[i+1] >= 0xA0 {
			return true
		}
	}
	return false
}

// SkipAny returns the length in bytes of the canonical value at the start of v.
func SkipAny(v []byte) int {
	d := NewDecoder(v)
	d.skip()
	return d.pos
}

// skip moves over one value that is known to be well formed.
func (d *Decoder) skip() {
	tag := d.buf[d.pos]
	d.pos++
	switch tag {
	case TagInteger:
		for d.buf[d.pos] >= 0x80 {
			d.pos++
		}
		d.pos++
	case TagFloat32:
		d.pos += 4
	case TagFloat64, TagBigInt:
		d.pos += 8
	case TagString, TagBytes:
		n, _ := d.Uint()
		d.pos += int(n)
	case TagArray, TagObject:
		n, _ := d.Uint()
		for ; n > 0; n-- {
			if tag == TagObject {
				k, _ := d.Uint()
				d.pos += int(k)
			}
			d.skip()
		}
	}
}
