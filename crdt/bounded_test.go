package crdt_test

import (
	"bytes"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
)

// What handling an input may allocate: so much for each of its bytes, and so
// much besides. A struct of four bytes may become an item, a branch and entries
// in tables; a value nested a hundred deep may be rewritten at each level.
const (
	allocPerByte = 400
	allocBase    = 512 << 10
)

// expectBounded runs f, which handles inputs of n bytes together, and fails if
// it allocates more than that accounts for.
func expectBounded(t testing.TB, what string, n int, f func()) {
	t.Helper()
	expectAllocates(t, what, mayAllocate(n), f)
}

func mayAllocate(n int) uint64 { return uint64(allocPerByte*n + allocBase) }

func expectAllocates(t testing.TB, what string, most uint64, f func()) {
	t.Helper()
	if got := crdttest.Allocated(f); got > most {
		t.Fatalf("%s allocates %d bytes, want at most %d", what, got, most)
	}
}

// victim is a document to which anything is done that a peer may send, and
// what it was like before that.
type victim struct {
	t     testing.TB
	doc   *crdt.Doc
	state []byte
	scans uint32
}

// newVictim returns a document that holds the given updates.
func newVictim(t testing.TB, limits crdt.Limits, updates ...[]byte) *victim {
	t.Helper()
	d := crdt.New(crdt.Options{ClientID: 9, Limits: limits})
	for _, u := range updates {
		if _, err := d.ApplyUpdate(u); err != nil {
			t.Fatal(err)
		}
	}
	return &victim{t, d, encoded(t, d), d.Scanned()}
}

func encoded(t testing.TB, d *crdt.Doc) []byte {
	t.Helper()
	state, err := d.EncodeStateAsUpdate(nil)
	if err != nil {
		t.Fatalf("encoding the state: %v", err)
	}
	return state
}

// handle does something with an input and checks that it costs what it may,
// that the document is sound after it, and unchanged if it was refused.
func (h *victim) handle(what string, input []byte, f func() error) error {
	h.t.Helper()
	return h.expect(what, mayAllocate, input, f)
}

func (h *victim) expect(what string, may func(n int) uint64, input []byte, f func() error) error {
	h.t.Helper()
	var err error
	expectAllocates(h.t, what, may(len(input)), func() { err = f() })
	if broken := h.doc.Check(); broken != nil {
		h.t.Fatalf("%s: %v", what, broken)
	}
	structs := uint64(h.doc.Stats().Structs) + 1
	if scanned := h.doc.Scanned(); uint64(scanned-h.scans) > structs*structs {
		h.t.Fatalf("%s: conflict scans passed %d items in a document of %d", what, scanned-h.scans, structs)
	}
	if err != nil {
		h.unchanged(what)
	}
	return err
}

// unchanged fails if the document is not what it was.
func (h *victim) unchanged(what string) {
	h.t.Helper()
	if !bytes.Equal(encoded(h.t, h.doc), h.state) {
		h.t.Fatalf("%s changed the document", what)
	}
}
