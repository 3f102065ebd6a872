package lib0_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/weftsync/weft/crdt/lib0"
)

// fixture is testdata/lib0.json, which web/fixtures/lib0.mjs wrote with lib0 0.2.120.
type fixture struct {
	Uints   []struct{ Value, Hex string }
	Ints    []struct{ Value, Hex string }
	Strings []struct {
		JSON string // the string as JavaScript held it
		Hex  string
	}
	Anys []struct {
		Hex  string
		JSON *string // nil: JSON.stringify had no answer
	}
	Rewritten []struct{ Hex, Canonical string } // read by lib0 and written again
	Parsed    []struct {
		Text string
		Hex  string // empty: JSON.parse refused
		JSON string
	}
	Doubles []struct{ Bits, Text string }
	Columns []struct {
		Coder  string
		Values []json.RawMessage // what was written
		Hex    string
		Read   []json.RawMessage // what lib0 read from it
	}
}

func TestUintAsLib0(t *testing.T) {
	for _, row := range loadFixture(t).Uints {
		want := unhex(t, row.Hex)
		v, err := strconv.ParseUint(row.Value, 10, 64)
		if err != nil {
			t.Fatalf("fixture: %v", err)
		}
		if got := lib0.AppendUint(nil, v); !bytes.Equal(got, want) {
			t.Errorf("AppendUint(%d) = %x, want %x", v, got, want)
		}
		if got := lib0.UintLen(v); got != len(want) {
			t.Errorf("UintLen(%d) = %d, want %d", v, got, len(want))
		}
		d := lib0.NewDecoder(want)
		if got, err := d.Uint(); err != nil || got != v || d.Len() != 0 {
			t.Errorf("Uint(%x) = %d, %v with %d bytes left, want %d", want, got, err, d.Len(), v)
		}
	}
}

func TestIntAsLib0(t *testing.T) {
	for _, row := range loadFixture(t).Ints {
		want := unhex(t, row.Hex)
		v, err := strconv.ParseInt(row.Value, 10, 64)
		if err != nil {
			t.Fatalf("fixture: %v", err)
		}
		negative := row.Value[0] == '-'
		got := lib0.AppendInt(nil, v)
		if v == 0 && negative {
			got = lib0.AppendNegativeZero(nil)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("AppendInt(%s) = %x, want %x", row.Value, got, want)
		}
		d := lib0.NewDecoder(want)
		if got, neg, err := d.Int(); err != nil || got != v || neg != negative || d.Len() != 0 {
			t.Errorf("Int(%x) = %d, %v, %v with %d bytes left, want %s", want, got, neg, err, d.Len(), row.Value)
		}
	}
}

func TestStringAsLib0(t *testing.T) {
	for _, row := range loadFixture(t).Strings {
		want := unhex(t, row.Hex)
		held, err := lib0.AnyFromJSON(nil, []byte(row.JSON))
		if err != nil {
			t.Fatalf("AnyFromJSON(%s): %v", row.JSON, err)
		}
		wire := lib0.AppendWireAny(nil, held)
		if !bytes.Equal(wire[1:], want) {
			t.Errorf("%s on the wire = %x, want %x", row.JSON, wire[1:], want)
		}
		d := lib0.NewDecoder(want)
		s, err := d.String()
		if err != nil || d.Len() != 0 {
			t.Errorf("String(%x): %v with %d bytes left", want, err, d.Len())
		}
		if got := lib0.AppendString(nil, s); !bytes.Equal(got, want) {
			t.Errorf("AppendString(%q) = %x, want %x", s, got, want)
		}
	}
}

