package storage

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
)

// backUp writes a backup into the directory "data" of a file system of its own.
func backUp(tb testing.TB, s *Store) *vfs.MemFS {
	tb.Helper()
	to := vfs.NewMem()
	if err := to.MkdirAll("data", 0o755); err != nil {
		tb.Fatal(err)
	}
	err := s.Backup(tb.Context(), func(name string, size int64, r io.Reader) error {
		data, err := io.ReadAll(r)
		if int64(len(data)) != size {
			tb.Errorf("%s has %d bytes instead of %d", name, len(data), size)
		}
		writeFile(tb, to, to.PathJoin("data", name), data)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return to
}

// TestBackupWhileAppending: every backup that is taken while several documents
// grow is a data directory, with all that was durable when it began and nothing
// but a prefix of what was appended.
func TestBackupWhileAppending(t *testing.T) {
	fs := vfs.NewMem()
	o := testOptions(t, fs)
	o.MemTableBytes = 128 << 10 // so that tables come and go
	s := mustOpen(t, o)
	var stop atomic.Bool
	var docs []*Document
	ended := make(chan struct{}, 3)
	for i := range 3 {
		d := mustDocument(t, s, fmt.Sprint("d", i))
		docs = append(docs, d)
		go func() {
			defer func() { ended <- struct{}{} }()
			for seq := uint64(1); !stop.Load(); seq++ {
				if _, err := d.Append(Entry{Update: crashUpdate(seq)}); err != nil {
					t.Errorf("Append: %v", err)
					return
				}
				if seq%500 == 0 && d.Durable() > 0 {
					durable := d.Durable()
					_ = d.Compact(t.Context(), durable, stateOf(crashUpdates(durable))) // one may be there already
				}
			}
		}()
	}
	for range 6 {
		var before []uint64
		for _, d := range docs {
			before = append(before, d.Durable())
		}
		copied := mustOpen(t, testOptions(t, backUp(t, s)))
		for i, d := range docs {
			w := &crashWorld{tb: t}
			m := &crashModel{name: d.Info().Name, handle: mustDocument(t, copied, d.Info().Name), acked: before[i]}
			m.updates = crashUpdates(d.Last())
			if err := w.check(m); err != nil || w.lost > 0 {
				t.Errorf("%s: %d lost, %v", m.name, w.lost, err)
			}
			if got := m.handle.Info(); got.ID != d.Info().ID || got.Lineage != d.Info().Lineage {
				t.Errorf("%s: got %+v", m.name, got)
			}
		}
	}
	stop.Store(true)
	for range docs {
		<-ended
	}
	if left := listDir(t, fs, "data"); strings.Contains(strings.Join(left, " "), backupPrefix) {
		t.Errorf("something of a backup is left: %v", left)
	}
}

// TestBackupHasAMark: a backup whose log is cut short is not opened.
func TestBackupHasAMark(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	d := mustDocument(t, s, "d")
	fill(t, d, 1, 50)
	copied := backUp(t, s)
	for _, name := range listDir(t, copied, "data") {
		if !strings.HasSuffix(name, ".log") {
			continue
		}
		path := copied.PathJoin("data", name)
		data := readFile(t, copied, path)
		writeFile(t, copied, path, data[:len(data)/2])
	}
	if _, err := Open(testOptions(t, copied)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Open: got %v, want ErrCorrupt", err)
	}
}

func TestBackupIsCutShort(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, testOptions(t, fs))
	fill(t, mustDocument(t, s, "d"), 1, 5)
	full := errors.New("no space over there")
	if err := s.Backup(t.Context(), func(string, int64, io.Reader) error { return full }); !errors.Is(err, full) {
		t.Errorf("Backup: got %v", err)
	}
	// What a crash leaves is removed at the next start.
	writeDir := fs.PathJoin("data", backupPrefix+"x")
	if err := fs.MkdirAll(writeDir, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, fs, fs.PathJoin(writeDir, "000001.sst"), []byte("x"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, testOptions(t, fs))
	if left := strings.Join(listDir(t, fs, "data"), " "); strings.Contains(left, backupPrefix) {
		t.Errorf("something of a backup is left: %v", left)
	}
}

// TestReincarnate: nothing but the incarnations changes, of deleted documents too.
func TestReincarnate(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	for _, name := range []string{"a", "b"} {
		d := mustDocument(t, s, name)
		fill(t, d, 1, 3)
		d.Close()
	}
	if err := s.Delete(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	all := func() []DocumentInfo {
		list, err := s.Documents(t.Context(), "", 0)
		if err != nil {
			t.Fatal(err)
		}
		gone, err := s.Deleted(t.Context(), "", 0)
		if err != nil {
			t.Fatal(err)
		}
		return append(list, gone...)
	}
	before := all()
	if n, err := s.Reincarnate(t.Context()); n != 2 || err != nil {
		t.Fatalf("Reincarnate: got %d, %v", n, err)
	}
	after := all()
	for i := range after {
		if after[i].Incarnation == before[i].Incarnation {
			t.Errorf("%s has its old incarnation", after[i].Name)
		}
		after[i].Incarnation = before[i].Incarnation
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("something else has changed (-want +got):\n%s", diff)
	}
}
