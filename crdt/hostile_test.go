package crdt_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
	"github.com/weftsync/weft/crdt/lib0"
)

// hostile is an input that wants to do harm: what happens to it, and what that
// may cost.
type hostile struct {
	name   string
	base   func(testing.TB, *crdt.Doc) // what the document holds before
	v2     bool
	update func() []byte
	refuse string // part of the reason; "" if the update is handled
	allocs uint64 // how many bytes may be allocated for it
	after  func(testing.TB, *crdt.Doc)
}

const kB, mB = 1 << 10, 1 << 20

func hello(t testing.TB, d *crdt.Doc) {
	apply(t, d, raw(nil).uint(1, 1, 7, 0).bytes(str).uint(1).str("t").str("hello").uint(0))
}

func apply(t testing.TB, d *crdt.Doc, update []byte) {
	t.Helper()
	if _, err := d.ApplyUpdate(update); err != nil {
		t.Fatal(err)
	}
}

// waits expects that so many structs wait.
func waits(n int) func(testing.TB, *crdt.Doc) {
	return func(t testing.TB, d *crdt.Doc) {
		t.Helper()
		if got := d.Stats().Pending; got != n {
			t.Errorf("%d structs wait, want %d", got, n)
		}
	}
}

// text expects the text of root t.
func text(want string) func(testing.TB, *crdt.Doc) {
	return func(t testing.TB, d *crdt.Doc) {
		t.Helper()
		if got := d.RootText("t"); got != want {
			t.Errorf("text %q, want %q", got, want)
		}
	}
}

