// Package yjstest finds real Yjs for tests.
package yjstest

import (
	"errors"
	"os"
	"testing"

	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/bench/yjs"
)

// Node finds Node with real Yjs. Without it the test is skipped, unless WEFT_NEED_NODE says that it has to be there.
func Node(t testing.TB) *yjs.Node {
	t.Helper()
	root, err := trace.Root()
	if err != nil {
		t.Fatal(err)
	}
	n, err := yjs.Find(t.Context(), root, t.TempDir())
	if errors.Is(err, yjs.ErrMissing) && os.Getenv("WEFT_NEED_NODE") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}
