package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// pastWorld is a document whose history is on, under a clock of the test.
type pastWorld struct {
	t   *testing.T
	s   *Store
	d   *Document
	now time.Time
}

func newPast(t *testing.T, h History) *pastWorld {
	t.Helper()
	w := &pastWorld{t: t, now: goldenTime}
	o := testOptions(t, vfs.NewMem())
	o.Now = func() time.Time { return w.now }
	w.s = mustOpen(t, o)
	w.d = mustDocument(t, w.s, "d")
	if err := w.d.SetHistory(h); err != nil {
		t.Fatal(err)
	}
	return w
}

// day appends four entries of ten bytes and compacts after the last.
func (w *pastWorld) day() {
	w.t.Helper()
	for range 4 {
		waitDurable(w.t, w.d, mustAppend(w.t, w.d, fmt.Sprintf("entry %3d ", w.d.Last()+1)))
	}
	if err := w.d.Compact(w.t.Context(), w.d.Last(), []byte("state")); err != nil {
		w.t.Fatal(err)
	}
}

// expectFrom checks that just the moments from first on are kept, each from a snapshot
// that is not after it.
func (w *pastWorld) expectFrom(when string, first uint64) {
	w.t.Helper()
	for at := uint64(1); at <= w.d.Last(); at++ {
		next := uint64(0)
		err := w.d.Past(w.t.Context(), at, at, func(e Entry) error {
			if e.Snapshot && e.Seq > at || !e.Snapshot && e.Seq != next+1 {
				return fmt.Errorf("entry %d after %d", e.Seq, next)
			}
			next = e.Seq
			return nil
		})
		switch {
		case at < first && !errors.Is(err, ErrForgotten):
			w.t.Errorf("%s: the moment %d: got %v, want ErrForgotten", when, at, err)
		case at >= first && (err != nil || next != at):
			w.t.Errorf("%s: the moment %d: got %v at %d, want it", when, at, err, next)
		}
	}
}

// TestHistoryByAge: each day has four entries and a snapshot at 4, 8, 12 …; what lies
// before a snapshot goes when that is older than the age.
func TestHistoryByAge(t *testing.T) {
	const day = 24 * time.Hour
	w := newPast(t, History{On: true, Age: 3*day + time.Hour})
	for i := range 10 {
		w.day()
		// On day i the snapshots of the days before i-3 are too old.
		if i < 4 {
			w.expectFrom(fmt.Sprint("day ", i), 1)
		} else {
			w.expectFrom(fmt.Sprint("day ", i), uint64(4*(i-3)))
		}
		w.now = w.now.Add(day)
	}
	// Nobody writes for a month: what is there stays until the next compaction, and then
	// the generation before the newest snapshot.
	w.now = w.now.Add(30 * day)
	w.expectFrom("after a month", 24)
	w.day()
	w.expectFrom("after a month and a compaction", 40)
}

// TestHistoryUnderAWrongClock: a clock that jumps back, or forward and back again, has
// nothing forgotten before it is old, and nothing kept for ever.
func TestHistoryUnderAWrongClock(t *testing.T) {
	const day = 24 * time.Hour
	for name, wrong := range map[string]time.Duration{"back": -50 * 365 * day, "forward": 50 * 365 * day} {
		t.Run(name, func(t *testing.T) {
			w := newPast(t, History{On: true, Age: 30 * day})
			w.day()
			right := w.now.Add(day)
			w.now = right.Add(wrong)
			if name == "forward" {
				w.now = right // nothing was compacted while it was wrong: that would have to believe it
				for range 4 {
					if _, err := w.d.Append(Entry{Time: right.Add(wrong), Update: []byte("wrong time")}); err != nil {
						t.Fatal(err)
					}
				}
				waitDurable(t, w.d, w.d.Last())
				if err := w.d.Compact(t.Context(), w.d.Last(), []byte("state")); err != nil {
					t.Fatal(err)
				}
			} else {
				w.day()
			}
			w.now = right.Add(day)
			w.day()
			w.day()
			w.expectFrom("after the clock was put right", 1)
			w.now = right.Add(40 * day)
			w.day()
			w.day()
			w.expectFrom("when all of that is old", 16)
		})
	}
}

// TestHistoryBySize: entries have ten bytes, and a snapshot comes after each forty.
func TestHistoryBySize(t *testing.T) {
	w := newPast(t, History{On: true, Bytes: 100})
	for i := range 10 {
		w.day()
		// The snapshot before the newest is at 4i; more than 100 bytes lie between it and those up to 4(i-3).
		if i < 4 {
			w.expectFrom(fmt.Sprint("snapshot ", i), 1)
		} else {
			w.expectFrom(fmt.Sprint("snapshot ", i), uint64(4*(i-3)))
		}
	}
	if err := w.d.SetHistory(History{}); err != nil {
		t.Fatal(err)
	}
	w.expectFrom("switched off", 24)
	w.day()
	w.expectFrom("switched off and compacted", 40)
}

