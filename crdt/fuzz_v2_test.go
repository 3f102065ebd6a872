package crdt_test

import (
	"bytes"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
)

// A V2 update is accepted if and only if it converts to a V1 update, and does
// to a document what that does.
func FuzzApplyUpdateV2(f *testing.F) {
	_, updates := base(f)
	for _, u := range updates {
		f.Add(inV2(f, u))
	}
	half := halfOf(f, updates)
	f.Fuzz(func(t *testing.T, update []byte) { applyV2(t, half, update) })
}

// columnsV2 is how many columns a V2 update has.
const columnsV2 = 9

// The columns of a V2 update one by one, so that a change of one leaves the
// others where they are.
func FuzzColumnsV2(f *testing.F) {
	_, updates := base(f)
	for _, u := range append(updates, halfOf(f, updates)) {
		d := lib0.NewDecoder(inV2(f, u)[1:])
		var c [columnsV2][]byte
		for i := range c {
			var err error
			if c[i], err = d.Bytes(); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], d.Rest())
	}
	half := halfOf(f, updates)
	f.Fuzz(func(t *testing.T, keys, clients, lefts, rights, infos, texts, parents, types, lens, rest []byte) {
		update := []byte{0}
		for _, column := range [columnsV2][]byte{keys, clients, lefts, rights, infos, texts, parents, types, lens} {
			update = lib0.AppendBytes(update, column)
		}
		applyV2(t, half, append(update, rest...))
	})
}

func inV2(t testing.TB, update []byte) []byte {
	t.Helper()
	v2, err := crdt.ConvertUpdateV1ToV2(update)
	if err != nil {
		t.Fatal(err)
	}
	return v2
}

// halfOf merges the first half of the updates.
func halfOf(t testing.TB, updates [][]byte) []byte {
	t.Helper()
	half, err := crdt.MergeUpdates(updates[:len(updates)/2]...)
	if err != nil {
		t.Fatal(err)
	}
	return half
}

// fuzzLimits bound what a few bytes of V2 can claim, so that no input is slow.
var fuzzLimits = func() crdt.Limits { l := noStateLimits; l.Structs = 2000; return l }()

func applyV2(t *testing.T, half, update []byte) {
	one, two := newVictim(t, fuzzLimits, half), newVictim(t, fuzzLimits, half)
	err := one.expect("applying", claimedV2, update, func() error {
		_, err := one.doc.ApplyUpdateV2(update)
		return err
	})
	if err != nil {
		return // or convert what claims a million structs
	}
	var v1 []byte
	expectAllocates(t, "converting", claimedV2(len(update)), func() { v1, err = crdt.ConvertUpdateV2ToV1(update) })
	if err != nil {
		t.Fatalf("converting what was applied: %v", err)
	}
	if _, err := two.doc.ApplyUpdate(v1); err != nil {
		t.Fatalf("the converted update is refused: %v", err)
	}
	if a, b := encoded(t, one.doc), encoded(t, two.doc); !bytes.Equal(a, b) {
		t.Fatalf("V2 gives a state of %d bytes, the same in V1 one of %d", len(a), len(b))
	}
	expectAllocates(t, "merging", 3*claimedV2(len(update)), func() { _, err = crdt.MergeUpdatesV2(update, update) })
	if err != nil {
		t.Fatalf("merging what was applied: %v", err)
	}
}

// claimedV2 is what an update of n bytes may allocate: all structs and all
// repeated keys that the limits allow may stand in a few bytes.
func claimedV2(n int) uint64 {
	return uint64(allocPerByte*n + allocBase + 1200*fuzzLimits.Structs)
}
