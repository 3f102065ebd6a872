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
	first, path, err := n.UpdatesFile(t.Context(), history, 7)
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

// A script that is ended by its context, and one whose words are refused, are errors that say why.
func TestRunEndsAScript(t *testing.T) {
	n := node(t)
	script := filepath.Join(t.TempDir(), "loop.mjs")
	if err := os.WriteFile(script, []byte(`process.stdout.write('{"step":1}\n'); setInterval(() => {}, 1000)`), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := n.Run(ctx, script, struct{}{}, func([]byte) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
	refused := errors.New("refused")
	if err := n.Run(t.Context(), script, struct{}{}, func([]byte) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("error = %v, want that it is refused", err)
	}
	if err := os.WriteFile(script, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := n.Run(t.Context(), script, struct{}{}, nil); err == nil || !strings.Contains(err.Error(), "without being done") {
		t.Errorf("error = %v, want that the script said nothing", err)
	}
}
