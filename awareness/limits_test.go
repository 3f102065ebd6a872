package awareness_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/weftsync/weft/awareness"
)

func TestRefused(t *testing.T) {
	object := func(size int) string { return `{"a":"` + strings.Repeat("x", size-8) + `"}` }
	nested := func(depth int) string { return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth) }
	tests := []struct {
		name   string
		update string
		offset int
		reason string
		kind   error
	}{
		{"nothing", "", 0, "unexpected end of input in an integer", awareness.ErrMalformed},
		{"count without entries", "\x01", 0, "1 entries exceed the 0 bytes left", awareness.ErrMalformed},
		{"count that lies", "\xff\xff\xff\xff\xff\xff\xff\x0f" + string(encode(entry{1, 1, "{}"})[1:]), 0,
			"9007199254740991 entries exceed the 5 bytes left", awareness.ErrMalformed},
		{"count beyond 2^53", "\x80\x80\x80\x80\x80\x80\x80\x10", 0, "integer exceeds 2^53-1", awareness.ErrMalformed},
		{"cut in the id", "\x01\x80\x80\x80\x80\x80", 1, "unexpected end of input in an integer", awareness.ErrMalformed},
		{"cut in the clock", "\x01\x05\x80\x80\x80\x80", 2, "unexpected end of input in an integer", awareness.ErrMalformed},
		{"cut in the state", "\x01\x05\x01\x04{}\x20", 3, "length 4 exceeds the 3 bytes left", awareness.ErrMalformed},
		{"id beyond 2^53", "\x01\x80\x80\x80\x80\x80\x80\x80\x10\x01\x02{}", 1, "integer exceeds 2^53-1", awareness.ErrMalformed},
		{"clock beyond 2^53", "\x01\x01\x80\x80\x80\x80\x80\x80\x80\x10\x02{}", 2, "integer exceeds 2^53-1", awareness.ErrMalformed},
		{"clock longer than needed", "\x01\x01\x81\x00\x02{}", 2, "integer is encoded longer than needed", awareness.ErrMalformed},
		{"invalid UTF-8", "\x01\x01\x01\x05{\"\xff\":", 3, "string is not valid UTF-8", awareness.ErrMalformed},
		{"bytes behind", string(encode(entry{1, 1, "{}"})) + "\x00", 6, "bytes behind the last entry", awareness.ErrMalformed},
		{"empty state", "\x01\x01\x01\x00\x00\x00", 4, "JSON: unexpected end", awareness.ErrMalformed},
		{"no JSON", string(encode(entry{1, 1, "{a:1}"})), 5, "JSON: expected a key", awareness.ErrMalformed},
		{"second entry is no JSON", string(encode(entry{1, 1, "{}"}, entry{2, 1, "{} x"})), 12,
			"JSON: unexpected text after the value", awareness.ErrMalformed},
		{"array", string(encode(entry{1, 1, "[]"})), 4, "state is neither an object nor null", awareness.ErrMalformed},
		{"number", string(encode(entry{1, 1, " 1"})), 4, "state is neither an object nor null", awareness.ErrMalformed},
		{"string", string(encode(entry{1, 1, `"{}"`})), 4, "state is neither an object nor null", awareness.ErrMalformed},
		{"true", string(encode(entry{1, 1, "true"})), 4, "state is neither an object nor null", awareness.ErrMalformed},
		{"nested too deep", string(encode(entry{1, 1, nested(101)})), 5 + 500, "JSON: nested too deep", awareness.ErrMalformed},
		{"nested 3,000 deep", string(encode(entry{1, 1, nested(2700)})), 5 + 500, "JSON: nested too deep", awareness.ErrMalformed},
		{"nested 50,000 deep", string(encode(entry{1, 1, nested(50_000)})), 6, "state of 300001 bytes, more than 16384", awareness.ErrTooLarge},
		{"state too long", string(encode(entry{1, 1, object(16<<10 + 1)})), 6, "state of 16385 bytes, more than 16384", awareness.ErrTooLarge},
		{"state of 4 MB", string(encode(entry{1, 1, object(4 << 20)})), 7, "state of 4194304 bytes, more than 16384", awareness.ErrTooLarge},
		{"too many entries", string(encode(make([]entry, 20_001)...)), 0, "20001 entries, more than 20000", awareness.ErrTooLarge},
		{"clock of a known client too far", string(encode(entry{7, 10 + 1<<20 + 1, "{}"})), 1,
			"clock moves by 1048577, more than 1048576", awareness.ErrTooLarge},
		{"clock of a known client at the end", string(encode(entry{9, 1, "{}"}, entry{7, awareness.MaxClock, ""})), 6,
			"clock moves by 9007199254740981, more than 1048576", awareness.ErrTooLarge},
		{"clock of one who left too far", string(encode(entry{8, 10 + 1<<20 + 1, "{}"})), 1,
			"clock moves by 1048577, more than 1048576", awareness.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := awareness.New(awareness.Options{})
			mustApply(t, s, encode(entry{7, 10, `{"kept":true}`}, entry{8, 10, ""}))
			change, err := s.ApplyUpdate([]byte(tt.update), start)
			var got *awareness.Error
			if !errors.As(err, &got) || got.Offset != tt.offset || got.Reason != tt.reason || !errors.Is(err, tt.kind) {
				t.Errorf("got %v, want %v: offset %d: %s", err, tt.kind, tt.offset, tt.reason)
			}
			if !change.IsZero() {
				t.Errorf("a refused update changed %+v", change)
			}
			expectClients(t, s, []entry{{7, 10, `{"kept":true}`}, {8, 10, ""}})
		})
	}
}

