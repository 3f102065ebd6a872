package crdt_test

import (
	"bytes"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
)

// Updates of one client that overlap while they wait for another one, and the
// state that real Yjs then encodes: some have collected what others have not,
// and cut it elsewhere.
var overlappingWhileWaiting = []struct {
	name    string
	updates []string
	state   string
}{
	{"collected run reaches into a text of one",
		[]string{"010202030004840400016100", "01010206000200"}, "010202030004840400016100"},
	{"collected run reaches into a longer text",
		[]string{"01020203000484040002616200", "01010206000200"}, "01020203000484040002616200"},
	{"collected run fills a gap between two",
		[]string{"0103020300040a01000100", "01010207000100"}, "01010203000600"},
	{"collected run covers a gap and more",
		[]string{"0103020300040a01000100", "01010205000500"}, "01010203000700"},
	{"two collected runs cover a gap and more",
		[]string{"0103020300040a01000100", "010202050002000300"}, "01010203000700"},
	{"collected run and text reach into a longer text",
		[]string{"01020203000484040002616200", "010202060002840400016300"}, "01020203000484040002616200"},
}

func TestOverlappingWhileWaiting(t *testing.T) {
	for _, tt := range overlappingWhileWaiting {
		d := crdt.New(crdt.Options{ClientID: 9})
		for _, u := range tt.updates {
			if _, err := d.ApplyUpdate(fromHex(t, u)); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if err := d.Check(); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
		if got, want := encoded(t, d), fromHex(t, tt.state); !bytes.Equal(got, want) {
			t.Errorf("%s: got\n%swant\n%s", tt.name, crdttest.Describe(got), crdttest.Describe(want))
		}
	}
}
