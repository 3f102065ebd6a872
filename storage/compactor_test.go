package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// joined is a Merge of updates that are texts.
func joined(_ context.Context, _ string, load func(func(Entry) error) error) (state []byte, err error) {
	err = load(func(e Entry) error {
		state = append(state, e.Update...)
		return nil
	})
	return state, err
}

// await polls until cond holds.
func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s in time", what)
		}
	}
}

func TestCompactionInBackground(t *testing.T) {
	never := CompactionOptions{Bytes: -1, Entries: -1, Age: -1, Sweep: time.Millisecond}
	bytes, entries, age := never, never, never
	bytes.Bytes, entries.Entries, age.Age = 500, 50, time.Hour
	old := Entry{Time: time.Now().Add(-2 * time.Hour), Update: []byte("0123456789")}
	for name, o := range map[string]CompactionOptions{"bytes": bytes, "entries": entries, "age": age} {
		t.Run(name, func(t *testing.T) {
			s := mustOpen(t, testOptions(t, vfs.NewMem()))
			stop := s.StartCompaction(o, joined)
			defer stop()
			d := mustDocument(t, s, "d")
			for range 60 {
				if _, err := d.Append(old); err != nil {
					t.Fatal(err)
				}
			}
			await(t, "snapshot", func() bool { return d.Info().Snapshot > 0 })
			if got := strings.Join(loadAll(t, d, 0), ""); strings.Count(got, "0123456789") != 60 {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestCompactionSweepFinds: what was due when the process before ended is compacted.
func TestCompactionSweepFinds(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	fill(t, mustDocument(t, s, "due"), 1, 30)
	fill(t, mustDocument(t, s, "not"), 1, 5)
	stop := s.StartCompaction(CompactionOptions{Entries: 20}, joined)
	defer stop()
	await(t, "snapshot", func() bool { return mustDocument(t, s, "due").Info().Snapshot == 30 })
	if n := mustDocument(t, s, "not").Info().Snapshot; n != 0 {
		t.Errorf("a document that was not due has a snapshot at %d", n)
	}
}

// TestCompactionLeavesWhatItCannotMerge: nothing is replaced, the others are compacted, and it is not tried without end.
func TestCompactionLeavesWhatItCannotMerge(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	tries := 0
	stop := s.StartCompaction(CompactionOptions{Entries: 10}, func(ctx context.Context, name string, load func(func(Entry) error) error) ([]byte, error) {
		if name == "bad" {
			tries++
			return nil, errors.New("the state is another")
		}
		return joined(ctx, name, load)
	})
	bad, good := mustDocument(t, s, "bad"), mustDocument(t, s, "good")
	fill(t, bad, 1, 40)
	await(t, "error", func() bool { return s.Stats().CompactErrors > 0 })
	fill(t, bad, 41, 80)
	fill(t, good, 1, 40)
	await(t, "snapshot", func() bool { return good.Info().Snapshot > 0 })
	stop()
	if bad.Info().Snapshot != 0 || len(loadAll(t, bad, 0)) != 80 || tries != 1 {
		t.Errorf("snapshot at %d after %d tries, %d entries", bad.Info().Snapshot, tries, len(loadAll(t, bad, 0)))
	}
}

// TestAppendWhileMerging: appends become durable while a merge is stuck.
func TestAppendWhileMerging(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	d := mustDocument(t, s, "d")
	began, let := make(chan struct{}), make(chan struct{})
	stop := s.StartCompaction(CompactionOptions{Entries: 10}, func(ctx context.Context, name string, load func(func(Entry) error) error) ([]byte, error) {
		select {
		case <-began:
		default:
			close(began)
		}
		<-let
		return joined(ctx, name, load)
	})
	defer stop()
	fill(t, d, 1, 10)
	<-began
	fill(t, d, 11, 100)
	close(let)
	await(t, "snapshot", func() bool { return d.Info().Snapshot >= 10 })
	if got := strings.Join(loadAll(t, d, 0), ""); !strings.Contains(got, "u99") || strings.Count(got, "u1u2") != 1 {
		t.Errorf("got %q", got)
	}
}

// TestMergesDoNotMeet: the background and an operator merge the same document at once. Neither fails, and nothing is merged
// twice.
func TestMergesDoNotMeet(t *testing.T) {
	d := mustDocument(t, mustOpen(t, testOptions(t, vfs.NewMem())), "d")
	var merging, merges atomic.Int64
	merge := func(ctx context.Context, name string, load func(func(Entry) error) error) ([]byte, error) {
		if merging.Add(1) > 1 {
			t.Error("two merge at once")
		}
		defer merging.Add(-1)
		merges.Add(1)
		for range 100 {
			runtime.Gosched() // the others come
		}
		return joined(ctx, name, load)
	}
	const rounds = 50
	for i := range rounds {
		fill(t, d, i+1, i+1)
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if seq, err := d.Merge(t.Context(), merge); err != nil || seq != uint64(i+1) {
					t.Errorf("got %d, %v, want %d", seq, err, i+1)
				}
			})
		}
		all.Wait()
	}
	if got := merges.Load(); got != rounds {
		t.Errorf("merged %d times, want %d", got, rounds)
	}
}

func TestLargeSnapshotsAreCompressed(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, testOptions(t, fs))
	d := mustDocument(t, s, "d")
	large := bytes.Repeat([]byte("what can be compressed "), 10_000)
	for i, state := range [][]byte{[]byte("small"), large} {
		fill(t, d, i+1, i+1)
		if err := d.Compact(t.Context(), uint64(i+1), state); err != nil {
			t.Fatal(err)
		}
		info := d.Info()
		if want := int64(len(state)); info.Bytes != want || (info.StoredBytes < want/10) != (i == 1) {
			t.Errorf("%d bytes: got %d, stored in %d", want, info.Bytes, info.StoredBytes)
		}
	}
	want := "snapshot 2 " + string(large)
	if got := loadAll(t, d, 0); len(got) != 1 || got[0] != want {
		t.Error("the state is another")
	}
	before := d.Info()
	d.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	d = mustDocument(t, mustOpen(t, testOptions(t, fs)), "d")
	if got := loadAll(t, d, 0); d.Info().Bytes != before.Bytes || d.Info().StoredBytes != before.StoredBytes || len(got) != 1 || got[0] != want {
		t.Errorf("reopened: got %+v, want %+v", d.Info(), before)
	}
}

// TestHostilePayload: a payload that lies about its size, or is cut or flipped, is damage, and costs no memory.
func TestHostilePayload(t *testing.T) {
	state := []byte(strings.Repeat("abcdefgh", 4000))
	payload, encoding, err := packState(state)
	if err != nil || encoding != encodingZstd {
		t.Fatalf("got encoding %d, %v", encoding, err)
	}
	for i := range payload {
		cut, flipped := payload[:i], bytes.Clone(payload)
		flipped[i] ^= 1
		if _, err := unpackState(cut, encodingZstd); err == nil {
			t.Errorf("cut at %d: got nil", i)
		}
		got, err := unpackState(flipped, encodingZstd) // the record's checksum finds the rest
		if err == nil && len(got) > MaxUpdateBytes {
			t.Errorf("flipped at %d: %d bytes", i, len(got))
		}
	}
	huge := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 1, 0, 0, 0} // a frame of 4 GiB
	var record *recordError
	if _, err := unpackState(huge, encodingZstd); !errors.As(err, &record) {
		t.Errorf("a frame of 4 GiB: got %v", fmt.Sprint(err))
	}
}

