package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The crash tests append to many documents over Pebble's crashing file system,
// note outside of the store what it said was durable, take the power away at a
// moment of its own, and look at what is there afterwards. Unsynced data is kept
// at a rate from 0 % to 100 %. A long campaign:
//
//	WEFT_CRASH_SEED=1 WEFT_CRASH_DURATION=10m go test -v -timeout 0 -run '^TestCrash' ./storage
//
// WEFT_CRASH_ROUNDS bounds the rounds instead; seed 0 or none takes the clock.

const crashDocuments = 6

// crashModel is what one document must look like.
type crashModel struct {
	mu      sync.Mutex
	updates [][]byte // appended, in order of the sequence
	acked   uint64   // durable, as the store said before the last crash
}

// crashWorld is a chain of stores, each opened on what the crash left of the
// last.
type crashWorld struct {
	tb     testing.TB
	rng    *rand.Rand
	newLog func(*pebble.DB) batchLog
	fs     *vfs.MemFS
	models []*crashModel

	lost    int // reported durable, and not there
	unacked int // not yet reported, and there
}

func newCrashWorld(tb testing.TB, seed uint64, newLog func(*pebble.DB) batchLog) *crashWorld {
	w := &crashWorld{tb: tb, rng: rand.New(rand.NewPCG(seed, 7)), newLog: newLog, fs: vfs.NewCrashableMem()}
	for range crashDocuments {
		w.models = append(w.models, new(crashModel))
	}
	return w
}

func crashName(i int) string { return fmt.Sprintf("crash/%d", i) }

// stateOf stands for the encoded state of a document after these updates.
func stateOf(updates [][]byte) []byte {
	sum := sha256.New()
	for _, u := range updates {
		sum.Write(u)
	}
	return fmt.Appendf(nil, "state after %d: %x", len(updates), sum.Sum(nil))
}

// round opens the store, checks it, works, and crashes.
func (w *crashWorld) round() error {
	o := testOptions(w.tb, w.fs)
	o.MemTableBytes = 128 << 10 // so that flushes and new log files happen
	s, err := open(o, w.newLog)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer s.Close()
	docs := make([]*Document, len(w.models))
	acked := make([]atomic.Uint64, len(w.models)) // of this round: a store goes on for a while after its crash
	for i, m := range w.models {
		if docs[i], err = s.Document(w.tb.Context(), crashName(i), true); err != nil {
			return err
		}
		defer docs[i].Close()
		if err := w.check(docs[i], m); err != nil {
			return err
		}
		acked[i].Store(m.acked)
		docs[i].OnDurable(func(seq uint64) {
			if before := acked[i].Swap(seq); seq <= before {
				w.tb.Errorf("durable sequence went from %d to %d", before, seq)
			}
		})
	}
	w.work(docs, acked)
	return nil
}

// work appends from several goroutines, compacts now and then, and crashes at a
// random moment of it.
func (w *crashWorld) work(docs []*Document, acked []atomic.Uint64) {
	ctx, cancel := context.WithCancel(w.tb.Context())
	var workers sync.WaitGroup
	crash := make(chan struct{})
	const writers = 3
	moment := w.rng.IntN(200)
	var count sync.Mutex
	n := 0
	for k := range writers {
		rng := rand.New(rand.NewPCG(w.rng.Uint64(), uint64(k)))
		workers.Go(func() {
			for ctx.Err() == nil {
				for i := k; i < len(docs); i += writers {
					w.models[i].work(rng, ctx, docs[i])
					count.Lock()
					if n++; n == moment {
						close(crash)
					}
					count.Unlock()
				}
			}
		})
	}
	if moment > 0 {
		<-crash
	}
	for i, m := range w.models {
		m.acked = acked[i].Load()
	}
	cfg := vfs.CrashCloneCfg{RNG: w.rng, UnsyncedDataPercent: []int{0, 10, 50, 100}[w.rng.IntN(4)]}
	w.fs = w.fs.CrashClone(cfg)
	cancel()
	workers.Wait()
}

// work does one thing with a document.
func (m *crashModel) work(rng *rand.Rand, ctx context.Context, d *Document) {
	if durable := d.Durable(); durable > 0 && rng.IntN(40) == 0 {
		m.mu.Lock()
		state := stateOf(m.updates[:durable])
		m.mu.Unlock()
		_ = d.Compact(ctx, durable, state) // fails when nothing came since the last
		return
	}
	size := rng.IntN(60)
	switch rng.IntN(50) {
	case 0:
		size = rng.IntN(70 << 10) // over several blocks of the log
	case 1, 2, 3:
		size = rng.IntN(4 << 10)
	}
	update := fmt.Appendf(nil, "%x ", rng.Uint64())
	update = append(update, make([]byte, size)...)
	m.mu.Lock()
	m.updates = append(m.updates, update)
	want := uint64(len(m.updates))
	m.mu.Unlock()
	if seq, err := d.Append(Entry{Update: update}); err != nil || seq != want {
		panic(fmt.Sprintf("Append: got %d, %v, want %d", seq, err, want))
	}
}

