package crdt_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// TestMoreStructsThanOneUpdateMayHold gives a state of that size to the functions that work without a document, which keep
// no structs, to a document with default limits, and to one whose own state it is.
func TestMoreStructsThanOneUpdateMayHold(t *testing.T) {
	const n = 1_000_001
	var state raw
	state = state.uint(1, n, 7, 0).bytes(4, 1, 1, 't', 1, 'x') // text "t", and after it one letter after another
	for clock := range uint64(n - 1) {
		state = state.bytes(0x84).uint(7, clock).bytes(1, 'x')
	}
	state = state.bytes(0)

	if err := crdt.ValidateUpdate(state); err != nil {
		t.Errorf("validate: %v", err)
	}
	if vector, err := crdt.StateVectorFromUpdate(state); err != nil || !bytes.Equal(vector, raw(nil).uint(1, 7, n)) {
		t.Errorf("state vector: %x, %v", vector, err)
	}
	merged, err := crdt.MergeUpdates(state, raw(nil).bytes(0, 0))
	if err != nil || len(merged) == 0 {
		t.Errorf("merge: %d bytes, %v", len(merged), err)
	}
	v2, err := crdt.ConvertUpdateV1ToV2(state)
	if err != nil {
		t.Errorf("convert: %v", err)
	}

	peer := crdt.New(crdt.Options{})
	if _, err := peer.ApplyUpdate(state); err == nil || !strings.Contains(err.Error(), "more than 1000000 structs") {
		t.Errorf("apply with default limits: got %v, want a refusal", err)
	}
	own := crdt.New(crdt.Options{Limits: crdt.Limits{Structs: n}})
	if _, err := own.ApplyUpdateV2(v2); err != nil {
		t.Fatal(err)
	}
	if got := own.Text("t").Len(); got != n {
		t.Errorf("%d letters, want %d", got, n)
	}
	own.SetLimits(crdt.Limits{})
	if _, err := own.ApplyUpdate(state); err == nil || !strings.Contains(err.Error(), "more than 1000000 structs") {
		t.Errorf("apply with the limits set back: got %v, want a refusal", err)
	}
}

// TestClientsAreCounted: an update may tell of so many clients and not of one more, wherever it tells of them, also where
// it says the same one again and again.
func TestClientsAreCounted(t *testing.T) {
	const most = 1_000_000
	of := func(origins uint64) raw {
		structs := 2 * origins
		u := make(raw, 0, 32*origins).uint(1, structs, 5, 0)
		for n := range structs { // each origin is also that of the next, on the right
			u = u.bytes(left|right|str).uint(6+(n+1)/2%origins, n, 6+n/2, n).bytes(1, 'x')
		}
		return u.bytes(0)
	}
	for origins, want := range map[uint64]string{most - 1: "", most: "more than 1000000 clients"} {
		update := of(origins)
		for name, read := range map[string]func([]byte) error{
			"validate": crdt.ValidateUpdate,
			"index":    errorOf(crdt.IndexUpdate),
			"merge":    func(u []byte) error { _, err := crdt.MergeUpdates(u, raw{0, 0}); return err },
		} {
			if err := read(update); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %d origins: got %v, want %q", name, origins, err, want)
			}
		}
	}
}
