package crdt_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weftsync/weft/crdt"
)

// What waits is tried again when Yjs tries it, and to the same end, though not
// all of it is.
func TestTryingWhatIsFreed(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for deadline := time.Now().Add(settleTime); time.Now().Before(deadline); {
		f := newForger(random)
		updates := make([][]byte, 5+random.IntN(40))
		for i := range updates {
			updates[i] = f.next()
		}
		random.Shuffle(len(updates), func(i, j int) { updates[i], updates[j] = updates[j], updates[i] })
		some := crdt.New(crdt.Options{ClientID: 1})
		all := crdt.New(crdt.Options{ClientID: 1})
		all.TryAll()
		for i, u := range updates {
			if random.IntN(8) == 0 {
				u = updates[random.IntN(len(updates))]
			}
			apply(t, some, u)
			apply(t, all, u)
			if got, want := encoded(t, some), encoded(t, all); !bytes.Equal(got, want) || !bytes.Equal(some.JSON(), all.JSON()) {
				t.Fatalf("after update %d: %x, want %x", i, got, want)
			}
			if got, want := some.Stats().Pending, all.Stats().Pending; got != want {
				t.Fatalf("after update %d: %d structs wait, want %d", i, got, want)
			}
		}
	}
}