// What the limits just allow.
func TestAllowed(t *testing.T) {
	nested := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	long := `{"a":"` + strings.Repeat("x", 16<<10-8) + `"}`
	many := make([]entry, 20_000)
	for i := range many {
		many[i] = entry{uint64(i), 1, "{}"}
	}
	tests := []struct {
		name   string
		update []byte
	}{
		{"nested 100 deep", encode(entry{7, 11, nested})},
		{"state of 16 KiB", encode(entry{7, 11, long})},
		{"20,000 entries", encode(many...)},
		{"clock 2^20 ahead", encode(entry{7, 10 + 1<<20, "{}"})},
		{"a new client may begin anywhere", encode(entry{99, awareness.MaxClock, "{}"})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := awareness.New(awareness.Options{})
			mustApply(t, s, encode(entry{7, 10, `{}`}))
			if change := mustApply(t, s, tt.update); change.IsZero() {
				t.Error("nothing changed")
			}
		})
	}
}

// The limits of a document: reached, passed by one, and passable by whoever leaves or says less.
func TestFull(t *testing.T) {
	o := awareness.Options{MaxClients: 3, MaxTotalBytes: 20}
	full := []entry{{1, 1, `{"a":1}`}, {2, 1, `{"a":"23"}`}, {3, 1, ""}} // 17 bytes
	tests := []struct {
		name    string
		update  []byte
		refused string // "" if allowed
		after   []entry
	}{
		{"one client more", encode(entry{4, 1, `{}`}), "offset 1: 3 clients are known, the most that may be", full},
		{"one client more that has left", encode(entry{4, 1, ""}), "offset 1: 3 clients are known, the most that may be", full},
		{"the limit in bytes", encode(entry{3, 2, `{ }`}), "",
			[]entry{full[0], full[1], {3, 2, `{ }`}}},
		{"one byte more", encode(entry{3, 2, `{  }`}), "offset 1: 17 bytes of states and 4 more exceed 20", full},
		{"one byte more in the last of several", encode(entry{1, 2, ""}, entry{2, 2, `{}`}, entry{1, 3, `{"a":1}`}, entry{3, 3, `{"b":"1234"}`}),
			"offset 23: 9 bytes of states and 12 more exceed 20", full},
		{"a leaver makes room", encode(entry{1, 2, ""}, entry{3, 2, `{"b":1234}`}), "",
			[]entry{{1, 2, ""}, full[1], {3, 2, `{"b":1234}`}}},
		{"a shorter state", encode(entry{2, 2, `{}`}), "", []entry{full[0], {2, 2, `{}`}, full[2]}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := awareness.New(o)
			mustApply(t, s, encode(full...))
			change, err := s.ApplyUpdate(tt.update, start)
			if tt.refused == "" && err != nil {
				t.Errorf("got %v, want it applied", err)
			}
			if tt.refused != "" {
				want := awareness.ErrFull.Error() + ": " + tt.refused
				if err == nil || err.Error() != want || !errors.Is(err, awareness.ErrFull) {
					t.Errorf("got %v, want %s", err, want)
				}
				if !change.IsZero() {
					t.Errorf("a refused update changed %+v", change)
				}
			}
			expectClients(t, s, tt.after)
		})
	}
}

