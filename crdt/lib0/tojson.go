package lib0

import (
	"encoding/binary"
	"math"
	"strconv"
)

// AppendJSON appends what JSON.stringify writes for the canonical value v. It
// reports false, having appended nothing, for undefined, which JSON has not. A
// bigint, at which JSON.stringify throws, is written as a string of its digits,
// which a reader in JavaScript can turn back without loss.
func AppendJSON(dst, v []byte) ([]byte, bool) {
	d := NewDecoder(v)
	n := len(dst)
	out, ok := appendJSON(dst, &d)
	if !ok {
		return dst[:n], false
	}
	return out, true
}

func appendJSON(dst []byte, d *Decoder) ([]byte, bool) {
	tag, _ := d.Byte()
	switch tag {
	case TagNull:
		return append(dst, "null"...), true
	case TagTrue:
		return append(dst, "true"...), true
	case TagFalse:
		return append(dst, "false"...), true
	case TagInteger:
		i, _, _ := d.Int()
		return strconv.AppendInt(dst, i, 10), true
	case TagFloat32, TagFloat64:
		d.pos--
		return AppendJSONNumber(dst, d.number()), true
	case TagString:
		s, _ := d.Bytes()
		return AppendJSONString(dst, s), true
	case TagBytes:
		p, _ := d.Bytes()
		return appendJSONBytes(dst, p), true
	case TagBigInt:
		p, _ := d.Fixed(8)
		dst = strconv.AppendInt(append(dst, '"'), int64(binary.BigEndian.Uint64(p)), 10)
		return append(dst, '"'), true
	case TagArray:
		return appendJSONArray(dst, d), true
	case TagObject:
		return appendJSONObject(dst, d), true
	}
	return dst, false
}

// number reads the number at the cursor, which is known to be one.
func (d *Decoder) number() float64 {
	tag, _ := d.Byte()
	switch tag {
	case TagFloat32:
		b, _ := d.Fixed(4)
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
	case TagFloat64:
		b, _ := d.Fixed(8)
		return math.Float64frombits(binary.BigEndian.Uint64(b))
	}
	i, negative, _ := d.Int()
	if i == 0 && negative {
		return math.Copysign(0, -1)
	}
	return float64(i)
}

func appendJSONArray(dst []byte, d *Decoder) []byte {
	n, _ := d.Uint()
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		if d.buf[d.pos] == TagUndefined {
			d.pos++
			dst = append(dst, "null"...)
			continue
		}
		dst, _ = appendJSON(dst, d)
	}
	return append(dst, ']')
}

func appendJSONObject(dst []byte, d *Decoder) []byte {
	n, _ := d.Uint()
	dst = append(dst, '{')
	first := true
	for range n {
		k, _ := d.Bytes()
		if d.buf[d.pos] == TagUndefined {
			d.pos++
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(AppendJSONString(dst, k), ':')
		dst, _ = appendJSON(dst, d)
	}
	return append(dst, '}')
}

// appendJSONBytes writes a byte array as JSON.stringify writes a Uint8Array.
func appendJSONBytes(dst, p []byte) []byte {
	dst = append(dst, '{')
	for i, b := range p {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(strconv.AppendInt(append(dst, '"'), int64(i), 10), `":`...)
		dst = strconv.AppendInt(dst, int64(b), 10)
	}
	return append(dst, '}')
}

// AppendJSONNumber appends f as JSON.stringify does: the shortest decimal that
// reads back as f, in JavaScript's notation; null if f is not finite.
func AppendJSONNumber(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	return AppendNumberText(dst, f)
}

// AppendNumberText appends f as JavaScript's String(f).
func AppendNumberText(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case f == 0:
		return append(dst, '0')
	}
	if a := math.Abs(f); a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	// Go writes 1e-07 where JavaScript writes 1e-7.
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if n := len(dst); dst[n-2] == '0' && (dst[n-3] == '-' || dst[n-3] == '+') {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// AppendJSONString appends the WTF-8 string s quoted and escaped as
// JSON.stringify does: a lone surrogate becomes an escape.
func AppendJSONString(dst, s []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c != 0xED {
			i++
			continue
		}
		if c == 0xED && !isSurrogate(s[i:]) {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case 0xED:
			u := 0xD000 | uint16(s[i+1]&0x3F)<<6 | uint16(s[i+2]&0x3F)
			dst = append(dst, '\\', 'u', 'd', hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
			i += 2
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
