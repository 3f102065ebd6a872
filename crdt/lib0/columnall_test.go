package lib0_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weftsync/weft/crdt/lib0"
)

// TestColumnsReadAtOnce reads columns, damaged ones too, value by value and many
// at once.
func TestColumnsReadAtOnce(t *testing.T) {
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 7))
		input := someColumn(rng)
		n := 1 + rng.IntN(40)
		d := lib0.NewDecoder(input)
		uints, ints, bytes := lib0.UintRLEDecoder{Decoder: d}, lib0.IntDiffRLEDecoder{Decoder: d}, lib0.BytesRLEDecoder{Decoder: d}
		compareReads(t, seed, n, uints.ReadAll, (&lib0.UintRLEDecoder{Decoder: d}).Read)
		compareReads(t, seed, n, ints.ReadAll, (&lib0.IntDiffRLEDecoder{Decoder: d}).Read)

		var among [256]bool
		for i := range among {
			among[i] = rng.IntN(8) > 0
		}
		dst := make([]byte, n)
		got := bytes.ReadAmong(dst, &among)
		one := lib0.BytesRLEDecoder{Decoder: d}
		for i := range n {
			v, err := one.Read()
			if wrong := err != nil || !among[v]; wrong != (i == got) || !wrong && dst[i] != v {
				t.Fatalf("seed %d: of % x byte %d is %d (%v), of %d read among", seed, input, i, v, err, got)
			} else if wrong {
				break
			}
		}
	}
}

// compareReads reads n values at once, twice, and one by one.
func compareReads[T comparable](t *testing.T, seed uint64, n int, all func([]T) error, one func() (T, error)) {
	t.Helper()
	for range 2 {
		got, want := make([]T, n), make([]T, n)
		err := all(got)
		for i := range want {
			v, oneErr := one()
			if oneErr != nil {
				if err == nil {
					t.Fatalf("seed %d: read at once there is no error, one by one %v", seed, oneErr)
				}
				return
			}
			want[i] = v
		}
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("seed %d: read at once %v (%v), one by one %v", seed, got, err, want)
		}
	}
}

// someColumn is the encoding of numbers of all lengths, now and then damaged.
func someColumn(rng *rand.Rand) []byte {
	var b []byte
	for range rng.IntN(60) {
		if v := int64(rng.Uint64() >> (11 + rng.IntN(53))); rng.IntN(3) == 0 {
			b = lib0.AppendUint(b, uint64(v))
		} else {
			b = lib0.AppendInt(b, v-2*v*int64(rng.IntN(2)))
		}
	}
	if rng.IntN(4) == 0 && len(b) > 0 {
		b[rng.IntN(len(b))] = byte(rng.Uint32())
	}
	return b
}
