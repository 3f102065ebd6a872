package storage

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestPace: a group waits until the distance to the one before it is long enough, and no longer; one that comes after that
// never waits, nor does any without a pace.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := 10 * time.Millisecond
		p := &pipeline{store: &Store{opts: Options{Pace: func() time.Duration { return pace }}}}
		for _, step := range []struct {
			rest, pace, took time.Duration // idle before, the pace then, and how long gathering takes
		}{
			{0, 10 * time.Millisecond, 0}, // the first
			{0, 10 * time.Millisecond, 10 * time.Millisecond},
			{4 * time.Millisecond, 10 * time.Millisecond, 6 * time.Millisecond},
			{10 * time.Millisecond, 10 * time.Millisecond, 0},
			{time.Hour, 10 * time.Millisecond, 0},
			{0, 0, 0},
			{3 * time.Millisecond, 5 * time.Millisecond, 2 * time.Millisecond},
		} {
			time.Sleep(step.rest)
			pace = step.pace
			began := time.Now()
			p.gather()
			if took := time.Since(began); took != step.took {
				t.Errorf("after %v at a pace of %v a group waited for %v, want %v", step.rest, step.pace, took, step.took)
			}
		}
		p.store.opts.Pace = nil
		began := time.Now()
		p.gather()
		if took := time.Since(began); took != 0 {
			t.Errorf("without a pace a group waited for %v", took)
		}
	})
}

// TestPaceIsForGroups: nobody waits for a distance to nothing. The pace is asked before a group and at no other time.
func TestPaceIsForGroups(t *testing.T) {
	var asked atomic.Uint64
	o := testOptions(t, vfs.NewMem())
	o.Pace = func() time.Duration {
		asked.Add(1)
		return 0
	}
	s := mustOpen(t, o)
	d := mustDocument(t, s, "d")
	for range 20 {
		waitDurable(t, d, mustAppend(t, d, "x"))
	}
	d.Close()
	groups := s.Stats().Groups
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := asked.Load(); got != groups || groups < 20 {
		t.Errorf("the pace was asked %d times for %d groups", got, groups)
	}
}

// TestTablesLetOthersRun: who waits for the one core runs between two pieces of a table.
func TestTablesLetOthersRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	fs := pebbleFS{FS: vfs.NewMem(), dir: "", fail: func(err error) { t.Error(err) }}
	for _, c := range []struct {
		name string
		runs bool
	}{{"000007.sst", true}, {"MANIFEST-000001", false}} { // which is written with locks held
		f, err := fs.Create(c.name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		var ran atomic.Bool
		go ran.Store(true)
		if _, err := f.Write([]byte("a piece")); err != nil {
			t.Fatal(err)
		}
		if ran.Load() != c.runs {
			t.Errorf("%s: another ran during a write: %t, want %t", c.name, ran.Load(), c.runs)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
