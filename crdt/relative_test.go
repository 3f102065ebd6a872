package crdt_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// relativeState is a document that real Yjs made: text t is "hYllo" with
// deleted and foreign parts, key n of map m holds the text "abc".
const relativeState = "02020200c10101010201c402000102015905010004010174016881010001840101036c6c6f2701016d016e020400010503616263020201000101010101"

// relativeRows are what real Yjs says of every index of the two texts: the
// binary form, the JSON form, and where the position resolves to.
var relativeRows = []struct {
	text         string
	index, assoc int
	binary, json string
	resolved     int
}{
	{"t", 0, 0, "00010000", `{"tname":"t","item":{"client":1,"clock":0},"assoc":0}`, 0},
	{"t", 0, -1, "01017441", `{"tname":"t","assoc":-1}`, 0},
	{"t", 1, 0, "00020100", `{"tname":"t","item":{"client":2,"clock":1},"assoc":0}`, 1},
	{"t", 1, -1, "00010041", `{"tname":"t","item":{"client":1,"clock":0},"assoc":-1}`, 1},
	{"t", 2, 0, "00010200", `{"tname":"t","item":{"client":1,"clock":2},"assoc":0}`, 2},
	{"t", 2, -1, "00020141", `{"tname":"t","item":{"client":2,"clock":1},"assoc":-1}`, 2},
	{"t", 3, 0, "00010300", `{"tname":"t","item":{"client":1,"clock":3},"assoc":0}`, 3},
	{"t", 3, -1, "00010241", `{"tname":"t","item":{"client":1,"clock":2},"assoc":-1}`, 3},
	{"t", 4, 0, "00010400", `{"tname":"t","item":{"client":1,"clock":4},"assoc":0}`, 4},
	{"t", 4, -1, "00010341", `{"tname":"t","item":{"client":1,"clock":3},"assoc":-1}`, 4},
	{"t", 5, 0, "01017400", `{"tname":"t","assoc":0}`, 5},
	{"t", 5, -1, "00010441", `{"tname":"t","item":{"client":1,"clock":4},"assoc":-1}`, 5},
	{"t", 6, 0, "01017400", `{"tname":"t","assoc":0}`, 5},
	{"t", 6, -1, "00010441", `{"tname":"t","item":{"client":1,"clock":4},"assoc":-1}`, 5},
	{"n", 0, 0, "00010600", `{"type":{"client":1,"clock":5},"item":{"client":1,"clock":6},"assoc":0}`, 0},
	{"n", 0, -1, "02010541", `{"type":{"client":1,"clock":5},"assoc":-1}`, 0},
	{"n", 1, 0, "00010700", `{"type":{"client":1,"clock":5},"item":{"client":1,"clock":7},"assoc":0}`, 1},
	{"n", 1, -1, "00010641", `{"type":{"client":1,"clock":5},"item":{"client":1,"clock":6},"assoc":-1}`, 1},
	{"n", 2, 0, "00010800", `{"type":{"client":1,"clock":5},"item":{"client":1,"clock":8},"assoc":0}`, 2},
	{"n", 2, -1, "00010741", `{"type":{"client":1,"clock":5},"item":{"client":1,"clock":7},"assoc":-1}`, 2},
	{"n", 3, 0, "02010500", `{"type":{"client":1,"clock":5},"assoc":0}`, 3},
	{"n", 3, -1, "00010841", `{"type":{"client":1,"clock":5},"item":{"client":1,"clock":8},"assoc":-1}`, 3},
	{"n", 4, 0, "02010500", `{"type":{"client":1,"clock":5},"assoc":0}`, 3},
	{"n", 4, -1, "00010841", `{"type":{"client":1,"clock":5},"item":{"client":1,"clock":8},"assoc":-1}`, 3},
}

func relativeDoc(t *testing.T) (*crdt.Doc, map[string]*crdt.Text) {
	t.Helper()
	d := crdt.New(crdt.Options{ClientID: 9})
	state, err := hex.DecodeString(relativeState)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.ApplyUpdate(state); err != nil {
		t.Fatal(err)
	}
	nested, _ := d.Map("m").Get("n")
	return d, map[string]*crdt.Text{"t": d.Text("t"), "n": nested.(*crdt.Text)}
}

func TestRelativePositionsAsYjs(t *testing.T) {
	d, texts := relativeDoc(t)
	for _, row := range relativeRows {
		p := texts[row.text].RelativePosition(row.index, row.assoc)
		if got := hex.EncodeToString(p.Encode()); got != row.binary {
			t.Errorf("%s %d %d: %s, want %s", row.text, row.index, row.assoc, got, row.binary)
		}
		if got, err := json.Marshal(p); err != nil || string(got) != row.json {
			t.Errorf("%s %d %d: %s, %v, want %s", row.text, row.index, row.assoc, got, err, row.json)
		}
		var fromJSON crdt.RelativePosition
		if err := json.Unmarshal([]byte(row.json), &fromJSON); err != nil {
			t.Fatal(err)
		}
		fromBinary, err := crdt.DecodeRelativePosition(p.Encode())
		if err != nil {
			t.Fatal(err)
		}
		for form, p := range map[string]crdt.RelativePosition{"made": p, "JSON": fromJSON, "binary": fromBinary} {
			root := map[string]string{"t": "t", "n": "m"}[row.text]
			if _, gotRoot, index, err := d.Resolve(p); err != nil || index != row.resolved || gotRoot != root {
				t.Errorf("%s %d %d from %s: %q %d, %v, want %q %d", row.text, row.index, row.assoc, form, gotRoot, index, err, root, row.resolved)
			}
		}
	}
}

// A position stays beside its element while others edit.
func TestRelativePositionFollows(t *testing.T) {
	d, texts := relativeDoc(t)
	text := texts["t"]
	p := text.RelativePosition(3, 0)
	for i, edit := range []func(tx *crdt.Tx) error{
		func(tx *crdt.Tx) error { return text.Insert(tx, 0, "before") },
		func(tx *crdt.Tx) error { return text.Insert(tx, 11, "after") },
		func(tx *crdt.Tx) error { return text.Delete(tx, 2, 3) },
	} {
		if _, err := d.Update(edit); err != nil {
			t.Fatal(err)
		}
		want := []int{9, 9, 6}[i]
		if _, _, index, err := d.Resolve(p); err != nil || index != want {
			t.Errorf("after edit %d: %d, %v, want %d", i, index, err, want)
		}
	}
}

func TestRelativePositionRefused(t *testing.T) {
	d, _ := relativeDoc(t)
	for _, in := range []string{"", "00", "0001", "03", "0105", "010174004444", "02", "0001ffffffffffffffffff00"} {
		b, _ := hex.DecodeString(in)
		var refused *crdt.UpdateError
		if p, err := crdt.DecodeRelativePosition(b); !errors.As(err, &refused) {
			t.Errorf("%q reads as %+v, %v", in, p, err)
		}
	}
	for _, p := range []crdt.RelativePosition{
		{Item: &crdt.ID{Client: 77, Clock: 0}}, {Item: &crdt.ID{Client: 1, Clock: 1 << 40}}, {Type: &crdt.ID{Client: 1, Clock: 0}},
	} {
		if _, _, _, err := d.Resolve(p); !errors.Is(err, crdt.ErrPosition) {
			t.Errorf("%+v resolves: %v", p, err)
		}
	}
	if typ, root, index, err := d.Resolve(crdt.RelativePosition{Root: "nowhere"}); typ != nil || root != "nowhere" || index != 0 || err != nil {
		t.Errorf("a root that does not exist: %v %q %d, %v; want the start of nothing", typ, root, index, err)
	}
}
