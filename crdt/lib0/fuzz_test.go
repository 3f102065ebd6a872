package lib0_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/weftsync/weft/crdt/crdttest"
	"github.com/weftsync/weft/crdt/lib0"
)

// A number has one form: what a decoder accepts, the encoder writes back.
func FuzzIntegers(f *testing.F) {
	for _, row := range loadFixture(f).Ints {
		f.Add(unhex(f, row.Hex))
	}
	f.Add([]byte{0x80, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		d := lib0.NewDecoder(in)
		if v, err := d.Uint(); err != nil {
			expectError(t, err, len(in))
		} else if got := lib0.AppendUint(nil, v); !bytes.Equal(got, in[:d.Offset()]) || v > lib0.MaxSafeInteger {
			t.Errorf("Uint(%x) = %d, which is written %x", in, v, got)
		} else if lib0.UintLen(v) != len(got) {
			t.Errorf("UintLen(%d) = %d, want %d", v, lib0.UintLen(v), len(got))
		}

		d = lib0.NewDecoder(in)
		v, negative, err := d.Int()
		if err != nil {
			expectError(t, err, len(in))
			return
		}
		got := lib0.AppendInt(nil, v)
		if v == 0 && negative {
			got = lib0.AppendNegativeZero(nil)
		}
		if !bytes.Equal(got, in[:d.Offset()]) || v > lib0.MaxSafeInteger || v < -lib0.MaxSafeInteger {
			t.Errorf("Int(%x) = %d, %v, which is written %x", in, v, negative, got)
		}
	})
}

func FuzzStrings(f *testing.F) {
	for _, row := range loadFixture(f).Strings {
		f.Add(unhex(f, row.Hex))
	}
	f.Add([]byte("\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, in []byte) {
		d := lib0.NewDecoder(in)
		p, err := d.Bytes()
		if err != nil {
			expectError(t, err, len(in))
			return
		}
		if got := lib0.AppendBytes(nil, p); !bytes.Equal(got, in[:d.Offset()]) {
			t.Errorf("Bytes(%x) = %x, which is written %x", in, p, got)
		}
		d = lib0.NewDecoder(in)
		s, err := d.String()
		if valid := utf8.Valid(p); valid != (err == nil) || valid && s != string(p) {
			t.Errorf("String(%x) = %q, %v; valid UTF-8: %v", in, s, err, valid)
		}
	})
}

// The canonical form of a value is one: it is read as itself, goes over the wire as itself, and is not much longer than
// what it came from. Its JSON is JSON, and means itself.
func FuzzAny(f *testing.F) {
	fixture := loadFixture(f)
	for _, row := range fixture.Anys {
		f.Add(unhex(f, row.Hex))
	}
	for _, row := range fixture.Rewritten {
		f.Add(unhex(f, row.Hex))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		d := lib0.NewDecoder(in)
		var v []byte
		var err error
		expectBounded(t, len(in), func() { v, err = lib0.CanonicalAny(nil, &d) })
		if err != nil {
			expectError(t, err, len(in))
			return
		}
		if len(v) > 2*len(in) {
			t.Errorf("CanonicalAny made %d bytes of %d", len(v), len(in))
		}
		if n := lib0.SkipAny(v); n != len(v) {
			t.Errorf("SkipAny(%x) = %d, want %d", v, n, len(v))
		}
		again := lib0.NewDecoder(v)
		if w, err := lib0.CanonicalAny(nil, &again); err != nil || !bytes.Equal(w, v) {
			t.Errorf("CanonicalAny(%x) = %x, whose own is %x, %v", in, v, w, err)
		}
		if w := lib0.AppendWireAny(nil, v); !bytes.Equal(w, v) {
			t.Errorf("AppendWireAny(%x) = %x", v, w)
		}
		if text, ok := lib0.AppendJSON(nil, v); ok {
			expectStableJSON(t, text)
		}
	})
}

// JSON is accepted exactly when encoding/json accepts it and it is not too deep, and writing what was read is stable.
func FuzzJSON(f *testing.F) {
	for _, row := range loadFixture(f).Parsed {
		f.Add([]byte(row.Text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) {
			return // callers check that first, as JavaScript's strings cannot hold such
		}
		var v []byte
		var err error
		expectBounded(t, len(text), func() { v, err = lib0.AnyFromJSON(nil, text) })
		want := json.Valid(text) && depth(text) <= lib0.MaxDepth
		if want != (err == nil) {
			t.Errorf("AnyFromJSON(%q): %v, want accepted: %v", text, err, want)
		}
		if err != nil {
			expectError(t, err, len(text))
			return
		}
		out, ok := lib0.AppendJSON(nil, v)
		if !ok {
			t.Fatalf("AnyFromJSON(%q) = %x, which has no JSON", text, v)
		}
		expectStableJSON(t, out)
		wire := lib0.AppendWireAny(nil, v)
		d := lib0.NewDecoder(wire)
		if w, err := lib0.CanonicalAny(nil, &d); err != nil || d.Len() != 0 {
			t.Errorf("AnyFromJSON(%q) goes over the wire as %x, which is read as %x, %v", text, wire, w, err)
		}
	})
}

// expectError fails unless err is an *Error with an offset inside the input.
func expectError(t testing.TB, err error, inputLen int) {
	t.Helper()
	var at *lib0.Error
	if !errors.As(err, &at) || at.Offset < 0 || at.Offset > inputLen || at.Reason == "" {
		t.Errorf("got error %v, want an *Error with a reason and an offset from 0 to %d", err, inputLen)
	}
}

// expectStableJSON fails unless text is JSON that is written again just so.
func expectStableJSON(t testing.TB, text []byte) {
	t.Helper()
	if !json.Valid(text) || !utf8.Valid(text) {
		t.Errorf("%q is no JSON", text)
		return
	}
	v, err := lib0.AnyFromJSON(nil, text)
	if err != nil {
		t.Errorf("AnyFromJSON(%q): %v", text, err)
		return
	}
	if again, ok := lib0.AppendJSON(nil, v); !ok || !bytes.Equal(again, text) {
		t.Errorf("%q is written again as %q", text, again)
	}
}

// depth returns how deep the brackets of a valid JSON text nest.
func depth(text []byte) int {
	deepest, open, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '[' || c == '{'):
			open++
			deepest = max(deepest, open)
		case !quoted && (c == ']' || c == '}'):
			open--
		}
	}
	return deepest
}

// expectBounded fails if f, which handles n bytes, allocates more than they account for. An object may be rewritten at
// each of the levels to which it nests.
func expectBounded(t testing.TB, n int, f func()) {
	t.Helper()
	if got, most := crdttest.Allocated(f), uint64(400*n+128<<10); got > most {
		t.Errorf("%d bytes allocate %d, want at most %d", n, got, most)
	}
}
