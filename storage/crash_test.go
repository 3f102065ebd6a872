package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"github.com/weftsync/weft/storage/storagetest"
)

// The crash campaign appends to many documents, compacts, deletes, undeletes,
// erases and renews them over Pebble's crashing file system, notes outside of the store what
// it said was durable, takes the power away at a moment of its own, and looks at
// what is there afterwards. Unsynced data is kept at 0, 10, 50 or 100 %.

const crashDocuments = 6

// fate is what became of a document.
type fate uint8

const (
	absent fate = iota
	alive
	deleted
)

func (f fate) String() string { return [...]string{"absent", "alive", "deleted"}[f] }

// crashModel is what one document must look like.
type crashModel struct {
	name string

	mu      sync.Mutex
	updates [][]byte // appended, in order of the sequence
	acked   uint64   // durable, as the store said before the last crash
	is      fate     // as the store said last
	becomes fate     // what is under way makes this of it

	lineage uuid.UUID // as the store said last, when it is there
	dead    []string  // what is known of the lineages that ended, as the store said
	ends    string    // what is under way makes this known of the lineage; empty: it does not end
	renewed []byte    // what is under way begins the document anew with this; nil: it does not

	acking atomic.Uint64 // acked, of this round
	handle *Document     // of the goroutine that works with the document
}

// crashWorld is a chain of stores, each opened on what the crash left of the
// last.
type crashWorld struct {
	tb     testing.TB
	rng    *rand.Rand
	newLog func(*pebble.DB) batchLog
	fs     *vfs.MemFS
	retire func(func(func(Entry) error) error) ([]byte, error) // Options.Retire
	models []*crashModel
	crashCounts
}

// crashCounts are what a campaign prints.
type crashCounts struct {
	rounds    int
	acked     int // entries that were reported durable
	lost      int // reported durable, and not there
	inFlight  int // appended, and not yet reported durable at a crash
	survived  int // of these, there all the same
	deletions int // deletions, undeletions, erasures and renewals that were reported durable
	undecided int // of these, under way at a crash
}

func (c *crashCounts) add(d crashCounts) {
	c.rounds += d.rounds
	c.acked += d.acked
	c.lost += d.lost
	c.inFlight += d.inFlight
	c.survived += d.survived
	c.deletions += d.deletions
	c.undecided += d.undecided
}

func newCrashWorld(tb testing.TB, seed uint64, newLog func(*pebble.DB) batchLog) *crashWorld {
	w := &crashWorld{tb: tb, rng: rand.New(rand.NewPCG(seed, 7)), newLog: newLog, fs: vfs.NewCrashableMem(), retire: retireForTest}
	for i := range crashDocuments {
		w.models = append(w.models, &crashModel{name: fmt.Sprintf("crash/%d", i)})
	}
	return w
}

// stateOf stands for the encoded state of a document after these updates.
func stateOf(updates [][]byte) []byte {
	sum := sha256.New()
	for _, u := range updates {
		sum.Write(u)
	}
	return fmt.Appendf(nil, "state after %d: %x", len(updates), sum.Sum(nil))
}

// lineageOf stands for what is known of a lineage that ends with so many entries.
func lineageOf(entries int) string { return fmt.Sprintf("%d entries", entries) }

// retireForTest is an Options.Retire.
func retireForTest(load func(func(Entry) error) error) ([]byte, error) {
	last := 0
	err := load(func(e Entry) error { last = int(e.Seq); return nil })
	return []byte(lineageOf(last)), err
}

// gatedLog can hold back that anything is reported durable.
type gatedLog struct {
	batchLog
	gate *atomic.Pointer[chan struct{}]
}

func (l gatedLog) wait(b *pebble.Batch) error {
	if held := l.gate.Load(); held != nil {
		<-*held
	}
	return l.batchLog.wait(b)
}

// round opens the store, checks it, works, and crashes.
func (w *crashWorld) round() error {
	o := testOptions(w.tb, storagetest.Cloneable(w.fs))
	o.MemTableBytes = 128 << 10 // so that flushes and new log files happen
	o.Retire = w.retire
	var gate atomic.Pointer[chan struct{}]
	s, err := open(o, func(db *pebble.DB) batchLog { return gatedLog{w.newLog(db), &gate} })
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer s.Close()
	w.rounds++
	for _, m := range w.models {
		if err := w.judge(s, m); err != nil {
			return err
		}
	}
	w.work(s, &gate)
	return nil
}

