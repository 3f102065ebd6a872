package peers_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/weftsync/weft/bench/engine"
	"github.com/weftsync/weft/bench/peers"
	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/bench/yjs"
	"github.com/weftsync/weft/bench/yjs/yjstest"
)

const client = 7

func TestFindSaysWhatIsMissing(t *testing.T) {
	all := peers.Find(t.TempDir())
	if len(all) != 6 || all[0].Name != peers.Reference {
		t.Fatalf("engines: %+v", all)
	}
	for _, p := range all {
		if !errors.Is(p.Missing, peers.ErrMissing) || p.Version != "" {
			t.Errorf("%s: version %q, missing %v", p.Name, p.Version, p.Missing)
		}
		if _, err := p.Measure(t.Context(), nil, peers.Job{}, time.Second); !errors.Is(err, peers.ErrMissing) {
			t.Errorf("%s measured: error %v", p.Name, err)
		}
	}
}

// write stores what a script reads and returns the path.
func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// jobs returns a small one for each row of the scripts, by its name; of rows with the same script the last.
func jobs(t testing.TB, n *yjs.Node) map[string]peers.Job {
	t.Helper()
	history := trace.Generated(1, 100)
	for i := range history.Txns { // one engine counts code points
		for j := range history.Txns[i].Patches {
			history.Txns[i].Patches[j] = trace.Patch{Index: 0, Inserted: "ab"}
		}
	}
	end, err := history.TextAfter(len(history.Txns))
	if err != nil {
		t.Fatal(err)
	}
	history.End = end
	log, updates, err := n.UpdatesFile(t.Context(), history, client)
	if err != nil {
		t.Fatal(err)
	}
	path, _, err := n.WriteTrace(history)
	if err != nil {
		t.Fatal(err)
	}
	subject := &engine.Subject{Trace: history, Updates: log}
	whole, err := subject.Document()
	if err != nil {
		t.Fatal(err)
	}
	base := peers.Job{
		Client: client, Sizes: peers.Sizes{Items: 200, Batch: 50, Clients: 20, Merge: 50}, Repeat: peers.Repeat{Least: 2, Most: 2, Enough: 60},
		Trace: path, Updates: updates, Own: filepath.Join(t.TempDir(), "own"),
		V1: write(t, "v1", whole.V1), V2: write(t, "v2", whole.V2), Text: write(t, "text", []byte(whole.Text)),
	}
	all := map[string]peers.Job{}
	for _, row := range engine.Rows() {
		job := base
		job.Row = row.Name
		all[job.Row] = job
	}
	for _, row := range engine.ScriptRows(20) {
		if row.History && row.Script.Times > 1 {
			row.Script.Times = 2
		}
		script, err := json.Marshal(row.Script)
		if err != nil {
			t.Fatal(err)
		}
		job := base
		job.Row, job.Script = row.PeerRow, write(t, "script", script)
		all[job.Row] = job
	}
	for _, row := range engine.HostileRows(engine.HostileSizes{Inserts: 50, Splits: 50, Clients: 50, Deletes: 50, Roots: 50, Keys: 50}) {
		job := base
		job.Row, job.Update = row.PeerRow, write(t, "update", row.Hostile.Update)
		if row.Hostile.Base != nil {
			job.Base = write(t, "base", row.Hostile.Base)
		}
		if row.Hostile.Keys != nil {
			job.Updates = filepath.Join(t.TempDir(), "keys")
			if err := row.Hostile.Keys.WriteFile(job.Updates); err != nil {
				t.Fatal(err)
			}
		}
		all[job.Row] = job
	}
	return all
}

// someRows need all that an engine has; a process for each other row would take long.
var someRows = []string{
	"hostile-receiving", "load", "local-update", "map-set", "memory-lived", "remote-serve", "script-both", "script-crowd", "script-numbers", "script-text",
}

// Yjs does all rows, the other engines at least some, and none fails. Those that are not installed are skipped, each as a
// test of its own, so that the output names them.
func TestEveryEngineOnATinyHistory(t *testing.T) {
	n := yjstest.Node(t)
	all := jobs(t, n)
	for _, p := range peers.Find(n.Root) {
		t.Run(p.Name, func(t *testing.T) {
			if p.Missing != nil {
				if p.Name == peers.Reference {
					t.Fatal(p.Missing)
				}
				t.Skip(p.Missing)
			}
			done, rows := 0, slices.Sorted(maps.Keys(all))
			if p.Name != peers.Reference {
				rows = someRows
			}
			for _, name := range rows {
				job := all[name]
				values, err := p.Measure(t.Context(), n, job, time.Minute)
				if errors.Is(err, peers.ErrCannot) && p.Name != peers.Reference {
					continue
				}
				if err != nil || len(values) != 2 {
					t.Errorf("row %s: %v, error %v, want two values", name, values, err)
					continue
				}
				done++
			}
			t.Logf("%s %s does %d of %d rows", p.Name, p.Version, done, len(rows))
			if least := len(rows) / 2; done <= least {
				t.Errorf("%d rows are done, want more than %d", done, least)
			}
		})
	}
}

// A row that takes too long, one that nobody knows and one whose input is wrong are told apart.
func TestMeasureSaysWhyNot(t *testing.T) {
	n := yjstest.Node(t)
	yjs := peers.Find(n.Root)[0]
	job := jobs(t, n)["script-paper"]
	script, err := json.Marshal(&engine.Script{Times: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	job.Script = write(t, "script", script)
	var slow *peers.SlowError
	if _, err := yjs.Measure(t.Context(), n, job, 2*time.Second); !errors.As(err, &slow) || slow.Preparing || slow.Bound != 2*time.Second {
		t.Errorf("error = %v, want that it takes longer than 2 s", err)
	}
	if _, err := yjs.Measure(t.Context(), n, job, time.Millisecond); !errors.As(err, &slow) || !slow.Preparing {
		t.Errorf("error = %v, want that preparing takes too long", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := yjs.Measure(ctx, n, job, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
	job.Row = "unheard-of"
	if _, err := yjs.Measure(t.Context(), n, job, time.Minute); !errors.Is(err, peers.ErrCannot) {
		t.Errorf("error = %v, want that it cannot", err)
	}
	job.Row, job.V1 = "load", write(t, "v1", []byte{1})
	if _, err := yjs.Measure(t.Context(), n, job, time.Minute); err == nil || errors.Is(err, peers.ErrCannot) {
		t.Errorf("error = %v, want that it failed", err)
	}
}

func TestRepeat(t *testing.T) {
	r := peers.Repeat{Least: 5, Seconds: 1, Most: 50, Enough: 10}
	for _, c := range []struct {
		done  int
		spent float64
		want  bool
	}{{0, 100, true}, {1, 100, false}, {4, 9, true}, {4, 10, false}, {5, 0.5, true}, {5, 2, false}, {50, 0.5, false}} {
		if got := r.More(c.done, c.spent); got != c.want {
			t.Errorf("after %d in %g s: more = %v", c.done, c.spent, got)
		}
	}
}
