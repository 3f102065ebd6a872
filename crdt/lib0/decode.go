package lib0

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// MaxSafeInteger is the largest integer that JavaScript counts exactly,
// 2^53 - 1, and the largest that Uint and Int accept.
const MaxSafeInteger = 1<<53 - 1

// IsASCII reports whether no byte of b is above 127.
func IsASCII(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// Error is a decoding error: what is wrong with the input, and where.
type Error struct {
	Offset int    // in bytes from the start of the decoder's input
	Reason string // without the offset
}

func (e *Error) Error() string { return fmt.Sprintf("offset %d: %s", e.Offset, e.Reason) }

// Decoder is a cursor over a byte slice. It does not copy or modify the slice.
// After an error its position is where the faulty value began.
type Decoder struct {
	buf []byte
	pos int
}

// NewDecoder returns a decoder that reads b from its start.
func NewDecoder(b []byte) Decoder { return Decoder{buf: b} }

// Len returns the number of bytes not read yet.
func (d *Decoder) Len() int { return len(d.buf) - d.pos }

// Offset returns the number of bytes read so far.
func (d *Decoder) Offset() int { return d.pos }

// Rest returns the bytes not read yet, aliasing the input, without reading them.
func (d *Decoder) Rest() []byte { return d.buf[d.pos:] }

// Advance passes over n bytes, of which there must be so many.
func (d *Decoder) Advance(n int) { d.pos += n }

// Fail returns an *Error at the current offset.
func (d *Decoder) Fail(reason string) error { return &Error{d.pos, reason} }

// FailAt returns an *Error at the given offset.
func (d *Decoder) FailAt(offset int, reason string) error { return &Error{offset, reason} }

// Byte reads one byte.
func (d *Decoder) Byte() (byte, error) {
	if d.pos >= len(d.buf) {
		return 0, d.Fail("unexpected end of input")
	}
	b := d.buf[d.pos]
	d.pos++
	return b, nil
}

// Uint reads an unsigned variable-length integer of at most 2^53 - 1: seven
// bits a byte, least significant first. A form longer than needed is refused.
func (d *Decoder) Uint() (uint64, error) {
	if d.pos < len(d.buf) && d.buf[d.pos] < 0x80 {
		d.pos++
		return uint64(d.buf[d.pos-1]), nil
	}
	return d.uintSlow()
}

// Varint reads the integer at b[at:] as Uint does and returns where it ends; 0
// if there is none that Uint would accept. at must not lie beyond the end of b.
// It is for loops that leave it to a Decoder to say what is wrong.
func Varint(b []byte, at int) (v uint64, end int) {
	if at < len(b) && b[at] < 0x80 {
		return uint64(b[at]), at + 1
	}
	// The bytes of one word at once, where there are eight.
	var x uint64
	if at+8 <= len(b) {
		x = binary.LittleEndian.Uint64(b[at:])
	} else {
		for i := min(at, len(b)); i < len(b); i++ {
			x |= uint64(b[i]) << (8 * (i - at))
		}
		x |= 0x8080808080808080 << (8 * (len(b) - at)) // there is no more
	}
	stop := ^x & 0x8080808080808080
	if stop == 0 {
		return 0, 0
	}
	n := bits.TrailingZeros64(stop)/8 + 1
	x &= 1<<(8*n) - 1
	if n > 1 && x>>(8*(n-1)) == 0 { // longer than needed
		return 0, 0
	}
	x &= 0x7f7f7f7f7f7f7f7f
	x = x&0x007f007f007f007f | x&0x7f007f007f007f00>>1
	x = x&0x00003fff00003fff | x&0x3fff00003fff0000>>2
	x = x&0x000000000fffffff | x&0x0fffffff00000000>>4
	if x > MaxSafeInteger {
		return 0, 0
	}
	return x, at + n
}

func (d *Decoder) uintSlow() (uint64, error) {
	if v, end := Varint(d.buf, d.pos); end > 0 {
		d.pos = end
		return v, nil
	}
	var v uint64
	for i := 0; i < 8; i++ {
		if d.pos+i >= len(d.buf) {
			return 0, d.Fail("unexpected end of input in an integer")
		}
		b := d.buf[d.pos+i]
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			if b == 0 && i > 0 {
				return 0, d.Fail("integer is encoded longer than needed")
			}
			if v > MaxSafeInteger {
				return 0, d.Fail("integer exceeds 2^53-1")
			}
			d.pos += i + 1
			return v, nil
		}
	}
	return 0, d.Fail("integer exceeds 2^53-1")
}

// Int reads a signed variable-length integer of magnitude at most 2^53 - 1:
// the sign in bit 6 of the first byte, six bits there, seven in each byte after
// it. Negative zero, which lib0 tells from zero, is reported by negative.
func (d *Decoder) Int() (v int64, negative bool, err error) {
	first, err := d.Byte()
	if err != nil {
		return 0, false, err
	}
	u := uint64(first & 0x3f)
	negative = first&0x40 != 0
	if first >= 0x80 {
		rest, end := Varint(d.buf, d.pos)
		if rest == 0 || rest > MaxSafeInteger>>6 {
			return d.badInt()
		}
		d.pos = end
		u |= rest << 6
	}
	if negative {
		return -int64(u), true, nil
	}
	return int64(u), false, nil
}

// badInt says what is wrong with a signed integer whose first byte was read.
func (d *Decoder) badInt() (int64, bool, error) {
	d.pos--
	for i := 1; i <= 7; i++ {
		switch {
		case d.pos+i == len(d.buf):
			return 0, false, d.Fail("unexpected end of input in an integer")
		case d.buf[d.pos+i] == 0:
			return 0, false, d.Fail("integer is encoded longer than needed")
		case d.buf[d.pos+i] < 0x80:
			return 0, false, d.Fail("integer exceeds 2^53-1")
		}
	}
	return 0, false, d.Fail("integer exceeds 2^53-1")
}

// Bytes reads a byte array preceded by its length. The result aliases the
// decoder's input.
func (d *Decoder) Bytes() ([]byte, error) {
	start := d.pos
	n, err := d.Uint()
	if err != nil {
		return nil, err
	}
	if n > uint64(d.Len()) {
		left := d.Len()
		d.pos = start
		return nil, d.Fail(fmt.Sprintf("length %d exceeds the %d bytes left", n, left))
	}
	b := d.buf[d.pos : d.pos+int(n) : d.pos+int(n)]
	d.pos += int(n)
	return b, nil
}

// Fixed reads n bytes without a length prefix. The result aliases the input.
func (d *Decoder) Fixed(n int) ([]byte, error) {
	if n > d.Len() {
		return nil, d.Fail("unexpected end of input")
	}
	b := d.buf[d.pos : d.pos+n : d.pos+n]
	d.pos += n
	return b, nil
}

// StringBytes reads a length-prefixed string and checks that it is valid
// UTF-8. The result aliases the decoder's input.
func (d *Decoder) StringBytes() ([]byte, error) {
	start := d.pos
	b, err := d.Bytes()
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(b) {
		d.pos = start
		return nil, d.Fail("string is not valid UTF-8")
	}
	return b, nil
}

// String reads a length-prefixed string and checks that it is valid UTF-8.
func (d *Decoder) String() (string, error) {
	b, err := d.StringBytes()
	return string(b), err
}
