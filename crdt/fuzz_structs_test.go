package crdt_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unicode/utf16"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
	"github.com/weftsync/weft/crdt/lib0"
)

// Updates that are well formed and mean nothing: structs of a few clients, next
// to each other, with any kind of content, any neighbours and any parents, that
// no editor would make. What the engine takes it has to survive.
func FuzzStructs(f *testing.F) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 8))
		in := make([]byte, 40+10*seed)
		for i := range in {
			in[i] = byte(random.UintN(256))
		}
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		h := newVictim(t, noStateLimits)
		var shown mirror
		h.doc.OnRootSplice("text", shown.splice)
		told, second := crdt.New(crdt.Options{ClientID: 10}), crdt.New(crdt.Options{ClientID: 9})
		w := structWriter{bytesOf: bytesOf{in}, again: true}
		for range 12 {
			if len(w.left) == 0 {
				break
			}
			update := w.update()
			t.Logf("update %x\n%s", update, crdttest.Describe(update))
			h.state, h.scans = encoded(t, h.doc), h.doc.Scanned()
			var applied crdt.Applied
			err := h.handle("applying", update, func() (err error) {
				applied, err = h.doc.ApplyUpdate(update)
				return err
			})
			if got, want := string(utf16.Decode(shown.units)), h.doc.RootText("text"); got != want {
				t.Fatalf("splices add up to %q, the text is %q", got, want)
			}
			v2, convErr := crdt.ConvertUpdateV1ToV2(update)
			if (err == nil) != (convErr == nil) {
				t.Fatalf("applying: %v, converting: %v", err, convErr)
			}
			if err != nil {
				continue
			}
			if !applied.Changed {
				h.unchanged("what changed nothing")
			} else if _, err := told.ApplyUpdate(applied.Update); err != nil {
				t.Fatalf("Applied.Update is refused: %v", err)
			}
			if _, err := second.ApplyUpdateV2(v2); err != nil {
				t.Fatalf("the update in V2 is refused: %v", err)
			}
		}
		if a, b := encoded(t, h.doc), encoded(t, second); !bytes.Equal(a, b) {
			t.Fatalf("V1 gives the state\n%x, V2\n%x", a, b)
		}
		if a, b := h.doc.EncodeStateVector(), told.EncodeStateVector(); !bytes.Equal(a, b) {
			t.Fatalf("state vector %x, of who was told the news %x", a, b)
		}
		if err := told.Check(); err != nil {
			t.Fatal(err)
		}
		// Where neighbours contradict each other the order of loading decides.
		loads(t, h.doc, encoded(t, h.doc))
		editAfter(t, h.doc, &shown)
	})
}

// structWriter makes updates of bytes. It remembers how far each client is, so
// that most structs come in order and name what is there.
type structWriter struct {
	bytesOf
	again  bool      // clocks may be used again, for something else
	clocks [4]uint64 // of clients 1 to 4
}

// one in n reports whether the next byte says so.
func (w *structWriter) oneIn(n byte) bool { return w.next()%n == 0 }

func (w *structWriter) update() []byte {
	var blocks []byte
	n := uint64(0)
	for c := range uint64(len(w.clocks)) {
		if w.oneIn(2) {
			blocks = w.block(blocks, c)
			n++
		}
	}
	out := append(lib0.AppendUint(nil, n), blocks...)
	deleted := uint64(w.next()) % 3
	out = lib0.AppendUint(out, deleted)
	for range deleted {
		ranges := 1 + w.next()%2
		out = append(out, 1+w.next()%4, ranges)
		for range ranges {
			out = append(out, w.next()%64, 1+w.next()%8)
		}
	}
	return out
}

func (w *structWriter) block(out []byte, c uint64) []byte {
	clock := w.clocks[c]
	if w.oneIn(6) {
		clock += uint64(w.next()) % 4 // a gap
	} else if w.again && w.oneIn(6) {
		clock -= min(clock, uint64(w.next())%4) // again
	}
	n := 1 + uint64(w.next())%4
	out = lib0.AppendUint(lib0.AppendUint(lib0.AppendUint(out, n), c+1), clock)
	for range n {
		var length uint64
		out, length = w.one(out)
		clock += length
	}
	w.clocks[c] = max(w.clocks[c], clock)
	return out
}

// id appends the id of an operation that is there, most of the time.
func (w *structWriter) id(out []byte) []byte {
	c := w.next() % byte(len(w.clocks))
	return lib0.AppendUint(append(out, c+1), uint64(w.next())%max(1, w.clocks[c]+uint64(w.next()%8)/7))
}

func (w *structWriter) text() string {
	return []string{"a", "bc", "def", "x😀y", "ü", "\n", "", "longer text"}[w.next()%8]
}

// one appends a struct and returns its length.
func (w *structWriter) one(out []byte) ([]byte, uint64) {
	kind := []byte{4, 4, 4, 7, 8, 6, 1, 0, 5, 3, 9, 2, 10}[w.next()%13]
	length := 1 + uint64(w.next())%5
	if kind == 0 || kind == 10 {
		return lib0.AppendUint(append(out, kind), length), length
	}
	where := w.next()
	info := kind | where&0xE0
	out = append(out, info)
	if info&0x80 != 0 {
		out = w.id(out)
	}
	if info&0x40 != 0 {
		out = w.id(out)
	}
	if info&0xC0 == 0 {
		if where&1 == 0 {
			out = lib0.AppendString(append(out, 1), []string{"text", "array", "map", "xml"}[where/2%4])
		} else {
			out = w.id(append(out, 0))
		}
		if info&0x20 != 0 {
			out = lib0.AppendString(out, []string{"a", "b"}[where/8%2])
		}
	}
	return w.content(out, kind, length)
}

func (w *structWriter) content(out []byte, kind byte, length uint64) ([]byte, uint64) {
	switch kind {
	case 1:
		return lib0.AppendUint(out, length), length
	case 2:
		out = lib0.AppendUint(out, length)
		for range length {
			out = lib0.AppendString(out, "[1]")
		}
	case 3:
		return lib0.AppendBytes(out, []byte(w.text())), 1
	case 4:
		s := w.text()
		return lib0.AppendString(out, s), uint64(len(utf16.Encode([]rune(s))))
	case 5:
		return lib0.AppendString(out, `{"k":1}`), 1
	case 6:
		key, value := []string{"a", "b"}[w.next()%2], []string{"true", "null", `{"c":"d"}`}[w.next()%3]
		return lib0.AppendString(lib0.AppendString(out, key), value), 1
	case 7:
		t := w.next() % 7
		if out = append(out, t); t == 3 || t == 5 {
			out = lib0.AppendString(out, "p")
		}
		return out, 1
	case 8:
		out = lib0.AppendUint(out, length)
		for range length {
			out = append(out, lib0.TagTrue)
		}
		return out, length
	case 9:
		return append(lib0.AppendString(out, "guid"), lib0.TagObject, 0), 1
	}
	return out, length
}
