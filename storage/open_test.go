package storage

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

const dirVar = "WEFT_STORAGE_DIR"

// TestHoldDirectory is the other process of TestInUse: it opens the directory,
// says so, and holds it until its input ends.
func TestHoldDirectory(t *testing.T) {
	if !inChild() {
		t.Skip("runs only as the child of another test")
	}
	s, err := Open(Options{Dir: os.Getenv(dirVar), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("open")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestInUseByAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	cmd := child(t, "TestHoldDirectory", dirVar+"="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(stdout)
	for line := ""; line != "open\n"; {
		if line, err = out.ReadString('\n'); err != nil {
			t.Fatalf("the other process ended: %v", err)
		}
	}
	o := Options{Dir: dir, Logger: quiet}
	if _, err := Open(o); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("Open: got %v, want ErrInUse with the directory", err)
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, o)
}

func TestInUseByThisProcess(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, Logger: quiet}
	mustOpen(t, o)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, same := range []string{dir, dir + "/../" + filepath.Base(dir), link} {
		o.Dir = same
		if _, err := Open(o); !errors.Is(err, ErrInUse) {
			t.Errorf("Open(%s): got %v, want ErrInUse", same, err)
		}
	}
	mem := testOptions(t, vfs.NewMem())
	mustOpen(t, mem)
	if _, err := Open(mem); !errors.Is(err, ErrInUse) {
		t.Errorf("Open in memory: got %v, want ErrInUse", err)
	}
}

func TestReadOnlyDirectory(t *testing.T) {
	made := vfs.NewMem()
	if err := mustOpen(t, testOptions(t, made)).Close(); err != nil {
		t.Fatal(err)
	}
	for name, mem := range map[string]vfs.FS{"new": vfs.NewMem(), "existing": made} {
		for _, errno := range []syscall.Errno{syscall.EROFS, syscall.EACCES} {
			ro := newFaults(mem)
			ro.on(func(op errorfs.Op) error {
				if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && (name == "new" || op.Kind != errorfs.OpMkdirAll) {
					return &fs.PathError{Op: "open", Path: op.Path, Err: errno}
				}
				return nil
			})
			if _, err := Open(testOptions(t, ro)); !errors.Is(err, ErrReadOnlyDir) || errors.Is(err, ErrInUse) {
				t.Errorf("%s, %v: got %v, want ErrReadOnlyDir", name, errno, err)
			}
		}
	}
	t.Run("on disk", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("the superuser may write everywhere")
		}
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Options{Dir: dir, Logger: quiet}); !errors.Is(err, ErrReadOnlyDir) {
			t.Errorf("Open: got %v, want ErrReadOnlyDir", err)
		}
	})
}

// unchanged opens the directory, which must fail with want, and compares its
// files before and after.
func unchanged(t *testing.T, mem *vfs.MemFS, want error) {
	t.Helper()
	files := func() map[string]string {
		m := make(map[string]string)
		for _, name := range listDir(t, mem, "data") {
			m[name] = string(readFile(t, mem, mem.PathJoin("data", name)))
		}
		return m
	}
	before := files()
	before["LOCK"] = ""
	s, err := Open(testOptions(t, mem))
	if err == nil {
		_ = s.Close()
	}
	if !errors.Is(err, want) {
		t.Errorf("Open: got %v, want %v", err, want)
	}
	after := files()
	for name := range before {
		if after[name] != before[name] {
			t.Errorf("%s was changed", name)
		}
		delete(after, name)
	}
	for name := range after {
		t.Errorf("%s was added", name)
	}
}

// makeDir makes a store with one document, and lets change have its database.
func makeDir(t *testing.T, change func(db *pebble.DB)) *vfs.MemFS {
	t.Helper()
	mem := vfs.NewMem()
	s := mustOpen(t, testOptions(t, mem))
	d := mustDocument(t, s, "d")
	fill(t, d, 1, 5)
	change(s.db)
	d.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return mem
}

