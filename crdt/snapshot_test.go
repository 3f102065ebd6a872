package crdt_test

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// do runs one transaction and returns its update.
func do(t testing.TB, d *crdt.Doc, fn func(tx *crdt.Tx) error) []byte {
	t.Helper()
	update, err := d.Update(fn)
	if err != nil {
		t.Fatal(err)
	}
	return update
}

func newSnapshot(t testing.TB, vector string, deleted ...crdt.IDRange) crdt.Snapshot {
	t.Helper()
	sv, err := hex.DecodeString(vector)
	if err != nil {
		t.Fatal(err)
	}
	s, err := crdt.NewSnapshot(sv, deleted)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSnapshotEncode(t *testing.T) {
	for _, tt := range []struct {
		name   string
		s      crdt.Snapshot
		v1, v2 string
	}{
		{"empty", crdt.Snapshot{}, "0000", "0000"},
		{"state only", newSnapshot(t, "0205010203"), "000205010203", "000205010203"},
		{"client at 0", newSnapshot(t, "010500"), "00010500", "00010500"},
		{"deletes", newSnapshot(t, "01050a", crdt.IDRange{5, 1, 2}, crdt.IDRange{5, 6, 1}), "01050201020601" + "01050a", "01050201010300" + "01050a"},
		{"clients descend", newSnapshot(t, "0201020902", crdt.IDRange{1, 0, 1}, crdt.IDRange{9, 0, 1}), "0209010001010100010209020102", "0209010000010100000209020102"},
		{"unsorted and overlapping", newSnapshot(t, "", crdt.IDRange{5, 6, 2}, crdt.IDRange{5, 1, 2}, crdt.IDRange{5, 3, 4}), "010501010700", "010501010600"},
		{"touching", newSnapshot(t, "", crdt.IDRange{5, 1, 2}, crdt.IDRange{5, 3, 1}), "010501010300", "010501010200"},
		{"nothing deleted", newSnapshot(t, "", crdt.IDRange{5, 1, 0}), "0000", "0000"},
	} {
		if got := hex.EncodeToString(tt.s.Encode()); got != tt.v1 {
			t.Errorf("%s: V1 is %s, want %s", tt.name, got, tt.v1)
		}
		if got := hex.EncodeToString(tt.s.EncodeV2()); got != tt.v2 {
			t.Errorf("%s: V2 is %s, want %s", tt.name, got, tt.v2)
		}
		for f, s := range map[string]func() (crdt.Snapshot, error){
			"V1": func() (crdt.Snapshot, error) { return crdt.DecodeSnapshot(tt.s.Encode()) },
			"V2": func() (crdt.Snapshot, error) { return crdt.DecodeSnapshotV2(tt.s.EncodeV2()) },
		} {
			if got, err := s(); err != nil || !got.Equal(tt.s) {
				t.Errorf("%s: %s reads back as %v, %v", tt.name, f, got, err)
			}
		}
	}
}

// TestDecodeSnapshot lists how snapshots that no document has are read. Those
// marked stricter Yjs reads otherwise; the others it writes again as here.
func TestDecodeSnapshot(t *testing.T) {
	for _, tt := range []struct {
		name, in, out string
	}{
		{"clients ascend", "020101000109010001" + "0201020902", "0209010001010100010209020102"},
		{"client without ranges", "010500" + "00", "0000"},
		{"client at clock 0", "00010500", "00010500"},
		{"a client twice in the state vector: the last counts", "000205010503", "00010503"},
		{"a client twice in the delete set: its ranges add up", "0205010001" + "05010201" + "00", "01050200010201" + "00"},
		{"touching ranges stay", "01050200010101" + "00", "01050200010101" + "00"},
		{"stricter: overlapping ranges are joined", "01050200030101" + "00", "010501000300"},
		{"stricter: unsorted ranges are sorted", "01050204010001" + "00", "01050200010401" + "00"},
	} {
		in, err := hex.DecodeString(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		s, err := crdt.DecodeSnapshot(in)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := hex.EncodeToString(s.Encode()); got != tt.out {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.out)
		}
	}
}

// TestDecodeSnapshotRefuses lists what is refused. Yjs fails on what ends too
// early and accepts the rest.
func TestDecodeSnapshotRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		v2       bool
		offset   int
	}{
		{"nothing", "", false, 0},
		{"no state vector", "00", false, 1},
		{"trailing bytes", "000000", false, 2},
		{"too many clients in the delete set", "ffffff0f00", false, 4},
		{"too many ranges", "0105ffffff0f00", false, 2},
		{"too many clients", "00ffffff0f00", false, 1},
		{"cut range", "01050101", false, 2},
		{"range of length 0", "01050101000000", false, 3},
		{"range beyond 2^32-1", "010501ffffffff0f0100", false, 3},
		{"range beyond 2^32-1 in V2", "010502feffffff0f000000" + "00", true, 9},
		{"clock beyond 2^32-1", "00010580808080800100", false, 3},
		{"number longer than needed", "8000" + "00", false, 0},
	} {
		in, err := hex.DecodeString(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		decode := crdt.DecodeSnapshot
		if tt.v2 {
			decode = crdt.DecodeSnapshotV2
		}
		s, err := decode(in)
		var refused *crdt.UpdateError
		if !errors.As(err, &refused) || refused.Offset != tt.offset || !s.Equal(crdt.Snapshot{}) {
			t.Errorf("%s: %v, %v, want a refusal at offset %d", tt.name, s, err, tt.offset)
		}
	}
}

