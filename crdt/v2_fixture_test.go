package crdt_test

import (
	"bytes"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// TestFixturesV2 reads and writes every fixture in V2.
func TestFixturesV2(t *testing.T) {
	for group, list := range readFixtures(t) {
		for _, f := range list {
			t.Run(group+"/"+f.Name, func(t *testing.T) { checkV2(t, group+"/"+f.Name, f) })
		}
	}
}

// checkV2 converts the updates to V2, loads them in V2, and encodes in V2. Where
// Yjs's V2 loses content only our own is loaded.
func checkV2(t *testing.T, name string, f fixture) {
	d := crdt.New(crdt.Options{ClientID: 4503599627370497, KeepDeleted: !f.Collect})
	loses, exempt := yjsLoses[name]
	for i, u := range f.Expect.V2.Updates {
		got, err := crdt.ConvertUpdateV1ToV2(fromHex(t, f.Updates[i]))
		if err != nil {
			t.Fatalf("convert to V2: %v", err)
		}
		if want := fromHex(t, u); !exempt && !bytes.Equal(got, want) {
			t.Errorf("converted to V2\n got %x\nwant %x", got, want)
		}
		if _, err := d.ApplyUpdateV2(got); err != nil {
			t.Fatalf("apply in V2: %v", err)
		}
	}
	if exempt {
		if loses.root != "" {
			checkUndamaged(t, f, d, loses.root, loses.content)
		}
		return
	}
	sameUpdate(t, "encoded state of what came in V2", encodeState(t, d, nil), fromHex(t, f.Expect.Update))
	got, err := d.EncodeStateAsUpdateV2(nil)
	if err != nil {
		t.Fatalf("encode in V2: %v", err)
	}
	if want := fromHex(t, f.Expect.V2.Update); !bytes.Equal(got, want) {
		t.Errorf("encoded state in V2\n got %x\nwant %x", got, want)
	}
}
