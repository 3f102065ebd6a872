package foreign

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// stored is what bench/servers/foreign.mjs had the real servers store.
const stored = `{"content":"Hello örld 😀","meta":{"title":"imported"},"prosemirror":"<paragraph>a paragraph</paragraph>"}`

// copied returns a copy of a path of testdata, so that nothing is written beside it.
func copied(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// read returns what a source has.
func read(t *testing.T, path string, limit int64) map[string]Document {
	t.Helper()
	s, err := Open(path, limit)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all := make(map[string]Document)
	if err := s.Each(func(d Document) error { all[d.Name] = d; return nil }); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Count(); err != nil || n != len(all) {
		t.Errorf("Count: got %d, %v, want %d", n, err, len(all))
	}
	return all
}

// TestRealStores reads what the real extension-sqlite and the real y-leveldb wrote.
func TestRealStores(t *testing.T) {
	for _, name := range []string{"hocuspocus.sqlite", "y-leveldb"} {
		all := read(t, copied(t, name), 1<<20)
		if len(all) != 2 {
			t.Fatalf("%s: got %d documents, want 2", name, len(all))
		}
		for _, document := range []string{"team/plan", "notes"} {
			doc := crdt.New(crdt.Options{})
			for _, u := range all[document].Updates {
				if _, err := doc.ApplyUpdate(u); err != nil {
					t.Fatalf("%s, %s: %v", name, document, err)
				}
			}
			if got := string(doc.JSON()); got != stored {
				t.Errorf("%s, %s: got %s, want %s", name, document, got, stored)
			}
		}
		if name == "y-leveldb" && (len(all["team/plan"].Updates) < 2 || len(all["notes"].Updates) != 1) {
			t.Errorf("got %d and %d updates, want several and the one of a flush", len(all["team/plan"].Updates), len(all["notes"].Updates))
		}
		for document, d := range read(t, copied(t, name), 10) {
			if !errors.Is(d.Err, ErrTooLarge) || d.Updates != nil {
				t.Errorf("%s, %s over the limit: got %v and %d updates", name, document, d.Err, len(d.Updates))
			}
		}
	}
}

// TestDamagedStores: what is damaged is an error, and never a panic.
func TestDamagedStores(t *testing.T) {
	path := copied(t, "hocuspocus.sqlite")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{16, 100, 4096, len(whole) / 2} {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, 1<<20)
		if err != nil {
			continue
		}
		if err := s.Each(func(Document) error { return nil }); err == nil {
			t.Errorf("a SQLite file of %d bytes instead of %d: got no error", n, len(whole))
		}
		_ = s.Close() // it was read only
	}
	level := copied(t, "y-leveldb")
	if err := os.WriteFile(filepath.Join(level, "CURRENT"), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(level, 1<<20); err == nil {
		_ = s.Close() // it was read only
		t.Error("a LevelDB without a manifest: got no error")
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), 1); err == nil {
		t.Error("nothing: got no error")
	}
}

// TestUpdateKey reads y-leveldb's keys, and what looks like one.
func TestUpdateKey(t *testing.T) {
	key := "\x00\x02v1\x00\x05notes\x00\x06update\x01\x00\x00\x00\x07"
	if name, ok := updateKey([]byte(key)); !ok || name != "notes" {
		t.Errorf("got %q, %v", name, ok)
	}
	for i := range len(key) {
		if _, ok := updateKey([]byte(key[:i])); ok {
			t.Errorf("%q was taken for a key", key[:i])
		}
	}
	for _, other := range []string{"\x00\x05v1_sv\x00\x05notes", "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x07"} {
		if _, ok := updateKey([]byte(other)); ok {
			t.Errorf("%q was taken for a key", other)
		}
	}
}
