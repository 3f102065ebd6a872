package crdt_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
	"github.com/weftsync/weft/crdt/lib0"
)

// forger makes updates with insertions that have any origins at all.
type forger struct {
	random  *rand.Rand
	clocks  []uint64 // by client, whose ids are 10 times the index and 5
	deletes int      // percent
	right   int      // percent that have a right origin
	near    int      // percent of origins that are the last operation of a client
	keyed   bool
}

func newForger(random *rand.Rand) *forger {
	pick := func(n ...int) int { return n[random.IntN(len(n))] }
	return &forger{
		random: random, clocks: make([]uint64, pick(2, 4, 8)), deletes: pick(0, 0, 10, 40), right: pick(0, 10, 50, 100),
		near: pick(0, 50, 90), keyed: random.IntN(4) == 0,
	}
}

func (f *forger) id(client int) uint64 { return uint64(10*client + 5) }

// operation returns one that is there, ok is false if there is none.
func (f *forger) operation() (client, clock uint64, ok bool) {
	c := f.random.IntN(len(f.clocks))
	n := f.clocks[c]
	if n == 0 {
		return 0, 0, false
	}
	if f.random.IntN(100) < f.near {
		return f.id(c), n - 1, true
	}
	return f.id(c), f.random.Uint64N(n), true
}

func (f *forger) next() []byte {
	if c, clock, ok := f.operation(); ok && f.random.IntN(100) < f.deletes {
		return append(lib0.AppendUint(append(lib0.AppendUint([]byte{0, 1}, c), 1), clock), 1+byte(f.random.IntN(2)))
	}
	c := f.random.IntN(len(f.clocks))
	u := lib0.AppendUint(lib0.AppendUint([]byte{1, 1}, f.id(c)), f.clocks[c])
	at := len(u)
	u = append(u, 4)
	if oc, clock, ok := f.operation(); ok && f.random.IntN(100) < 70 {
		u[at] |= 0x80
		u = lib0.AppendUint(lib0.AppendUint(u, oc), clock)
	}
	if rc, clock, ok := f.operation(); ok && f.random.IntN(100) < f.right {
		u[at] |= 0x40
		u = lib0.AppendUint(lib0.AppendUint(u, rc), clock)
	}
	if u[at] == 4 {
		u = append(u, 1, 1, 't')
		if f.keyed && f.random.IntN(2) == 0 {
			u[at] |= 0x20
			u = append(u, 1, 'k')
		}
	}
	n := 1 + f.random.IntN(3)
	u = append(u, byte(n))
	for range n {
		u = append(u, 'a'+byte(f.random.IntN(26)))
	}
	f.clocks[c] += uint64(n)
	return append(u, 0)
}

// settlers are a document that scans and one that asks an order.
func settlers(keep bool) (plain, quick *crdt.Doc) {
	plain = crdt.New(crdt.Options{ClientID: 1, KeepDeleted: keep})
	quick = crdt.New(crdt.Options{ClientID: 1, KeepDeleted: keep})
	plain.NeverOrder()
	quick.AlwaysOrder()
	return plain, quick
}

func expectSettled(t *testing.T, plain, quick *crdt.Doc, updates [][]byte) {
	t.Helper()
	for i, u := range updates {
		for _, d := range []*crdt.Doc{plain, quick} {
			if _, err := d.ApplyUpdate(u); err != nil {
				t.Fatalf("update %d, %x: %v", i, u, err)
			}
		}
	}
	if got, want := quick.JSON(), plain.JSON(); !bytes.Equal(got, want) {
		t.Fatalf("by an order %s, by scans %s", got, want)
	}
	if got, want := encoded(t, quick), encoded(t, plain); !bytes.Equal(got, want) {
		t.Fatalf("the states differ: by an order %x, by scans %x", got, want)
	}
	if err := quick.Check(); err != nil {
		t.Fatal(err)
	}
	_, got := quick.Orders()
	if _, want := plain.Orders(); got != want {
		t.Fatalf("lines cross in %d lists by an order, in %d by scans", got, want)
	}
}

