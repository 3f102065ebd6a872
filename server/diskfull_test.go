//go:build linux

package server

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// smallDisk mounts a file system of a few megabytes, which needs the right to.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("weft-test", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("cannot mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fill fills a disk but for so many bytes, and returns what frees it again.
func fill(t *testing.T, dir string, but uint64) (free func()) {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "ballast")
	size := int64(st.Bavail*uint64(st.Bsize)) - int64(but)
	if err := os.WriteFile(name, bytes.Repeat([]byte{1}, int(max(size, 0))), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

// TestRealDiskFull fills a real file system below the reserve under a real process: writing is refused with 4507 before
// anything is applied, reading goes on, /readyz turns red, and all comes back with the space.
func TestRealDiskFull(t *testing.T) {
	dir := smallDisk(t, "size=64m")
	cmd, s := startChild(t, buildWeft(t, ""), filepath.Join(dir, "data"), "--reserve=16MiB")
	e, reader := s.join(t, "d"), s.join(t, "d")
	e.write("kept")
	e.sync()
	reader.awaitText("kept")
	free := fill(t, dir, 8<<20)
	awaitReady(t, s, http.StatusServiceUnavailable, "disk is full")
	e.write(" refused")
	e.awaitClose(ysync.CodeDiskFull, "disk is full")
	other := s.join(t, "d") // reading goes on
	if got := other.text(); got != "kept" {
		t.Errorf("got %q while the disk is full, want %q: what was refused was applied", got, "kept")
	}
	if answer, body := s.get(t, http.MethodGet, "api/documents/d?root=content", map[string]string{"Accept": "text/plain"}, nil); answer.StatusCode != 200 || !strings.Contains(body, "kept") {
		t.Errorf("got %d %q over REST", answer.StatusCode, body)
	}
	free()
	awaitReady(t, s, http.StatusOK, "ready")
	again := s.join(t, "d")
	again.write(" and more")
	again.sync()
	reader.awaitText("kept and more")
	stopChild(t, cmd)
}

// TestRealENOSPC lets the log itself meet the end of the disk, because nothing is reserved: the process ends, what was not synced was not acknowledged, and everything acknowledged is there once there is room.
func TestRealENOSPC(t *testing.T) {
	dir := smallDisk(t, "size=48m")
	data := filepath.Join(dir, "data")
	binary := buildWeft(t, "")
	cmd, s := startChild(t, binary, data) // with --reserve=-1
	e := s.join(t, "d")
	e.write("begin")
	e.sync()
	free := fill(t, dir, 6<<20)
	for n := 0; e.end() == nil && n < 64<<20; n += 32 << 10 {
		e.write(strings.Repeat("x", 32<<10))
	}
	e.await("the end", func() bool { return e.ended != nil })
	e.mu.Lock()
	acknowledged := len(e.updates)
	e.mu.Unlock()
	var exit interface{ ExitCode() int }
	err := cmd.Wait()
	if !errors.As(err, &exit) || exit.ExitCode() != storage.ExitSyncFailed {
		t.Errorf("weft ended with %v, want exit code %d: %.2000s", err, storage.ExitSyncFailed, s.logs)
	}
	if log := s.logs.String(); !strings.Contains(log, syscall.ENOSPC.Error()) {
		t.Errorf("the log does not say that the disk is full: %.2000s", log)
	}
	free()
	cmd, s = startChild(t, binary, data)
	again := s.join(t, "d")
	if got := len(again.text()); got < len("begin")+(acknowledged-1)*(32<<10) {
		t.Errorf("got %d bytes after %d acknowledged updates of 32 KiB", got, acknowledged-1)
	}
	t.Logf("%d updates of 32 KiB were acknowledged, %d bytes are there", acknowledged-1, len(again.text()))
	stopChild(t, cmd)
}

// TestStopWithAFullDisk: a full disk does not keep the process from ending well.
func TestStopWithAFullDisk(t *testing.T) {
	dir := smallDisk(t, "size=64m")
	cmd, s := startChild(t, buildWeft(t, ""), filepath.Join(dir, "data"), "--reserve=16MiB", "--drain=10ms")
	e := s.join(t, "d")
	e.write("kept")
	e.sync()
	defer fill(t, dir, 8<<20)()
	awaitReady(t, s, http.StatusServiceUnavailable, "disk is full")
	began := time.Now()
	stopChild(t, cmd)
	t.Logf("stopped with a full disk in %v", time.Since(began))
}
