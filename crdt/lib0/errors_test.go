package lib0_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/weftsync/weft/crdt/lib0"
)

const (
	endOfInt  = "unexpected end of input in an integer"
	tooBig    = "integer exceeds 2^53-1"
	tooLong   = "integer is encoded longer than needed"
	endOfData = "unexpected end of input"
	badUTF8   = "string is not valid UTF-8"
	tooDeep   = "value is nested too deep"
	tooMany   = "count exceeds the bytes left"
)

// reads names the decoder's methods, each run on a decoder that has read one byte already.
var reads = map[string]func(d *lib0.Decoder) error{
	"Byte":        func(d *lib0.Decoder) error { _, err := d.Byte(); return err },
	"Uint":        func(d *lib0.Decoder) error { _, err := d.Uint(); return err },
	"Int":         func(d *lib0.Decoder) error { _, _, err := d.Int(); return err },
	"Bytes":       func(d *lib0.Decoder) error { _, err := d.Bytes(); return err },
	"Fixed(4)":    func(d *lib0.Decoder) error { _, err := d.Fixed(4); return err },
	"StringBytes": func(d *lib0.Decoder) error { _, err := d.StringBytes(); return err },
	"String":      func(d *lib0.Decoder) error { _, err := d.String(); return err },
	"Any": func(d *lib0.Decoder) error {
		out, err := lib0.CanonicalAny([]byte("before"), d)
		if err != nil && string(out) != "before" {
			return errors.New("CanonicalAny appended " + string(out))
		}
		return err
	},
}

