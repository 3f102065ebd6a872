package awareness_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weftsync/weft/awareness"
	"github.com/weftsync/weft/crdt/lib0"
)

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// entry is one row of an update in a test; state "" stands for null.
type entry struct {
	id, clock uint64
	state     string
}

// encode writes the update that says these entries.
func encode(entries ...entry) []byte {
	b := lib0.AppendUint(nil, uint64(len(entries)))
	for _, e := range entries {
		if e.state == "" {
			e.state = "null"
		}
		b = lib0.AppendString(lib0.AppendUint(lib0.AppendUint(b, e.id), e.clock), e.state)
	}
	return b
}

// did is a Change with all its lists.
type did struct {
	Added, Updated, Changed, Removed, Claimed, Stale []uint64
}

func flat(c awareness.Change) did {
	return did{c.Added, c.Updated, c.Changed(), c.Removed, c.Claimed, c.Stale}
}

func ids(list ...uint64) []uint64 { return list }

func TestApply(t *testing.T) {
	tests := []struct {
		name   string
		before [][]byte
		update []byte
		want   did
		after  []entry // of all clients known
	}{
		{name: "empty", update: encode()},
		{name: "new client", update: encode(entry{1, 1, `{}`}),
			want: did{Added: ids(1)}, after: []entry{{1, 1, `{}`}}},
		{name: "new client at clock 0 is ignored", update: encode(entry{1, 0, `{}`})},
		{name: "new client that has left is remembered", update: encode(entry{1, 3, ""}), after: []entry{{1, 3, ""}}},
		{name: "new client that has left at clock 0 is not", update: encode(entry{1, 0, ""})},
		{name: "newer state", before: [][]byte{encode(entry{1, 1, `{}`})}, update: encode(entry{1, 2, `{"a":1}`}),
			want: did{Updated: ids(1), Changed: ids(1)}, after: []entry{{1, 2, `{"a":1}`}}},
		{name: "renewed state", before: [][]byte{encode(entry{1, 1, `{"a":1,"b":2}`})},
			update: encode(entry{1, 2, `{"b":2, "a":1.0}`}),
			want:   did{Updated: ids(1)}, after: []entry{{1, 2, `{"b":2, "a":1.0}`}}},
		{name: "equal clock", before: [][]byte{encode(entry{1, 2, `{}`})}, update: encode(entry{1, 2, `{"a":1}`}),
			after: []entry{{1, 2, `{}`}}},
		{name: "older clock", before: [][]byte{encode(entry{1, 2, `{}`})}, update: encode(entry{1, 1, `{"a":1}`}),
			after: []entry{{1, 2, `{}`}}},
		{name: "null at an equal clock", before: [][]byte{encode(entry{1, 2, `{}`})}, update: encode(entry{1, 2, ""}),
			want: did{Removed: ids(1)}, after: []entry{{1, 2, ""}}},
		{name: "null at an older clock", before: [][]byte{encode(entry{1, 2, `{}`})}, update: encode(entry{1, 1, ""}),
			after: []entry{{1, 2, `{}`}}},
		{name: "null again", before: [][]byte{encode(entry{1, 2, `{}`}), encode(entry{1, 2, ""})}, update: encode(entry{1, 2, ""}),
			after: []entry{{1, 2, ""}}},
		{name: "null again, later", before: [][]byte{encode(entry{1, 2, `{}`}), encode(entry{1, 2, ""})},
			update: encode(entry{1, 3, ""}),
			want:   did{Removed: ids(1)}, after: []entry{{1, 3, ""}}},
		{name: "null with spaces", before: [][]byte{encode(entry{1, 2, `{}`})}, update: encode(entry{1, 3, " null\n"}),
			want: did{Removed: ids(1)}, after: []entry{{1, 3, ""}}},
		{name: "return", before: [][]byte{encode(entry{1, 2, `{"a":1}`}), encode(entry{1, 2, ""})},
			update: encode(entry{1, 3, `{"a":1}`}),
			want:   did{Updated: ids(1), Changed: ids(1)}, after: []entry{{1, 3, `{"a":1}`}}},
		{name: "return with the clock it left with", before: [][]byte{encode(entry{1, 2, `{}`}), encode(entry{1, 2, ""})},
			update: encode(entry{1, 2, `{}`}),
			want:   did{Stale: ids(1)}, after: []entry{{1, 2, ""}}},
		{name: "return with an older clock", before: [][]byte{encode(entry{1, 5, ""})}, update: encode(entry{1, 2, `{}`}),
			want: did{Stale: ids(1)}, after: []entry{{1, 5, ""}}},
		{name: "several", before: [][]byte{encode(entry{1, 1, `{}`}, entry{2, 1, `{}`}, entry{3, 7, ""})},
			update: encode(entry{9, 1, `{}`}, entry{2, 1, ""}, entry{1, 4, `{"x":[]}`}, entry{3, 7, `{}`}, entry{4, 0, `{}`}),
			want:   did{Added: ids(9), Updated: ids(1), Changed: ids(1), Removed: ids(2), Stale: ids(3)},
			after:  []entry{{1, 4, `{"x":[]}`}, {2, 1, ""}, {3, 7, ""}, {9, 1, `{}`}}},
		{name: "one client several times", update: encode(entry{1, 1, `{}`}, entry{1, 2, `{}`}, entry{1, 3, `{"a":1}`}, entry{1, 3, ""}),
			want:  did{Added: ids(1), Updated: ids(1, 1), Changed: ids(1), Removed: ids(1)},
			after: []entry{{1, 3, ""}}},
		{name: "largest id and clock", update: encode(entry{awareness.MaxClock, awareness.MaxClock, `{}`}),
			want:  did{Added: ids(awareness.MaxClock)},
			after: []entry{{awareness.MaxClock, awareness.MaxClock, `{}`}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := awareness.New(awareness.Options{})
			for _, b := range tt.before {
				mustApply(t, s, b)
			}
			got, err := s.ApplyUpdate(tt.update, start)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, flat(got)); d != "" {
				t.Errorf("change (-want +got):\n%s", d)
			}
			expectClients(t, s, tt.after)
		})
	}
}

