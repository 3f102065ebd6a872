package lib0

// AppendUint appends v as a variable-length integer. v must not exceed
// MaxSafeInteger, or no decoder will accept it.
func AppendUint(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// AppendInt appends v as a signed variable-length integer.
func AppendInt(b []byte, v int64) []byte {
	if v < 0 {
		return appendSigned(b, uint64(-v), 0x40)
	}
	return appendSigned(b, uint64(v), 0)
}

// AppendNegativeZero appends the signed integer that JavaScript calls -0.
func AppendNegativeZero(b []byte) []byte { return append(b, 0x40) }

func appendSigned(b []byte, u uint64, sign byte) []byte {
	if u < 0x40 {
		return append(b, byte(u)|sign)
	}
	b = append(b, byte(u)&0x3f|sign|0x80)
	return AppendUint(b, u>>6)
}

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
