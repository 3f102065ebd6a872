package server

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// The campaigns are tests whose size comes from the environment. They are small by default; at full size:
//
//	WEFT_CAMPAIGN=full go test -v -timeout 0 -run '^TestCampaign' ./server
//
// or make campaign.

// campaign returns small, or full when that was asked for.
func campaign(small, full int) int {
	if os.Getenv("WEFT_CAMPAIGN") == "full" {
		return full
	}
	return small
}

// inParallel runs f for every number below n, so many at a time.
func inParallel(n, workers int, f func(i int)) {
	next := make(chan int)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	running.Wait()
}

// outsideOfGo is the most that a process takes beside what GOMEMLIMIT is about: the write buffers and the cache of the store.
const outsideOfGo = 24 << 20

// TestCampaignTouchManyDocuments writes to far more documents than the memory of the process can hold, and opens each of
// them again: GOMEMLIMIT is kept, because documents that nobody uses leave.
func TestCampaignTouchManyDocuments(t *testing.T) {
	documents, limit := campaign(300, 10_000), int64(campaign(64, 256))<<20
	const each = 60 << 10
	binary := buildWeft(t, "")
	cmd, s := startChildWith(t, binary, t.TempDir(), []string{fmt.Sprintf("GOMEMLIMIT=%d", limit)}, "--unload-after=1h")
	text := strings.Repeat("0123456789abcdef", each/16)
	touch := func(i int) {
		e := s.join(t, fmt.Sprint("touched/", i))
		if e.text() == "" {
			for n := 0; n < each; n += 4 << 10 { // as pieces, so that the document has some structure
				e.write(text[n : n+4<<10])
			}
		}
		e.sync()
		if got := len(e.text()); got != each {
			t.Errorf("document %d has %d bytes, want %d", i, got, each)
		}
		_ = e.ws.CloseNow()
	}
	memory, began := watchMemory(cmd.Process.Pid), time.Now()
	inParallel(documents, 8, touch)
	written := time.Since(began)
	memory.mark("all are written")
	inParallel(documents, 8, touch)
	_, peak := memory.end(t, "touch", fmt.Sprintf("memory of weft while %d documents of %d KiB are written and opened again, GOMEMLIMIT=%dMiB", documents, each>>10, limit>>20))
	t.Logf("%d documents of %d KiB under GOMEMLIMIT=%d MiB: written in %v, opened again in %v, peak %d MiB and %d MiB of files",
		documents, each>>10, limit>>20, written, time.Since(began)-written, peak.anonymous>>20, peak.files>>20)
	if most := limit + outsideOfGo; peak.anonymous > most {
		t.Errorf("got a peak of %d MiB, want at most %d", peak.anonymous>>20, most>>20)
	}
	stopChild(t, cmd)
}

// TestCampaignReconnectStorm restarts a server whose connections all come back at once.
func TestCampaignReconnectStorm(t *testing.T) {
	documents := campaign(20, 500)
	const each = 10
	binary, dir := buildWeft(t, ""), t.TempDir()
	cmd, s := startChild(t, binary, dir)
	text := strings.Repeat("0123456789abcdef", 1<<10)
	inParallel(documents, 8, func(i int) {
		e := s.join(t, fmt.Sprint("storm/", i))
		e.write(text)
		e.sync()
		_ = e.ws.CloseNow()
	})
	stopChild(t, cmd)
	cmd, s = startChildWith(t, binary, dir, []string{"GOMEMLIMIT=256MiB"})
	memory, began := watchMemory(cmd.Process.Pid), time.Now()
	inParallel(documents*each, documents*each, func(i int) {
		e := s.join(t, fmt.Sprint("storm/", i%documents))
		if len(e.text()) != len(text) {
			t.Errorf("connection %d got %d bytes, want %d", i, len(e.text()), len(text))
		}
	})
	took := time.Since(began)
	memory.mark("all are synced")
	_, peak := memory.end(t, "storm", fmt.Sprintf("memory of weft while %d connections come back to %d documents", documents*each, documents))
	t.Logf("%d connections to %d documents at once: all synced after %v, peak %d MiB and %d MiB of files",
		documents*each, documents, took, peak.anonymous>>20, peak.files>>20)
	stopChild(t, cmd)
}