func TestAnyAsLib0(t *testing.T) {
	for _, row := range loadFixture(t).Anys {
		want := unhex(t, row.Hex)
		d := lib0.NewDecoder(want)
		got, err := lib0.CanonicalAny([]byte("before"), &d)
		if err != nil || d.Len() != 0 || !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Errorf("CanonicalAny(%x) = %x, %v with %d bytes left, want the same", want, got, err, d.Len())
			continue
		}
		if got := lib0.AppendWireAny(nil, want); !bytes.Equal(got, want) {
			t.Errorf("AppendWireAny(%x) = %x, want the same", want, got)
		}
		if got := lib0.SkipAny(append(want[:len(want):len(want)], 1, 2, 3)); got != len(want) {
			t.Errorf("SkipAny(%x) = %d, want %d", want, got, len(want))
		}
		text, ok := lib0.AppendJSON([]byte("before"), want)
		switch {
		case row.JSON == nil && (ok || string(text) != "before"):
			t.Errorf("AppendJSON(%x) = %q, %v, want nothing", want, text, ok)
		case row.JSON != nil && (!ok || string(text) != "before"+*row.JSON):
			t.Errorf("AppendJSON(%x) = %q, %v, want %q", want, text, ok, *row.JSON)
		}
	}
}

func TestAnyIsRewrittenAsLib0(t *testing.T) {
	for _, row := range loadFixture(t).Rewritten {
		in, want := unhex(t, row.Hex), unhex(t, row.Canonical)
		d := lib0.NewDecoder(in)
		got, err := lib0.CanonicalAny(nil, &d)
		if err != nil || d.Len() != 0 || !bytes.Equal(got, want) {
			t.Errorf("CanonicalAny(%x) = %x, %v with %d bytes left, want %x", in, got, err, d.Len(), want)
		}
	}
}

func TestJSONAsJavaScript(t *testing.T) {
	for _, row := range loadFixture(t).Parsed {
		got, err := lib0.AnyFromJSON([]byte("before"), []byte(row.Text))
		if row.Hex == "" {
			if err == nil || string(got) != "before" {
				t.Errorf("AnyFromJSON(%q) = %x, %v, want an error and nothing appended", row.Text, got, err)
			}
			continue
		}
		if err != nil || !bytes.HasPrefix(got, []byte("before")) {
			t.Errorf("AnyFromJSON(%q) = %x, %v", row.Text, got, err)
			continue
		}
		got = got[len("before"):]
		if want := unhex(t, row.Hex); !bytes.Equal(lib0.AppendWireAny(nil, got), want) {
			t.Errorf("AnyFromJSON(%q) = %x, on the wire %x, want %x", row.Text, got, lib0.AppendWireAny(nil, got), want)
		}
		if text, ok := lib0.AppendJSON(nil, got); !ok || string(text) != row.JSON {
			t.Errorf("AppendJSON(AnyFromJSON(%q)) = %q, %v, want %q", row.Text, text, ok, row.JSON)
		}
	}
}

func TestNumberTextAsJavaScript(t *testing.T) {
	for _, row := range loadFixture(t).Doubles {
		bits, err := strconv.ParseUint(row.Bits, 16, 64)
		if err != nil {
			t.Fatalf("fixture: %v", err)
		}
		f := math.Float64frombits(bits)
		if got := lib0.AppendNumberText(nil, f); string(got) != row.Text {
			t.Errorf("AppendNumberText(%s) = %s, want %s", row.Bits, got, row.Text)
		}
		want := row.Text
		if math.IsNaN(f) || math.IsInf(f, 0) {
			want = "null"
		}
		if got := lib0.AppendJSONNumber(nil, f); string(got) != want {
			t.Errorf("AppendJSONNumber(%s) = %s, want %s", row.Bits, got, want)
		}
	}
}

// loadFixture reads the fixture and fails if a part of it is missing, for then a test would pass on nothing.
func loadFixture(t testing.TB) fixture {
	t.Helper()
	data, err := os.ReadFile("testdata/lib0.json")
	if err != nil {
		t.Fatalf("read fixture: %v", err)
	}
	var f fixture
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatalf("decode fixture: %v", err)
	}
	for _, n := range []int{len(f.Uints), len(f.Ints), len(f.Strings), len(f.Anys), len(f.Rewritten), len(f.Parsed), len(f.Doubles), len(f.Columns)} {
		if n < 20 {
			t.Fatalf("a part of the fixture has %d rows", n)
		}
	}
	return f
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatalf("decode hex %q: %v", s, err)
	}
	return b
}