// work does this and that from several goroutines, and crashes at a random
// moment of it. In a quarter of the rounds nothing is reported durable in the
// end, so that something is in flight at the crash for certain.
func (w *crashWorld) work(s *Store, gate *atomic.Pointer[chan struct{}]) {
	ctx, cancel := context.WithCancel(w.tb.Context())
	var workers sync.WaitGroup
	const writers = 3
	moment := int64(w.rng.IntN(200))
	hold := w.rng.IntN(4) == 0
	held, crash := make(chan struct{}), make(chan struct{})
	var n, deletions atomic.Int64
	for k := range writers {
		rng := rand.New(rand.NewPCG(w.rng.Uint64(), uint64(k)))
		workers.Go(func() {
			for ctx.Err() == nil {
				for i := k; i < len(w.models); i += writers {
					m := w.models[i]
					deletions.Add(m.work(rng, s))
					if n.Add(1) != moment+1 {
						continue
					}
					if hold {
						gate.Store(&held)
						w.fly(k, writers, rng)
					}
					close(crash)
				}
			}
		})
	}
	<-crash
	for _, m := range w.models {
		m.mu.Lock() // nothing begins between the notes and the crash
	}
	for _, m := range w.models {
		if acked := m.acking.Load(); acked > m.acked {
			w.acked += int(acked - m.acked)
			m.acked = acked
		}
		w.inFlight += len(m.updates) - int(m.acked)
		if m.becomes != m.is || m.ends != "" {
			w.undecided++
		}
	}
	w.deletions += int(deletions.Load())
	cfg := vfs.CrashCloneCfg{RNG: w.rng, UnsyncedDataPercent: []int{0, 10, 50, 100}[w.rng.IntN(4)]}
	left := make([]crashModel, len(w.models))
	for i, m := range w.models {
		left[i] = crashModel{
			name: m.name, updates: m.updates, acked: m.acked, is: m.is, becomes: m.becomes,
			lineage: m.lineage, dead: slices.Clone(m.dead), ends: m.ends, renewed: m.renewed,
		}
	}
	w.fs = w.fs.CrashClone(cfg)
	for _, m := range w.models {
		m.mu.Unlock()
	}
	cancel()
	close(held)
	workers.Wait()
	for i, m := range w.models {
		m.close()
		w.models[i] = &left[i]
	}
}

// fly appends to those documents of one goroutine that are alive.
func (w *crashWorld) fly(first, step int, rng *rand.Rand) {
	for i := first; i < len(w.models); i += step {
		if m := w.models[i]; m.is == alive {
			for range 1 + rng.IntN(20) {
				m.append(rng)
			}
		}
	}
}

// work does one thing with a document, and returns 1 if that was to delete,
// undelete or erase it.
func (m *crashModel) work(rng *rand.Rand, s *Store) int64 {
	switch {
	case m.is == absent:
		m.change(alive, func() error { return m.open(s, true) })
		return 0
	case m.is == deleted && rng.IntN(3) > 0:
		m.change(alive, func() error {
			if err := s.Undelete(context.Background(), m.name); err != nil {
				return err
			}
			return m.open(s, false)
		})
		return 1
	case m.is == deleted || rng.IntN(300) == 0:
		m.change(absent, func() error { return s.Erase(context.Background(), m.name) })
		return 1
	case rng.IntN(100) == 0:
		m.renew(s, fmt.Appendf(nil, "anew %x", rng.Uint64()))
		return 1
	case rng.IntN(100) == 0:
		m.change(deleted, func() error { return s.Delete(context.Background(), m.name) })
		return 1
	}
	if durable := m.handle.Durable(); durable > 0 && rng.IntN(40) == 0 {
		_ = m.handle.Compact(context.Background(), durable, stateOf(m.updates[:durable])) // fails when nothing came since the last
		return 0
	}
	m.append(rng)
	return 0
}