var hostileInputs = []hostile{
	{name: "counts beyond the bytes left: structs", update: func() []byte { return raw(nil).uint(1, 1<<40, 1, 0, 0) },
		refuse: "structs exceeds the bytes left", allocs: 4 * kB},
	{name: "counts beyond the bytes left: deletes", update: func() []byte { return raw(nil).uint(0, 1, 1, 1<<40, 0, 1) },
		refuse: "deletes exceeds the bytes left", allocs: 4 * kB},
	{name: "counts beyond the bytes left: elements in V2", v2: true, update: func() []byte {
		return columns("", "\x01", "", "", "\x08", "\x01t\x01", "\x01", "", "\xbf\xff\xff\xff\x0f", raw(nil).uint(1, 1, 0).bytes(127).uint(0))
	}, refuse: "elements exceeds the bytes left", allocs: 16 * kB},
	{name: "a varint over 2^53", update: func() []byte {
		return raw(nil).uint(1, 1).bytes(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0, 1, 0)
	},
		refuse: "integer exceeds 2^53-1", allocs: 4 * kB},
	{name: "an over-long varint", update: func() []byte { return raw(nil).bytes(0x80, 0x00, 0x00) },
		refuse: "encoded longer than needed", allocs: 4 * kB},
	{name: "a struct of length 0 in V2", v2: true, update: func() []byte {
		return columns("", "\x01", "", "", "\x00", "", "", "", "\x00", raw(nil).uint(1, 1, 0, 0))
	}, refuse: "struct of length 0", allocs: 8 * kB},
	{name: "clock and length overflow", update: func() []byte { return raw(nil).uint(1, 1, 1, 1<<32-2).bytes(gc).uint(3, 0) },
		refuse: "clock exceeds 2^32-1", allocs: 16 * kB},
	{name: "a Skip that overflows", update: func() []byte { return raw(nil).uint(1, 2, 1, 1<<31).bytes(skip).uint(1<<31, 0, 1, 0) },
		refuse: "clock exceeds 2^32-1", allocs: 16 * kB},
	{name: "deletes that overflow in V2", v2: true, update: func() []byte {
		return columns("", "", "", "", "", "", "", "", "", raw(nil).uint(0, 1, 1, 2, 1<<31, 1, 1<<31, 1))
	}, refuse: "delete beyond clock 2^32-1", allocs: 8 * kB},
	{name: "an origin that is the item itself", update: func() []byte {
		return raw(nil).uint(1, 1, 5, 3).bytes(left|str).uint(5, 3).str("x").uint(0)
	}, refuse: "origin does not lie before", allocs: 16 * kB},
	{name: "a right origin that comes later", update: func() []byte {
		return raw(nil).uint(1, 1, 5, 0).bytes(right|str).uint(5, 9).str("x").uint(0)
	}, refuse: "right origin does not lie before", allocs: 16 * kB},
	{name: "a parent that comes later", update: func() []byte {
		return raw(nil).uint(1, 1, 5, 0).bytes(str).uint(0, 5, 1).str("x").uint(0)
	}, refuse: "parent does not lie before", allocs: 16 * kB},
	{name: "origins in a circle through two clients", update: func() []byte {
		u := raw(nil).uint(2, 1, 6, 0).bytes(left|str).uint(5, 0).str("x")
		return u.uint(1, 5, 0).bytes(left|str).uint(6, 0).str("y").uint(0)
	}, allocs: 32 * kB, after: waits(2)},
	{name: "parents in a circle through two clients", update: func() []byte {
		u := raw(nil).uint(2, 1, 6, 0).bytes(typ).uint(0, 5, 0, 1)
		return u.uint(1, 5, 0).bytes(typ).uint(0, 6, 0, 1).uint(0)
	}, allocs: 32 * kB, after: waits(2)},
	{name: "a parent that is text", base: hello, update: func() []byte {
		return raw(nil).uint(1, 1, 9, 0).bytes(str).uint(0, 7, 1).str("x").uint(0)
	}, allocs: 16 * kB, after: text("hello")},
	{name: "a client twice", update: func() []byte {
		return raw(nil).uint(2, 1, 1, 0).bytes(gc).uint(1).uint(1, 1, 1).bytes(gc).uint(1, 0)
	}, refuse: "a client occurs twice", allocs: 16 * kB},
	{name: "trailing bytes in V2", v2: true, update: func() []byte {
		return columns("", "", "", "", "", "", "", "", "", raw(nil).uint(0, 0, 0))
	}, refuse: "trailing bytes", allocs: 8 * kB},
	{name: "invalid UTF-8 in all strings of V2", v2: true, update: func() []byte {
		return columns("", "\x01", "", "", "\x04", "\x02\xc0\x80\x01\x01", "\x01", "", "", raw(nil).uint(1, 1, 0, 0))
	}, refuse: "not valid UTF-8", allocs: 8 * kB},
	{name: "any nested 100,000 deep", update: func() []byte {
		u := raw(nil).uint(1, 1, 1, 0).bytes(anys).uint(1).str("a").uint(1)
		return append(append(u, bytes.Repeat([]byte{lib0.TagArray, 1}, 100_000)...), lib0.TagNull, 0)
	}, refuse: "nested too deep", allocs: 16 * kB},
	{name: "JSON nested 100,000 deep", update: func() []byte {
		u := raw(nil).uint(1, 1, 1, 0).bytes(5).uint(1).str("a")
		return u.str(strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)).uint(0)
	}, refuse: "nested too deep", allocs: 32 * kB},
	{name: "33 million structs in 25 bytes of V2", v2: true, update: func() []byte {
		return columns("", "\x01", "", "", "\x00", "", "", "", "\x41\xfe\xff\xff\x0f", raw(nil).uint(1, 33_000_000, 0, 0))
	}, refuse: "more than 1000000 structs", allocs: 8 * kB},
	{name: "a name of 5,000 bytes", update: func() []byte {
		return raw(nil).uint(1, 1, 1, 0).bytes(str).uint(1).str(strings.Repeat("n", 5000)).str("x").uint(0)
	}, refuse: "name of more than 4096 bytes", allocs: 16 * kB},
	{name: "a key of 5,000 bytes", update: func() []byte {
		return raw(nil).uint(1, 1, 1, 0).bytes(sub | str).uint(1).str("m").str(strings.Repeat("k", 5000)).str("x").uint(0)
	}, refuse: "name of more than 4096 bytes", allocs: 16 * kB},
	{name: "deletes of clocks that do not exist yet", base: hello, update: func() []byte {
		return raw(nil).uint(0, 1, 7, 2, 3, 5, 1<<30, 7)
	}, allocs: 16 * kB, after: func(t testing.TB, d *crdt.Doc) {
		text("hel")(t, d)
		apply(t, d, raw(nil).uint(1, 1, 7, 5).bytes(left|str).uint(7, 4).str("p!me").uint(0))
		text("hele")(t, d) // 3 to 7 are deleted, 8 is not
	}},
	{name: "60,000 clients that wait", update: func() []byte {
		u := raw(nil).uint(60_000)
		for c := uint64(60_000); c > 0; c-- {
			u = u.uint(1, c, 5).bytes(gc).uint(1)
		}
		return u.uint(0)
	}, allocs: 60 * mB, after: func(t testing.TB, d *crdt.Doc) {
		waits(60_000)(t, d)
		cheapTyping(t, d)
	}},
	{name: "8,000 inserts at one place", update: func() []byte { return crowd(8000) }, allocs: 16 * mB, after: func(t testing.TB, d *crdt.Doc) {
		if got := len(d.RootText("t")); got != 8000 {
			t.Errorf("%d characters, want 8000", got)
		}
	}},
	{name: "200 nested types", update: func() []byte { return nest(200, 0) }, allocs: 256 * kB},
	{name: "201 nested types", update: func() []byte { return nest(201, 0) }, refuse: "nest deeper than 200", allocs: 256 * kB},
	{name: "60,000 nested types", update: func() []byte { return nest(60_000, 0) }, refuse: "nest deeper than 200", allocs: 40 * mB},
	{name: "a type in 200 others that are there", base: func(t testing.TB, d *crdt.Doc) { apply(t, d, nest(200, 0)) }, update: func() []byte {
		return raw(nil).uint(1, 1, 2, 0).bytes(typ).uint(0, 1, 199, 0).uint(0)
	}, refuse: "nest deeper than 200", allocs: 64 * kB},
	{name: "the root of 60,000 nested types that wait", base: func(t testing.TB, d *crdt.Doc) {
		for from := uint64(1); from < 60_000; from += 199 {
			apply(t, d, nest(min(from+199, 60_000), from))
		}
		waits(59_999)(t, d)
	}, update: func() []byte { return nest(1, 0) }, allocs: 16 * mB, after: func(t testing.TB, d *crdt.Doc) {
		waits(0)(t, d)
		if got, want := string(d.JSON()), `{"a":`+strings.Repeat("[", 201)+strings.Repeat("]", 201)+"}"; got != want {
			t.Errorf("JSON of %d bytes, want a root, 200 arrays in it and no more", len(got))
		}
	}},
	{name: "60,000 types side by side", update: func() []byte {
		u := raw(nil).uint(1, 60_000, 1, 0).bytes(typ).uint(1).str("a").uint(0)
		for i := uint64(1); i < 60_000; i++ {
			u = u.bytes(left|typ).uint(1, i-1, 0)
		}
		return u.uint(0)
	}, allocs: 40 * mB},
	{name: "50,000 roots", update: func() []byte {
		u := raw(nil).uint(1, 50_000, 1, 0)
		for i := range 50_000 {
			u = u.bytes(str).uint(1).str(fmt.Sprintf("r%d", i)).str("x")
		}
		return u.uint(0)
	}, allocs: 50 * mB, after: func(t testing.TB, d *crdt.Doc) {
		if got := len(d.Roots()); got != 50_000 {
			t.Errorf("%d roots, want 50000", got)
		}
		cheapTyping(t, d)
	}},
	{name: "100,000 deletes that wait, backwards", update: func() []byte { return backwards(100_000) }, allocs: 24 * mB, after: cheapTyping},
	{name: "100,001 deletes that wait", update: func() []byte { return backwards(100_001) }, refuse: "more than 100000 deletes", allocs: 24 * mB},
	{name: "another delete after 100,000 that wait", base: func(t testing.TB, d *crdt.Doc) { apply(t, d, backwards(100_000)) },
		update: func() []byte { return raw(nil).uint(0, 1, 8, 1, 1000, 1) }, refuse: "more than 100000 deletes", allocs: 4 * kB},
	{name: "deletes hidden behind structs", base: func(t testing.TB, d *crdt.Doc) { apply(t, d, backwards(100_000)) }, update: func() []byte {
		return raw(nil).uint(1, 2, 3, 0).bytes(gc).uint(1).bytes(gc).uint(1).uint(1, 8, 1, 1000, 1)
	}, refuse: "more than 100000 deletes", allocs: 16 * kB},
	{name: "100,001 structs that wait", update: func() []byte {
		u := raw(nil).uint(1, 100_001, 1, 1)
		for range 100_001 {
			u = u.bytes(gc).uint(1)
		}
		return u.uint(0)
	}, refuse: "more than 100000 structs would wait", allocs: 16 * mB},
	{name: "5 MB of text that waits", update: func() []byte {
		return raw(nil).uint(1, 1, 1, 1).bytes(left|str).uint(1, 0).str(strings.Repeat("x", 5<<20)).uint(0)
	}, refuse: "more than 4194304 bytes would wait", allocs: 12 * mB},
	{name: "5 MB of text that does not wait", update: func() []byte {
		return raw(nil).uint(1, 1, 1, 0).bytes(str).uint(1).str("t").str(strings.Repeat("x", 5<<20)).uint(0)
	}, allocs: 16 * mB},
	{name: "100,000 blocks, each waiting for the next", update: func() []byte {
		u := raw(nil).uint(100_001)
		for c := uint64(100_001); c > 1; c-- {
			u = u.uint(1, c, 0).bytes(left|deleted).uint(c-1, 0, 1)
		}
		return u.uint(1, 1, 0).bytes(deleted).uint(1).str("t").uint(1).uint(0)
	}, allocs: 128 * mB, after: waits(0)},
}

