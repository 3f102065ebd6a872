package target

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func needProc(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
}

var sink []byte

// The meter sees CPU that is burnt and memory that is touched between Begin and End, and no CPU from before.
func TestMeterMeasuresThisProcess(t *testing.T) {
	needProc(t)
	burn(300 * time.Millisecond)
	m := NewMeter(os.Getpid())
	if err := m.Begin(); err != nil {
		t.Fatal(err)
	}
	before := m.usage.RSSPeakBytes
	burn(200 * time.Millisecond)
	const more = 64 << 20
	sink = make([]byte, before+more) // the peak is that of the process's whole life
	for i := range sink {
		sink[i] = 1
	}
	got, err := m.End()
	if err != nil {
		t.Fatal(err)
	}
	sink = nil
	if got.CPU < 150*time.Millisecond {
		t.Errorf("CPU = %v after burning 200 ms", got.CPU)
	}
	if got.RSSPeakBytes < before+more/2 {
		t.Errorf("peak = %d, before it %d, touched %d", got.RSSPeakBytes, before, before+more)
	}
}

// burn uses CPU time, however much of it this process is given.
func burn(d time.Duration) {
	start, _ := CPU(os.Getpid())
	for {
		now, _ := CPU(os.Getpid())
		if now-start >= d {
			return
		}
	}
}

func TestMeterSaysWhenTheProcessEnds(t *testing.T) {
	needProc(t)
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	m := NewMeter(cmd.Process.Pid)
	if err := m.Begin(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if got, err := m.End(); err == nil {
		t.Errorf("usage of a process that has ended: %+v, want an error", got)
	}
	if err := m.Begin(); err == nil {
		t.Error("measuring a process that is not there: no error")
	}
}

func TestFsync(t *testing.T) {
	dir := t.TempDir()
	got, err := Fsync(dir, 5)
	if err != nil {
		t.Fatal(err)
	}
	if got.Count != 5 || got.P50 <= 0 {
		t.Errorf("latency = %+v", got)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := Fsync(filepath.Join(dir, "none"), 1); err == nil {
		t.Error("a folder that does not exist: no error")
	}
}

func TestSteady(t *testing.T) {
	done, err := Work(Cores()[:min(1, len(Cores()))], 10*steadyWindow)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(done); n < 1 || n > 10 || done[0] < 1 {
		t.Errorf("10 windows: got %v", done)
	}
	for want, done := range map[Steadiness][]int{
		{}:                    nil,
		{Windows: 1}:          {7},
		{Windows: 5, Slow: 1}: {100, 49, 100, 50, 120},
		{Windows: 4, Slow: 2}: {1, 0, 900, 1000},
	} {
		if got := Steady(done); got != want {
			t.Errorf("%v: got %+v, want %+v", done, got, want)
		}
	}
}

// script writes a program that stands in for the server.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weft")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// weft is how a script is started that stands in for weft.
func weft(path string) Command { return Command{Path: path, Admin: true} }

const ready = "echo listening on http://127.0.0.1:1/; echo admin on http://127.0.0.1:2/; "

func TestStartAndStop(t *testing.T) {
	s, err := Start(t.Context(), weft(script(t, "trap 'exit 0' TERM; echo hello; "+ready+"while :; do sleep 0.01; done")))
	if err != nil {
		t.Fatal(err)
	}
	if s.Address != "http://127.0.0.1:1/" || s.Admin != "http://127.0.0.1:2/" {
		t.Errorf("addresses = %s, %s", s.Address, s.Admin)
	}
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	if err := syscall.Kill(s.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process is still there: %v", err)
	}
}

func TestStartSaysWhatWentWrong(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"ends at once":    {"echo no disk >&2; exit 3", "no disk"},
		"listens for all": {"echo admin on http://127.0.0.1:2/; echo listening on http://0.0.0.0:1/; exec sleep 60", "want loopback"},
	} {
		_, err := Start(t.Context(), weft(script(t, c.body)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error = %v, want one with %q", name, err, c.want)
		}
	}
	if _, err := Start(t.Context(), weft(filepath.Join(t.TempDir(), "weft"))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no binary: error = %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Start(ctx, weft(script(t, "exec sleep 60"))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("says nothing: error = %v", err)
	}
}

func TestStopReportsAnUncleanEnd(t *testing.T) {
	s, err := Start(t.Context(), weft(script(t, "trap 'echo lost it >&2; exit 5' TERM; "+ready+"while :; do sleep 0.01; done")))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err == nil || !strings.Contains(err.Error(), "lost it") {
		t.Errorf("error = %v, want the server's words", err)
	}
}
