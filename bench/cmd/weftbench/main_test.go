package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftsync/weft/bench/report"
)

// built is a binary of this repository, made for a test.
func built(t *testing.T, name, pkg string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/weftsync/weft/"+pkg)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return binary
}

// Without any file that does not come with the repository both parts run, and the report has everything.
func TestAllOnTheGeneratedHistory(t *testing.T) {
	out := t.TempDir()
	var stdout, stderr bytes.Buffer
	err := run(t.Context(), []string{
		"all", "--out", out, "--engine-traces", "generated", "--engine-rows", "^(remote|load|memory-loaded)$", "--engine-best", "1",
		"--engine-seconds", "0", "--server-weft", built(t, "weft", "cmd/weft"), "--server-relay", built(t, "relay", "bench/cmd/relay"),
		"--server-peers", "weft,relay,batched relay", "--server-scenarios", "kill,connect-storm", "--no-server-one-core",
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
	if s := r.Server; s == nil || len(s.Results) != 6 || s.Fsync.Count == 0 {
		t.Fatalf("server = %+v", s)
	}
	for i, result := range r.Server.Results {
		if stores := i%3 == 0 || result.Scenario == "connect-storm"; stores != (result.Gap == "") || stores && len(result.Rows) == 0 {
			t.Errorf("%s on %s: %+v", result.Scenario, result.Peer, result)
		}
	}
	for _, part := range []string{"  generated:\n", "remote", "kill -9 while", "come back at once"} {
		if !strings.Contains(stdout.String(), part) {
			t.Errorf("output lacks %q:\n%s", part, &stdout)
		}
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

// A server that is not here is a gap that the report names.
func TestServerThatIsNotThere(t *testing.T) {
	out := t.TempDir()
	err := run(t.Context(), []string{
		"server", "--out", out, "--server-weft", filepath.Join(out, "none"), "--server-peers", "weft", "--server-scenarios", "idle",
		"--no-server-one-core",
	}, io.Discard, io.Discard)
	if err != nil {
		t.Errorf("error = %v; what is not installed is no failure", err)
	}
	r, err := report.Read(filepath.Join(out, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Server.Results) != 0 || !strings.Contains(strings.Join(r.Missing, " "), "no such file") {
		t.Errorf("missing = %q, server = %+v", r.Missing, r.Server)
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
