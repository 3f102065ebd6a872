package crdt_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
)

// fixture is a history that real Yjs made, with all that Yjs reads from it.
// web/fixtures writes them.
type fixture struct {
	Name    string
	Proves  []string
	Source  []string
	Collect bool `json:"gc"`
	Updates []string
	Expect  struct {
		StateVector string
		Update      string
		Pending     struct{ Structs, Deletes bool }
		Diffs       []fixtureDiff
		Merged      struct {
			Update      string
			StateVector string
			Diffs       []fixtureDiff
		}
		V2 struct {
			Update  string
			Updates []string
		}
		Roots      map[string]fixtureRoot
		Deliveries []delivery
	}
}

type fixtureDiff struct{ StateVector, Update string }

type fixtureRoot struct {
	crdttest.RootEntry
	Type string
}

// delivery is an order of delivery, and what differs by it from the expected.
type delivery struct {
	Name        string
	Steps       []any // number of an update, "merged" or "reload"
	StateVector string
	Update      string
	Roots       map[string]fixtureRoot
}

// readFixtures returns all fixtures by group.
func readFixtures(t testing.TB) map[string][]fixture {
	t.Helper()
	files, err := filepath.Glob("testdata/fixtures/*.json")
	if err != nil {
		t.Fatal(err)
	}
	groups := map[string][]fixture{}
	for _, file := range files {
		group := strings.TrimSuffix(filepath.Base(file), ".json")
		if group == "malformed" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var list []fixture
		if err := json.Unmarshal(data, &list); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		groups[group] = list
	}
	return groups
}

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// yjsLoses lists fixtures which Yjs damages in some orders of delivery and the
// engine does not: why, and what is there when nothing is lost.
var yjsLoses = map[string]struct{ why, root, content string }{
	"delivery/overlap that splits a pair": {
		"Yjs cuts the surrogate pair in which the origin of a struct lies, also of a struct that it knows", "t", `text(["a😀b"],{})`},
	"split/every clock of a text": {
		"Yjs cuts the surrogate pair in which the origin of a struct lies, also of a struct that it knows", "t", `text(["a😀b𝒳"],{})`},
	"format/lone surrogates in JSON": {
		"Yjs keeps what waits in V2, where lone surrogates of JSON become U+FFFD", "", ""},
	"handwritten/delete set out of order": {
		"Yjs keeps ranges that wait in V2, which cannot go backwards", "t", `text(["abijmnop"],{})`},
	"handwritten/delete set out of order, waiting": {
		"Yjs keeps ranges that wait in V2, which cannot go backwards", "t", `text(["ab"],{})`},
}

// TestFixtures applies every fixture in the order in which it was made and in
// every other order that the fixture names, and compares all that can be read.
func TestFixtures(t *testing.T) {
	n := 0
	for group, list := range readFixtures(t) {
		for _, f := range list {
			n++
			t.Run(group+"/"+f.Name, func(t *testing.T) {
				checkFixture(t, group+"/"+f.Name, f)
				checkWithoutDocument(t, f)
				checkReturn(t, f)
			})
		}
	}
	if n < 120 {
		t.Errorf("%d fixtures, want at least 120", n)
	}
}

func checkFixture(t *testing.T, name string, f fixture) {
	loses, exempt := yjsLoses[name]
	used := false
	all := delivery{Name: "in order"}
	for i := range f.Updates {
		all.Steps = append(all.Steps, float64(i))
	}
	for _, order := range append([]delivery{all}, f.Expect.Deliveries...) {
		t.Run(order.Name, func(t *testing.T) {
			d := deliver(t, f, order.Steps)
			wantUpdate, wantVector, wantRoots := f.Expect.Update, f.Expect.StateVector, f.Expect.Roots
			if order.Update != "" {
				wantUpdate = order.Update
			}
			if order.StateVector != "" {
				wantVector = order.StateVector
			}
			if order.Roots != nil {
				wantRoots = order.Roots
			}
			if exempt && hex.EncodeToString(encodeState(t, d, nil)) != wantUpdate {
				used = true
				checkUndamaged(t, f, d, loses.root, loses.content)
				return
			}
			if got := hex.EncodeToString(d.EncodeStateVector()); got != wantVector {
				t.Errorf("state vector\n got %s\nwant %s", got, wantVector)
			}
			sameUpdate(t, "encoded state", encodeState(t, d, nil), fromHex(t, wantUpdate))
			if order.Name == all.Name {
				for _, diff := range f.Expect.Diffs {
					sameUpdate(t, "difference to "+diff.StateVector, encodeState(t, d, fromHex(t, diff.StateVector)), fromHex(t, diff.Update))
				}
				if got, want := d.Stats().Pending > 0, f.Expect.Pending.Structs; got != want {
					t.Errorf("structs wait: got %v, want %v", got, want)
				}
			}
			for name, want := range wantRoots {
				sameRoot(t, d, name, want)
			}
		})
	}
	if exempt && !used {
		t.Errorf("Yjs no longer differs here (%s): take the fixture out of the table", loses.why)
	}
}

// checkUndamaged expects the content that is there when nothing is lost: that
// given, or the one that Yjs has in order.
func checkUndamaged(t *testing.T, f fixture, d *crdt.Doc, root, content string) {
	t.Helper()
	if root == "" {
		sameUpdate(t, "encoded state", encodeState(t, d, nil), fromHex(t, f.Expect.Update))
	} else if got := crdttest.Canonical(d.Text(root)); got != content {
		t.Errorf("content of root %s\n got %s\nwant %s", root, got, content)
	}
}

