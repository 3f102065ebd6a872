package crdt_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
)

// oracle starts real Yjs in Node. Without Node the test is skipped, or fails if
// WEFT_NEED_NODE says that it must not be.
func oracle(t testing.TB) *crdttest.Oracle {
	t.Helper()
	o, err := crdttest.StartOracle()
	switch {
	case errors.Is(err, crdttest.ErrNoNode) && os.Getenv("WEFT_NEED_NODE") == "":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Errorf("close the oracle: %v", err)
		}
	})
	return o
}

// campaign runs random histories through Yjs and the engine, with a Node
// process for each processor.
type campaign struct {
	oracles   []*crdttest.Oracle
	classes   *crdttest.Classes
	histories atomic.Int64
	steps     atomic.Int64

	next atomic.Uint64 // seed

	mu     sync.Mutex
	seed   uint64 // of the first history that differs
	script *crdttest.Script
	diff   error
}

func newCampaign(t testing.TB, processes int) *campaign {
	c := &campaign{classes: &crdttest.Classes{}}
	for range processes {
		c.oracles = append(c.oracles, oracle(t))
	}
	return c
}

const (
	batch      = 16 // histories in one question
	perProcess = 2  // questions under way, so that Yjs and the engine work at once
)

// run runs the histories of seeds from first on for the duration, and on for a
// while if some class of input has not occurred by then, until one differs.
func (c *campaign) run(first uint64, duration time.Duration) {
	c.next.Store(first)
	deadline := time.Now().Add(duration)
	latest := time.Now().Add(4 * duration)
	enough := func() bool {
		now := time.Now()
		return now.After(deadline) && len(c.classes.Missing()) == 0 || now.After(latest)
	}
	var group sync.WaitGroup
	for i := range perProcess * len(c.oracles) {
		o := c.oracles[i%len(c.oracles)]
		group.Go(func() {
			for !enough() && !c.failed() {
				seed, script, err := c.batch(o, c.next.Add(batch)-batch)
				if err != nil {
					c.fail(seed, script, err)
				}
			}
		})
	}
	group.Wait()
}

func (c *campaign) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.diff != nil
}

func (c *campaign) fail(seed uint64, script *crdttest.Script, diff error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.diff == nil {
		c.seed, c.script, c.diff = seed, script, diff
	}
}

// batch runs the histories of some seeds, and returns the first that differs.
func (c *campaign) batch(o *crdttest.Oracle, from uint64) (uint64, *crdttest.Script, error) {
	scripts := make([]*crdttest.Script, batch)
	for i := range scripts {
		scripts[i] = crdttest.Generate(from + uint64(i))
	}
	replies, err := o.Run(scripts...)
	if err != nil {
		return from, nil, err
	}
	var loads []crdttest.Load
	var loaders []loader
	for i, s := range scripts {
		m, diff := crdttest.RunScript(s, replies[i], c.classes)
		if diff != nil {
			return from + uint64(i), s, diff
		}
		c.histories.Add(1)
		c.steps.Add(int64(len(s.Steps)))
		for d, spec := range s.Docs {
			if spec.Observer {
				l := loader{from + uint64(i), s, m.Replica(d)}
				loads, loaders = append(loads, l.question(spec)), append(loaders, l)
			}
		}
	}
	answers, err := o.Load(loads...)
	if err != nil {
		return from, nil, err
	}
	for i, l := range loaders {
		if err := l.compare(loads[i], answers[i]); err != nil {
			return l.seed, l.script, err
		}
	}
	return 0, nil, nil
}

// loader checks the way back: what an observer says is worth keeping of what it
// applied, loaded by Yjs and by the engine, has to be what the observer holds.
type loader struct {
	seed    uint64
	script  *crdttest.Script
	replica *crdttest.Replica
}

func (l loader) question(spec crdttest.DocSpec) crdttest.Load {
	q := crdttest.Load{Collect: spec.Collect, Roots: l.replica.Roots, Updates: []string{}}
	for _, u := range l.replica.Kept {
		q.Updates = append(q.Updates, hex.EncodeToString(u))
	}
	return q
}

func (l loader) compare(q crdttest.Load, a crdttest.Loaded) error {
	if a.Err != "" {
		return fmt.Errorf("Yjs cannot load what the engine kept: %s", a.Err)
	}
	follower := crdt.New(crdt.Options{KeepDeleted: !q.Collect, KeepMarks: true})
	for _, u := range l.replica.Kept {
		if _, err := follower.ApplyUpdate(u); err != nil {
			return fmt.Errorf("load what the engine kept: %w", err)
		}
	}
	for name, d := range map[string]*crdt.Doc{"the observer": l.replica.Doc, "a follower": follower} {
		if got, want := hex.EncodeToString(d.EncodeStateVector()), a.Vector; got != want {
			return fmt.Errorf("state vector of %s is %s, that of what Yjs loaded from its log %s", name, got, want)
		}
		update, err := d.EncodeStateAsUpdate(nil)
		if err != nil {
			return err
		}
		if got := hex.EncodeToString(update); name == "a follower" && got != a.Update {
			want, _ := hex.DecodeString(a.Update)
			return fmt.Errorf("%s holds\n%swhat Yjs loaded from its log is\n%s", name, crdttest.Describe(update), crdttest.Describe(want))
		}
	}
	for _, name := range q.Roots {
		if got, want := crdttest.Canonical(rootHandle(l.replica.Doc, name)), a.Dumps[name]; got != want {
			return fmt.Errorf("root %s of the observer is %s, what Yjs loaded from its log %s", name, got, want)
		}
	}
	return nil
}

