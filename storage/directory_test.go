package storage

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// goldenDirectories are data directories as each format was written by the release
// that introduced it. They are never made anew: every later version opens them.
// WEFT_GOLDEN=1 makes the one of this format if it is not there.
var goldenDirectories = []string{"format-1"}

// goldenContent is what each of them holds, written with the public functions:
// part of it in tables, part in the log.
var goldenContent = map[string][]string{
	"notes":     {"snapshot 12 ", "13 u13", "14 u14 ada", "15 u15 ada"},
	"empty":     nil,
	"team/a b":  {"1 u1", "2 u2"},
	"übersicht": {"1 u1"},
}

// goldenState is over the size from which a snapshot is compressed.
func goldenState() []byte { return bytes.Repeat([]byte("the state after 12 entries. "), 400) }

func makeGoldenDirectory(t *testing.T, dir string) {
	t.Helper()
	s, err := Open(Options{Dir: dir, Logger: quiet, ReserveBytes: -1, Now: func() time.Time { return goldenTime }})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"notes", "empty", "team/a b", "übersicht", "deleted"} {
		mustDocument(t, s, name).Close()
	}
	d := mustDocument(t, s, "notes")
	fill(t, d, 1, 13)
	if err := d.Compact(t.Context(), 12, goldenState()); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	for seq := 14; seq <= 15; seq++ {
		if _, err := d.Append(Entry{User: "ada", Connection: goldenOther, Update: fmt.Appendf(nil, "u%d", seq)}); err != nil {
			t.Fatal(err)
		}
	}
	waitDurable(t, d, 15)
	d.Close()
	for name, n := range map[string]int{"team/a b": 2, "übersicht": 1, "deleted": 3} {
		d := mustDocument(t, s, name)
		fill(t, d, 1, n)
		d.Close()
	}
	if err := s.Delete(t.Context(), "deleted"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "LOCK")); err != nil {
		t.Fatal(err)
	}
}

// TestGoldenDirectories opens what each release wrote.
func TestGoldenDirectories(t *testing.T) {
	for _, name := range goldenDirectories {
		t.Run(name, func(t *testing.T) {
			golden := filepath.Join("testdata", name)
			if _, err := os.Stat(golden); os.IsNotExist(err) && os.Getenv("WEFT_GOLDEN") != "" {
				makeGoldenDirectory(t, golden)
			}
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(dir, os.DirFS(golden)); err != nil {
				t.Fatal(err)
			}
			s := mustOpen(t, Options{Dir: dir, FS: vfs.Default, Logger: quiet, ReserveBytes: -1})
			list, err := s.Documents(t.Context(), "", 0)
			if err != nil || len(list) != len(goldenContent) {
				t.Fatalf("Documents: got %d, %v, want %d", len(list), err, len(goldenContent))
			}
			for _, info := range list {
				want, ok := goldenContent[info.Name]
				if !ok {
					t.Errorf("%q is not one of them", info.Name)
				}
				if diff := cmp.Diff(want, goldenRead(t, s, info.Name)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", info.Name, diff)
				}
				if info.Damage != nil || !info.Created.Equal(goldenTime) || info.ID.Version() != 7 || info.Lineage.Version() != 7 || info.Incarnation == 0 {
					t.Errorf("got %+v", info)
				}
			}
			gone, err := s.Deleted(t.Context(), "", 0)
			if err != nil || len(gone) != 1 || gone[0].Name != "deleted" || !gone[0].Deleted.Equal(goldenTime) || gone[0].Last != 3 {
				t.Errorf("Deleted: got %+v, %v", gone, err)
			}
			d := mustDocument(t, s, "notes")
			if seq := mustAppend(t, d, "u16"); seq != 16 {
				t.Errorf("Append: got %d, want 16", seq)
			}
		})
	}
}

// goldenRead lists what a document holds.
func goldenRead(t *testing.T, s *Store, name string) (all []string) {
	t.Helper()
	d := mustDocument(t, s, name)
	defer d.Close()
	err := d.Load(t.Context(), 0, func(e Entry) error {
		line := fmt.Sprintf("%d %s", e.Seq, e.Update)
		if e.Snapshot {
			line = fmt.Sprintf("snapshot %d ", e.Seq)
			if !bytes.Equal(e.Update, goldenState()) {
				t.Errorf("%s: another state", name)
			}
		}
		if e.User != "" {
			line += " " + e.User
		}
		if !e.Time.Equal(goldenTime) || e.User == "ada" != (e.Connection == goldenOther) || e.User == "" && e.Connection != uuid.Nil {
			t.Errorf("%s: got %+v", name, e)
		}
		all = append(all, line)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return all
}

// TestGoldenKinds opens a directory with a record of each kind that came after the
// first of this format, part of them in tables, part in the log.
func TestGoldenKinds(t *testing.T) {
	golden := filepath.Join("testdata", "format-1-kinds")
	if _, err := os.Stat(golden); os.IsNotExist(err) && os.Getenv("WEFT_GOLDEN") != "" {
		s, err := Open(Options{Dir: golden, Logger: quiet, ReserveBytes: -1, Now: func() time.Time { return goldenTime }})
		if err != nil {
			t.Fatal(err)
		}
		addKinds(t, s)
		if err := s.db.Flush(); err != nil {
			t.Fatal(err)
		}
		d := mustDocument(t, s, "kinds/version")
		if err := d.SetVersion(t.Context(), flipVersion); err != nil {
			t.Fatal(err)
		}
		d.Close()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(golden, "LOCK")); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(dir, os.DirFS(golden)); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, Options{Dir: dir, FS: vfs.Default, Logger: quiet, ReserveBytes: -1})
	for _, k := range flipKinds {
		if got, err := k.judge(t, s); got != harmless {
			t.Errorf("%s: %s: %v", k.name, got, err)
		}
	}
	if err := s.Undelete(t.Context(), "kinds/deleted"); err != nil {
		t.Error(err)
	}
}
