package lib0

import (
	"encoding/binary"
	"math/bits"
)

// AppendUint appends v as a variable-length integer. v must not exceed
// MaxSafeInteger, or no decoder will accept it.
func AppendUint(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// putUint writes v, which is less than 1<<56, at b[at:] as AppendUint would, and returns where it ends. There must be eight
// bytes of room, all of which it may change. It does not branch on how many are needed, which nobody could guess of the
// distances between clocks.
func putUint(b []byte, at int, v uint64) (end int) {
	x := v&0x0fffffff | v&0xfffffff0000000<<4
	x = x&0x00003fff00003fff | x&0x0fffc0000fffc000<<2
	x = x&0x007f007f007f007f | x&0x3f803f803f803f80<<1
	n := (bits.Len64(v|1) + 6) / 7
	binary.LittleEndian.PutUint64(b[at:], x|0x8080808080808080&(1<<((8*n-8)&63)-1))
	return at + n
}

// signed returns what AppendUint writes as AppendInt writes an integer: its sign is the seventh bit.
func signed(v int64) uint64 {
	if v < 0 {
		return spreadSign(uint64(-v)) | 0x40
	}
	return spreadSign(uint64(v))
}

func spreadSign(u uint64) uint64 { return u&0x3f | u>>6<<7 }

// AppendInt appends v as a signed variable-length integer.
func AppendInt(b []byte, v int64) []byte { return AppendUint(b, signed(v)) }

// AppendNegativeZero appends the signed integer that JavaScript calls -0.
func AppendNegativeZero(b []byte) []byte { return append(b, 0x40) }

// AppendBytes appends the length of p and p.
func AppendBytes(b, p []byte) []byte {
	return append(AppendUint(b, uint64(len(p))), p...)
}

// AppendString appends the length of s in bytes and s, which ought to be valid
// UTF-8.
func AppendString(b []byte, s string) []byte {
	return append(AppendUint(b, uint64(len(s))), s...)
}

// UintLen returns the number of bytes that AppendUint would append for v.
func UintLen(v uint64) int {
	n := 1
	for v >= 0x80 {
		v >>= 7
		n++
	}
	return n
}
