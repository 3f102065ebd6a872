package crdt_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
)

// A document with a landmark at every second item does what one without any
// does.
func TestLandmarks(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	edits := 0
	for deadline := time.Now().Add(settleTime); time.Now().Before(deadline); {
		theme := []int{4, 5, 10, 13, 15}[random.IntN(5)]
		seed := random.Uint64()
		options := crdt.Options{ClientID: 1, KeepMarks: random.IntN(2) == 0}
		with, without := crdt.New(options), crdt.New(options)
		with.SetLandmarks(1 + random.IntN(3))
		without.SetLandmarks(0)
		docs := []*crdt.Doc{with, without}
		next := []func() []crdttest.Op{crdttest.TransactionsOf(theme, seed), crdttest.TransactionsOf(theme, seed)}
		other := crdt.New(crdt.Options{ClientID: uint64(random.IntN(2) * 5), KeepMarks: true})
		others := crdttest.TransactionsOf(theme, seed+1)
		for i := range 60 {
			if i%3 == 2 {
				update := run(t, other, others())
				if i%2 == 0 {
					apply(t, other, encoded(t, without))
				}
				if update != nil {
					apply(t, with, update)
					apply(t, without, update)
				}
				continue
			}
			var got [2][]byte
			for j, d := range docs {
				got[j] = run(t, d, next[j]())
			}
			if !bytes.Equal(got[0], got[1]) {
				t.Fatalf("theme %d, seed %d, transaction %d: %x, want %x", theme, seed, i, got[0], got[1])
			}
			edits++
		}
		if !bytes.Equal(encoded(t, with), encoded(t, without)) {
			t.Fatalf("theme %d, seed %d: the states differ", theme, seed)
		}
	}
	t.Logf("%d transactions", edits)
}

func run(t *testing.T, d *crdt.Doc, ops []crdttest.Op) []byte {
	t.Helper()
	update, err := d.Update(func(tx *crdt.Tx) error {
		for _, op := range ops {
			if err := crdttest.Run(d, tx, op); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return update
}