func TestDecodeErrors(t *testing.T) {
	tests := []struct {
		read   string
		input  string
		offset int // from the start of input
		reason string
	}{
		{"Byte", "", 0, endOfData},

		{"Uint", "", 0, endOfInt},
		{"Uint", "\x80", 0, endOfInt},
		{"Uint", "\xff\xff\xff\xff\xff\xff\xff", 0, endOfInt},
		{"Uint", "\x80\x00", 0, tooLong},
		{"Uint", "\x81\x80\x00", 0, tooLong},
		{"Uint", "\xff\xff\xff\xff\xff\xff\xff\x00", 0, tooLong},
		{"Uint", "\x80\x80\x80\x80\x80\x80\x80\x10", 0, tooBig}, // 2^53
		{"Uint", "\xff\xff\xff\xff\xff\xff\xff\x7f", 0, tooBig},
		{"Uint", "\xff\xff\xff\xff\xff\xff\xff\xff\x01", 0, tooBig},
		{"Uint", strings.Repeat("\xff", 100), 0, tooBig},

		{"Int", "", 0, endOfData},
		{"Int", "\x80", 0, endOfInt},
		{"Int", "\xc0\x80", 0, endOfInt},
		{"Int", "\x80\x00", 0, tooLong},
		{"Int", "\xc1\x80\x00", 0, tooLong},
		{"Int", "\x80\x80\x80\x80\x80\x80\x80\x20", 0, tooBig}, // 2^53
		{"Int", "\xc0\x80\x80\x80\x80\x80\x80\x20", 0, tooBig}, // -2^53
		{"Int", "\xbf\xff\xff\xff\xff\xff\xff\x7f", 0, tooBig},
		{"Int", strings.Repeat("\xff", 100), 0, tooBig},

		{"Bytes", "", 0, endOfInt},
		{"Bytes", "\x01", 0, "length 1 exceeds the 0 bytes left"},
		{"Bytes", "\x03ab", 0, "length 3 exceeds the 2 bytes left"},
		{"Bytes", "\xff\xff\xff\xff\xff\xff\xff\x0fab", 0, "length 9007199254740991 exceeds the 2 bytes left"},
		{"Fixed(4)", "abc", 0, endOfData},

		{"StringBytes", "\x02a", 0, "length 2 exceeds the 1 bytes left"},
		{"StringBytes", "\x01\x80", 0, badUTF8},
		{"String", "\x03a\xc3(", 0, badUTF8},
		{"String", "\x02\xc0\x80", 0, badUTF8},         // NUL, too long
		{"String", "\x03\xed\xa0\xbd", 0, badUTF8},     // lone surrogate
		{"String", "\x04\xf4\x90\x80\x80", 0, badUTF8}, // beyond Unicode
		{"String", "\x01\xe2\x82\xac", 0, badUTF8},     // the length cuts a character

		{"Any", "", 0, endOfData},
		{"Any", "\x00", 0, "unknown tag of an Any value"},
		{"Any", "\x73", 0, "unknown tag of an Any value"}, // one below the last tag
		{"Any", "\x80", 0, "unknown tag of an Any value"},
		{"Any", "\x7d\x80", 1, endOfInt},
		{"Any", "\x7d\x80\x80\x80\x80\x80\x80\x80\x20", 1, tooBig},
		{"Any", "\x7c\x00\x00\x00", 1, endOfData},
		{"Any", "\x7b\x00\x00\x00\x00\x00\x00\x00", 1, endOfData},
		{"Any", "\x7a", 1, endOfData},
		{"Any", "\x77\x02a", 1, "length 2 exceeds the 1 bytes left"},
		{"Any", "\x77\x01\xff", 1, badUTF8},
		{"Any", "\x74\x05ab", 1, "length 5 exceeds the 2 bytes left"},
		{"Any", "\x75\x02\x7e", 0, tooMany},
		{"Any", "\x75\xff\xff\xff\xff\xff\xff\xff\x0f", 0, tooMany},
		{"Any", "\x76\x02\x00\x7e\x00", 0, tooMany},
		{"Any", "\x76\x01\x01\xff\x7e", 2, badUTF8}, // a key
		{"Any", "\x76\x01\x01a", 0, ""},             // 2 bytes are left for it: see the next row
		{"Any", "\x76\x01\x00\x00", 3, "unknown tag of an Any value"},
		{"Any", "\x75\x03\x7e\x7e\x00", 4, "unknown tag of an Any value"},
		{"Any", strings.Repeat("\x75\x01", 101) + "\x7e", 200, tooDeep},
		{"Any", strings.Repeat("\x76\x01\x00", 101) + "\x7e", 300, tooDeep},
		{"Any", strings.Repeat("\x75\x01", 100_000) + "\x7e", 200, tooDeep},
	}
	for _, tt := range tests {
		if tt.reason == "" {
			tt.offset, tt.reason = len(tt.input), endOfData
		}
		d := lib0.NewDecoder([]byte("x" + tt.input))
		if _, err := d.Byte(); err != nil {
			t.Fatal(err)
		}
		err := reads[tt.read](&d)
		var got *lib0.Error
		if !errors.As(err, &got) || got.Offset != tt.offset+1 || got.Reason != tt.reason {
			t.Errorf("%s(%.20q): got %v, want offset %d: %s", tt.read, tt.input, err, tt.offset+1, tt.reason)
		}
		if d.Offset() != 1 {
			t.Errorf("%s(%.20q): the cursor moved to %d, want 1, where the value began", tt.read, tt.input, d.Offset())
		}
	}
}

func TestJSONErrors(t *testing.T) {
	tests := []struct {
		text   string
		offset int
		reason string
	}{
		{"", 0, "unexpected end"},
		{"  ", 2, "unexpected end"},
		{"nul", 0, "unexpected character"},
		{"1 2", 2, "unexpected text after the value"},
		{"01", 0, "malformed number"},
		{" -", 1, "malformed number"},
		{"1.", 0, "malformed number"},
		{"1e+", 0, "malformed number"},
		{`"a`, 2, "unterminated string"},
		{"\"a\nb\"", 2, "control character in a string"},
		{`"a\x"`, 2, "malformed escape"},
		{`"\u12g4"`, 1, "malformed escape"},
		{`"\u12`, 1, "malformed escape"},
		{`[1`, 2, "expected a comma or ]"},
		{`[1 2]`, 3, "expected a comma or ]"},
		{`[1,]`, 3, "unexpected character"},
		{`{"a":1`, 6, "expected a comma or }"},
		{`{a:1}`, 1, "expected a key"},
		{`{"a":1,}`, 7, "expected a key"},
		{`{"a" 1}`, 5, "expected a colon"},
		{`{"a":}`, 5, "unexpected character"},
		{strings.Repeat("[", 101), 100, "nested too deep"},
		{strings.Repeat(`{"a":`, 100_000), 500, "nested too deep"},
	}
	for _, tt := range tests {
		out, err := lib0.AnyFromJSON([]byte("before"), []byte(tt.text))
		var got *lib0.Error
		if !errors.As(err, &got) || got.Offset != tt.offset || got.Reason != "JSON: "+tt.reason {
			t.Errorf("AnyFromJSON(%.20q): got %v, want offset %d: JSON: %s", tt.text, err, tt.offset, tt.reason)
		}
		if string(out) != "before" {
			t.Errorf("AnyFromJSON(%.20q) appended %q", tt.text, out)
		}
	}
}

