package storage

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/uuid"
)

// The tests here take the power away before every operation of the file system
// that changes something, during one compaction or deletion: not at random moments,
// but at all of them, with 0, 10, 50 and 100 % of the unsynced data kept at each.

// crashPoint is what the power cut left, and what had been reported by then.
type crashPoint struct {
	fs      *vfs.MemFS
	at      int
	percent int
	op      string
	acked   uint64
	done    bool // the compaction or the deletion had returned
}

// crashPoints does something over a crashing file system, and cuts at each operation.
type crashPoints struct {
	mu     sync.Mutex
	mem    *vfs.MemFS
	rng    *rand.Rand
	points []crashPoint
	ops    int
	acked  atomic.Uint64
	done   atomic.Bool
}

// cut takes the crash points of one operation. One at a time: what was noted before
// is durable in all of the clones.
func (c *crashPoints) cut(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ops++
	for _, percent := range []int{0, 10, 50, 100} {
		p := crashPoint{at: c.ops, percent: percent, op: fmt.Sprintf("kind %d on %s", op.Kind, op.Path), acked: c.acked.Load(), done: c.done.Load()}
		p.fs = c.mem.CrashClone(vfs.CrashCloneCfg{RNG: c.rng, UnsyncedDataPercent: percent})
		c.points = append(c.points, p)
	}
	return nil
}

// crashUpdate is what the entry at seq holds.
func crashUpdate(seq uint64) []byte { return fmt.Appendf(nil, "update %d ", seq) }

func crashUpdates(n uint64) (all [][]byte) {
	for seq := uint64(1); seq <= n; seq++ {
		all = append(all, crashUpdate(seq))
	}
	return all
}

// cutDuring makes a document of 60 entries and a snapshot at 20, and cuts while act
// works on it and 20 more are appended.
func cutDuring(t *testing.T, newLog func(*pebble.DB) batchLog, act func(s *Store, d *Document) error) *crashPoints {
	t.Helper()
	c := &crashPoints{mem: vfs.NewCrashableMem(), rng: rand.New(rand.NewPCG(3, 9))}
	fs := newFaults(c.mem)
	o := testOptions(t, fs)
	o.Retire = retireForTest
	s, err := open(o, newLog)
	if err != nil {
		t.Fatal(err)
	}
	other, d := mustDocument(t, s, "other"), mustDocument(t, s, "d")
	waitDurable(t, other, mustAppend(t, other, "bystander"))
	grow := func(to uint64) {
		for seq := d.Last() + 1; seq <= to; seq++ {
			mustAppend(t, d, string(crashUpdate(seq)))
		}
	}
	grow(60)
	waitDurable(t, d, 60)
	if err := d.Compact(t.Context(), 20, stateOf(crashUpdates(20))); err != nil {
		t.Fatal(err)
	}
	c.acked.Store(60)
	d.OnDurable(func(seq uint64) { c.acked.Store(seq) })
	fs.on(c.cut)
	grow(70)
	if err := act(s, d); err != nil {
		t.Fatal(err)
	}
	c.done.Store(true)
	if !d.state.deleted.Load() {
		grow(80)
		waitDurable(t, d, 80)
	}
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil {
		t.Fatal(err)
	}
	fs.on(nil)
	d.Close()
	other.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return c
}

