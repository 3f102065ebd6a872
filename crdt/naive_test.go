package crdt_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
	"github.com/weftsync/weft/crdt/internal/naive"
)

// naiveDiffers lists fixtures which the naive document cannot show.
var naiveDiffers = map[string]string{
	"handwritten/legacy JSON in a map":             "a run is one value of a key, and operations are several",
	"handwritten/delete set out of order, waiting": "Yjs loses some of it, see yjsLoses",
}

// The naive document, too, has to show what Yjs shows, also if it hears of
// everything in the opposite order.
func TestNaiveFixtures(t *testing.T) {
	checked := 0
	for group, list := range readFixtures(t) {
		for _, f := range list {
			if strings.Contains(f.Expect.Update, "efbfbd") { // U+FFFD
				continue
			}
			if _, ok := naiveDiffers[group+"/"+f.Name]; ok {
				continue
			}
			checked++
			t.Run(group+"/"+f.Name, func(t *testing.T) {
				d := naive.New()
				for i := range f.Updates {
					if err := d.Apply(fromHex(t, f.Updates[len(f.Updates)-1-i])); err != nil {
						t.Fatal(err)
					}
				}
				if got, want := d.StateVector(), crdttest.ReadVector(fromHex(t, f.Expect.StateVector)); !maps.Equal(got, want) {
					t.Errorf("state vector %v, want %v", got, want)
				}
				if got, want := d.DeleteSet(), deleteSetOf(t, fromHex(t, f.Expect.Update)); !slices.Equal(got, want) {
					t.Errorf("delete set %v, want %v", got, want)
				}
				for name, root := range f.Expect.Roots {
					if got := naiveRoot(d, name, root.Type); got != root.Dump {
						t.Errorf("root %q:\n got %s\nwant %s", name, got, root.Dump)
					}
				}
			})
		}
	}
	if checked < 100 {
		t.Errorf("%d fixtures checked, want 100", checked)
	}
}

// deleteSetOf returns the delete set of an update, sorted and joined.
func deleteSetOf(t testing.TB, update []byte) []naive.Range {
	t.Helper()
	_, deletes, err := crdttest.ScanUpdate(update)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(deletes, func(a, b crdttest.Deletion) int {
		if a.Client != b.Client {
			return int(int64(a.Client) - int64(b.Client))
		}
		return int(int64(a.Clock) - int64(b.Clock))
	})
	var out []naive.Range
	for _, r := range deletes {
		if n := len(out); n > 0 && out[n-1].Client == r.Client && out[n-1].End() >= r.Clock {
			out[n-1].Len = max(out[n-1].End(), r.Clock+r.Len) - out[n-1].Clock
		} else {
			out = append(out, naive.Range(r))
		}
	}
	return out
}

