package cost_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
	"github.com/weftsync/weft/crdt/internal/cost"
)

// instrumented reports whether the engine counts.
func instrumented() bool {
	crdt.New(crdt.Options{})
	return cost.Steps > 0
}

// TestCost runs the other tests of this package with an instrumented engine.
func TestCost(t *testing.T) {
	if instrumented() {
		t.Skip("the engine counts already")
	}
	overlay, err := instrument(t.TempDir(), "../..", "../../lib0")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"test", "-count=1", "-overlay", overlay, "-run", "^TestGrowth"}
	if testing.Verbose() {
		args = append(args, "-v")
	}
	out, err := exec.Command("go", append(args, ".")...).CombinedOutput()
	if err != nil {
		t.Errorf("with an instrumented engine: %v\n%s", err, out)
	} else if testing.Verbose() {
		t.Logf("%s", out)
	}
	if strings.Contains(string(out), "no tests to run") {
		t.Error("nothing was measured")
	}
}

// The copies of the sources count.
func TestCopiesCount(t *testing.T) {
	dir := t.TempDir()
	if _, err := instrument(dir, "../.."); err != nil {
		t.Fatal(err)
	}
	copies, err := filepath.Glob(filepath.Join(dir, "*-integrate.go"))
	if err != nil || len(copies) != 1 {
		t.Fatalf("copies of integrate.go: %v, %v", copies, err)
	}
	src, err := os.ReadFile(copies[0])
	if err != nil || !strings.Contains(string(src), count) {
		t.Errorf("integrate.go does not count: %v", err)
	}
}

// What is measured at some size is measured again at so many times that.
const times = 4

// How much faster than linear a cost may grow from one size to the other: a
// factor log n is 1.2 at most, growing slices and nodes make steps of up to 2 in
// what is allocated.
const (
	stepSlack  = 1.5
	allocSlack = 2.0
	allocBase  = 256 << 10
)

// spent is what something cost.
type spent struct{ steps, allocated uint64 }

func measure(f func()) spent {
	var s spent
	s.allocated = crdttest.Allocated(func() {
		before := cost.Steps
		f()
		s.steps = cost.Steps - before
	})
	return s
}

// expectGrowth fails if doing something with n grows faster than n. prepare
// returns what to do; its own cost does not count.
func expectGrowth(t *testing.T, n int, slack float64, prepare func(n int) (do func())) {
	t.Helper()
	if !instrumented() {
		t.Skip("the engine does not count: TestCost runs this")
	}
	small, large := measure(prepare(n)), measure(prepare(times*n))
	perStep := func(s spent, n int) float64 { return float64(s.steps) / float64(n) }
	t.Logf("%d: %.0f steps and %d bytes each; %d: %.0f steps and %d bytes each", n, perStep(small, n), small.allocated/uint64(n),
		times*n, perStep(large, times*n), large.allocated/uint64(times*n))
	if got, most := float64(large.steps), slack*times*float64(small.steps); got > most {
		t.Errorf("%d steps for %d, %d for %d: %.1f times as many, want at most %.1f",
			small.steps, n, large.steps, times*n, got/float64(small.steps), slack*times)
	}
	if got, most := float64(large.allocated), allocSlack*times*float64(small.allocated)+allocBase; got > most {
		t.Errorf("%d bytes allocated for %d, %d for %d: want at most %.0f", small.allocated, n, large.allocated, times*n, most)
	}
}

// shape is something that is done n times, or to something of size n.
type shape struct {
	name    string
	prepare func(n int) (do func())
	slack   float64 // for steps; stepSlack if it is 0
}

// bounded allows for lists of what waits, in which an entry of a few bytes moves
// those behind it: Limits keep them short.
func (s shape) bounded() shape {
	s.slack = 2
	return s
}

func expectAll(t *testing.T, shapes []shape) {
	t.Helper()
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			if s.slack == 0 {
				s.slack = stepSlack
			}
			expectGrowth(t, 1000, s.slack, s.prepare)
		})
	}
}