// An order finds the place that a scan finds, whatever the origins are.
func TestOrdersSettleAsScansDo(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	deadline := time.Now().Add(settleTime)
	insertions, uncrossed := 0, 0
	for time.Now().Before(deadline) {
		f := newForger(random)
		plain, quick := settlers(random.IntN(2) == 0)
		n := 5 + random.IntN(60)
		updates := make([][]byte, n)
		for i := range updates {
			updates[i] = f.next()
		}
		expectSettled(t, plain, quick, updates)
		insertions += n
		if _, crossed := quick.Orders(); crossed == 0 {
			uncrossed += n
		}
	}
	t.Logf("%d insertions, %d in documents where no lines cross", insertions, uncrossed)
}

// Editors make no lines that cross, and an order finds the place of all that
// they insert, in whatever order it comes.
func TestOrdersSettleWhatEditorsDo(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	deadline := time.Now().Add(settleTime)
	insertions := 0
	for time.Now().Before(deadline) {
		var updates [][]byte
		editors := make([]*crdt.Doc, 2+random.IntN(4))
		for i := range editors {
			editors[i] = crdt.New(crdt.Options{ClientID: uint64(10 + i)})
		}
		heard := make([]int, len(editors))
		for range 10 + random.IntN(60) {
			at := random.IntN(len(editors))
			d := editors[at]
			u, err := d.Update(func(tx *crdt.Tx) error {
				text := d.Text("t")
				if n := text.Len(); n > 0 && random.IntN(5) == 0 {
					return text.Delete(tx, random.IntN(n), 1+random.IntN(2))
				}
				return text.Insert(tx, min(random.IntN(4), text.Len()), "abc"[:1+random.IntN(3)])
			})
			if err != nil {
				t.Fatal(err)
			}
			updates = append(updates, u)
			if random.IntN(4) == 0 {
				for ; heard[at] < len(updates); heard[at]++ {
					apply(t, d, updates[heard[at]])
				}
			}
		}
		if random.IntN(2) == 0 {
			random.Shuffle(len(updates), func(i, j int) { updates[i], updates[j] = updates[j], updates[i] })
		}
		plain, quick := settlers(false)
		expectSettled(t, plain, quick, updates)
		if _, crossed := quick.Orders(); crossed > 0 {
			t.Fatal("lines cross that editors made")
		}
		insertions += len(updates)
	}
	t.Logf("%d insertions", insertions)
}

// All themes of the oracle, with undo and without, settle by orders.
func TestOrdersAreSoundInRandomHistories(t *testing.T) {
	for seed := range uint64(40) {
		a := crdttest.NewReplica(crdttest.DocSpec{Client: 1, Collect: seed%2 == 0}, []string{"t", "a", "m", "x"})
		b := crdttest.NewReplica(crdttest.DocSpec{Client: 2, Collect: seed%2 == 0}, []string{"t", "a", "m", "x"})
		plain, quick := settlers(false)
		a.Doc.AlwaysOrder()
		b.Doc.NeverOrder()
		ops := crdttest.Transactions(seed)
		var updates [][]byte
		for i := range 60 {
			at := []*crdttest.Replica{a, b}[i%2]
			u, err := at.Edit(ops()...)
			if err != nil {
				t.Fatal(err)
			}
			if u != nil {
				updates = append(updates, u)
			}
			if i%7 == 0 {
				apply(t, a.Doc, encoded(t, b.Doc))
				apply(t, b.Doc, encoded(t, a.Doc))
			}
		}
		expectSettled(t, plain, quick, updates)
		apply(t, a.Doc, encoded(t, b.Doc))
		apply(t, b.Doc, encoded(t, a.Doc))
		if !bytes.Equal(encoded(t, a.Doc), encoded(t, b.Doc)) {
			t.Fatalf("seed %d: the replicas differ", seed)
		}
	}
}

const settleTime = 500 * time.Millisecond
