package lib0

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// The column coders of the V2 update format: each keeps one kind of value of
// all structs together and shortens runs.

// Sub reads a length-prefixed byte array and returns a decoder over it whose
// offsets count from the start of d's input.
func (d *Decoder) Sub() (Decoder, error) {
	p, err := d.Bytes()
	if err != nil {
		return Decoder{}, err
	}
	return Decoder{buf: d.buf[:d.pos], pos: d.pos - len(p)}, nil
}

// BytesRLEDecoder reads bytes of which repetitions are counted (lib0:
// RleDecoder over readUint8). The last value repeats without end.
type BytesRLEDecoder struct {
	Decoder
	value   byte
	left    uint64
	forever bool
}

// Read returns the next byte.
func (d *BytesRLEDecoder) Read() (byte, error) {
	if d.left == 0 && !d.forever {
		v, err := d.Byte()
		if err != nil {
			return 0, err
		}
		d.value, d.left = v, 0
		if d.Len() == 0 {
			d.forever = true
			return v, nil
		}
		if d.left, err = d.Uint(); err != nil {
			return 0, err
		}
		return v, nil
	}
	if !d.forever {
		d.left--
	}
	return d.value, nil
}

// ReadAmong reads bytes into dst as long as they are among the given ones, and
// returns how many. It stops before one that is not and before an error.
func (d *BytesRLEDecoder) ReadAmong(dst []byte, among *[256]bool) int {
	for i := range dst {
		before := *d
		v, err := d.Read()
		if err != nil || !among[v] {
			*d = before
			return i
		}
		dst[i] = v
	}
	return len(dst)
}

// UintRLEDecoder reads unsigned integers of which repetitions are counted
// (lib0: UintOptRleDecoder).
type UintRLEDecoder struct {
	Decoder
	value uint64
	left  uint64
}

// Read returns the next integer.
func (d *UintRLEDecoder) Read() (uint64, error) {
	if d.left > 0 {
		d.left--
		return d.value, nil
	}
	v, negative, err := d.Int()
	if err != nil {
		return 0, err
	}
	if negative {
		n, err := d.Uint()
		if err != nil {
			return 0, err
		}
		v, d.left = -v, n+1
	}
	d.value = uint64(v)
	return d.value, nil
}

// ReadAll fills dst.
func (d *UintRLEDecoder) ReadAll(dst []uint64) (err error) {
	for i := range dst {
		if d.left > 0 {
			d.left--
			dst[i] = d.value
		} else if dst[i], err = d.Read(); err != nil {
			return err
		}
	}
	return nil
}

// IntDiffRLEDecoder reads integers of which the differences are kept and
// repeated differences counted (lib0: IntDiffOptRleDecoder).
type IntDiffRLEDecoder struct {
	Decoder
	value, diff int64
	left        uint64
}

// Read returns the next integer. It refuses to leave ±2^53.
func (d *IntDiffRLEDecoder) Read() (int64, error) {
	at := d.Offset()
	if d.left > 0 {
		d.left--
	} else {
		v, _, err := d.Int()
		if err != nil {
			return 0, err
		}
		d.diff = v >> 1
		if v&1 != 0 {
			n, err := d.Uint()
			if err != nil {
				return 0, err
			}
			d.left = n + 1
		}
	}
	d.value += d.diff
	if d.value > MaxSafeInteger || d.value < -MaxSafeInteger {
		return 0, d.FailAt(at, "integer exceeds 2^53-1")
	}
	return d.value, nil
}

// ReadAll fills dst.
func (d *IntDiffRLEDecoder) ReadAll(dst []int64) (err error) {
	pos, value, diff, left := d.pos, d.value, d.diff, d.left
	for i := range dst {
		if left > 0 {
			left--
		} else if v, end := shortInt(d.buf, pos); end > 0 && v&1 == 0 {
			pos, diff = end, v>>1
		} else {
			d.pos, d.value, d.diff, d.left = pos, value, diff, 0
			if dst[i], err = d.Read(); err != nil {
				return err
			}
			pos, value, diff, left = d.pos, d.value, d.diff, d.left
			continue
		}
		value += diff
		if value > MaxSafeInteger || value < -MaxSafeInteger {
			return d.FailAt(pos, "integer exceeds 2^53-1")
		}
		dst[i] = value
	}
	d.pos, d.value, d.diff, d.left = pos, value, diff, left
	return nil
}

// shortInt reads the integer at b[at:] as Int does and returns where it ends; 0
// if it takes more than five bytes, or has fewer than eight left, or is wrong.
func shortInt(b []byte, at int) (v int64, end int) {
	if at+8 > len(b) {
		return 0, 0
	}
	x := binary.LittleEndian.Uint64(b[at:])
	stop := ^x & 0x8080808080
	if stop == 0 {
		return 0, 0
	}
	n := bits.TrailingZeros64(stop)/8 + 1
	sign := int64(x) << (63 - 6) >> 63
	x &= stop ^ (stop - 1)
	v = int64(x&0x3f | x>>2&(0x7f<<6) | x>>3&(0x7f<<13) | x>>4&(0x7f<<20) | x>>5&(0x7f<<27))
	if n > 1 && v>>((7*n-8)&63) == 0 { // longer than needed
		return 0, 0
	}
	return v ^ sign - sign, at + n
}

