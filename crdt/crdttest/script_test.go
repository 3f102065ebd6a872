package crdttest

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScriptSurvivesJSON(t *testing.T) {
	for seed := range uint64(200) {
		s := Generate(seed)
		var read Script
		if err := json.Unmarshal([]byte(s.String()), &read); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(s.String(), read.String()); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}

func TestGenerateRepeats(t *testing.T) {
	first, again, other := Generate(7).String(), Generate(7).String(), Generate(8).String()
	if first != again {
		t.Error("one seed gave two histories")
	}
	if first == other {
		t.Error("two seeds gave one history")
	}
}

// TestShrink shrinks to the steps that a made-up failure needs, and expects
// their slots to go on naming the same steps.
func TestShrink(t *testing.T) {
	s := Generate(3)
	s.Steps = append(s.Steps, Step{Verb: VerbOp, Doc: 0, Ops: []Op{{Kind: "i", Root: "t", Key: "needle"}, {Kind: "d", Root: "t"}}, Slots: []int{}})
	needle := len(s.Steps) - 1
	s.Steps = append(s.Steps, Step{Verb: VerbRecv, Doc: 1, Slots: []int{0, needle, 1}})
	fails := func(c *Script) bool {
		at := slices.IndexFunc(c.Steps, func(s Step) bool {
			return slices.ContainsFunc(s.Ops, func(op Op) bool { return op.Key == "needle" && op.Root == "t" && op.String == nil })
		})
		return at >= 0 && slices.ContainsFunc(c.Steps, func(s Step) bool { return s.Verb == VerbRecv && slices.Contains(s.Slots, at) })
	}
	if !fails(s) {
		t.Fatal("the whole script does not fail")
	}
	small := Shrink(s, 10000, fails)
	if !fails(small) || len(small.Steps) != 2 || len(small.Steps[0].Ops) != 1 || len(small.Steps[1].Slots) != 1 {
		t.Errorf("shrunk to\n%s", small)
	}
}

func TestShrinkKeepsItsBudget(t *testing.T) {
	calls := 0
	Shrink(Generate(5), 40, func(*Script) bool { calls++; return false })
	if calls != 40 {
		t.Errorf("%d calls of a budget of 40", calls)
	}
}

func TestScanUpdateRefusesCutBytes(t *testing.T) {
	update := []byte{1, 3, 1, 0, 4, 1, 1, 't', 5, 'h', 'e', 'l', 'l', 'o', 0x81, 1, 2, 3, 0, 4, 1, 1, 1, 2, 2}
	structs, deletes, err := ScanUpdate(update)
	if err != nil || len(structs) != 3 || len(deletes) != 1 {
		t.Fatalf("scan: %v %v %v", structs, deletes, err)
	}
	if structs[0].Len != 5 || structs[1].Kind != "Deleted" || structs[2].Clock != 8 || deletes[0] != (Deletion{1, 2, 2}) {
		t.Errorf("scan: %+v %+v", structs, deletes)
	}
	for n := range update {
		if _, _, err := ScanUpdate(update[:n]); err == nil {
			t.Errorf("%d of %d bytes were read", n, len(update))
		}
	}
}
