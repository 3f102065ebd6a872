package lib0_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/weftsync/weft/crdt/lib0"
)

// column writes and reads one kind of list. Values are numbers in decimal, or strings in WTF-8.
type column struct {
	write func(values [][]byte) []byte               // with the length in front
	read  func(d lib0.Decoder, n int) ([]any, error) // n values, or those before the error
}

var columns = map[string]column{
	"bytes": {
		func(values [][]byte) []byte {
			var e lib0.BytesRLE
			for _, v := range values {
				e.Write(byte(number(v)))
			}
			return e.Append(nil)
		},
		func(d lib0.Decoder, n int) ([]any, error) {
			c := lib0.BytesRLEDecoder{Decoder: d}
			return readColumn(n, c.Read)
		},
	},
	"uints": {
		func(values [][]byte) []byte {
			var e lib0.UintRLE
			for _, v := range values {
				e.Write(uint64(number(v)))
			}
			return e.Append(nil)
		},
		func(d lib0.Decoder, n int) ([]any, error) {
			c := lib0.UintRLEDecoder{Decoder: d}
			return readColumn(n, c.Read)
		},
	},
	"ints": {
		func(values [][]byte) []byte {
			var e lib0.IntDiffRLE
			for _, v := range values {
				e.Write(number(v))
			}
			return e.Append(nil)
		},
		func(d lib0.Decoder, n int) ([]any, error) {
			c := lib0.IntDiffRLEDecoder{Decoder: d}
			return readColumn(n, c.Read)
		},
	},
	"strings": {
		func(values [][]byte) []byte {
			var e lib0.Strings
			for _, v := range values {
				e.Write(v, lib0.UnitLen(v))
			}
			return e.Append(nil)
		},
		func(d lib0.Decoder, n int) ([]any, error) {
			c, err := lib0.NewStringsDecoder(d)
			if err != nil {
				return nil, err
			}
			return readColumn(n, func() (string, error) { s, err := c.Read(); return string(s), err })
		},
	},
}

// readColumn reads n values, or those before an error.
func readColumn[V any](n int, read func() (V, error)) ([]any, error) {
	values := make([]any, 0, n)
	for range n {
		v, err := read()
		if err != nil {
			return values, err
		}
		values = append(values, v)
	}
	return values, nil
}

func TestColumnsAsLib0(t *testing.T) {
	for _, row := range loadFixture(t).Columns {
		c, want := columns[row.Coder], unhex(t, row.Hex)
		var values, read [][]byte
		for i := range row.Values {
			values = append(values, plain(t, row.Values[i]))
			read = append(read, plain(t, row.Read[i]))
		}
		got := c.write(values)
		if !bytes.Equal(got, lib0.AppendBytes(nil, want)) {
			t.Errorf("%s %.80s is written %x, want the length and %x", row.Coder, values, got, want)
			continue
		}
		d := lib0.NewDecoder(append(got, "behind"...))
		sub, err := d.Sub()
		if err != nil || string(d.Rest()) != "behind" || sub.Len() != len(want) {
			t.Fatalf("%s: Sub: %v, %d bytes in it and %q behind", row.Coder, err, sub.Len(), d.Rest())
		}
		back, err := c.read(sub, len(read))
		if err != nil || fmt.Sprint(back) != fmt.Sprint(texts(read)) {
			t.Errorf("%s %x is read as %.80q, %v, want %.80q", row.Coder, want, back, err, read)
		}
	}
}

