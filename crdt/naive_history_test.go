package crdt_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
	"github.com/weftsync/weft/crdt/internal/naive"
)

// twins are replicas over a network, each with a naive document beside it that
// is told what the replica does and hears; and one that hears of every edit as
// it is made.
type twins struct {
	t       testing.TB
	engines []*crdttest.Replica
	naive   []*naive.Doc
	all     *naive.Doc
	network *crdttest.Network[[]byte]
	roots   []string
	clients uint64
}

// newTwins makes n twins: of those that collect says collect what is deleted,
// and of those that clean says clean up formatting after others.
func newTwins(t testing.TB, n int, random *rand.Rand, c crdttest.Conditions, collect, clean func(i int) bool) *twins {
	h := &twins{t: t, all: naive.New(), roots: []string{"t", "a", "m", "x"}, network: crdttest.NewNetwork[[]byte](n, c, random)}
	for i := range n {
		spec := crdttest.DocSpec{Client: h.client(), Collect: collect(i), Clean: clean(i)}
		h.engines = append(h.engines, crdttest.NewReplica(spec, h.roots))
		h.naive = append(h.naive, naive.New())
	}
	return h
}

// client returns the next client id: not in order, some beyond 32 bits.
func (h *twins) client() uint64 {
	h.clients++
	return (h.clients*0x9e3779b97f4a7c15>>40)%97 + 97*h.clients + h.clients%3<<40
}

// edit lets a replica edit and tells the others.
func (h *twins) edit(i int, ops []crdttest.Op) {
	h.t.Helper()
	update, err := h.engines[i].Edit(ops...)
	if err != nil {
		h.t.Fatalf("replica %d: %v", i, err)
	}
	if update != nil {
		h.wrote(i, update)
	}
}

func (h *twins) tell(d *naive.Doc, updates ...[]byte) {
	h.t.Helper()
	for _, u := range updates {
		if err := d.Apply(u); err != nil {
			h.t.Fatalf("naive document: %v\n%s", err, crdttest.Describe(u))
		}
	}
}

// apply applies an update to a replica, in V2 if so told. The naive document is
// told of the updates that it was made of or, if echo is set, of what the
// replica says was new, which then has to be all of it.
func (h *twins) apply(i int, update []byte, asV2, echo bool, of ...[]byte) {
	h.t.Helper()
	r, e := h.engines[i], &crdttest.Entry{}
	kept := len(r.Kept)
	var err error
	if asV2 {
		var converted []byte
		if converted, err = crdt.ConvertUpdateV1ToV2(update); err == nil {
			_, err = r.ApplyV2(converted, e)
		}
	} else {
		_, err = r.Apply(update, e)
	}
	if err != nil {
		h.t.Fatalf("replica %d: %v\n%s", i, err, crdttest.Describe(update))
	}
	if echo {
		of = r.Kept[kept:]
	}
	h.tell(h.naive[i], of...)
	for _, own := range e.Own { // it cleaned up
		authored, err := hex.DecodeString(own)
		if err != nil {
			h.t.Fatal(err)
		}
		h.wrote(i, authored)
	}
}

// wrote tells of an update that a replica made.
func (h *twins) wrote(i int, update []byte) {
	h.t.Helper()
	h.tell(h.naive[i], update)
	h.tell(h.all, update)
	h.network.Send(i, update)
}

// receive delivers up to n waiting messages to a replica, merged or one by one.
func (h *twins) receive(i, n int, merged, asV2, echo bool) {
	h.t.Helper()
	var updates [][]byte
	for len(updates) < n {
		update, ok := h.network.Next(i)
		if !ok {
			break
		}
		updates = append(updates, update)
	}
	if merged && len(updates) > 0 {
		one, err := crdt.MergeUpdates(updates...)
		if err != nil {
			h.t.Fatalf("merging %d updates: %v", len(updates), err)
		}
		h.apply(i, one, asV2, echo, updates...)
		return
	}
	for _, update := range updates {
		h.apply(i, update, asV2, echo, update)
	}
}

// ask brings a replica what another one has beyond it.
func (h *twins) ask(i, from int) {
	h.t.Helper()
	answer, err := h.engines[from].Doc.EncodeStateAsUpdate(h.engines[i].Doc.EncodeStateVector())
	if err != nil {
		h.t.Fatal(err)
	}
	h.apply(i, answer, false, false, answer)
}

// reload lets a replica go on from its encoded state.
func (h *twins) reload(i int) {
	h.t.Helper()
	if _, err := h.engines[i].Reload(h.client()); err != nil {
		h.t.Fatalf("replica %d: %v", i, err)
	}
}

func (h *twins) compare(i int) {
	h.t.Helper()
	compareNaive(h.t, fmt.Sprint("replica ", i), h.engines[i].Doc, h.naive[i], h.roots)
}

// finish brings everything to everybody and compares.
func (h *twins) finish() {
	h.t.Helper()
	h.network.Heal()
	for i := range h.engines {
		h.receive(i, 1<<30, false, false, false)
		h.compare(i)
	}
	for i := range h.engines {
		h.ask(0, i)
	}
	for i := range h.engines {
		h.ask(i, 0)
	}
	for h.talking() { // who cleaned up tells the others, who may clean up
		for i := range h.engines {
			h.receive(i, 1<<30, false, false, false)
		}
	}
	for i := range h.engines {
		h.compare(i)
		compareNaive(h.t, fmt.Sprint("replica ", i, " at the end"), h.engines[i].Doc, h.all, h.roots)
	}
}

// talking reports whether messages are under way.
func (h *twins) talking() bool {
	for i := range h.engines {
		if h.network.Waiting(i) > 0 {
			return true
		}
	}
	return false
}

// Random histories on an unreliable network show the same in the engine and in
// the naive document, at every step and at every replica.
func TestNaiveHistories(t *testing.T) {
	histories := 150
	if testing.Short() {
		histories = 30
	}
	for seed := range uint64(histories) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { naiveHistory(t, seed) })
	}
}

func naiveHistory(t testing.TB, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 3))
	pick := func(list ...int) int { return list[random.IntN(len(list))] }
	n := 2 + random.IntN(4)
	collect, clean := random.IntN(3), random.IntN(3)
	h := newTwins(t, n, random, crdttest.Conditions{
		Drop: pick(0, 0, 10), Repeat: pick(0, 20), Reorder: pick(0, 30, 100), Partition: pick(0, 50),
	}, func(i int) bool { return collect == 0 || collect == 1 && i%2 == 0 }, func(i int) bool { return i < clean })
	transaction := crdttest.Transactions(seed)
	for range 40 + random.IntN(60) {
		i := random.IntN(n)
		switch k := random.IntN(100); {
		case k < 55:
			h.edit(i, transaction())
		case k < 85:
			h.receive(i, 1+random.IntN(5), k < 65, k%2 == 0, k%3 == 0)
		case k < 92:
			h.ask(i, random.IntN(n))
		case k < 94:
			h.reload(i)
		default:
			h.network.Shake()
		}
		if random.IntN(3) == 0 {
			h.compare(i)
		}
	}
	h.finish()
}
