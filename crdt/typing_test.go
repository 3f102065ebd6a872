package crdt_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// bothWays is the same replica twice. One takes the short way where text is typed
// on; the other has a listener, and so always takes the long way.
type bothWays struct{ short, long *crdt.Doc }

func newBothWays(client uint64) bothWays {
	o := crdt.Options{ClientID: client}
	w := bothWays{crdt.New(o), crdt.New(o)}
	w.long.OnUpdate(func([]byte, *crdt.Tx) {})
	return w
}

// edit makes the same edit in both.
func (w bothWays) edit(t testing.TB, f func(tx *crdt.Tx, text *crdt.Text) error) []byte {
	t.Helper()
	short, errShort := w.short.Update(func(tx *crdt.Tx) error { return f(tx, w.short.Text("t")) })
	long, errLong := w.long.Update(func(tx *crdt.Tx) error { return f(tx, w.long.Text("t")) })
	if !bytes.Equal(short, long) || fmt.Sprint(errShort) != fmt.Sprint(errLong) {
		t.Fatalf("an edit gave %x, %v; the long way %x, %v", short, errShort, long, errLong)
	}
	w.compare(t)
	return short
}

// apply applies an update to both.
func (w bothWays) apply(t testing.TB, update []byte) {
	t.Helper()
	short, errShort := w.short.ApplyUpdate(update)
	long, errLong := w.long.ApplyUpdate(update)
	if fmt.Sprint(errShort) != fmt.Sprint(errLong) {
		t.Fatalf("update %x: %v; the long way: %v", update, errShort, errLong)
	}
	if short.Changed != long.Changed || short.Waiting != long.Waiting || !bytes.Equal(short.Update, long.Update) ||
		!bytes.Equal(short.Authored, long.Authored) || !slices.Equal(short.Roots, long.Roots) {
		t.Fatalf("update %x: %+v; the long way: %+v", update, short, long)
	}
	w.compare(t)
}

func (w bothWays) compare(t testing.TB) {
	t.Helper()
	if err := w.short.Check(); err != nil {
		t.Fatal(err)
	}
	if got, want := encoded(t, w.short), encoded(t, w.long); !bytes.Equal(got, want) {
		t.Fatalf("the state is %x; the long way %x", got, want)
	}
	if got, want := w.short.RootText("t"), w.long.RootText("t"); got != want {
		t.Fatalf("the text is %q; the long way %q", got, want)
	}
	if got, want := w.short.ClientID() == w.long.ClientID(), w.short.ClientID() < 100; got != want {
		t.Fatalf("the client is %d; the long way %d", w.short.ClientID(), w.long.ClientID())
	}
}

// What is typed on takes a way of its own. It has to come to what the long way
// comes to, late, twice and in any order.
func TestTypedAsTheLongWay(t *testing.T) {
	for seed := range uint64(150) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { typeOn(t, rand.New(rand.NewPCG(seed, 3))) })
	}
}

func typeOn(t *testing.T, random *rand.Rand) {
	all := []bothWays{newBothWays(1), newBothWays(2), newBothWays(3), newBothWays(4)} // the last one never edits
	writers := 2 + random.IntN(2)
	queues := make([][][]byte, len(all))
	at := make([]int, writers)
	send := func(from int, u []byte) {
		for i := range queues {
			if i != from && u != nil {
				queues[i] = append(queues[i], u)
			}
		}
	}
	deliver := func(i int) {
		if q := queues[i]; len(q) > 0 {
			j := 0
			if random.IntN(4) == 0 {
				j = random.IntN(len(q))
			}
			all[i].apply(t, q[j])
			if random.IntN(10) > 0 { // else it comes again
				queues[i] = slices.Delete(q, j, j+1)
			}
		}
	}
	for range 120 {
		if random.IntN(2) == 0 {
			deliver(random.IntN(len(all)))
			continue
		}
		i := random.IntN(writers)
		size := all[i].short.Text("t").Len()
		if at[i] = min(at[i], size); random.IntN(12) == 0 {
			at[i] = random.IntN(size + 1)
		}
		switch random.IntN(10) {
		case 0:
			n := min(1+random.IntN(3), at[i])
			at[i] -= n
			send(i, all[i].edit(t, func(tx *crdt.Tx, text *crdt.Text) error { return text.Delete(tx, at[i], n) }))
		default:
			s := []string{"a", "b", "some longer words ", "ab", "ü", "c", "d"}[random.IntN(7)]
			send(i, all[i].edit(t, func(tx *crdt.Tx, text *crdt.Text) error { return text.Insert(tx, at[i], s) }))
			at[i] += len([]rune(s))
		}
	}
	for i := range all {
		for len(queues[i]) > 0 {
			deliver(i)
		}
		if got, want := all[i].short.RootText("t"), all[0].short.RootText("t"); i > 0 && got != want {
			t.Errorf("replica %d has %q, the first %q", i, got, want)
		}
	}
}