// lookAt opens what a cut left, and says what is wrong with it.
func (p crashPoint) lookAt(t *testing.T, expect func(s *Store, p crashPoint) error) error {
	t.Helper()
	s, err := Open(testOptions(t, p.fs))
	if err != nil {
		return err
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
	if err := openAndLoad(t, s, "other"); err != nil {
		return fmt.Errorf("another document: %w", err)
	}
	return expect(s, p)
}

// expectCompacted: every acknowledged entry is there, once and in order, from the
// old snapshot or from the new one; from the new one for certain once Compact returned.
func expectCompacted(t *testing.T) func(*Store, crashPoint) error {
	return func(s *Store, p crashPoint) error {
		d, err := s.Document(t.Context(), "d", false)
		if err != nil {
			return err
		}
		w := &crashWorld{tb: t}
		m := &crashModel{name: "d", handle: d, updates: crashUpdates(80), acked: p.acked}
		defer d.Close()
		if err := w.check(m); err != nil {
			return err
		}
		switch snapshot := d.Info().Snapshot; {
		case w.lost > 0:
			return fmt.Errorf("%d entries lost", w.lost)
		case snapshot != 20 && snapshot != 50, p.done && snapshot != 50:
			return fmt.Errorf("the snapshot is at %d", snapshot)
		}
		return nil
	}
}

func compactAt50(t *testing.T) func(*Store, *Document) error {
	return func(_ *Store, d *Document) error { return d.Compact(t.Context(), 50, stateOf(crashUpdates(50))) }
}

func TestCrashPointsOfACompaction(t *testing.T) {
	expectAtEach(t, cutDuring(t, func(db *pebble.DB) batchLog { return pebbleLog{db} }, compactAt50(t)), expectCompacted(t))
}

// TestCrashPointsControl: without fsync some of these points lose something.
func TestCrashPointsControl(t *testing.T) {
	c := cutDuring(t, func(db *pebble.DB) batchLog { return unsyncedLog{db} }, compactAt50(t))
	wrong := 0
	for _, p := range c.points {
		if err := p.lookAt(t, expectCompacted(t)); err != nil {
			wrong++
		}
	}
	t.Logf("%d operations, %d cuts, %d of them lost something", c.ops, len(c.points), wrong)
	if wrong == 0 {
		t.Error("nothing was lost without fsync: the test could not see a loss")
	}
}

// TestCrashPointsOfADeletion: the document is whole, or it is gone; gone for certain
// once the deletion returned.
func TestCrashPointsOfADeletion(t *testing.T) {
	for name, act := range map[string]func(*Store, *Document) error{
		"soft": func(s *Store, _ *Document) error { return s.Delete(t.Context(), "d") },
		"hard": func(s *Store, _ *Document) error { return s.Erase(t.Context(), "d") },
	} {
		t.Run(name, func(t *testing.T) {
			c := cutDuring(t, func(db *pebble.DB) batchLog { return pebbleLog{db} }, act)
			whole, gone := 0, 0
			expectAtEach(t, c, func(s *Store, p crashPoint) error {
				w := &crashWorld{tb: t, rng: rand.New(rand.NewPCG(1, 1))}
				m := &crashModel{name: "d", updates: crashUpdates(80), acked: p.acked, is: alive, becomes: deleted}
				if name == "hard" {
					m.becomes, m.ends = absent, lineageOf(70)
				}
				if p.done {
					m.is = m.becomes
				}
				if openAndLoad(t, s, "d") == nil {
					whole++
				} else {
					gone++
				}
				err := w.judge(s, m)
				m.close()
				if err == nil && w.lost > 0 {
					err = fmt.Errorf("%d lost", w.lost)
				}
				return err
			})
			if whole == 0 || gone == 0 {
				t.Errorf("whole after %d cuts, gone after %d: the test proves little", whole, gone)
			}
		})
	}
}

// TestCrashPointsOfARenewal: the document is that of before, whole, or the new one, with
// nothing of before but what its lineage is known by; the new one for certain once the
// renewal returned.
func TestCrashPointsOfARenewal(t *testing.T) {
	anew := []byte("anew")
	var before, after uuid.UUID
	c := cutDuring(t, func(db *pebble.DB) batchLog { return pebbleLog{db} }, func(s *Store, d *Document) error {
		before = d.Info().Lineage
		err := s.Renew(t.Context(), "d", Entry{Update: anew})
		if err == nil {
			now := mustDocument(t, s, "d")
			defer now.Close()
			after = now.Info().Lineage
		}
		return err
	})
	old, renewed := 0, 0
	expectAtEach(t, c, func(s *Store, p crashPoint) error {
		w := &crashWorld{tb: t, rng: rand.New(rand.NewPCG(1, 1))}
		m := &crashModel{
			name: "d", updates: crashUpdates(80), acked: p.acked, is: alive, becomes: alive,
			lineage: before, ends: lineageOf(70), renewed: anew,
		}
		err := w.judge(s, m)
		m.close()
		switch {
		case err != nil:
			return err
		case w.lost > 0:
			return fmt.Errorf("%d lost", w.lost)
		case m.lineage == after:
			renewed++
		case m.lineage == before && !p.done:
			old++
		default:
			return fmt.Errorf("it has the lineage %s", m.lineage)
		}
		return nil
	})
	if old == 0 || renewed == 0 {
		t.Errorf("old after %d cuts, renewed after %d: the test proves little", old, renewed)
	}
}

// expectAtEach looks at all that the cuts left.
func expectAtEach(t *testing.T, c *crashPoints, expect func(*Store, crashPoint) error) {
	t.Helper()
	before, after := 0, 0
	for _, p := range c.points {
		if err := p.lookAt(t, expect); err != nil {
			t.Fatalf("cut before operation %d (%s), %d %% of unsynced data kept, %d acknowledged, returned %v: %v",
				p.at, p.op, p.percent, p.acked, p.done, err)
		}
		if p.done {
			after++
		} else {
			before++
		}
	}
	t.Logf("%d operations, %d cuts (%d after it returned), nothing lost", c.ops, len(c.points), after)
	if before == 0 || after == 0 {
		t.Error("the cuts were all on one side: the test proves little")
	}
}