// check compares a reopened document with its model, and sets the model to what
// survived.
func (w *crashWorld) check(d *Document, m *crashModel) error {
	last := d.Durable()
	if last < m.acked {
		w.lost += int(m.acked - last)
		m.acked = last
	}
	if last > uint64(len(m.updates)) {
		return fmt.Errorf("%d entries, but only %d were appended", last, len(m.updates))
	}
	w.unacked += int(last - min(last, m.acked))
	next := uint64(1)
	err := d.Load(w.tb.Context(), 0, func(e Entry) error {
		want := m.updates[e.Seq-1]
		if e.Snapshot {
			want = stateOf(m.updates[:e.Seq])
		} else if e.Seq != next {
			return fmt.Errorf("sequence %d, want %d", e.Seq, next)
		}
		if !bytes.Equal(e.Update, want) {
			return fmt.Errorf("sequence %d (snapshot %v) holds %.40q, want %.40q", e.Seq, e.Snapshot, e.Update, want)
		}
		next = e.Seq + 1
		return nil
	})
	if err != nil {
		return fmt.Errorf("load %s: %w", d.Info().Name, err)
	}
	if next != last+1 {
		return fmt.Errorf("load %s ended at %d, the store says %d", d.Info().Name, next-1, last)
	}
	m.updates, m.acked = m.updates[:last], last
	return nil
}

// crashBudget reads the environment: it returns the seed, and a function that
// says whether to go on after so many rounds.
func crashBudget(tb testing.TB, rounds int) (seed uint64, more func(done int) bool) {
	tb.Helper()
	number := func(name string) uint64 {
		v := os.Getenv(name)
		if v == "" {
			return 0
		}
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		return n
	}
	if seed = number("WEFT_CRASH_SEED"); seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	if n := number("WEFT_CRASH_ROUNDS"); n > 0 {
		rounds = int(n)
	}
	var end time.Time
	if v := os.Getenv("WEFT_CRASH_DURATION"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			tb.Fatalf("WEFT_CRASH_DURATION: %v", err)
		}
		end = time.Now().Add(d)
	}
	tb.Logf("seed %d", seed)
	return seed, func(done int) bool {
		if !end.IsZero() {
			return time.Now().Before(end)
		}
		return done < rounds
	}
}

// TestCrashLosesNothingDurable is the promise: what was reported durable is
// there after a power cut, in order, once, and nothing that was never appended.
func TestCrashLosesNothingDurable(t *testing.T) {
	seed, more := crashBudget(t, 60)
	// A chain of this many crashes, then a new directory.
	const chain = 10
	begin := time.Now()
	rounds, lost, unacked := 0, 0, 0
	for ; more(rounds); seed++ {
		w := newCrashWorld(t, seed, func(db *pebble.DB) batchLog { return pebbleLog{db} })
		for i := 0; i < chain && more(rounds); i++ {
			if err := w.round(); err != nil {
				t.Fatalf("seed %d, round %d: %v", seed, i, err)
			}
			rounds++
		}
		if w.lost > 0 {
			t.Fatalf("seed %d: %d durable entries lost", seed, w.lost)
		}
		lost, unacked = lost+w.lost, unacked+w.unacked
	}
	t.Logf("%d rounds, %.0f a second; %d durable entries lost, %d found that were not yet reported durable",
		rounds, float64(rounds)/time.Since(begin).Seconds(), lost, unacked)
	if unacked == 0 {
		t.Error("no entry was ever in flight at a crash: the test proves nothing")
	}
}

// unsyncedLog reports durable what was only written: the control.
type unsyncedLog struct{ db *pebble.DB }

func (l unsyncedLog) apply(b *pebble.Batch) error { return l.db.Apply(b, pebble.NoSync) }
func (l unsyncedLog) wait(*pebble.Batch) error    { return nil }

// TestCrashControlLoses runs the same without fsync, and must find the loss. A
// few seeds may be lucky; so many are not.
func TestCrashControlLoses(t *testing.T) {
	seed, _ := crashBudget(t, 0)
	lost, refused := 0, 0 // entries; times that a document was refused
	for i := uint64(0); i < 3 || lost == 0 && i < 60; i++ {
		w := newCrashWorld(t, seed+i, func(db *pebble.DB) batchLog { return unsyncedLog{db} })
		for range 10 {
			// With the mark the store would refuse to open, which is right, but we
			// want to count.
			if err := w.fs.RemoveAll("data/" + markFileName); err != nil {
				t.Fatal(err)
			}
			err := w.round()
			if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrCorruptDocument) {
				refused++
				break
			}
			if err != nil {
				t.Fatalf("seed %d: %v", seed+i, err)
			}
		}
		lost += w.lost
	}
	t.Logf("%d entries lost that were reported durable, %d times refused to open", lost, refused)
	if lost == 0 {
		t.Error("nothing was lost without fsync: the crash test could not see a loss")
	}
}
