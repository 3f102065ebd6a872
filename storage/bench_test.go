package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/time/rate"
)

// updateBytes is about what one keystroke makes.
const updateBytes = 30

// diskOptions are for a store on the real disk of the test.
func diskOptions(tb testing.TB) Options {
	o := testOptions(tb, nil)
	o.Dir = tb.TempDir()
	return o
}

// spread shares b.N operations among writers and reports their latency.
func spread(b *testing.B, writers int, op func(writer int) error) {
	b.Helper()
	var next atomic.Int64
	times := make([][]time.Duration, writers)
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				begin := time.Now()
				if err := op(w); err != nil {
					b.Error(err)
					return
				}
				times[w] = append(times[w], time.Since(begin))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	all := slices.Sorted(slices.Values(slices.Concat(times...)))
	b.ReportMetric(float64(all[len(all)/2])/1e3, "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100])/1e3, "p99-µs")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
}

// BenchmarkAppend appends and waits for the disk, each writer to a document of
// its own; and the same while a large document beside them is compacted again and
// again, at the rate of the background.
func BenchmarkAppend(b *testing.B) {
	for _, compacting := range []bool{false, true} {
		for _, writers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("compacting=%v/writers=%d", compacting, writers), func(b *testing.B) {
				b.ReportAllocs()
				s := mustOpen(b, diskOptions(b))
				docs := make([]*Document, writers)
				durable := make([]chan uint64, writers)
				for w := range writers {
					docs[w] = mustDocument(b, s, fmt.Sprint(w))
					durable[w] = make(chan uint64, 1)
					docs[w].OnDurable(func(seq uint64) { durable[w] <- seq })
				}
				stop := func() {}
				if compacting {
					stop = compactBeside(b, s)
				}
				before := s.Stats()
				update := make([]byte, updateBytes)
				spread(b, writers, func(w int) error {
					_, err := docs[w].Append(Entry{User: "ada", Update: update})
					if err == nil {
						<-durable[w]
					}
					return err
				})
				st := s.Stats()
				stop()
				b.ReportMetric(float64(st.Appends-before.Appends)/float64(st.Groups-before.Groups), "entries/group")
				if compacting {
					b.ReportMetric(float64(st.Snapshots-before.Snapshots)/b.Elapsed().Seconds(), "snapshots/s")
				}
			})
		}
	}
}

// compactBeside compacts a document of 1 MiB again and again, at the rate of the
// background, until stop is called.
func compactBeside(b *testing.B, s *Store) (stop func()) {
	state := make([]byte, 1<<20)
	rng := rand.NewChaCha8([32]byte{1}) // nothing that a snapshot could compress
	if _, err := rng.Read(state); err != nil {
		b.Fatal(err)
	}
	merge := func(context.Context, string, func(func(Entry) error) error) ([]byte, error) { return state, nil }
	limit := rate.NewLimiter(rate.Limit(CompactionOptions{}.withDefaults().BytesPerSecond), len(state))
	d := mustDocument(b, s, "compacted")
	ctx, cancel := context.WithCancel(b.Context())
	var compacting sync.WaitGroup
	compacting.Go(func() {
		for limit.WaitN(ctx, len(state)) == nil {
			_, err := d.Append(Entry{Update: []byte("x")})
			if err == nil {
				_, err = d.Merge(ctx, merge) // up to what is durable by now
			}
			if err != nil && ctx.Err() == nil {
				b.Error(err)
				return
			}
		}
	})
	return func() {
		cancel()
		compacting.Wait()
		d.Close()
	}
}

// BenchmarkPebble commits the same bytes with a sync, one key each: what Pebble
// does without us.
func BenchmarkPebble(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			b.ReportAllocs()
			s := mustOpen(b, diskOptions(b)) // for its options
			value := entryRecord{document: goldenID, seq: 1000, time: goldenTime, total: 70000, user: "ada"}.
				encode(make([]byte, updateBytes))
			var seqs [64]uint64
			spread(b, writers, func(w int) error {
				seqs[w]++
				key := sequencedKey(goldenID, kindEntry, seqs[w])
				binary.BigEndian.PutUint64(key[3:], uint64(w))
				return s.db.Set(key, value, pebble.Sync)
			})
		})
	}
}

// BenchmarkAppendOnly does not wait for each: what one document, and many, can
// bring to the disk in a stream.
func BenchmarkAppendOnly(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			b.ReportAllocs()
			s := mustOpen(b, diskOptions(b))
			docs := make([]*Document, writers)
			for w := range writers {
				docs[w] = mustDocument(b, s, fmt.Sprint(w))
			}
			update := make([]byte, updateBytes)
			b.SetBytes(updateBytes)
			spread(b, writers, func(w int) error {
				_, err := docs[w].Append(Entry{User: "ada", Update: update})
				return err
			})
			b.StartTimer()
			for _, d := range docs {
				waitDurable(b, d, d.Last())
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	const entries = 10_000
	s := mustOpen(b, testOptions(b, vfs.NewMem()))
	d := mustDocument(b, s, "d")
	for range entries {
		mustAppend(b, d, string(make([]byte, updateBytes)))
	}
	waitDurable(b, d, entries)
	for b.Loop() {
		if err := d.Load(b.Context(), 0, func(Entry) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/entries, "ns/entry")
}

func BenchmarkMark(b *testing.B) {
	dir := b.TempDir()
	m, err := openMark(vfs.Default, dir, goldenID, 0, quiet)
	if err != nil {
		b.Fatal(err)
	}
	n := uint64(0)
	for b.Loop() {
		n++
		m.advance(n)
	}
	if err := m.close(); err != nil {
		b.Fatal(err)
	}
}

// TestMemoryAtRest opens a store in a process of its own, writes 64 MiB through
// it, and looks at what stays resident.
func TestMemoryAtRest(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector takes several times the memory")
	}
	if !inChild() {
		out, err := child(t, t.Name(), dirVar+"="+t.TempDir(), "GOMAXPROCS=2").CombinedOutput()
		if err != nil {
			t.Fatalf("child: %v\n%s", err, out)
		}
		t.Logf("%s", out)
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	// About 20 MiB of it is the test program itself, mapped from its file.
	const opened, rest = 40 << 20, 64 << 20
	s := mustOpen(t, Options{Dir: os.Getenv(dirVar), Logger: quiet})
	fresh := resident(t)
	d := mustDocument(t, s, "d")
	for range 64 << 4 {
		mustAppend(t, d, string(make([]byte, 64<<10)))
	}
	waitDurable(t, d, d.Last())
	if err := d.Load(t.Context(), 0, func(Entry) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	debug.FreeOSMemory() // what the runtime does by itself within minutes
	after := resident(t)
	fmt.Printf("resident: %d MiB when opened, %d MiB after 64 MiB were written and read\n", fresh>>20, after>>20)
	if fresh > opened || after > rest {
		t.Errorf("want below %d and %d MiB", opened>>20, rest>>20)
	}
}

// resident returns the resident memory of this process, in bytes.
func resident(tb testing.TB) int {
	tb.Helper()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		tb.Fatal(err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(data), &size, &pages); err != nil {
		tb.Fatal(err)
	}
	return pages * os.Getpagesize()
}
