package crdt_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unicode/utf16"

	"github.com/weftsync/weft/crdt"
)

// edit makes one random edit of the roots that all replicas share.
func edit(t testing.TB, rnd *rand.Rand, d *crdt.Doc, words []string) []byte {
	t.Helper()
	u, err := d.Update(func(tx *crdt.Tx) error {
		for range 1 + rnd.IntN(3) {
			if err := editOnce(rnd, d, tx, words[rnd.IntN(len(words))]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("edit: %v", err)
	}
	return u
}

func editOnce(rnd *rand.Rand, d *crdt.Doc, tx *crdt.Tx, word string) error {
	text, array, m := d.Text("text"), d.Array("array"), d.Map("map")
	some := func(n int) int { return rnd.IntN(n + 1) }
	switch rnd.IntN(12) {
	case 0, 1, 2:
		return text.Insert(tx, some(text.Len()), word)
	case 3, 4:
		i := some(text.Len())
		return text.Delete(tx, i, some(min(text.Len()-i, 8)))
	case 5:
		i := some(text.Len())
		value := []any{true, nil, "red", map[string]any{"href": word}}[rnd.IntN(4)]
		return text.Format(tx, i, some(min(text.Len()-i, 8)), crdt.Attrs{string(rune('a' + rnd.IntN(3))): value})
	case 6:
		return text.InsertEmbed(tx, some(text.Len()), map[string]any{"image": word})
	case 7:
		return array.Insert(tx, some(array.Len()), word, rnd.IntN(1000), nil, []byte(word))
	case 8:
		i := some(array.Len())
		return array.Delete(tx, i, some(min(array.Len()-i, 4)))
	case 9:
		return m.Set(tx, string(rune('a'+rnd.IntN(4))), word)
	case 10:
		return m.Delete(tx, string(rune('a'+rnd.IntN(4))))
	}
	nested, err := array.InsertMap(tx, some(array.Len()))
	if err != nil {
		return err
	}
	inner, err := nested.SetText(tx, "inner")
	if err != nil {
		return err
	}
	return inner.Insert(tx, 0, word)
}

// mirror keeps a text by nothing but the splices reported for it.
type mirror struct{ units []uint16 }

func (m *mirror) splice(s crdt.Splice) {
	in := utf16.Encode([]rune(s.Inserted))
	rest := append([]uint16(nil), m.units[s.Index+s.Deleted:]...)
	m.units = append(append(m.units[:s.Index:s.Index], in...), rest...)
}

// Replicas that edit at random and hear of each other's updates late, in any
// order and twice converge; every invariant holds after every step; the splices
// reported give the text.
func TestRandomReplicasConverge(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for seed := range uint64(rounds) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { converge(t, seed) })
	}
}

func converge(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	n := 2 + rnd.IntN(4)
	words := []string{"a", "hello", "wörld", "x\ny", "日本", "\u0000", "some longer run of plain text "}
	// An edit that cuts a surrogate pair without inserting there turns the
	// halves into U+FFFD on the editing replica alone, as in Yjs.
	astral := seed%3 == 0
	if astral {
		words = append(words, "😀")
	}
	docs, mirrors := make([]*crdt.Doc, n), make([]mirror, n)
	queues := make([][][]byte, n)
	keep, marks := rnd.IntN(2) == 0, rnd.IntN(2) == 0
	for i := range docs {
		docs[i] = crdt.New(crdt.Options{ClientID: uint64(i + 1), KeepDeleted: keep, KeepMarks: marks})
		docs[i].OnRootSplice("text", mirrors[i].splice)
	}
	check := func(i int) {
		t.Helper()
		if err := docs[i].Check(); err != nil {
			t.Fatalf("replica %d: %v", i, err)
		}
		want := string(utf16.Decode(mirrors[i].units))
		if got := docs[i].RootText("text"); got != want {
			t.Fatalf("replica %d: text %q, its splices give %q", i, got, want)
		}
	}
	send := func(i int, u []byte) {
		for j := range queues {
			if j != i && u != nil {
				queues[j] = append(queues[j], u)
			}
		}
	}
	deliver := func(i, j int) {
		t.Helper()
		a, err := docs[i].ApplyUpdate(queues[i][j])
		if err != nil {
			t.Fatalf("replica %d refused an update: %v", i, err)
		}
		check(i)
		send(i, a.Authored)
	}
	for range 150 {
		i := rnd.IntN(n)
		if rnd.IntN(2) == 0 {
			send(i, edit(t, rnd, docs[i], words))
			check(i)
		} else if q := len(queues[i]); q > 0 {
			j := rnd.IntN(q)
			deliver(i, j)
			if rnd.IntN(8) > 0 { // else it comes again
				queues[i] = append(queues[i][:j], queues[i][j+1:]...)
			}
		}
	}
	for left := true; left; { // cleaning up formatting is an edit that is sent in turn
		left = false
		for i := range queues {
			for len(queues[i]) > 0 {
				left = true
				j := rnd.IntN(len(queues[i]))
				deliver(i, j)
				queues[i] = append(queues[i][:j], queues[i][j+1:]...)
			}
		}
	}
	want, _ := docs[0].EncodeStateAsUpdate(nil)
	for i, d := range docs {
		if got := string(d.EncodeStateVector()); got != string(docs[0].EncodeStateVector()) {
			t.Errorf("replica %d: another state vector", i)
		}
		if astral {
			continue
		}
		for _, root := range []string{"text", "array"} {
			if got, want := string(d.RootJSON(root)), string(docs[0].RootJSON(root)); got != want {
				t.Errorf("replica %d: %s is %s, of replica 0 %s", i, root, got, want)
			}
		}
		if got, want := string(d.Text("text").DeltaJSON()), string(docs[0].Text("text").DeltaJSON()); got != want {
			t.Errorf("replica %d: delta %s, of replica 0 %s", i, got, want)
		}
	}
	reload(t, want, docs[0])
}

// reload checks that a document made of an encoded state is the same document.
func reload(t *testing.T, state []byte, d *crdt.Doc) {
	t.Helper()
	fresh := crdt.New(crdt.Options{KeepDeleted: true})
	if _, err := fresh.ApplyUpdate(state); err != nil {
		t.Fatalf("loading the encoded state: %v", err)
	}
	if err := fresh.Check(); err != nil {
		t.Fatal(err)
	}
	again, err := fresh.EncodeStateAsUpdate(nil)
	if err != nil || string(again) != string(state) {
		t.Errorf("the state encodes differently after loading (%v): %d bytes, were %d", err, len(again), len(state))
	}
	asV2, err := d.EncodeStateAsUpdateV2(nil)
	if err != nil {
		t.Fatal(err)
	}
	// Converting forgets, as in Yjs, the bit that says that an item with an
	// origin has a key; so both are compared after it.
	there, err := crdt.ConvertUpdateV1ToV2(state)
	if err != nil {
		t.Fatal(err)
	}
	one, err := crdt.ConvertUpdateV2ToV1(there)
	if err != nil {
		t.Fatal(err)
	}
	if two, err := crdt.ConvertUpdateV2ToV1(asV2); err != nil || string(one) != string(two) {
		t.Errorf("the state in V2 is another than that in V1 (%v): %d and %d bytes", err, len(two), len(one))
	}
	onlyV2 := crdt.New(crdt.Options{KeepDeleted: true})
	if _, err := onlyV2.ApplyUpdateV2(asV2); err != nil {
		t.Fatal(err)
	}
	if again, err := onlyV2.EncodeStateAsUpdate(nil); err != nil || string(again) != string(state) {
		t.Errorf("the state loaded from V2 encodes differently (%v)", err)
	}
	if known, err := fresh.Knows(state); err != nil || !known {
		t.Errorf("Knows(its own state) = %v, %v", known, err)
	}
	if a, err := fresh.ApplyUpdate(state); err != nil || a.Changed {
		t.Errorf("applying the state again: %+v, %v", a, err)
	}
}

// What waits already is no news when it comes again, whatever the order.
func TestWaitingUpdateTwice(t *testing.T) {
	a, b := crdt.New(crdt.Options{ClientID: 1}), crdt.New(crdt.Options{ClientID: 2})
	insert := func(d *crdt.Doc, i int, s string) []byte {
		u, err := d.Update(func(tx *crdt.Tx) error { return d.Text("t").Insert(tx, i, s) })
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	first := insert(a, 0, "a")
	if _, err := b.ApplyUpdate(first); err != nil {
		t.Fatal(err)
	}
	b0, b1 := insert(b, 1, "b"), insert(b, 2, "c")
	d := crdt.New(crdt.Options{ClientID: 3})
	for i, step := range []struct {
		update           []byte
		changed, waiting bool
	}{{b1, true, true}, {b0, true, true}, {b0, false, false}, {b1, false, false}, {first, true, false}, {b0, false, false}} {
		got, err := d.ApplyUpdate(step.update)
		if err != nil || got.Changed != step.changed || got.Waiting != step.waiting {
			t.Errorf("step %d: %+v, %v, want changed %v, waiting %v", i, got, err, step.changed, step.waiting)
		}
	}
	if got := d.RootString("t"); got != "abc" {
		t.Errorf("text %q, want abc", got)
	}
}
