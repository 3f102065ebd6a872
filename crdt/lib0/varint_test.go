package lib0_test

import (
	"math/rand/v2"
	"testing"

	"github.com/weftsync/weft/crdt/lib0"
)

// plainUint reads an integer byte by byte.
func plainUint(b []byte) (v uint64, n int) {
	for i, c := range b {
		if i == 8 {
			return 0, 0
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if c == 0 && i > 0 || v > lib0.MaxSafeInteger {
				return 0, 0
			}
			return v, i + 1
		}
	}
	return 0, 0
}

// Integers read by the word are those read byte by byte, at any distance from
// the end of the input.
func TestVarint(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 200_000 {
		b := make([]byte, rnd.IntN(14))
		for i := range b {
			switch b[i] = byte(rnd.IntN(256)); rnd.IntN(4) {
			case 0:
				b[i] |= 0x80
			case 1:
				b[i] = 0x80
			}
		}
		at := rnd.IntN(len(b) + 1)
		want, n := plainUint(b[at:])
		if n > 0 {
			n += at
		}
		got, end := lib0.Varint(b, at)
		if got != want || end != n {
			t.Fatalf("% x at %d: %d up to %d, want %d up to %d", b, at, got, end, want, n)
		}
		d := lib0.NewDecoder(b[at:])
		if v, err := d.Uint(); (err == nil) != (n > 0) || v != want {
			t.Fatalf("% x: decoder reads %d, %v, want %d", b[at:], v, err, want)
		}
	}
}
