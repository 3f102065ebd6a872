package crdt_test

import (
	"bytes"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
)

// Inputs whose handling once cost the square of their length. They are as long
// as that with this many structs the square is minutes, and the line is not felt.
const hostileStructs = 100_000

// apart is an update of n structs of client 5, one operation each.
func apart(n int) []byte {
	u := append(lib0.AppendUint([]byte{1}, uint64(n)), 5, 0)
	for i := range n {
		u = append(u, 4, 1, 1, 'a'+byte(i%2), 1, 'x')
	}
	return append(u, 0)
}

// Ranges of a delete set that overlap are walked once.
func TestOverlappingDeletes(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	if _, err := d.ApplyUpdate(apart(hostileStructs)); err != nil {
		t.Fatal(err)
	}
	deletes := lib0.AppendUint([]byte{0, 1, 5}, hostileStructs)
	for range hostileStructs {
		deletes = lib0.AppendUint(append(deletes, 0), hostileStructs)
	}
	for _, want := range []bool{true, false} {
		if known, err := d.Knows(deletes); err != nil || known == want {
			t.Errorf("Knows = %v, %v, want %v", known, err, !want)
		}
		if got, err := d.ApplyUpdate(deletes); err != nil || got.Changed != want || got.Waiting {
			t.Errorf("applied: %+v, %v, want changed %v", got, err, want)
		}
	}
	if got := d.RootLen("a") + d.RootLen("b"); got != 0 {
		t.Errorf("%d operations are left, want none", got)
	}
}

// Ranges that wait and come in descending order are sorted, not inserted.
func TestDescendingDeletesThatWait(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	deletes := lib0.AppendUint([]byte{0, 1, 5}, hostileStructs)
	for i := hostileStructs; i > 0; i-- {
		deletes = append(lib0.AppendUint(deletes, uint64(3*i)), 1)
	}
	if got, err := d.ApplyUpdate(deletes); err != nil || !got.Waiting {
		t.Errorf("applied: %+v, %v, want waiting", got, err)
	}
}

// chain is an update of n clients with one struct each, each of which names
// that of the next client; the last one names nothing if it is complete.
func chain(n int, complete bool) []byte {
	u := lib0.AppendUint(nil, uint64(n))
	for i := range n {
		u = append(lib0.AppendUint(append(u, 1), uint64(10+i)), 0)
		if i < n-1 || !complete {
			u = append(lib0.AppendUint(append(u, 0x84), uint64(11+i)), 0, 1, 'x')
		} else {
			u = append(u, 4, 1, 1, 't', 1, 'x')
		}
	}
	return append(u, 0)
}

// What would wait is counted in one pass, and exactly.
func TestCountingWhatWouldWait(t *testing.T) {
	limits := crdt.Limits{PendingStructs: hostileStructs - 1}
	tests := []struct {
		name   string
		update []byte
		length int // of the root, 0 if the update is refused
	}{
		{"a chain that is complete", chain(hostileStructs, true), hostileStructs},
		{"a chain without an end", chain(hostileStructs, false), 0},
		{"a chain within the limit", chain(hostileStructs-1, false), 0},
	}
	for i, tt := range tests {
		d := crdt.New(crdt.Options{ClientID: 1, Limits: limits})
		_, err := d.ApplyUpdate(tt.update)
		if refused := i == 1; (err != nil) != refused {
			t.Errorf("%s: %v, want refused %v", tt.name, err, refused)
		}
		if got := d.RootLen("t"); got != tt.length {
			t.Errorf("%s: length %d, want %d", tt.name, got, tt.length)
		}
	}
}

// repeatedKey is a V2 update of n XML elements that share one name, which
// stands in it once.
func repeatedKey(n, nameLen int) []byte {
	var keys, lefts, rights lib0.IntDiffRLE
	var clients, types, lens lib0.UintRLE
	var infos, parents lib0.BytesRLE
	var texts lib0.Strings
	clients.Write(5)
	for i := range n {
		infos.Write(7)
		parents.Write(1)
		texts.Write(nil, 0) // the root's name
		types.Write(uint64(crdt.KindXMLElement))
		keys.Write(0)
		if i == 0 {
			texts.Write(bytes.Repeat([]byte{'k'}, nameLen), nameLen)
		}
	}
	u := []byte{0}
	for _, column := range []interface{ Append([]byte) []byte }{
		&keys, &clients, &lefts, &rights, &infos, &texts, &parents, &types, &lens,
	} {
		u = column.Append(u)
	}
	u = append(lib0.AppendUint(append(u, 1), uint64(n)), 0)
	return append(u, 0)
}

// A key that V2 names again takes no bytes of the input, and as many in V1 as
// it is long.
func TestRepeatedKeysAreBounded(t *testing.T) {
	few := repeatedKey(10, 100)
	if v1, err := crdt.ConvertUpdateV2ToV1(few); err != nil || len(v1) < 1000 {
		t.Fatalf("10 elements of one name: %d bytes, %v", len(v1), err)
	}
	many := repeatedKey(hostileStructs, 10_000) // a gigabyte in V1
	for name, f := range map[string]func() error{
		"converting": func() error { _, err := crdt.ConvertUpdateV2ToV1(many); return err },
		"applying": func() error {
			_, err := crdt.New(crdt.Options{ClientID: 1}).ApplyUpdateV2(many)
			return err
		},
		"merging": func() error { _, err := crdt.MergeUpdatesV2(few, many); return err },
	} {
		expectAllocates(t, name, 64<<20, func() {
			if err := f(); err == nil {
				t.Errorf("%s: not refused", name)
			}
		})
	}
}
