package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftsync/weft/bench/report"
)

// built is the weft binary, made once for the tests of this package.
func built(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "weft")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/weftsync/weft/cmd/weft")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the server: %v\n%s", err, out)
	}
	return binary
}

// Without any file that does not come with the repository both parts run, and the report has everything.
func TestAllOnTheGeneratedHistory(t *testing.T) {
	out := t.TempDir()
	var stdout, stderr bytes.Buffer
	err := run(t.Context(), []string{
		"all", "--out", out, "--engine-traces", "generated", "--engine-rows", "^(remote|load|memory-loaded)$", "--engine-best", "1",
		"--engine-seconds", "0", "--server-binary", built(t), "--server-trace", "generated", "--server-rates", "100,300",
		"--server-seconds", "0.5", "--server-burst", "500", "--server-readers", "4",
	}, &stdout, &stderr)
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, &stdout, &stderr)
	}
	r, err := report.Read(filepath.Join(out, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Engine) != 3 {
		t.Errorf("%d engine rows, want 3", len(r.Engine))
	}
	for _, row := range r.Engine {
		if len(row.Weft) == 0 || row.Weft[0].Value <= 0 {
			t.Errorf("row %s: %+v", row.Row, row)
		}
		if r.Node != "" && (len(row.Peers) != 1 || len(row.Peers[0].Values) == 0) {
			t.Errorf("row %s lacks Yjs, which is installed: %+v", row.Row, row.Peers)
		}
	}
	s := r.Server
	if s == nil || len(s.Load.Phases) != 3 || !s.Load.Convergence.OK() || s.Load.Convergence.Checked != 5 {
		t.Fatalf("server = %+v", s)
	}
	if s.Updates != 50+150+500 || s.Fsync.Count == 0 || s.RSSStartBytes == 0 || s.DiskBytes == 0 {
		t.Errorf("server = %+v", s)
	}
	for _, part := range []string{"  generated:\n", "remote", "5 of 5", "maximum"} {
		if !strings.Contains(stdout.String(), part) {
			t.Errorf("output lacks %q:\n%s", part, &stdout)
		}
	}
	if !strings.Contains(stderr.String(), "server, maximum: 500 of 500") {
		t.Errorf("progress lacks its end:\n%s", &stderr)
	}
}

// A full run has the rows of all groups, and the picture. Where an engine is not installed, its column says so.
func TestFullOnSmallRows(t *testing.T) {
	out := t.TempDir()
	var stdout bytes.Buffer
	err := run(t.Context(), []string{
		"engine", "--out", out, "--engine-full", "--engine-traces", "generated", "--engine-rows", "^generated/load$|^(B1.1|B3.1|inserts)$", "--engine-best", "1",
		"--engine-seconds", "0", "--engine-n", "100", "--engine-peers", "yjs,ywasm",
	}, &stdout, io.Discard)
	if err != nil {
		t.Fatalf("%v\n%s", err, &stdout)
	}
	r, err := report.Read(filepath.Join(out, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, row := range r.Engine {
		found[row.Row] = true
		if len(row.Weft) == 0 || len(row.Peers) != 2 {
			t.Errorf("%s on %s: %+v", row.Row, row.Subject, row)
		}
		for i, cell := range row.Peers {
			if installed := r.Peers[i].Missing == ""; installed != (len(cell.Values) > 0) || installed == (cell.Absence == report.Missing) {
				t.Errorf("%s on %s, installed %v: %+v", row.Row, row.Subject, installed, cell)
			}
		}
	}
	for _, name := range []string{"load", "B1.1", "B3.1", "inserts"} {
		if !found[name] {
			t.Errorf("no row %s in %v", name, found)
		}
	}
	if _, err := os.Stat(filepath.Join(out, "engine.svg")); (err == nil) != (r.Node != "") {
		t.Errorf("picture: %v", err)
	}
}

// A server that cannot be started is a gap that the report names, and the exit says so.
func TestServerThatIsNotThere(t *testing.T) {
	out := t.TempDir()
	err := run(t.Context(), []string{
		"server", "--out", out, "--server-binary", filepath.Join(out, "none"), "--server-trace", "generated",
		"--server-rates", "100", "--server-burst", "0",
	}, io.Discard, io.Discard)
	if !errors.Is(err, errIncomplete) {
		t.Errorf("error = %v, want that something is missing", err)
	}
	r, err := report.Read(filepath.Join(out, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if r.OK() || r.Server.Error == "" || !strings.Contains(strings.Join(r.Failures, " "), "no such file") {
		t.Errorf("failures = %q, server = %+v", r.Failures, r.Server)
	}
}

// Without real histories the generated one takes their place, and the report says that they are missing.
func TestNoRealHistories(t *testing.T) {
	t.Setenv("WEFT_TRACES", filepath.Join(t.TempDir(), "none"))
	out := t.TempDir()
	err := run(t.Context(), []string{"engine", "--out", out, "--engine-rows", "^load$", "--engine-best", "1", "--engine-no-peers"}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.Read(filepath.Join(out, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Missing) == 0 || !strings.Contains(r.Missing[0], "real histories") || len(r.RealTraces) != 0 {
		t.Errorf("missing = %q, replayed %q", r.Missing, r.RealTraces)
	}
	if len(r.Engine) != 1 || r.Engine[0].Subject != generated {
		t.Errorf("rows = %+v", r.Engine)
	}
}

func TestProfilesAreWritten(t *testing.T) {
	out := t.TempDir()
	cpu, mem := filepath.Join(out, "cpu.prof"), filepath.Join(out, "mem.prof")
	err := run(t.Context(), []string{"engine", "--out", out, "--engine-traces", "generated", "--engine-rows", "^load$", "--engine-best", "1",
		"--engine-no-peers", "--cpuprofile", cpu, "--memprofile", mem}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{cpu, mem} {
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, error %v", filepath.Base(path), info, err)
		}
	}
}