func TestErrorText(t *testing.T) {
	err := &lib0.Error{Offset: 7, Reason: "wrong"}
	if got, want := err.Error(), "offset 7: wrong"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Bytes that a decoder hands out must not be a way to write into what lies behind them.
func TestBytesCannotBeExtended(t *testing.T) {
	input := []byte("\x02abcd")
	d := lib0.NewDecoder(input)
	p, err := d.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if got := append(p, 'X'); string(got) != "abX" || string(input) != "\x02abcd" {
		t.Errorf("append to Bytes changed the input to %q", input)
	}
	q, err := d.Fixed(1)
	if err != nil {
		t.Fatal(err)
	}
	if got := append(q, 'Y'); string(got) != "cY" || string(input) != "\x02abcd" {
		t.Errorf("append to Fixed changed the input to %q", input)
	}
	if !bytes.Equal(d.Rest(), []byte("d")) || d.Len() != 1 || d.Offset() != 4 {
		t.Errorf("Rest, Len, Offset = %q, %d, %d, want \"d\", 1, 4", d.Rest(), d.Len(), d.Offset())
	}
}

// What a NaN carries beyond being one comes through, as it does in V8.
func TestNaNPayloadIsKept(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"\x7b\x7f\xf8\x00\x00\x00\x00\x00\x00", "\x7b\x7f\xf8\x00\x00\x00\x00\x00\x00"},
		{"\x7b\xff\xf8\x00\x00\x00\x00\x00\x01", "\x7b\xff\xf8\x00\x00\x00\x00\x00\x01"},
		{"\x7c\x7f\xc0\x00\x01", "\x7b\x7f\xf8\x00\x00\x20\x00\x00\x00"},
	} {
		d := lib0.NewDecoder([]byte(tt.in))
		if got, err := lib0.CanonicalAny(nil, &d); err != nil || string(got) != tt.want {
			t.Errorf("CanonicalAny(%x) = %x, %v, want %x", tt.in, got, err, tt.want)
		}
	}
}

// A lone surrogate, which JSON can spell, survives until it goes over the wire; two halves that meet become one character.
func TestLoneSurrogates(t *testing.T) {
	tests := []struct{ text, json, wire string }{
		{`"\ud83d"`, `"\ud83d"`, "\x77\x03\uFFFD"},
		{`"\ude00x\ud83d"`, `"\ude00x\ud83d"`, "\x77\x07\uFFFDx\uFFFD"},
		{`"\ud83d\ud83d\ude00"`, `"\ud83d😀"`, "\x77\x07\uFFFD😀"},
		{`"\ud7ff\ue000"`, "\"\ud7ff\ue000\"", "\x77\x06\ud7ff\ue000"},
		{`{"k\udfff":["\udbff"]}`, `{"k\udfff":["\udbff"]}`, "\x76\x01\x04k\uFFFD\x75\x01\x77\x03\uFFFD"},
	}
	for _, tt := range tests {
		v, err := lib0.AnyFromJSON(nil, []byte(tt.text))
		if err != nil {
			t.Errorf("AnyFromJSON(%s): %v", tt.text, err)
			continue
		}
		if got, ok := lib0.AppendJSON(nil, v); !ok || string(got) != tt.json {
			t.Errorf("AppendJSON of %s = %s, want %s", tt.text, got, tt.json)
		}
		if got := lib0.AppendWireAny(nil, v); string(got) != tt.wire {
			t.Errorf("AppendWireAny of %s = %q, want %q", tt.text, got, tt.wire)
		}
	}
}