func deliver(t *testing.T, f fixture, steps []any) *crdt.Doc {
	t.Helper()
	options := crdt.Options{ClientID: 4503599627370497, KeepDeleted: !f.Collect}
	d := crdt.New(options)
	apply := func(update []byte) {
		t.Helper()
		if _, err := d.ApplyUpdate(update); err != nil {
			t.Fatalf("apply an update: %v\n%s", err, crdttest.Describe(update))
		}
	}
	for _, step := range steps {
		switch step {
		case "reload":
			update := encodeState(t, d, nil)
			d = crdt.New(options)
			apply(update)
		case "merged":
			apply(fromHex(t, f.Expect.Merged.Update))
		default:
			apply(fromHex(t, f.Updates[int(step.(float64))]))
		}
	}
	return d
}

func encodeState(t testing.TB, d *crdt.Doc, sv []byte) []byte {
	t.Helper()
	update, err := d.EncodeStateAsUpdate(sv)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return update
}

func sameUpdate(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s\n got %x\n%swant %x\n%s", what, got, crdttest.Describe(got), want, crdttest.Describe(want))
	}
}

func sameRoot(t *testing.T, d *crdt.Doc, name string, want fixtureRoot) {
	t.Helper()
	var handle any
	switch want.Type {
	case "text":
		handle = d.Text(name)
	case "array":
		handle = d.Array(name)
	case "map":
		handle = d.Map(name)
	case "xmlfragment":
		handle = d.XMLFragment(name)
	case "xmlelement":
		handle = d.XMLElement(name)
	case "xmltext":
		handle = d.XMLText(name)
	default:
		t.Fatalf("root of type %q", want.Type)
	}
	got := crdttest.ReadRoot(d, name, handle)
	for _, s := range []struct{ what, got, want string }{
		{"content", got.Dump, want.Dump}, {"JSON", got.JSON, want.JSON}, {"delta", got.Delta, want.Delta}, {"XML", got.XML, want.XML},
	} {
		if s.got != s.want {
			t.Errorf("%s of root %q\n got %s\nwant %s", s.what, name, s.got, s.want)
		}
	}
	if want.Type == "text" && got.Text != want.Text {
		t.Errorf("text of root %q\n got %s\nwant %s", name, got.Text, want.Text)
	}
	if want.Type != "map" && got.Length != want.Length {
		t.Errorf("length of root %q: got %d, want %d", name, got.Length, want.Length)
	}
}

// checkWithoutDocument merges, diffs and measures the updates as they are.
func checkWithoutDocument(t *testing.T, f fixture) {
	var updates [][]byte
	for _, u := range f.Updates {
		updates = append(updates, fromHex(t, u))
	}
	merged, err := crdt.MergeUpdates(updates...)
	if err != nil {
		t.Fatalf("merge: %v", err)
	}
	want := f.Expect.Merged
	sameUpdate(t, "merged updates", merged, fromHex(t, want.Update))
	sv, err := crdt.StateVectorFromUpdate(merged)
	if err != nil {
		t.Fatalf("state vector of an update: %v", err)
	}
	if got := hex.EncodeToString(sv); got != want.StateVector {
		t.Errorf("state vector of the merged updates\n got %s\nwant %s", got, want.StateVector)
	}
	ix, err := crdt.IndexUpdate(merged)
	if err != nil {
		t.Fatalf("index of an update: %v", err)
	}
	for _, diff := range want.Diffs {
		for how, of := range map[string]func([]byte) ([]byte, error){
			"difference":         func(vector []byte) ([]byte, error) { return crdt.DiffUpdate(merged, vector) },
			"indexed difference": ix.Diff,
		} {
			got, err := of(fromHex(t, diff.StateVector))
			if err != nil {
				t.Fatalf("%s of an update: %v", how, err)
			}
			sameUpdate(t, how+" of the merged updates to "+diff.StateVector, got, fromHex(t, diff.Update))
		}
	}
}

// checkReturn applies what ApplyUpdate says is worth keeping, and expects the
// same document.
func checkReturn(t *testing.T, f fixture) {
	options := crdt.Options{ClientID: 4503599627370497, KeepDeleted: !f.Collect}
	d, log := crdt.New(options), crdt.New(options)
	for _, u := range f.Updates {
		update := fromHex(t, u)
		if err := crdt.ValidateUpdate(update); err != nil {
			t.Errorf("validate: %v", err)
		}
		known, err := d.Knows(update)
		if err != nil {
			t.Errorf("knows: %v", err)
		}
		applied, err := d.ApplyUpdate(update)
		if err != nil {
			t.Fatalf("apply: %v", err)
		}
		if known && applied.Changed {
			t.Errorf("an update that the document knew changed it")
		}
		if applied.Changed {
			if _, err := log.ApplyUpdate(applied.Update); err != nil {
				t.Fatalf("apply what was kept: %v", err)
			}
		}
	}
	sameUpdate(t, "state of what was kept", encodeState(t, log, nil), encodeState(t, d, nil))
}

// TestFixturesAreFresh writes the fixtures anew in memory and compares.
func TestFixturesAreFresh(t *testing.T) {
	o := oracle(t) // Node is there, or the test ends here
	cmd := exec.Command("node", "fixtures/generate.mjs", "--check")
	cmd.Dir = o.Web
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the committed fixtures are not what web/fixtures writes: %v\n%s", err, out)
	}
}