// TestCampaignCycles connects, edits and disconnects again and again: no goroutine and no memory is left behind. The
// documents are on a real disk, so that what they weigh is not on the heap.
func TestCampaignCycles(t *testing.T) {
	cycles := campaign(300, 10_000)
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Storage.Dir, o.Storage.FS = t.TempDir(), nil
		o.Limits.UnloadAfter = time.Millisecond
		o.Compaction = storage.CompactionOptions{Entries: 50}
	})
	run := func(n int) (heap uint64) {
		inParallel(n, 4, func(i int) {
			e := s.join(quietly{t}, fmt.Sprint("d", i%3))
			e.write("x")
			if i%2 == 0 {
				e.sync()
			}
			_ = e.ws.CloseNow()
			e.await("the end", func() bool { return e.ended != nil })
		})
		for deadline := time.Now().Add(patience); len(s.rooms.list()) > 0 || s.connections.count() > 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("got %d rooms and %d connections at rest", len(s.rooms.list()), s.connections.count())
			}
		}
		runtime.GC()
		runtime.GC() // what is in pools goes with the second
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, goroutines := run(campaign(200, 2_000)), runtime.NumGoroutine() // compactions among them, for which there are buffers
	running := goleak.IgnoreCurrent()
	after := run(cycles)
	// The store has one of each at a time, and new ones for each file of the log.
	logWriter := goleak.IgnoreAnyFunction("github.com/cockroachdb/pebble/v2/record.(*LogWriter).flushLoop")
	diskWatch := goleak.IgnoreAnyFunction("github.com/cockroachdb/pebble/v2/vfs.(*diskHealthCheckingFile).startTicker.func1")
	if err := goleak.Find(running, logWriter, diskWatch); err != nil {
		t.Error(err)
	}
	t.Logf("after %d cycles: heap %d KiB, before %d KiB; %d goroutines, before %d",
		cycles, after>>10, before>>10, runtime.NumGoroutine(), goroutines)
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("got %d goroutines, want %d as before", n, goroutines)
	}
	if grown := int64(after) - int64(before); grown > 1<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
}

// quietly is a test whose cleanups are not kept: a campaign would gather thousands.
type quietly struct{ testing.TB }

// Cleanup does nothing: whoever uses it cleans up.
func (quietly) Cleanup(func()) {}

// TestLoadsWaitForMemory: without memory no engine is built, and who needs one is told to come back.
func TestLoadsWaitForMemory(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Limits.MemoryBytes = 1
		o.Limits.OpenWithin = 200 * time.Millisecond
	})
	e := s.join(t, "d") // which needs no engine yet
	e.write("needs one")
	e.awaitClose(ysync.CodeTryLater, "short of memory")
}

// TestEvictsWhatWasIdleForLongest: as many documents leave as bytes are wanted, and none that somebody uses.
func TestEvictsWhatWasIdleForLongest(t *testing.T) {
	s := newTestServer(t, newDisk(), hooks{}, nil)
	for i := range 6 {
		name := fmt.Sprint("d", i)
		mustStore(t, s, name, textUpdate(t, "text"))
		r, refusal := s.rooms.open(context.Background(), name)
		if refusal != nil {
			t.Fatal(refusal)
		}
		r.mu.Lock()
		r.idle = time.Unix(int64(10-i), 0)
		r.mu.Unlock()
		if i != 5 { // which would go first, and is in use
			s.rooms.exit(r)
		} else {
			defer s.rooms.exit(r)
		}
	}
	if n := s.rooms.evict(time.Now(), 2*roomBytes); n < 1 || n > 2 {
		t.Errorf("got %d evicted for the bytes of two, want one or two", n)
	}
	left := make(map[string]bool)
	for _, r := range s.rooms.list() {
		left[r.name] = true
	}
	if left["d4"] || !left["d5"] || !left["d0"] {
		t.Errorf("left are %v, want d4 to have gone first, and d5 and d0 to be there", left)
	}
	s.rooms.evict(time.Now(), 1<<40)
	if list := s.rooms.list(); len(list) != 1 || list[0].name != "d5" {
		t.Errorf("got %d documents left, want the one that is in use", len(list))
	}
}

// startChildWith is startChild with variables and flags.
func startChildWith(t *testing.T, binary, dir string, env []string, flags ...string) (*exec.Cmd, *testServer) {
	t.Helper()
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	return startChild(t, binary, dir, flags...)
}