// The decoders name the place in the input that the column is part of.
func TestColumnErrors(t *testing.T) {
	tests := []struct {
		coder, input string
		n            int // how many can be read before
		offset       int
		reason       string
	}{
		{"bytes", "", 0, 0, endOfData},
		{"bytes", "\x05\x01\x06", 1 << 10, 0, ""}, // the last repeats without end
		{"bytes", "\x05\x80", 0, 1, endOfInt},
		{"uints", "", 0, 0, endOfData},
		{"uints", "\x05", 1, 1, endOfData},
		{"uints", "\x45", 0, 1, endOfInt},      // a repetition without a count
		{"uints", "\x45\x01", 3, 2, endOfData}, // three fives
		{"uints", "\x40\x00", 2, 2, endOfData}, // two zeros
		{"uints", "\x80\x80\x80\x80\x80\x80\x80\x20", 0, 0, tooBig},
		{"ints", "", 0, 0, endOfData},
		{"ints", "\x02", 1, 1, endOfData},
		{"ints", "\x03", 0, 1, endOfInt},
		{"ints", "\x03\x00", 2, 2, endOfData},
		{"ints", "\xbf\xff\xff\xff\xff\xff\xff\x1f\x09", 2, 9, tooBig}, // 2^52-1 each
		{"ints", "\xff\xff\xff\xff\xff\xff\xff\x1f\x09", 1, 9, tooBig}, // -2^52 each
		{"strings", "", 0, 0, endOfData},
		{"strings", "\x02a", 0, 0, "length 2 exceeds the 1 bytes left"},
		{"strings", "\x01\xff", 0, 0, badUTF8},
		{"strings", "\x01a", 0, 2, endOfData},
		{"strings", "\x01a\x01", 1, 3, endOfData},
		{"strings", "\x01a\x02", 0, 2, "string reaches past the end of all strings"},
		{"strings", "\x01a\x03", 0, 2, "string reaches past the end of all strings"},
		{"strings", "\x02é\x02", 0, 3, "string reaches past the end of all strings"},
		{"strings", "\x04😀\x03", 0, 5, "string reaches past the end of all strings"},
		{"strings", "\x04😀\x01\x02", 1, 6, "string reaches past the end of all strings"},
		{"strings", "\x00\xbf\xff\xff\xff\xff\xff\xff\x1f", 0, 1, "string reaches past the end of all strings"},
	}
	for _, tt := range tests {
		d := lib0.NewDecoder(append(lib0.AppendBytes([]byte("before"), []byte(tt.input)), "behind"...))
		if _, err := d.Fixed(len("before")); err != nil {
			t.Fatal(err)
		}
		sub, err := d.Sub()
		if err != nil {
			t.Fatal(err)
		}
		got, err := columns[tt.coder].read(sub, 1<<10)
		if len(got) != tt.n {
			t.Errorf("%s %x: %d values were read, want %d", tt.coder, tt.input, len(got), tt.n)
		}
		if tt.reason == "" {
			if err != nil {
				t.Errorf("%s %x: %v", tt.coder, tt.input, err)
			}
			continue
		}
		var at *lib0.Error
		want := tt.offset + len("before") + 1
		if !errors.As(err, &at) || at.Offset != want || at.Reason != tt.reason {
			t.Errorf("%s %x: got %v, want offset %d: %s", tt.coder, tt.input, err, want, tt.reason)
		}
	}
	d := lib0.NewDecoder([]byte("\x05ab"))
	if _, err := d.Sub(); err == nil || d.Offset() != 0 {
		t.Errorf("Sub of a column that is cut: %v at %d, want an error at 0", err, d.Offset())
	}
}