// Set keeps to the same limits.
func TestSetRefused(t *testing.T) {
	tests := []struct {
		name, state, want string
		kind              error
	}{
		{"too long", `{"aaaaaaaa":1}`, "state of 14 bytes, more than 10", awareness.ErrTooLarge},
		{"no JSON", `{a}`, "JSON: expected a key", awareness.ErrMalformed},
		{"null", `null`, "state is neither an object nor null", nil},
		{"array", `[]`, "state is neither an object nor null", awareness.ErrMalformed},
		{"no room", `{"a":1}`, "1 clients are known, the most that may be", awareness.ErrFull},
	}
	for _, tt := range tests {
		s := awareness.New(awareness.Options{MaxStateBytes: 10, MaxClients: 1})
		mustApply(t, s, encode(entry{1, 1, "{}"}))
		if tt.kind == nil { // null is nil said in JSON: client 1 leaves
			if _, err := s.Set(1, []byte(tt.state), start); err != nil || s.State(1) != nil {
				t.Errorf("%s: got %v and state %q", tt.name, err, s.State(1))
			}
			continue
		}
		_, err := s.Set(2, []byte(tt.state), start)
		var got *awareness.Error
		if !errors.As(err, &got) || got.Offset != -1 || got.Reason != tt.want || !errors.Is(err, tt.kind) {
			t.Errorf("%s: got %v, want %v: %s", tt.name, err, tt.kind, tt.want)
		} else if want := tt.kind.Error() + ": " + tt.want; err.Error() != want {
			t.Errorf("%s: got text %q, want %q", tt.name, err, want)
		}
		expectClients(t, s, []entry{{1, 1, "{}"}})
	}
}

func TestModifyRefused(t *testing.T) {
	update := encode(entry{1, 1, "{}"}, entry{2, 1, ""})
	boom := errors.New("boom")
	tests := []struct {
		name   string
		update []byte
		result string
		err    error
		want   string
	}{
		{"malformed", update[:5], "", nil, "malformed awareness update: offset 0: 2 entries exceed the 4 bytes left"},
		{"own error", update, "", boom, "boom"},
		{"result is no object", update, "1", nil, "malformed awareness update: state is neither an object nor null"},
		{"result is no JSON", update, "{", nil, "malformed awareness update: JSON: expected a key"},
	}
	for _, tt := range tests {
		_, err := awareness.Modify(tt.update, awareness.Options{}, func(uint64, []byte) ([]byte, error) {
			return []byte(tt.result), tt.err
		})
		if err == nil || err.Error() != tt.want || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
	got, err := awareness.Modify(update, awareness.Options{}, func(id uint64, state []byte) ([]byte, error) {
		if id == 1 {
			return []byte("null"), nil
		}
		return []byte(`{"was":true}`), nil
	})
	if want := encode(entry{1, 1, ""}, entry{2, 1, `{"was":true}`}); err != nil || !bytes.Equal(got, want) {
		t.Errorf("Modify = %x, %v, want %x", got, err, want)
	}
}

// The zero value is the defaults, and no option undoes what safety rests on.
func TestOptions(t *testing.T) {
	s := awareness.New(awareness.Options{Timeout: time.Hour, ForgetAfter: time.Second})
	mustApply(t, s, encode(entry{1, 1, ""}))
	s.Expire(start.Add(59 * time.Minute))
	if got := s.Stats().Known; got != 1 {
		t.Errorf("a clock was forgotten before a copy of its state times out")
	}
	s.Expire(start.Add(time.Hour))
	if got := s.Stats().Known; got != 0 {
		t.Errorf("%d clocks are known after an hour, want 0", got)
	}
}