// Updates that no editor makes, or that come seldom, and nearly fit the short way.
func TestNearlyTyped(t *testing.T) {
	root := raw{1, 1, 7, 0, str, 1}.str("t").str("ab").uint(0)
	const far = 1<<32 - 8
	tests := map[string][]raw{
		"typed on":           {root, raw{1, 1, 7, 2, left | str, 7, 1}.str("c").uint(0)},
		"not the next clock": {root, raw{1, 1, 7, 3, left | str, 7, 2}.str("c").uint(0)},
		"known in part":      {root, raw{1, 1, 7, 1, left | str, 7, 0}.str("bc").uint(0)},
		"another origin":     {root, raw{1, 1, 7, 2, left | str, 7, 0}.str("c").uint(0)},
		"another's origin":   {root, raw{1, 1, 8, 0, str, 1}.str("t").str("xy").uint(0), raw{1, 1, 7, 2, left | str, 8, 1}.str("c").uint(0)},
		"with a delete":      {root, raw{1, 1, 7, 2, left | str, 7, 1}.str("c").uint(1, 7, 1, 0, 1)},
		"not ASCII":          {root, raw{1, 1, 7, 2, left | str, 7, 1}.str("ü").uint(0)},
		"a right origin":     {root, raw{1, 1, 7, 2, left | right | str, 7, 1, 8, 0}.str("c").uint(0)},
		"another right origin": {
			raw{1, 1, 8, 0, str, 1}.str("t").str("z").uint(0), raw{1, 1, 7, 0, right | str, 8, 0}.str("ab").uint(0),
			raw{1, 1, 7, 2, left | right | str, 7, 1, 9, 0}.str("c").uint(0),
		},
		"after deleted text":    {root, raw{0, 1, 7, 1, 1, 1}, raw{1, 1, 7, 2, left | str, 7, 1}.str("c").uint(0)},
		"what is typed is gone": {root, raw{0, 1, 7, 1, 2, 3}, raw{1, 1, 7, 2, left | str, 7, 1}.str("c").uint(0)},
		"a value of a key": {
			raw{1, 1, 7, 0, sub | str, 1}.str("t").str("k").str("ab").uint(0),
			raw{1, 1, 7, 2, left | str, 7, 1}.str("c").uint(0),
		},
		"past the last clock": {
			raw{1, 2, 7, 0, gc}.uint(far).bytes(str, 1).str("t").str("ab").uint(0),
			raw{1, 1, 7}.uint(far+2).bytes(left|str, 7).uint(far + 1).str("0123456789").uint(0),
		},
	}
	for name, updates := range tests {
		t.Run(name, func(t *testing.T) {
			w := newBothWays(1)
			for _, u := range updates {
				w.apply(t, u)
			}
		})
	}
}

// Who types under the client id of a replica makes it choose another one.
func TestTypedUnderOneClientID(t *testing.T) {
	w := newBothWays(7)
	w.edit(t, func(tx *crdt.Tx, text *crdt.Text) error { return text.Insert(tx, 0, "ab") })
	w.apply(t, raw{1, 1, 7, 2, left | str, 7, 1}.str("c").uint(0))
	if got := w.short.ClientID(); got == 7 {
		t.Errorf("the client is still %d", got)
	}
}