// crowd returns an update in which n clients insert a character each at the
// start of root t.
func crowd(n uint64) []byte {
	u := raw(nil).uint(n)
	for c := n; c > 0; c-- {
		u = u.uint(1, c, 0).bytes(str).uint(1).str("t").str(string(rune('a' + c%26)))
	}
	return u.uint(0)
}

// nest returns an update with array in array, from the one at depth from on.
func nest(to, from uint64) []byte {
	u := raw(nil).uint(1, to-from, 1, from)
	for i := from; i < to; i++ {
		if u = u.bytes(typ); i == 0 {
			u = u.uint(1).str("a").uint(0)
		} else {
			u = u.uint(0, 1, i-1, 0)
		}
	}
	return u.uint(0)
}

// backwards returns an update that deletes every other clock of a client that
// nobody knows, the last one first.
func backwards(n uint64) []byte {
	u := raw(nil).uint(0, 1, 8, n)
	for i := n; i > 0; i-- {
		u = u.uint(10_000+2*i, 1)
	}
	return u
}

// forwards is backwards in order: Yjs keeps those that wait in V2, where the next
// cannot lie before the last.
func forwards(n uint64) []byte {
	u := raw(nil).uint(0, 1, 8, n)
	for i := range n {
		u = u.uint(10_000+2*i, 1)
	}
	return u
}