// StringsDecoder reads strings that are kept as one, with their lengths in
// UTF-16 code units (lib0: StringDecoder).
type StringsDecoder struct {
	lengths UintRLEDecoder
	text    []byte
	ascii   bool
	low     uint16 // low half of a pair that the last string cut, or 0
	pos     int
}

// NewStringsDecoder reads the strings that d holds.
func NewStringsDecoder(d Decoder) (StringsDecoder, error) {
	s := StringsDecoder{lengths: UintRLEDecoder{Decoder: d}}
	if d.Len() == 0 {
		return s, d.Fail("unexpected end of input")
	}
	var err error
	if s.text, err = s.lengths.StringBytes(); err != nil {
		return s, err
	}
	s.ascii = IsASCII(s.text)
	return s, nil
}

// Text returns all strings, aliasing the input.
func (s *StringsDecoder) Text() []byte { return s.text }

// Read returns the next string as WTF-8: where lengths cut a surrogate pair it
// ends or begins with a lone half. The result aliases the input if it can.
func (s *StringsDecoder) Read() ([]byte, error) {
	at := s.lengths.Offset()
	n, err := s.lengths.Read()
	if err != nil {
		return nil, err
	}
	if n > uint64(len(s.text)-s.pos)+1 {
		return nil, s.lengths.FailAt(at, "string reaches past the end of all strings")
	}
	if s.ascii {
		if int(n) > len(s.text)-s.pos {
			return nil, s.lengths.FailAt(at, "string reaches past the end of all strings")
		}
		s.pos += int(n)
		return s.text[s.pos-int(n) : s.pos : s.pos], nil
	}
	return s.readWide(int(n), at)
}

// ASCII reports whether all strings are ASCII.
func (s *StringsDecoder) ASCII() bool { return s.ascii }

// ReadASCII reads as many strings as lens has room for, all of which are ASCII.
// It returns them as one, aliasing the input, and puts their lengths into lens.
func (s *StringsDecoder) ReadASCII(lens []uint64) ([]byte, error) {
	at, from := s.lengths.Offset(), s.pos
	if err := s.lengths.ReadAll(lens); err != nil {
		return nil, err
	}
	for _, n := range lens {
		if n > uint64(len(s.text)-s.pos) {
			return nil, s.lengths.FailAt(at, "string reaches past the end of all strings")
		}
		s.pos += int(n)
	}
	return s.text[from:s.pos:s.pos], nil
}

func (s *StringsDecoder) readWide(n, at int) ([]byte, error) {
	var out []byte
	if n > 0 && s.low != 0 {
		out = AppendUTF16Unit(nil, s.low)
		s.low = 0
		n--
	}
	from := s.pos
	for n > 0 {
		if s.pos == len(s.text) {
			return nil, s.lengths.FailAt(at, "string reaches past the end of all strings")
		}
		size := runeSize(s.text[s.pos])
		s.pos += size
		n--
		if size == 4 {
			if n == 0 {
				high, low := surrogates(s.text[s.pos-4 : s.pos])
				s.low = low
				out = append(out, s.text[from:s.pos-4]...)
				return AppendUTF16Unit(out, high), nil
			}
			n--
		}
	}
	if out == nil {
		return s.text[from:s.pos:s.pos], nil
	}
	return append(out, s.text[from:s.pos]...), nil
}

// runeSize returns the length of a UTF-8 sequence by its first byte.
func runeSize(b byte) int {
	switch {
	case b < 0x80:
		return 1
	case b < 0xE0:
		return 2
	case b < 0xF0:
		return 3
	}
	return 4
}

// surrogates returns the UTF-16 form of a four-byte UTF-8 sequence.
func surrogates(b []byte) (high, low uint16) {
	r := (uint32(b[0]&7)<<18 | uint32(b[1]&63)<<12 | uint32(b[2]&63)<<6 | uint32(b[3]&63)) - 0x10000
	return 0xD800 | uint16(r>>10), 0xDC00 | uint16(r&0x3FF)
}

// BytesRLE encodes what BytesRLEDecoder reads. The zero value is empty.
type BytesRLE struct {
	buf   []byte
	value byte
	count uint64
}

// Reset empties the encoder and keeps its memory.
func (e *BytesRLE) Reset() { *e = BytesRLE{buf: e.buf[:0]} }

// Len returns how many bytes Append appends at most.
func (e *BytesRLE) Len() int { return len(e.buf) + maxLen }

// maxLen is how long a length and the end of an encoding are at most.
const maxLen = 32