func rootHandle(d *crdt.Doc, name string) any {
	switch name[0] {
	case 't':
		return d.Text(name)
	case 'a':
		return d.Array(name)
	case 'm':
		return d.Map(name)
	default:
		return d.XMLFragment(name)
	}
}

// differs runs one script by itself and returns what is wrong with it.
func (c *campaign) differs(s *crdttest.Script) error {
	replies, err := c.oracles[0].Run(s)
	if err != nil {
		return err
	}
	m, diff := crdttest.RunScript(s, replies[0], c.classes)
	if diff != nil {
		return diff
	}
	for d, spec := range s.Docs {
		if !spec.Observer {
			continue
		}
		l := loader{0, s, m.Replica(d)}
		q := l.question(spec)
		answers, err := c.oracles[0].Load(q)
		if err == nil {
			err = l.compare(q, answers[0])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// report shrinks the script that differs and prints it; with WEFT_ORACLE_KEEP
// set it keeps it as a row of TestOracleKept.
func (c *campaign) report(t *testing.T) {
	t.Helper()
	if c.script == nil {
		t.Fatalf("seed %d: %v", c.seed, c.diff)
	}
	end := time.Now().Add(20 * time.Second)
	s := crdttest.Shrink(c.script, 3000, func(smaller *crdttest.Script) bool {
		return time.Now().Before(end) && c.differs(smaller) != nil
	})
	if os.Getenv("WEFT_ORACLE_KEEP") != "" {
		name := fmt.Sprintf("testdata/oracle/seed-%d.json", c.seed)
		if err := os.WriteFile(name, []byte(s.String()), 0o644); err != nil {
			t.Error(err)
		}
	}
	t.Errorf("seed %d differs; %d of its %d steps still do:\n%s\n%v\nas it was found: %.400s",
		c.seed, len(s.Steps), len(c.script.Steps), s, c.differs(s), c.diff.Error())
}

// log says what ran: without -v it shows when the test fails.
func (c *campaign) log(t *testing.T, started time.Time, first uint64) {
	t.Helper()
	n := c.histories.Load()
	t.Logf("Yjs %s: %d histories (%d steps) from seed %d in %v, %.0f a minute", c.oracles[0].Yjs, n, c.steps.Load(), first,
		time.Since(started).Round(time.Millisecond), float64(n)/time.Since(started).Minutes())
	t.Logf("seen: %v", c.classes)
}

// sawAll fails if some class of input has not occurred.
func (c *campaign) sawAll(t *testing.T) {
	t.Helper()
	if c.histories.Load() == 0 {
		t.Error("not one history ran")
	}
	for _, class := range c.classes.Missing() {
		t.Errorf("no history had %s", class)
	}
}

// TestOracle compares the engine with Yjs on random histories: for a minute on
// fresh ones where Node has to be there, as in make test, else for some seconds
// on those of a fixed seed. WEFT_ORACLE_SEED gives another one.
func TestOracle(t *testing.T) {
	switch {
	case testing.Short():
		t.Skip("runs for seconds")
	case os.Getenv("WEFT_NEED_NODE") != "":
		runCampaign(t, time.Minute, ofToday())
	default:
		runCampaign(t, 10*time.Second, 20_000)
	}
}

// TestOracleLong does the same for WEFT_ORACLE_DURATION, by way of make oracle.
func TestOracleLong(t *testing.T) {
	duration, err := time.ParseDuration(os.Getenv("WEFT_ORACLE_DURATION"))
	if err != nil {
		t.Skip("runs for the time that WEFT_ORACLE_DURATION gives")
	}
	runCampaign(t, duration, uint64(time.Now().UnixNano()))
}

// ofToday is the seed of the day in UTC: other histories every day, and for
// everybody the same on one, so that what fails can be repeated.
func ofToday() uint64 { return uint64(time.Now().Unix()/(24*60*60)) * 1_000_000_000 }

// runCampaign runs histories from the seed in the environment on, else from
// the given one.
func runCampaign(t *testing.T, duration time.Duration, seed uint64) {
	t.Helper()
	first, _ := strconv.ParseUint(os.Getenv("WEFT_ORACLE_SEED"), 10, 64)
	if first == 0 {
		first = seed
	}
	c := newCampaign(t, runtime.GOMAXPROCS(0))
	started := time.Now()
	c.run(first, duration)
	c.log(t, started, first)
	if c.failed() {
		c.report(t)
		return
	}
	c.sawAll(t)
}

// TestOracleKept runs the histories that once showed a difference, shrunk, and
// kept with what they had shown.
func TestOracleKept(t *testing.T) {
	c := newCampaign(t, 1)
	files, err := filepath.Glob("testdata/oracle/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no kept histories: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var s crdttest.Script
			if err := json.Unmarshal(data, &s); err != nil {
				t.Fatal(err)
			}
			if err := c.differs(&s); err != nil {
				t.Error(err)
			}
		})
	}
}