// cheapTyping types into a document and expects that a keystroke costs no more
// than in any other, and that what a replica sends does neither.
func cheapTyping(t testing.TB, d *crdt.Doc) {
	t.Helper()
	if _, err := d.Update(func(tx *crdt.Tx) error { return d.Text("typed").Insert(tx, 0, "begun") }); err != nil {
		t.Fatal(err)
	}
	at := 5
	got := testing.AllocsPerRun(100, func() {
		if _, err := d.Update(func(tx *crdt.Tx) error { return d.Text("typed").Insert(tx, at, "x") }); err != nil {
			t.Fatal(err)
		}
		at++
	})
	if got > 12 {
		t.Errorf("a keystroke allocates %g times, want at most 12", got)
	}
	const keys = 200
	var updates [keys][]byte
	for i := range updates {
		updates[i] = raw(nil).uint(1, 1, 1<<40, uint64(i)).bytes(str).uint(1).str("more").str("y").uint(0)
	}
	bytes := allocated(func() {
		for _, u := range updates {
			apply(t, d, u)
		}
	})
	if bytes > keys*2*kB {
		t.Errorf("%d keystrokes of another allocate %d bytes, want at most %d", keys, bytes, keys*2*kB)
	}
}

// TestHostileInput checks what becomes of each hostile input, what it costs in
// memory, and that one which is refused leaves no trace.
func TestHostileInput(t *testing.T) {
	for _, h := range hostileInputs {
		t.Run(strings.ReplaceAll(h.name, " ", "_"), func(t *testing.T) {
			d := crdt.New(crdt.Options{ClientID: 4503599627370497})
			if h.base != nil {
				h.base(t, d)
			}
			before, stats := encodeState(t, d, nil), d.Stats()
			update := h.update()
			var err error
			bytesUsed := allocated(func() {
				if h.v2 {
					_, err = d.ApplyUpdateV2(update)
				} else {
					_, err = d.ApplyUpdate(update)
				}
			})
			if bytesUsed > h.allocs {
				t.Errorf("%d bytes of update made %d allocated, want at most %d", len(update), bytesUsed, h.allocs)
			}
			why := refusal(t, err)
			switch {
			case h.refuse == "" && why != nil:
				t.Fatalf("refused: %v", why)
			case h.refuse != "" && (why == nil || !strings.Contains(why.Reason, h.refuse)):
				t.Fatalf("refused with %v, want %q", why, h.refuse)
			}
			if broken := d.Check(); broken != nil {
				t.Fatal(broken)
			}
			if h.refuse != "" {
				if !bytes.Equal(encodeState(t, d, nil), before) || d.Stats().Structs != stats.Structs || d.Stats().Clients != stats.Clients {
					t.Error("the refused update left a trace")
				}
			}
			if h.after != nil {
				h.after(t, d)
			}
			if broken := d.Check(); broken != nil {
				t.Fatal(broken)
			}
		})
	}
}

