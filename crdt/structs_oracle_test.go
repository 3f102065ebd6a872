package crdt_test

import (
	"encoding/hex"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
)

// TestStructsAsYjs applies updates that no editor would make, see FuzzStructs,
// to the engine and to real Yjs, and compares the encoded states. Where structs
// wait, or Yjs throws, it does not: Yjs then loses some of what it was given.
func TestStructsAsYjs(t *testing.T) {
	o := oracle(t)
	seed, err := strconv.ParseUint(os.Getenv("WEFT_ORACLE_SEED"), 10, 64)
	if err != nil {
		seed = 1
	}
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	var questions []crdttest.Load
	var docs []*crdt.Doc
	for len(docs) < 1000 {
		q, d := nonsense(t, random)
		if len(q.Updates) > 0 && d.Stats().Pending == 0 {
			questions, docs = append(questions, q), append(docs, d)
		}
	}
	answers, err := o.Load(questions...)
	if err != nil {
		t.Fatal(err)
	}
	throws := 0
	for i, yjs := range answers {
		if yjs.Err != "" {
			throws++
		}
		if yjs.Err != "" || yjs.Pending {
			continue
		}
		got := encoded(t, docs[i])
		if hex.EncodeToString(got) == yjs.Update {
			continue
		}
		for _, u := range questions[i].Updates {
			t.Logf("%s\n%s", u, crdttest.Describe(fromHex(t, u)))
		}
		t.Fatalf("got\n%sYjs\n%s", crdttest.Describe(got), crdttest.Describe(fromHex(t, yjs.Update)))
	}
	if throws > len(answers)/100 {
		t.Errorf("Yjs throws at %d of %d", throws, len(answers))
	}
}

// nonsense makes random updates and applies them.
func nonsense(t testing.TB, random *rand.Rand) (crdttest.Load, *crdt.Doc) {
	t.Helper()
	in := make([]byte, 60+random.IntN(150))
	for i := range in {
		in[i] = byte(random.UintN(256))
	}
	w := structWriter{bytesOf: bytesOf{in}}
	q := crdttest.Load{Collect: true, Roots: []string{}}
	d := crdt.New(crdt.Options{ClientID: 9})
	for range 8 {
		update := w.update()
		if len(w.left) == 0 || crdt.ValidateUpdate(update) != nil || outOfOrder(update) {
			break
		}
		if _, err := d.ApplyUpdate(update); err != nil {
			t.Fatal(err)
		}
		q.Updates = append(q.Updates, hex.EncodeToString(update))
		if d.Stats().Pending > 0 {
			break
		}
	}
	return q, d
}

// outOfOrder reports whether the delete set is one that Yjs damages if it has
// to wait: V2, in which it waits, cannot go backwards.
func outOfOrder(update []byte) bool {
	_, deletes, _ := crdttest.ScanUpdate(update)
	for i := 1; i < len(deletes); i++ {
		a, b := deletes[i-1], deletes[i]
		if a.Client < b.Client || a.Client == b.Client && a.Clock+a.Len >= b.Clock {
			return true
		}
	}
	return false
}