// Write appends a byte.
func (e *BytesRLE) Write(v byte) {
	if e.count > 0 && e.value == v {
		e.count++
		return
	}
	if e.count > 0 {
		e.buf = AppendUint(e.buf, e.count-1)
	}
	e.buf = append(e.buf, v)
	e.value, e.count = v, 1
}

// Append appends the encoded bytes to b, with their length before them.
func (e *BytesRLE) Append(b []byte) []byte { return AppendBytes(b, e.buf) }

// UintRLE encodes what UintRLEDecoder reads. The zero value is empty.
type UintRLE struct {
	buf   []byte
	value uint64
	count uint64
}

// Reset empties the encoder and keeps its memory.
func (e *UintRLE) Reset() { *e = UintRLE{buf: e.buf[:0]} }

// Len returns how many bytes Append appends at most.
func (e *UintRLE) Len() int { return len(e.buf) + maxLen }

// Write appends an integer.
func (e *UintRLE) Write(v uint64) {
	if e.value == v {
		e.count++
		return
	}
	e.flush()
	e.value, e.count = v, 1
}

func (e *UintRLE) flush() {
	switch e.count {
	case 0:
	case 1:
		e.buf = appendNumber(e.buf, spreadSign(e.value))
	default: // a zero too is written as a negative one
		e.buf = appendNumber(appendNumber(e.buf, spreadSign(e.value)|0x40), e.count-2)
	}
	e.count = 0
}

// appendNumber is AppendUint to a column, which nobody else has and may be
// written to behind its end.
func appendNumber(b []byte, v uint64) []byte {
	if cap(b)-len(b) < 8 {
		b = slices.Grow(b, 8)
	}
	return b[:putUint(b[:cap(b)], len(b), v)]
}

// Append appends the encoded integers to b, with their length before them, and
// ends the encoding.
func (e *UintRLE) Append(b []byte) []byte {
	e.flush()
	return AppendBytes(b, e.buf)
}

// IntDiffRLE encodes what IntDiffRLEDecoder reads. The zero value is empty.
type IntDiffRLE struct {
	buf         []byte
	value, diff int64
	count       uint64
}

// Reset empties the encoder and keeps its memory.
func (e *IntDiffRLE) Reset() { *e = IntDiffRLE{buf: e.buf[:0]} }

// Len returns how many bytes Append appends at most.
func (e *IntDiffRLE) Len() int { return len(e.buf) + maxLen }

// Write appends an integer.
func (e *IntDiffRLE) Write(v int64) {
	if e.diff == v-e.value {
		e.value = v
		e.count++
		return
	}
	e.flush()
	e.value, e.diff, e.count = v, v-e.value, 1
}

func (e *IntDiffRLE) flush() {
	switch e.count {
	case 0:
	case 1: // of the clocks in a document nearly none repeats its distance
		e.buf = appendNumber(e.buf, signed(e.diff*2))
	default:
		e.buf = appendNumber(appendNumber(e.buf, signed(e.diff*2+1)), e.count-2)
	}
	e.count = 0
}

// Append appends the encoded integers to b, with their length before them, and
// ends the encoding.
func (e *IntDiffRLE) Append(b []byte) []byte {
	e.flush()
	return AppendBytes(b, e.buf)
}

// Strings encodes what StringsDecoder reads. The zero value is empty.
type Strings struct {
	text    []byte // WTF-8
	lengths UintRLE
}

// Reset empties the encoder and keeps its memory.
func (e *Strings) Reset() {
	e.text = e.text[:0]
	e.lengths.Reset()
}

// Len returns how many bytes Append appends at most.
func (e *Strings) Len() int { return len(e.text) + e.lengths.Len() + maxLen }

// Write appends a WTF-8 string of so many UTF-16 code units.
func (e *Strings) Write(s []byte, units int) {
	if isSurrogate(s) {
		// A low half that begins s joins a high half that ends what precedes.
		u := 0xD000 | uint16(s[1]&0x3F)<<6 | uint16(s[2]&0x3F)
		e.text = AppendUTF16Unit(e.text, u)
		s = s[3:]
	}
	e.text = append(e.text, s...)
	e.lengths.Write(uint64(units))
}

// Append appends the encoded strings to b, with their length before them, and
// ends the encoding. Lone surrogates become U+FFFD.
func (e *Strings) Append(b []byte) []byte {
	ReplaceSurrogates(e.text)
	e.lengths.flush()
	b = AppendUint(b, uint64(UintLen(uint64(len(e.text)))+len(e.text)+len(e.lengths.buf)))
	return append(AppendBytes(b, e.text), e.lengths.buf...)
}

// UnitLen returns the length of a WTF-8 string in UTF-16 code units.
func UnitLen(s []byte) int {
	n := 0
	for _, c := range s {
		if c&0xC0 != 0x80 {
			n++
		}
		if c >= 0xF0 {
			n++
		}
	}
	return n
}