// compareNaive fails unless both documents show the same. Roots are of the type
// that their first letter names.
//
// Yjs, and so the engine, tries what waits again when some client has passed a
// clock that was noted at the last try, which may be later than what the struct
// itself waits for. So it can hold structs that need wait no longer; the encoded
// state has them, and whoever loads it takes them in.
func compareNaive(t testing.TB, what string, d *crdt.Doc, n *naive.Doc, roots []string) {
	t.Helper()
	if err := d.Check(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	state := encoded(t, d)
	if d.Stats().Pending > 0 {
		d = crdt.New(crdt.Options{ClientID: 1<<53 - 1})
		if _, err := d.ApplyUpdate(state); err != nil {
			t.Fatalf("%s: loading the encoded state: %v", what, err)
		}
		state = encoded(t, d)
	}
	if got, want := crdttest.ReadVector(d.EncodeStateVector()), n.StateVector(); !maps.Equal(got, want) {
		t.Fatalf("%s: state vector %v, naive %v", what, got, want)
	}
	if got, want := deleteSetOf(t, state), n.DeleteSet(); !slices.Equal(got, want) {
		t.Fatalf("%s: delete set %v, naive %v", what, got, want)
	}
	if got, want := d.Stats().Pending > 0, n.Waiting(); got != want {
		t.Fatalf("%s: waiting %v, naive %v", what, got, want)
	}
	for _, name := range roots {
		got, kind := engineRoot(d, name)
		if want := naiveRoot(n, name, kind); got != want {
			t.Fatalf("%s: root %q:\nengine %s\n naive %s", what, name, got, want)
		}
		if got, want := d.RootString(name), n.Root(name).Text(); got != want {
			t.Fatalf("%s: text of root %q: %q, naive %q", what, name, got, want)
		}
		if got, want := d.RootLen(name), len(n.Root(name).List()); got != want {
			t.Fatalf("%s: length of root %q: %d, naive %d", what, name, got, want)
		}
	}
}

func engineRoot(d *crdt.Doc, name string) (dump, kind string) {
	switch name[0] {
	case 't':
		return crdttest.Canonical(d.Text(name)), "text"
	case 'a':
		return crdttest.Canonical(d.Array(name)), "array"
	case 'm':
		return crdttest.Canonical(d.Map(name)), "map"
	}
	return crdttest.Canonical(d.XMLFragment(name)), "xmlfragment"
}

// naiveRoot returns a root as crdttest.Canonical writes it.
func naiveRoot(d *naive.Doc, name, kind string) string {
	t := *d.Root(name)
	switch kind {
	case "text":
		t.Kind = naive.KindText
	case "array":
		t.Kind = naive.KindArray
	case "map":
		t.Kind = naive.KindMap
	case "xmltext":
		t.Kind = naive.KindXMLText
	case "xmlelement":
		t.Kind, t.Name = naive.KindXMLElement, "UNDEFINED" // as Yjs calls it
	default:
		t.Kind = naive.KindXMLFragment
	}
	return naiveContent(&t)
}

func naiveContent(v any) string {
	switch v := v.(type) {
	case naive.Value:
		return crdttest.Canonical(crdt.DecodeValue([]byte(v)))
	case naive.Embed:
		return naiveContent(naive.Value(v))
	case naive.Unit:
		return crdttest.CanonicalString(string(utf16.Decode([]uint16{uint16(v)})))
	case naive.Subdoc:
		s := crdt.Subdoc{GUID: v.GUID}
		for _, f := range crdt.DecodeValue([]byte(v.Options)).(crdt.Object) {
			switch f.Key {
			case "gc":
				s.KeepDeleted = f.Value == false
			case "autoLoad":
				s.AutoLoad = f.Value == true
			case "meta":
				s.Meta = f.Value
			}
		}
		return crdttest.Canonical(s)
	case *naive.Type:
		return naiveType(v)
	}
	return fmt.Sprintf("?%T", v)
}

func naiveType(t *naive.Type) string {
	var list []string
	for _, v := range t.List() {
		list = append(list, naiveContent(v))
	}
	elements, name := "["+strings.Join(list, ",")+"]", crdttest.CanonicalString(t.Name)
	entries := naiveEntries(t.Map())
	switch t.Kind {
	case naive.KindArray:
		return "array" + elements
	case naive.KindMap:
		return "map" + entries
	case naive.KindText:
		return "text(" + naiveDelta(t) + "," + entries + ")"
	case naive.KindXMLText:
		return "xmltext(" + naiveDelta(t) + "," + entries + ")"
	case naive.KindXMLElement:
		return "element(" + name + "," + entries + "," + elements + ")"
	case naive.KindXMLHook:
		return "hook(" + name + "," + entries + ")"
	}
	return "fragment" + elements
}

func naiveDelta(t *naive.Type) string {
	var list []string
	for _, s := range t.Spans() {
		text, ok := s.Content.(string)
		if ok {
			text = crdttest.CanonicalString(text)
		} else {
			text = naiveContent(s.Content)
		}
		if len(s.Marks) > 0 {
			text += naiveEntries(s.Marks)
		}
		list = append(list, text)
	}
	return "[" + strings.Join(list, ",") + "]"
}

// naiveEntries writes a map with its keys in the order of their UTF-16 units.
func naiveEntries[V any](m map[string]V) string {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
	})
	var list []string
	for _, k := range keys {
		list = append(list, crdttest.CanonicalString(k)+":"+naiveContent(any(m[k])))
	}
	return "{" + strings.Join(list, ",") + "}"
}
