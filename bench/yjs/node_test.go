package yjs

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftsync/weft/bench/trace"
)

// node finds real Yjs. Without it the test is skipped, unless the environment says that it has to be there.
func node(t testing.TB) *Node {
	t.Helper()
	root, err := trace.Root()
	if err != nil {
		t.Fatal(err)
	}
	n, err := Find(t.Context(), root, t.TempDir())
	if errors.Is(err, ErrMissing) && os.Getenv("WEFT_NEED_NODE") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFindSaysWhatIsMissing(t *testing.T) {
	if _, err := Find(t.Context(), t.TempDir(), t.TempDir()); !errors.Is(err, ErrMissing) {
		t.Errorf("error = %v, want ErrMissing", err)
	}
}

func TestUpdatesAreMadeOnce(t *testing.T) {
	n := node(t)
	history := trace.Generated(1, 500)
	first, path, err := n.updates(t.Context(), history, 7)
	if err != nil {
		t.Fatal(err)
	}
	if first.Len() == 0 || first.Len() > 500 {
		t.Fatalf("%d updates of 500 transactions", first.Len())
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := n.Updates(t.Context(), history, 7)
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) || second.Len() != first.Len() || !bytes.Equal(second.At(3), first.At(3)) {
		t.Error("the second call did not use the file of the first")
	}
	if err := os.Remove(path + ".state"); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Updates(t.Context(), history, 7); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".state"); err != nil {
		t.Errorf("without the document it was not made again: %v", err)
	}
	if other, err := n.Updates(t.Context(), history, 8); err != nil || bytes.Equal(other.At(3), first.At(3)) {
		t.Errorf("another client gives the same updates (error %v)", err)
	}
	if err := os.WriteFile(path, []byte("weft"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Updates(t.Context(), history, 7); err == nil {
		t.Error("a damaged file: no error")
	}
}

// A history whose end is a lie is noticed by the script, and nothing is left behind as if it were good.
func TestUpdatesRefusesWrongEnd(t *testing.T) {
	n := node(t)
	history := trace.Generated(1, 50)
	history.End += "!"
	_, err := n.Updates(t.Context(), history, 7)
	if err == nil || !strings.Contains(err.Error(), "not the end of the history") {
		t.Errorf("error = %v, want the script's complaint", err)
	}
	if left, _ := filepath.Glob(filepath.Join(n.cache, "*.updates")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestMeasure(t *testing.T) {
	n := node(t)
	sizes := Sizes{Items: 200, Batch: 50, Clients: 20, Merge: 100}
	names := []string{"local", "local-update", "remote", "remote-serve", "load", "encode", "merge",
		"memory-loaded", "memory-lived", "random-insert", "prepend", "map-set"}
	history := trace.Generated(1, 300)
	for _, name := range names {
		steps := 0
		got, err := n.Measure(t.Context(), history, 7, sizes, name, Repeat{Least: 2, Most: 2}, func(done int) { steps = done })
		if err != nil || len(got) != 2 || got[0].Value == 0 {
			t.Errorf("row %s = %v, error %v, want two values", name, got, err)
		}
		if steps != 2 {
			t.Errorf("row %s: %d steps reported, want 2", name, steps)
		}
	}
	if got, err := n.Measure(t.Context(), history, 7, sizes, "unheard-of", Repeat{Least: 1}, nil); err == nil {
		t.Errorf("a row that does not exist: %v, want an error", got)
	}
	if got, err := n.Measure(t.Context(), history, 7, sizes, "load", Repeat{}, nil); err == nil {
		t.Errorf("measured no times: %v, want an error", got)
	}
}

func TestMeasureEndsWithItsContext(t *testing.T) {
	n := node(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := n.Measure(ctx, trace.Generated(1, 300), 7, Sizes{}, "remote", Repeat{Least: 1_000_000}, func(int) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
}