func TestUnitLen(t *testing.T) {
	for s, want := range map[string]int{"": 0, "a": 1, "é": 1, "€": 1, "😀": 2, "\xed\xa0\xbd": 1, "a😀\xed\xb8\x80": 4} {
		if got := lib0.UnitLen([]byte(s)); got != want {
			t.Errorf("UnitLen(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestOrderedObject(t *testing.T) {
	tests := []struct{ raw, want string }{
		{"\x76\x00", "\x76\x00"},
		{"\x76\x02\x01b\x7e\x01a\x7f", "\x76\x02\x01b\x7e\x01a\x7f"},
		{"\x76\x03\x01b\x7e\x0210\x78\x019\x79", "\x76\x03\x019\x79\x0210\x78\x01b\x7e"},
		{"\x76\x03\x01a\x7e\x01b\x78\x01a\x77\x01x", "\x76\x02\x01a\x77\x01x\x01b\x78"},
		{"\x76\x02\x01b\x75\x01\x76\x00\x011\x7e", "\x76\x02\x011\x7e\x01b\x75\x01\x76\x00"},
	}
	for _, tt := range tests {
		if got := lib0.OrderedObject([]byte("before"), []byte(tt.raw)); string(got) != "before"+tt.want {
			t.Errorf("OrderedObject(%q) = %q, want %q", tt.raw, got, "before"+tt.want)
		}
	}
}

func TestCompareKeys(t *testing.T) {
	ordered := [][]string{{"0"}, {"1"}, {"9"}, {"10"}, {"4294967294"}, {"", "-1", "01", "4294967295", "a", "Z"}}
	for i, left := range ordered {
		for j, right := range ordered {
			for _, a := range left {
				for _, b := range right {
					if got, want := lib0.CompareKeys(a, b), i-j; got < 0 != (want < 0) || got > 0 != (want > 0) {
						t.Errorf("CompareKeys(%q, %q) = %d, want the sign of %d", a, b, got, want)
					}
				}
			}
		}
	}
}

// Any bytes: no panic, an error inside the input, and what was read is written so that it is read again.
func FuzzColumns(f *testing.F) {
	for _, row := range loadFixture(f).Columns {
		f.Add(row.Coder, unhex(f, row.Hex))
	}
	f.Fuzz(func(t *testing.T, coder string, in []byte) {
		c, ok := columns[coder]
		if !ok {
			return
		}
		values, err := c.read(lib0.NewDecoder(in), 1000)
		if err != nil {
			expectError(t, err, len(in))
		}
		written := make([][]byte, len(values))
		last := int64(0)
		for i, v := range values {
			written[i] = fmt.Append(nil, v)
			if v, ok := v.(int64); ok {
				if d := v - last; d >= 1<<52 || d <= -1<<52 {
					return // a difference that lib0 writes and cannot read
				}
				last = v
			}
		}
		d := lib0.NewDecoder(c.write(written))
		sub, err := d.Sub()
		if err != nil || d.Len() != 0 {
			t.Fatalf("Sub: %v with %d bytes behind", err, d.Len())
		}
		if len(values) == 0 {
			return
		}
		back, err := c.read(sub, len(values))
		if err != nil {
			t.Fatalf("%s %q is read back as %q, %v", coder, values, back, err)
		}
		if coder == "strings" { // halves that do not meet again become U+FFFD
			again := make([][]byte, len(back))
			for i, v := range back {
				again[i] = fmt.Append(nil, v)
				if lib0.UnitLen(again[i]) != lib0.UnitLen(written[i]) {
					t.Errorf("%q is read back as %q, of another length", written[i], again[i])
				}
			}
			if !bytes.Equal(c.write(again), c.write(written)) {
				t.Errorf("%q is read back as %q", values, back)
			}
		} else if fmt.Sprint(back) != fmt.Sprint(values) {
			t.Errorf("%s %v is read back as %v", coder, values, back)
		}
	})
}

// plain returns a JSON number as its digits, and a JSON string in WTF-8.
func plain(t testing.TB, text json.RawMessage) []byte {
	t.Helper()
	if text[0] != '"' {
		return text
	}
	v, err := lib0.AnyFromJSON(nil, text)
	if err != nil {
		t.Fatalf("fixture: %v", err)
	}
	d := lib0.NewDecoder(v[1:])
	s, err := d.Bytes()
	if err != nil {
		t.Fatalf("fixture: %v", err)
	}
	return s
}

// number returns the number that digits spell.
func number(digits []byte) int64 {
	var n int64
	if _, err := fmt.Sscan(string(digits), &n); err != nil {
		panic(err)
	}
	return n
}

func texts(list [][]byte) []any {
	out := make([]any, len(list))
	for i, b := range list {
		out[i] = string(b)
	}
	return out
}