// TestCompactionOnAFullDisk: below the reserve nothing is compacted, and nothing changes;
// it is done when there is room again.
func TestCompactionOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		usage := func(free uint64) { fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: free, TotalBytes: 1 << 30}) }
		usage(1 << 22)
		o := testOptions(t, fs)
		o.ReserveBytes, o.SpaceInterval = 1<<20, time.Second
		s := mustOpen(t, o)
		d := mustDocument(t, s, "d")
		fill(t, d, 1, 60)
		usage(1 << 10)
		time.Sleep(o.SpaceInterval)
		synctest.Wait()
		if err := d.Compact(t.Context(), 60, []byte("state")); !errors.Is(err, ErrNoSpace) {
			t.Errorf("Compact: got %v, want ErrNoSpace", err)
		}
		const sweep = time.Minute
		stop := s.StartCompaction(CompactionOptions{Entries: 50, Sweep: sweep}, joined)
		time.Sleep(3 * sweep)
		synctest.Wait()
		if st := s.Stats(); st.CompactErrors == 0 || d.Info().Snapshot != 0 || len(loadAll(t, d, 0)) != 60 {
			t.Errorf("below the reserve: %d errors, snapshot at %d", st.CompactErrors, d.Info().Snapshot)
		}
		usage(1 << 22)
		time.Sleep(3 * sweep)
		synctest.Wait()
		if d.Info().Snapshot != 60 {
			t.Errorf("with room again: the snapshot is at %d, want 60", d.Info().Snapshot)
		}
		stop()
		d.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestDiskFillsDuringCompaction: the disk is full for real while the snapshot is written
// to the log. The store ends, as for every failed write of the log; after the restart the
// document is whole, from its entries or from the snapshot.
func TestDiskFillsDuringCompaction(t *testing.T) {
	for _, percent := range []int{0, 50, 100} {
		mem := vfs.NewCrashableMem()
		fs, fatal := newFaults(mem), newFatals()
		o := testOptions(t, fs)
		o.Fatal = fatal.call
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		d := mustDocument(t, s, "d")
		fill(t, d, 1, 60)
		if err := d.Compact(t.Context(), 30, []byte("state 30")); err != nil {
			t.Fatal(err)
		}
		fs.on(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpRemove {
				return syscall.ENOSPC
			}
			return nil
		})
		if err := d.Compact(t.Context(), 60, []byte("state 60")); !errors.Is(err, ErrFailed) {
			t.Errorf("Compact: got %v, want ErrFailed", err)
		}
		fatal.await(t)
		left := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(1, uint64(percent)))})
		_ = s.Close() // it has failed
		again := mustOpen(t, testOptions(t, left))
		now := mustDocument(t, again, "d")
		snapshot := now.Info().Snapshot
		if all := loadAll(t, now, 0); len(all) != 1+60-int(snapshot) || snapshot != 30 && snapshot != 60 {
			t.Errorf("%d %% kept: the snapshot is at %d, %d records", percent, snapshot, len(all))
		}
		if seq := mustAppend(t, now, "goes on"); seq != 61 {
			t.Errorf("%d %% kept: got sequence %d, want 61", percent, seq)
		}
		now.Close()
	}
}

// TestEraseOnAFullDisk: the document is gone when Erase returns or is told to stop; the
// tables are written anew when there is room.
func TestEraseOnAFullDisk(t *testing.T) {
	fs := newFaults(vfs.NewMem())
	s := mustOpen(t, testOptions(t, fs))
	d := mustDocument(t, s, "d")
	fill(t, d, 1, 3)
	d.Close()
	refused := make(chan struct{}, 1)
	fs.on(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") {
			select {
			case refused <- struct{}{}:
			default:
			}
			return syscall.ENOSPC
		}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-refused; cancel() }()
	if err := s.Erase(ctx, "d"); err == nil {
		t.Error("Erase on a full disk: got nil")
	}
	if _, err := s.Document(t.Context(), "d", false); !errors.Is(err, ErrNotFound) {
		t.Errorf("Document: got %v, want ErrNotFound", err)
	}
	fs.on(nil)
	if err := s.Rewrite(t.Context()); err != nil {
		t.Errorf("Rewrite with room again: %v", err)
	}
}
