package crdt_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// Clocks and lengths take one to five bytes on the wire: what is read at the
// last number of each length and the first of the next is written as it was,
// and what is only counted takes no room.
func TestClocksOfEveryLength(t *testing.T) {
	for bits := 7; bits <= 28; bits += 7 {
		for _, n := range []uint64{1<<bits - 2, 1<<bits - 1, 1 << bits} {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				// An origin and a right origin at clock n, of the client itself and
				// of another, and a deleted run of length n.
				u := raw{2, 2, 9, 0, left | right | str, 7}.uint(n, 7, n+1).str("other")
				u = u.bytes(left|right|deleted, 7).uint(n, 7, n+1, n)
				u = u.bytes(4, 7, 0, gc).uint(n).bytes(str, 1).str("t").str("a")
				u = u.bytes(left|str, 7).uint(n).str("b").bytes(left|str, 7).uint(n).str("c")
				u = u.uint(2, 9, 1, 5, n, 7, 1, 0, n)
				for _, v2 := range []bool{false, true} {
					d := crdt.New(crdt.Options{KeepDeleted: true})
					apply, want, encode := d.ApplyUpdate, []byte(u), d.EncodeStateAsUpdate
					if v2 {
						var err error
						if want, err = crdt.ConvertUpdateV1ToV2(u); err != nil {
							t.Fatal(err)
						}
						apply, encode = d.ApplyUpdateV2, d.EncodeStateAsUpdateV2
					}
					if _, err := apply(want); err != nil {
						t.Fatal(err)
					}
					if err := d.Check(); err != nil {
						t.Fatal(err)
					}
					var got []byte
					var err error
					expectBounded(t, "encoding", len(want), func() { got, err = encode(nil) })
					if err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(got, want) {
						t.Errorf("V2 %v: got %x, want %x", v2, got, want)
					}
				}
			})
		}
	}
}
