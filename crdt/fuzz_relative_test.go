package crdt_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// Whatever is taken for a relative position is written again as it was read,
// and resolves to a place that exists, or to none.
func FuzzRelativePosition(f *testing.F) {
	for _, row := range relativeRows {
		f.Add(fromHex(f, row.binary), []byte(row.json))
	}
	f.Add([]byte{0, 1, 0}, []byte(`{"item":{"client":1,"clock":18446744073709551615},"assoc":-1}`))
	f.Add([]byte{2, 1, 5}, []byte(`{"type":{"client":2,"clock":1},"item":null}`))
	state := fromHex(f, relativeState)
	_, updates := base(f)
	f.Fuzz(func(t *testing.T, binary, text []byte) {
		for _, updates := range [][][]byte{{state}, updates} {
			h := newVictim(t, noStateLimits, updates...)
			relativeBinary(t, h, binary)
			relativeJSON(t, h, text)
			h.unchanged("resolving")
		}
	})
}

func relativeBinary(t *testing.T, h *victim, in []byte) {
	var p crdt.RelativePosition
	err := h.handle("reading a position", in, func() (err error) {
		p, err = crdt.DecodeRelativePosition(in)
		return err
	})
	if err != nil {
		var at *crdt.UpdateError
		if !errors.As(err, &at) || at.Offset < 0 || at.Offset > len(in) {
			t.Fatalf("got error %v, want an *UpdateError inside %d bytes", err, len(in))
		}
		return
	}
	out := p.Encode()
	if zero := append(bytes.Clone(in), 0); !bytes.Equal(out, in) && !bytes.Equal(out, zero) && !bytes.HasSuffix(in, []byte{0x40}) {
		t.Fatalf("%x is read as %+v, which is written %x", in, p, out)
	}
	resolves(t, h, in, p)
}

func relativeJSON(t *testing.T, h *victim, in []byte) {
	var p, again crdt.RelativePosition
	if err := h.handle("reading a position in JSON", in, func() error { return json.Unmarshal(in, &p) }); err != nil {
		return
	}
	out, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &again); err != nil {
		t.Fatalf("%s is written %s, which is refused: %v", in, out, err)
	}
	if !bytes.Equal(p.Encode(), again.Encode()) {
		t.Fatalf("%s is written %s, which is another position", in, out)
	}
	resolves(t, h, in, p)
}

// resolves checks that a position resolves to an index that exists, and that
// the position of that index is at that index.
func resolves(t *testing.T, h *victim, in []byte, p crdt.RelativePosition) {
	t.Helper()
	var typ any
	var index int
	err := h.handle("resolving", in, func() (err error) {
		typ, _, index, err = h.doc.Resolve(p)
		return err
	})
	if err != nil {
		if !errors.Is(err, crdt.ErrPosition) {
			t.Fatalf("got error %v, want ErrPosition", err)
		}
		return
	}
	list, ok := typ.(interface {
		Len() int
		RelativePosition(index, assoc int) crdt.RelativePosition
	})
	if !ok {
		return // a map, or a root that nobody declared
	}
	if index < 0 || index > list.Len() {
		t.Fatalf("%+v resolves to %d of %d", p, index, list.Len())
	}
	for _, assoc := range []int{0, -1} {
		here := list.RelativePosition(index, assoc)
		if _, _, got, err := h.doc.Resolve(here); err != nil || got != index {
			t.Fatalf("index %d is %+v, which resolves to %d, %v", index, here, got, err)
		}
	}
}
