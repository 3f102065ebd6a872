package crdt_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// TestBatches loads documents of many structs, damaged in one place too, in both
// formats: the short ways of loading have to come to what the tools that need no
// document come to, the same content or the same refusal.
func TestBatches(t *testing.T) {
	const seeds = 4
	refusals, loaded := 0, 0
	for seed := range uint64(seeds) {
		rng := rand.New(rand.NewPCG(seed, 41))
		v1, v2 := scatteredText(t, rng)
		for i := range 250 {
			a, b := bytes.Clone(v1), bytes.Clone(v2)
			if i > 0 {
				a[rng.IntN(len(a))] ^= 1 << rng.IntN(8)
				b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
			}
			_, wantA := crdt.ConvertUpdateV1ToV2(a)
			plainB, wantB := crdt.ConvertUpdateV2ToV1(b)
			docA, docB := crdt.New(crdt.Options{ClientID: 9}), crdt.New(crdt.Options{ClientID: 9})
			_, gotA := docA.ApplyUpdate(a, crdt.WithoutUpdate())
			_, gotB := docB.ApplyUpdateV2(b, crdt.WithoutUpdate())
			if !sameRefusal(gotA, wantA) || !sameRefusal(gotB, wantB) {
				t.Fatalf("seed %d, damage %d: V1 refused by %v, by a tool %v; V2 by %v, by a tool %v", seed, i, gotA, wantA, gotB, wantB)
			}
			if gotB != nil {
				refusals++
				if s := docB.Stats(); s.Structs != 0 || s.Clients != 0 {
					t.Fatalf("seed %d, damage %d: a refused update left %+v", seed, i, s)
				}
				continue
			}
			loaded++
			other := crdt.New(crdt.Options{ClientID: 9})
			if _, err := other.ApplyUpdate(plainB); err != nil {
				t.Fatal(err)
			}
			if err := docB.Check(); err != nil {
				t.Fatalf("seed %d, damage %d: %v", seed, i, err)
			}
			x, err := docB.EncodeStateAsUpdate(nil)
			y, otherErr := other.EncodeStateAsUpdate(nil)
			if err != nil || otherErr != nil || !bytes.Equal(x, y) {
				t.Fatalf("seed %d, damage %d: loaded from V2 and from V1 the states differ", seed, i)
			}
		}
	}
	if refusals < 100 || loaded < 100 {
		t.Fatalf("%d updates were refused and %d loaded: not both are tested", refusals, loaded)
	}
}

// sameRefusal reports whether both are nil, or say the same of an update.
func sameRefusal(a, b error) bool {
	var x, y *crdt.UpdateError
	return errors.As(a, &x) == errors.As(b, &y) && (x == nil || *x == *y)
}

// scatteredText is what two people have written and deleted here and there, as
// updates in both formats.
func scatteredText(t *testing.T, rng *rand.Rand) (v1, v2 []byte) {
	docs := []*crdt.Doc{crdt.New(crdt.Options{ClientID: 3}), crdt.New(crdt.Options{ClientID: 4_000_000_000})}
	for i := range 300 {
		doc := docs[i/20%2]
		text := doc.Text("t")
		if _, err := doc.Update(func(tx *crdt.Tx) error {
			n := text.Len()
			if n > 4 && rng.IntN(3) == 0 {
				return text.Delete(tx, rng.IntN(n-3), 1+rng.IntN(3))
			}
			return text.Insert(tx, rng.IntN(n+1), "some words of his"[:1+rng.IntN(16)])
		}); err != nil {
			t.Fatal(err)
		}
		if i%20 == 19 {
			update, err := doc.EncodeStateAsUpdate(nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := docs[1-i/20%2].ApplyUpdate(update); err != nil {
				t.Fatal(err)
			}
		}
	}
	v1, err := docs[0].EncodeStateAsUpdate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if v2, err = docs[0].EncodeStateAsUpdateV2(nil); err != nil {
		t.Fatal(err)
	}
	return v1, v2
}
