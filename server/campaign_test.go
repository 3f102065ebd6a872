package server

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
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

// memoryOf returns the peak and the present resident memory of a process, in bytes; 0 where the system does not tell.
func memoryOf(pid int) (peak, now int64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[2] == "kB" {
			n, _ := strconv.ParseInt(fields[1], 10, 64) // the kernel writes a number
			switch fields[0] {
			case "VmHWM:":
				peak = n << 10
			case "VmRSS:":
				now = n << 10
			}
		}
	}
	return peak, now
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
	began := time.Now()
	inParallel(documents, 8, touch)
	written := time.Since(began)
	inParallel(documents, 8, touch)
	peak, now := memoryOf(cmd.Process.Pid)
	t.Logf("%d documents of %d KiB under GOMEMLIMIT=%d MiB: written in %v, opened again in %v, peak %d MiB, now %d MiB",
		documents, each>>10, limit>>20, written, time.Since(began)-written, peak>>20, now>>20)
	if peak > limit+64<<20 { // the limit is of what Go manages; the binary itself is there too
		t.Errorf("got a peak of %d MiB, want about %d", peak>>20, limit>>20)
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
	began := time.Now()
	inParallel(documents*each, documents*each, func(i int) {
		e := s.join(t, fmt.Sprint("storm/", i%documents))
		if len(e.text()) != len(text) {
			t.Errorf("connection %d got %d bytes, want %d", i, len(e.text()), len(text))
		}
	})
	took := time.Since(began)
	peak, _ := memoryOf(cmd.Process.Pid)
	t.Logf("%d connections to %d documents at once: all synced after %v, peak %d MiB", documents*each, documents, took, peak>>20)
	stopChild(t, cmd)
}

// TestCampaignCycles connects, edits and disconnects again and again: no goroutine and no memory is left behind.
func TestCampaignCycles(t *testing.T) {
	cycles := campaign(300, 10_000)
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Limits.UnloadAfter = time.Millisecond
		o.Compaction = storage.CompactionOptions{Entries: 50}
	})
	run := func(n int) uint64 {
		inParallel(n, 4, func(i int) {
			e := s.join(quietly{t}, fmt.Sprint("d", i%7))
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
		return m.HeapInuse
	}
	before := run(100)
	running := goleak.IgnoreCurrent()
	after := run(cycles)
	t.Logf("heap after %d cycles: %d KiB, before %d KiB", cycles, after>>10, before>>10)
	if err := goleak.Find(running); err != nil {
		t.Error(err)
	}
	if grown := int64(after) - int64(before); grown > 8<<20+int64(cycles)*64 { // the disk of the test is memory, and has the log
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
