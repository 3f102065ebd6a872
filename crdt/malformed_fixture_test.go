package crdt_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
)

// malformedInput is an input that has to be refused; Sample stands for all of
// its own proper prefixes.
type malformedInput struct {
	Name, Why, Yjs string
	Base           []string
	Update         string
	Repeats        [][2]any
	Sample         string
}

func (m malformedInput) bytes(t testing.TB) []byte {
	if m.Repeats == nil {
		return fromHex(t, m.Update)
	}
	var out []byte
	for _, r := range m.Repeats {
		out = append(out, bytes.Repeat(fromHex(t, r[0].(string)), int(r[1].(float64)))...)
	}
	return out
}

// TestMalformed expects every malformed input to be refused with an offset
// inside it, and to change nothing.
func TestMalformed(t *testing.T) {
	data, err := os.ReadFile("testdata/fixtures/malformed.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []malformedInput
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 50 {
		t.Errorf("%d malformed inputs, want at least 50", len(list))
	}
	for _, m := range list {
		t.Run(m.Name, func(t *testing.T) {
			if m.Sample != "" {
				sample := fromHex(t, m.Sample)
				for n := range sample {
					refuses(t, nil, sample[:n:n])
				}
				return
			}
			refuses(t, m.Base, m.bytes(t))
		})
	}
}

func refuses(t *testing.T, base []string, bad []byte) {
	t.Helper()
	d := crdt.New(crdt.Options{ClientID: 4503599627370497})
	for _, u := range base {
		if _, err := d.ApplyUpdate(fromHex(t, u)); err != nil {
			t.Fatal(err)
		}
	}
	before := encodeState(t, d, nil)
	_, err := d.ApplyUpdate(bad)
	var refused *crdt.UpdateError
	switch {
	case err == nil:
		t.Errorf("%d bytes were accepted\n%s", len(bad), crdttest.Describe(encodeState(t, d, nil)))
	case !errors.As(err, &refused):
		t.Errorf("error is a %T: %v", err, err)
	case refused.Offset < 0 || refused.Offset > len(bad) || refused.Reason == "":
		t.Errorf("offset %d of %d bytes, reason %q", refused.Offset, len(bad), refused.Reason)
	}
	if after := encodeState(t, d, nil); !bytes.Equal(before, after) {
		sameUpdate(t, "state after the refusal", after, before)
	}
}
