package crdt_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// refusal returns why an error refuses an input, nil if it is none.
func refusal(t testing.TB, err error) *crdt.UpdateError {
	t.Helper()
	var refused *crdt.UpdateError
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("error is a %T: %v", err, err)
	}
	return refused
}

// sameRefusals checks that everything that reads an update without a document
// refuses it exactly if a document does: at the same offset for the same reason.
func sameRefusals(t *testing.T, update []byte) {
	t.Helper()
	for _, f := range []struct {
		name  string
		apply func(*crdt.Doc, []byte, ...crdt.TxOption) (crdt.Applied, error)
		tools map[string]func([]byte) error
	}{
		{"V1", (*crdt.Doc).ApplyUpdate, map[string]func([]byte) error{
			"validate":     crdt.ValidateUpdate,
			"state vector": errorOf(crdt.StateVectorFromUpdate),
			"meta":         errorOf(crdt.ParseUpdateMeta),
			"contents":     errorOf(crdt.ContentsOfUpdate),
			"index":        errorOf(crdt.IndexUpdate),
			"convert":      errorOf(crdt.ConvertUpdateV1ToV2),
			"diff":         func(u []byte) error { _, err := crdt.DiffUpdate(u, nil); return err },
			"merge":        func(u []byte) error { _, err := crdt.MergeUpdates([]byte{0, 0}, u); return err },
		}},
		{"V2", (*crdt.Doc).ApplyUpdateV2, map[string]func([]byte) error{
			"validate":     crdt.ValidateUpdateV2,
			"state vector": errorOf(crdt.StateVectorFromUpdateV2),
			"meta":         errorOf(crdt.ParseUpdateMetaV2),
			"contents":     errorOf(crdt.ContentsOfUpdateV2),
			"convert":      errorOf(crdt.ConvertUpdateV2ToV1),
			"diff":         func(u []byte) error { _, err := crdt.DiffUpdateV2(u, nil); return err },
			"merge":        func(u []byte) error { _, err := crdt.MergeUpdatesV2(u, u); return err },
		}},
	} {
		_, err := f.apply(unbounded(9), update)
		want := refusal(t, err)
		for name, tool := range f.tools {
			got := refusal(t, tool(update))
			if (got == nil) != (want == nil) || got != nil && *got != *want {
				t.Fatalf("%x: to %s in %s gives %v, to apply %v", update, name, f.name, got, want)
			}
		}
	}
}

func errorOf[T any](read func([]byte) (T, error)) func([]byte) error {
	return func(u []byte) error { _, err := read(u); return err }
}

// What a document refuses, nothing accepts that works without one.
func TestRefusedAlikeWithoutADocument(t *testing.T) {
	data, err := os.ReadFile("testdata/fixtures/malformed.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []malformedInput
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if m.Sample == "" {
			sameRefusals(t, m.bytes(t))
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	_, updates := base(t)
	for _, u := range updates {
		v2, err := crdt.ConvertUpdateV1ToV2(u)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			sameRefusals(t, mutate(rnd, u))
			sameRefusals(t, mutate(rnd, v2))
		}
	}
}

// mutate returns a copy of an update with a few bytes changed, lost or gained.
func mutate(rnd *rand.Rand, u []byte) []byte {
	u = append([]byte(nil), u...)
	for range 1 + rnd.IntN(3) {
		i := rnd.IntN(len(u))
		switch rnd.IntN(4) {
		case 0:
			u[i] = byte(rnd.IntN(256))
		case 1:
			u[i] ^= 1 << rnd.IntN(8)
		case 2:
			if len(u) > 2 {
				u = append(u[:i], u[i+1:]...)
			}
		case 3:
			u = append(u[:i], append([]byte{byte(rnd.IntN(12))}, u[i:]...)...)
		}
	}
	return u
}