func TestNewSnapshotRefuses(t *testing.T) {
	var refused *crdt.UpdateError
	if _, err := crdt.NewSnapshot([]byte{1}, nil); !errors.As(err, &refused) {
		t.Errorf("half a state vector: %v", err)
	}
	if _, err := crdt.NewSnapshot([]byte{0, 0}, nil); !errors.As(err, &refused) {
		t.Errorf("trailing bytes: %v", err)
	}
	for _, r := range []crdt.IDRange{{1, 1 << 32, 1}, {1, 1<<32 - 1, 1}, {1, 1, 1<<64 - 1}} {
		if _, err := crdt.NewSnapshot(nil, []crdt.IDRange{r}); err == nil {
			t.Errorf("range %v was accepted", r)
		}
	}
}

func TestSnapshotContainsUpdate(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	text := d.Text("t")
	empty := d.Snapshot()
	insert := do(t, d, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "abc") })
	inserted := d.Snapshot()
	remove := do(t, d, func(tx *crdt.Tx) error { return text.Delete(tx, 1, 1) })
	removed := d.Snapshot()
	whole, err := d.EncodeStateAsUpdate(nil)
	if err != nil {
		t.Fatal(err)
	}
	skip := []byte{1, 1, 1, 0, 10, 3, 0} // a gap of three
	for _, tt := range []struct {
		name   string
		s      crdt.Snapshot
		update []byte
		want   bool
	}{
		{"nothing in nothing", empty, []byte{0, 0}, true},
		{"an insertion before it", empty, insert, false},
		{"an insertion after it", inserted, insert, true},
		{"a deletion before it", inserted, remove, false},
		{"a deletion after it", removed, remove, true},
		{"the state before", inserted, whole, false},
		{"the state after", removed, whole, true},
		{"a gap that is not known", empty, skip, false},
		{"a gap that is known", inserted, skip, true},
	} {
		if got, err := tt.s.ContainsUpdate(tt.update); got != tt.want || err != nil {
			t.Errorf("%s: %v, %v, want %v", tt.name, got, err, tt.want)
		}
		v2, err := crdt.ConvertUpdateV1ToV2(tt.update)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tt.s.ContainsUpdateV2(v2); got != tt.want || err != nil {
			t.Errorf("%s in V2: %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
	var refused *crdt.UpdateError
	if _, err := removed.ContainsUpdate(whole[:3]); !errors.As(err, &refused) {
		t.Errorf("half an update: %v", err)
	}
}