// change does what makes f of the document, and notes when it is done.
func (m *crashModel) change(f fate, do func() error) {
	m.mu.Lock()
	m.becomes = f
	if f == absent {
		m.ends = lineageOf(len(m.updates))
	}
	m.mu.Unlock()
	if f != alive {
		m.close()
	}
	if err := do(); err != nil {
		panic(fmt.Sprintf("make document %s %s: %v", m.name, f, err))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.is = f
	if f == absent {
		m.end(nil)
	}
}

// renew begins the document anew, and notes when it is done.
func (m *crashModel) renew(s *Store, update []byte) {
	m.mu.Lock()
	m.ends, m.renewed = lineageOf(len(m.updates)), update
	m.mu.Unlock()
	m.close()
	if err := s.Renew(context.Background(), m.name, Entry{Update: update}); err != nil {
		panic(fmt.Sprintf("renew document %s: %v", m.name, err))
	}
	m.mu.Lock()
	m.end(update)
	m.mu.Unlock()
	if err := m.open(s, false); err != nil {
		panic(fmt.Sprintf("open document %s: %v", m.name, err))
	}
}

// end notes that the lineage has ended, and with what another one has begun, nil for
// none. The lock is held.
func (m *crashModel) end(update []byte) {
	m.dead = append(m.dead, m.ends)
	m.updates, m.acked, m.ends, m.renewed, m.lineage = nil, 0, "", nil, uuid.Nil
	if update != nil {
		m.updates, m.acked = [][]byte{update}, 1
	}
	m.acking.Store(m.acked)
}

// close gives the handle back.
func (m *crashModel) close() {
	if m.handle != nil {
		m.handle.Close()
		m.handle = nil
	}
}

// open takes a handle, and notes what it says is durable, and of which lineage.
func (m *crashModel) open(s *Store, create bool) (err error) {
	if m.handle, err = s.Document(context.Background(), m.name, create); err != nil {
		return err
	}
	m.mu.Lock()
	m.lineage = m.handle.Info().Lineage
	m.mu.Unlock()
	m.acking.Store(m.handle.Durable())
	m.handle.OnDurable(func(seq uint64) {
		if before := m.acking.Swap(seq); seq <= before {
			panic(fmt.Sprintf("durable sequence went from %d to %d", before, seq))
		}
	})
	return nil
}

func (m *crashModel) append(rng *rand.Rand) {
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
	if seq, err := m.handle.Append(Entry{Update: update}); err != nil || seq != want {
		panic(fmt.Sprintf("Append: got %d, %v, want %d", seq, err, want))
	}
}

// judge compares what is there with the model, and sets the model to it.
func (w *crashWorld) judge(s *Store, m *crashModel) error {
	before := m.lineage
	err := m.open(s, false)
	now := alive
	switch {
	case errors.Is(err, ErrNotFound):
		now = absent
	case errors.Is(err, ErrDeleted):
		now = deleted
	case err != nil:
		return err
	}
	if now != m.is && now != m.becomes {
		w.lost += 1 + int(m.acked) // a deletion that was reported durable, or a document
	}
	m.is, m.becomes = now, now
	if err := w.judgeLineage(s, m, before); err != nil {
		return err
	}
	switch now {
	case alive:
		return w.check(m)
	case absent:
		return nil
	}
	// Its entries have to be there too, whether or not it stays deleted.
	if err := s.Undelete(w.tb.Context(), m.name); err != nil {
		return err
	}
	if err := m.open(s, false); err != nil {
		return err
	}
	if before != uuid.Nil && m.lineage != before {
		return fmt.Errorf("%s came back from its deletion with another lineage", m.name)
	}
	if err := w.check(m); err != nil {
		return err
	}
	if w.rng.IntN(2) == 0 {
		m.change(alive, func() error { return nil })
		return nil
	}
	m.change(deleted, func() error { return s.Delete(w.tb.Context(), m.name) })
	return nil
}

// judgeLineage: a document keeps its lineage, or it has ended, with all that was in it,
// because that was under way; what is known of the dead ones is neither lost nor doubled.
func (w *crashWorld) judgeLineage(s *Store, m *crashModel, before uuid.UUID) error {
	known, err := s.Retired(w.tb.Context(), m.name)
	if err != nil {
		return err
	}
	switch {
	case m.is == absent && m.ends != "":
		m.end(nil)
	case m.is == absent:
		m.updates, m.acked = nil, 0
		m.acking.Store(0)
	case m.is == alive && before != uuid.Nil && m.lineage != before:
		if m.renewed == nil {
			return fmt.Errorf("%s has another lineage, and nobody renewed it", m.name)
		}
		lineage := m.lineage
		m.end(m.renewed)
		m.lineage = lineage
	}
	m.ends, m.renewed = "", nil
	got := make([]string, 0, len(known))
	for _, k := range known {
		got = append(got, string(k))
	}
	if want := slices.Sorted(slices.Values(m.dead)); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		return fmt.Errorf("%s: the dead lineages are %q, want %q", m.name, got, want)
	}
	return nil
}

// check compares a document with its model, and sets the model to what survived.
func (w *crashWorld) check(m *crashModel) error {
	d := m.handle
	last := d.Durable()
	if last < m.acked {
		w.lost += int(m.acked - last)
		m.acked = last
	}
	if last > uint64(len(m.updates)) {
		return fmt.Errorf("%d entries, but only %d were appended", last, len(m.updates))
	}
	w.survived += int(last - m.acked)
	next := uint64(1)
	err := d.Load(w.tb.Context(), 0, func(e Entry) error {
		if e.Seq > uint64(len(m.updates)) {
			return fmt.Errorf("sequence %d of %d", e.Seq, len(m.updates))
		}
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
		return fmt.Errorf("load %s: %w", m.name, err)
	}
	if next != last+1 {
		return fmt.Errorf("load %s ended at %d, the store says %d", m.name, next-1, last)
	}
	m.updates, m.acked = m.updates[:last:last], last
	return nil
}