// TestHostileInputLikeYjs lets Yjs have what a document takes of it, in sizes
// that Yjs can bear, and expects the same state.
func TestHostileInputLikeYjs(t *testing.T) {
	o := oracle(t)
	greeting := raw(nil).uint(1, 1, 7, 0).bytes(str).uint(1).str("t").str("hello").uint(0)
	inputs := map[string][][]byte{
		"500 inserts at one place":  {crowd(500)},
		"200 nested types":          {nest(200, 0)},
		"500 deletes that wait":     {forwards(500)},
		"100 types without a root":  {nest(101, 1)},
		"and with it":               {nest(101, 1), nest(1, 0)},
		"500 deletes after a text":  {greeting, forwards(500)},
		"deletes of clocks to come": {greeting, raw(nil).uint(0, 1, 7, 2, 3, 5, 1000, 7), raw(nil).uint(1, 1, 7, 5).bytes(left|str).uint(7, 4).str("p!me").uint(0)},
	}
	for _, h := range hostileInputs {
		if h.refuse == "" && strings.Contains(h.name, "circle") || h.name == "a parent that is text" {
			inputs[h.name] = [][]byte{greeting, h.update()}
		}
	}
	for name, updates := range inputs {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			load := crdttest.Load{Collect: true, Roots: []string{"t"}}
			d := crdt.New(crdt.Options{ClientID: 4503599627370497})
			for _, u := range updates {
				apply(t, d, u)
				load.Updates = append(load.Updates, hex.EncodeToString(u))
			}
			yjs, err := o.Load(load)
			if err != nil || yjs[0].Err != "" {
				t.Fatal(err, yjs)
			}
			if got := hex.EncodeToString(d.EncodeStateVector()); got != yjs[0].Vector {
				t.Errorf("state vector %s, Yjs has %s", got, yjs[0].Vector)
			}
			sameUpdate(t, "encoded state", encodeState(t, d, nil), fromHex(t, yjs[0].Update))
		})
	}
}