func set(t *testing.T, key, value []byte) func(db *pebble.DB) {
	return func(db *pebble.DB) {
		if err := db.Set(key, value, pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNewerFormat(t *testing.T) {
	newer := func(fields int) []byte {
		w := writers.Get().(*recordWriter)
		w.begin(formatVersion+1, fields)
		for range fields - 1 {
			w.uint(7)
		}
		return w.end(nil)
	}
	for _, fields := range []int{1, formatFields, formatFields + 5} {
		unchanged(t, makeDir(t, set(t, formatKey, newer(fields))), ErrNewerFormat)
	}
	t.Run("of Pebble", func(t *testing.T) {
		mem := makeDir(t, func(*pebble.DB) {})
		for _, name := range listDir(t, mem, "data") {
			if strings.HasPrefix(name, "marker.format-version") {
				if err := mem.Remove(mem.PathJoin("data", name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		writeFile(t, mem, mem.PathJoin("data", "marker.format-version.000099.999"), nil)
		unchanged(t, mem, ErrNewerFormat)
	})
	t.Run("one document", func(t *testing.T) {
		s := mustOpen(t, testOptions(t, vfs.NewMem()))
		d := mustDocument(t, s, "d")
		fill(t, d, 1, 2)
		w := writers.Get().(*recordWriter)
		w.begin(recordVersion+1, 1)
		set(t, sequencedKey(d.Info().ID, kindEntry, 2), w.end(nil))(s.db)
		err := d.Load(t.Context(), 0, func(Entry) error { return nil })
		if !errors.Is(err, ErrNewerFormat) || errors.Is(err, ErrCorruptDocument) {
			t.Errorf("Load: got %v, want ErrNewerFormat", err)
		}
	})
}

func TestDamagedStoreRecords(t *testing.T) {
	unchanged(t, makeDir(t, set(t, formatKey, []byte("garbage"))), ErrCorrupt)
	unchanged(t, makeDir(t, set(t, markKey, []byte("garbage"))), ErrCorrupt)
	unchanged(t, makeDir(t, set(t, markKey, encodeMark(1))), ErrCorrupt) // behind the file
	unchanged(t, makeDir(t, func(db *pebble.DB) {
		if err := db.Delete(formatKey, pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}), ErrCorrupt)
}

// Without the marker Pebble would begin anew and delete what is there.
func TestMissingManifestMarker(t *testing.T) {
	for _, mark := range []bool{true, false} {
		mem := makeDir(t, func(*pebble.DB) {})
		for _, name := range listDir(t, mem, "data") {
			if strings.HasPrefix(name, "marker.manifest") || !mark && name == markFileName {
				if err := mem.Remove(mem.PathJoin("data", name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		unchanged(t, mem, ErrCorrupt)
	}
}

// The mark's file may be missing, as in a copy that Pebble made, or be that of
// another store: then it says nothing.
func TestMarkOfNobody(t *testing.T) {
	for _, content := range [][]byte{nil, {}, make([]byte, 100), markSlot(goldenID, 1<<50)} {
		mem := makeDir(t, func(*pebble.DB) {})
		path := mem.PathJoin("data", markFileName)
		if content == nil {
			if err := mem.Remove(path); err != nil {
				t.Fatal(err)
			}
		} else {
			writeFile(t, mem, path, content)
		}
		d := mustDocument(t, mustOpen(t, testOptions(t, mem)), "d")
		if got := d.Durable(); got != 5 {
			t.Errorf("with a mark of %d bytes: durable %d, want 5", len(content), got)
		}
	}
}

// Creation that was cut off at any operation of the file system is begun again.
func TestCreationIsRepeatable(t *testing.T) {
	for at := range 200 {
		mem := vfs.NewCrashableMem()
		n, cut := 0, false
		var left *vfs.MemFS
		var guard = make(chan struct{}, 1)
		broken := newFaults(mem)
		broken.on(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
				return nil
			}
			guard <- struct{}{}
			defer func() { <-guard }()
			if n++; n == at+1 {
				cut = true
				left = mem.CrashClone(vfs.CrashCloneCfg{})
			}
			return nil
		})
		s, err := Open(testOptions(t, broken))
		if err != nil {
			t.Fatal(err)
		}
		broken.on(nil)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if !cut {
			if at < 20 {
				t.Errorf("creation took only %d operations: the test proves little", at)
			}
			return
		}
		s, err = Open(testOptions(t, left))
		if err != nil {
			t.Fatalf("cut off before write operation %d: %v", at+1, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Error("creation takes more than 200 operations: raise the bound")
}

func TestOpenWithoutDirectory(t *testing.T) {
	if _, err := Open(Options{}); err == nil {
		t.Error("Open without a directory: got nil")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: file, Logger: quiet}); err == nil {
		t.Error("Open of a file: got nil")
	}
}
