package storage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestConcurrentUse does everything at once, on few documents, and checks what
// must hold: sequences without a hole or a double, callbacks in order and never
// two at once, loads that end where the durable sequence was or later.
func TestConcurrentUse(t *testing.T) {
	const (
		documents = 3
		workers   = 8
		steps     = 150
	)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	o := testOptions(t, vfs.NewMem())
	o.MemTableBytes = 128 << 10
	o.MaxWaitingBytes = 4 << 10
	s := mustOpen(t, o)
	var given [documents]sync.Map // sequence → true
	var wg sync.WaitGroup
	for w := range workers {
		rng := rand.New(rand.NewPCG(seed, uint64(w)))
		wg.Go(func() {
			for range steps {
				i := rng.IntN(documents)
				if err := useDocument(t, s, rng, fmt.Sprint("doc", i), &given[i]); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for range steps {
			if _, err := s.Documents(t.Context(), "", 0); err != nil {
				t.Error(err)
			}
			s.Stats()
		}
	})
	wg.Wait()
	for i := range documents {
		d := mustDocument(t, s, fmt.Sprint("doc", i))
		waitDurable(t, d, d.Last())
		n := uint64(0)
		given[i].Range(func(seq, _ any) bool {
			n = max(n, seq.(uint64))
			return true
		})
		if n != d.Last() {
			t.Errorf("doc%d: %d sequences given, last is %d", i, n, d.Last())
		}
		loadAll(t, d, 0)
	}
}

// useDocument opens a handle, appends, loads or compacts, and closes it.
func useDocument(t *testing.T, s *Store, rng *rand.Rand, name string, given *sync.Map) error {
	d, err := s.Document(t.Context(), name, true)
	if err != nil {
		return err
	}
	defer d.Close()
	var inside atomic.Int32
	var before atomic.Uint64
	d.OnDurable(func(seq uint64) {
		if inside.Add(1) != 1 {
			t.Error("two callbacks of one document at once")
		}
		if b := before.Swap(seq); seq <= b {
			t.Errorf("callback with %d after %d", seq, b)
		}
		inside.Add(-1)
	})
	for range rng.IntN(20) {
		seq, err := d.Append(Entry{Update: make([]byte, rng.IntN(2000))})
		if err != nil {
			return err
		}
		if _, twice := given.LoadOrStore(seq, true); twice {
			t.Errorf("%s: sequence %d was given twice", name, seq)
		}
	}
	switch durable := d.Durable(); rng.IntN(3) {
	case 0:
		last := uint64(0)
		err := d.Load(t.Context(), 0, func(e Entry) error { last = e.Seq; return nil })
		if err != nil {
			return err
		}
		if last < durable {
			t.Errorf("%s: Load ended at %d, %d was durable before", name, last, durable)
		}
	case 1:
		if durable > 0 {
			_ = d.Compact(t.Context(), durable, []byte("state")) // another may have been first
		}
	}
	return nil
}

// Many who open and create the same new name get one document.
func TestConcurrentCreation(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	var ids sync.Map
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			d, err := s.Document(t.Context(), "new", i%2 == 0)
			if i%2 == 1 && errors.Is(err, ErrNotFound) {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			ids.Store(d.Info().ID, true)
			d.Close()
		})
	}
	wg.Wait()
	n := 0
	ids.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d documents were made, want 1", n)
	}
}