// TestCompactSoon: a document is compacted because somebody asked, if that is worth while.
func TestCompactSoon(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	few, many, unasked, kept := mustDocument(t, s, "few"), mustDocument(t, s, "many"), mustDocument(t, s, "unasked"), mustDocument(t, s, "kept")
	if err := kept.SetHistory(History{On: true}); err != nil {
		t.Fatal(err)
	}
	fill(t, kept, 1, askedEntries)
	fill(t, few, 1, askedEntries-1)
	fill(t, many, 1, askedEntries)
	many.CompactSoon() // nobody is there to do it
	stop := s.StartCompaction(CompactionOptions{Age: -1}, joined)
	if many.CompactSoon(); len(s.compactor.Load().due) > 0 {
		t.Error("a document is compacted because somebody asked where none at rest is")
	}
	stop()
	stop = s.StartCompaction(CompactionOptions{}, joined)
	defer stop()
	many.CompactSoon()
	await(t, "snapshot", func() bool { return many.Info().Snapshot == askedEntries })
	fill(t, many, askedEntries+1, 2*askedEntries)
	many.CompactSoon()
	await(t, "second snapshot", func() bool { return many.Info().Snapshot == 2*askedEntries })
	fill(t, unasked, 1, askedEntries)
	s.compactor.Load().sweep(t.Context(), false) // as later ones are
	for d, asked := range map[*Document]bool{few: true, unasked: false, kept: true} {
		if err := s.compactor.Load().compact(t.Context(), d.Info().Name, asked); err != nil {
			t.Error(err)
		}
		if at := d.Info().Snapshot; at != 0 {
			t.Errorf("%s has a snapshot at %d", d.Info().Name, at)
		}
	}
}

// TestStartCompactsLongLogs: what the process before held in memory to its end, and so did not compact, is compacted after
// the start.
func TestStartCompactsLongLogs(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	few, long := mustDocument(t, s, "few"), mustDocument(t, s, "long")
	fill(t, few, 1, askedEntries-1)
	fill(t, long, 1, askedEntries)
	for _, row := range []struct {
		age   time.Duration
		first bool
		want  int
	}{{0, true, 1}, {0, false, 0}, {-1, true, 0}} {
		c := &compactor{store: s, opts: CompactionOptions{Age: row.age}.withDefaults(), due: make(map[string]bool), wake: make(chan struct{}, 1)}
		if c.sweep(t.Context(), row.first); len(c.due) != row.want {
			t.Errorf("age %v, first %t: noted %v, want %d", row.age, row.first, c.due, row.want)
		}
	}
	stop := s.StartCompaction(CompactionOptions{}, joined)
	defer stop()
	await(t, "snapshot", func() bool { return long.Info().Snapshot == askedEntries })
	if at := few.Info().Snapshot; at != 0 {
		t.Errorf("few has a snapshot at %d", at)
	}
}