func TestChange(t *testing.T) {
	c := awareness.Change{Added: ids(5), Updated: ids(1, 2), Removed: ids(9), Claimed: ids(4), Stale: ids(7)}
	if got, want := c.Touched(), ids(5, 1, 2, 9, 4); !slices.Equal(got, want) {
		t.Errorf("Touched = %v, want %v", got, want)
	}
	if c.IsZero() || (awareness.Change{Stale: ids(1)}).IsZero() || !(awareness.Change{}).IsZero() {
		t.Error("IsZero is wrong")
	}
}

// Two states are equal when y-protocols would not emit 'change' for them.
func TestEqualStates(t *testing.T) {
	data, err := os.ReadFile("testdata/equal.json")
	if err != nil {
		t.Fatalf("read pairs: %v", err)
	}
	var file struct {
		Pairs []struct {
			A, B  string
			Equal bool
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatalf("decode pairs: %v", err)
	}
	count := make(map[bool]int)
	for _, p := range file.Pairs {
		count[p.Equal]++
		for _, pair := range [][2]string{{p.A, p.B}, {p.B, p.A}} {
			s := awareness.New(awareness.Options{})
			mustApply(t, s, encode(entry{1, 1, pair[0]}))
			change := mustApply(t, s, encode(entry{1, 2, pair[1]}))
			if got := len(change.Changed()) == 0; got != p.Equal {
				t.Errorf("%s and %s: equal is %v, want %v", pair[0], pair[1], got, p.Equal)
			}
		}
	}
	if count[true] < 20 || count[false] < 20 {
		t.Fatalf("too few pairs: %v", count)
	}
}

// A state must survive the reuse of the buffer that it came in, and the states that come after it.
func TestStatesAreCopied(t *testing.T) {
	s := awareness.New(awareness.Options{})
	update := encode(entry{1, 1, `{"name":"Ada"}`})
	mustApply(t, s, update)
	kept := s.State(1)
	clear(update)
	mustApply(t, s, encode(entry{1, 2, `{"name":"Bob"}`}))
	if got, want := string(kept), `{"name":"Ada"}`; got != want {
		t.Errorf("kept state is %s, want %s", got, want)
	}
	state := []byte(`{"a":1}`)
	if _, err := s.Set(2, state, start); err != nil {
		t.Fatal(err)
	}
	clear(state)
	if got, want := string(s.State(2)), `{"a":1}`; got != want {
		t.Errorf("own state is %s, want %s", got, want)
	}
}

func TestAppendUpdate(t *testing.T) {
	s := awareness.New(awareness.Options{})
	mustApply(t, s, encode(entry{300, 5, `{"a":1}`}, entry{2, 1, `{}`}, entry{7, 3, ""}))
	tests := []struct {
		name string
		got  []byte
		want []byte
	}{
		{"none", s.AppendUpdate(nil), encode()},
		{"in the order asked", s.AppendUpdate(nil, 7, 300), encode(entry{7, 3, ""}, entry{300, 5, `{"a":1}`})},
		{"unknown ids left out", s.AppendUpdate(nil, 8, 2, 9), encode(entry{2, 1, `{}`})},
		{"behind what is there", s.AppendUpdate([]byte("x"), 2), append([]byte("x"), encode(entry{2, 1, `{}`})...)},
		{"all present", s.AppendAll(nil), encode(entry{2, 1, `{}`}, entry{300, 5, `{"a":1}`})},
		{"nobody present", awareness.New(awareness.Options{}).AppendAll(nil), encode()},
		{"entries", awareness.AppendEntries(nil, []awareness.Entry{{Client: 1, Clock: 2}, {Client: 3, Clock: 4, State: []byte("{}")}}),
			encode(entry{1, 2, ""}, entry{3, 4, `{}`})},
	}
	for _, tt := range tests {
		if !bytes.Equal(tt.got, tt.want) {
			t.Errorf("%s: got %x, want %x", tt.name, tt.got, tt.want)
		}
	}
	var got []string
	for id, state := range s.All() {
		got = append(got, fmt.Sprintf("%d %s", id, state))
	}
	if want := []string{"2 {}", `300 {"a":1}`}; !slices.Equal(got, want) {
		t.Errorf("All = %q, want %q", got, want)
	}
	for range s.All() {
		break // an iterator has to stop when asked
	}
}

func mustApply(t testing.TB, s *awareness.States, update []byte) awareness.Change {
	t.Helper()
	change, err := s.ApplyUpdate(update, start)
	if err != nil {
		t.Fatalf("apply %x: %v", update, err)
	}
	return change
}

// expectClients fails unless these clients, and only these, are known.
func expectClients(t testing.TB, s *awareness.States, want []entry) {
	t.Helper()
	var stats awareness.Stats
	for _, w := range want {
		clock, ok := s.Clock(w.id)
		if got := string(s.State(w.id)); !ok || clock != w.clock || got != w.state {
			t.Errorf("client %d: clock %d (known: %v), state %q, want %d, %q", w.id, clock, ok, got, w.clock, w.state)
		}
		stats.Known++
		if w.state != "" {
			stats.Live++
			stats.Bytes += len(w.state)
		}
	}
	if got := s.Stats(); got != stats || s.Len() != stats.Live {
		t.Errorf("Stats = %+v, Len = %d, want %+v", got, s.Len(), stats)
	}
	if s.State(123456) != nil {
		t.Error("an unknown client has a state")
	}
	if _, ok := s.Clock(123456); ok {
		t.Error("an unknown client has a clock")
	}
}
