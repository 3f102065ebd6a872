package crdt_test

import (
	"strings"
	"testing"

	"github.com/weftsync/weft/crdt/crdttest"
)

// TestOracleNotices is the control of the oracle: it falsifies what Yjs
// answered, one field at a time, and expects the comparison to notice.
func TestOracleNotices(t *testing.T) {
	c := newCampaign(t, 1)
	falsify := map[string]func(e *crdttest.Entry) bool{
		"own updates":    func(e *crdttest.Entry) bool { return flipFirst(e.Own) },
		"merged":         func(e *crdttest.Entry) bool { return flip(&e.Merged) },
		"state vector":   func(e *crdttest.Entry) bool { return flip(&e.Vector) },
		"encoded state":  func(e *crdttest.Entry) bool { return flip(&e.Update) },
		"difference":     func(e *crdttest.Entry) bool { return flip(&e.Diff) },
		"pending":        func(e *crdttest.Entry) bool { e.Pending = !e.Pending; return e.Update != "" },
		"changed":        func(e *crdttest.Entry) bool { return not(e.Changed) },
		"root":           func(e *crdttest.Entry) bool { return root(e, func(r *crdttest.RootEntry) { r.Dump += " " }) },
		"JSON of root":   func(e *crdttest.Entry) bool { return root(e, func(r *crdttest.RootEntry) { r.JSON += " " }) },
		"delta of root":  func(e *crdttest.Entry) bool { return root(e, func(r *crdttest.RootEntry) { r.Delta += " " }) },
		"text of root":   func(e *crdttest.Entry) bool { return root(e, func(r *crdttest.RootEntry) { r.Text += " " }) },
		"XML of root":    func(e *crdttest.Entry) bool { return root(e, func(r *crdttest.RootEntry) { r.XML += " " }) },
		"length of root": func(e *crdttest.Entry) bool { return root(e, func(r *crdttest.RootEntry) { r.Length++ }) },
		"obfuscated":     func(e *crdttest.Entry) bool { return flipFirst(e.Hidden) },
		"extent":         func(e *crdttest.Entry) bool { return len(e.Meta) > 0 && flip(&e.Meta[0]) },
		"vector by V2":   func(e *crdttest.Entry) bool { return flip(&e.Vector2) },
		"error":          func(e *crdttest.Entry) bool { e.Err = "thrown"; return true },
	}
	for name, change := range falsify {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			tried, noticed := 0, 0
			for seed := range uint64(12) {
				s := crdttest.Generate(seed + 1)
				replies, err := c.oracles[0].Run(s)
				if err != nil {
					t.Fatal(err)
				}
				if at := lastFalsified(replies[0], change); at < 0 {
					continue
				}
				tried++
				if _, diff := crdttest.RunScript(s, replies[0], c.classes); diff != nil {
					noticed++
				}
			}
			if tried == 0 || noticed != tried {
				t.Errorf("noticed %d of %d falsifications", noticed, tried)
			}
		})
	}
}

// lastFalsified changes the last entry that can be changed, and returns which,
// -1 if there is none.
func lastFalsified(entries []crdttest.Entry, change func(*crdttest.Entry) bool) int {
	for i := len(entries) - 1; i >= 0; i-- {
		if change(&entries[i]) {
			return i
		}
	}
	return -1
}

func flip(hex *string) bool {
	if *hex == "" {
		return false
	}
	last := (*hex)[len(*hex)-1]
	*hex = (*hex)[:len(*hex)-1] + string("1032547698badcfe"[strings.IndexByte("0123456789abcdef", last)])
	return true
}

func flipFirst(list []string) bool { return len(list) > 0 && flip(&list[0]) }

func not(list []bool) bool {
	if len(list) == 0 {
		return false
	}
	list[0] = !list[0]
	return true
}

func root(e *crdttest.Entry, change func(*crdttest.RootEntry)) bool {
	for name, r := range e.Roots {
		change(&r)
		e.Roots[name] = r
		return true
	}
	return false
}
