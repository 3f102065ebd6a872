package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
)

// TestCompactCommand compacts a directory by hand: the document gets small and stays what it is, one that is damaged stays
// too, and a directory in use, or none, is refused.
func TestCompactCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	weft := func(code int, want string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		if got := run(t.Context(), append([]string{"compact", "--data", dir}, args...), &out, &out); got != code || !strings.Contains(out.String(), want) {
			t.Errorf("%q: got exit code %d and %q, want %d and %q", args, got, out.String(), code, want)
		}
	}
	weft(exitFailed, "no data directory")
	write := func(name string, updates ...[]byte) {
		t.Helper()
		s := openData(t, dir)
		defer s.Close()
		d, err := s.Document(t.Context(), name, true)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for _, u := range updates {
			if _, err := d.Append(storage.Entry{Update: u}); err != nil {
				t.Fatal(err)
			}
		}
		weft(exitFailed, "in use")
	}
	var updates [][]byte
	doc := crdt.New(crdt.Options{})
	for range 200 {
		u, err := doc.Update(func(tx *crdt.Tx) error { return doc.Text("t").Insert(tx, 0, "x") })
		if err != nil {
			t.Fatal(err)
		}
		updates = append(updates, u)
	}
	write("good", updates...)
	weft(exitOK, "1/1 good: ")
	write("bad", []byte{9, 9, 9})
	weft(exitFailed, `1 of 2 documents were not compacted`)
	weft(exitOK, "good", "good")

	s := openData(t, dir)
	defer s.Close()
	d, err := s.Document(t.Context(), "good", false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	read := crdt.New(crdt.Options{})
	if err := d.Load(t.Context(), 0, func(e storage.Entry) error { _, err := read.ApplyUpdate(e.Update); return err }); err != nil {
		t.Fatal(err)
	}
	if got := read.RootText("t"); d.Info().Snapshot != 200 || got != strings.Repeat("x", 200) {
		t.Errorf("snapshot at %d, text %q", d.Info().Snapshot, got)
	}
}

func openData(t *testing.T, dir string) *storage.Store {
	t.Helper()
	s, err := storage.Open(storage.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
