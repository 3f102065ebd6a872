package server

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// TestDrainSpreadsTheClosing: connections are closed evenly over the time of Options.Drain, all with 1012.
func TestDrainSpreadsTheClosing(t *testing.T) {
	const connections, drain = 100, time.Second
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.Drain = drain })
	var mu sync.Mutex
	var ends []time.Time
	var ending sync.WaitGroup
	for i := range connections {
		e := s.join(t, fmt.Sprint("d", i%10))
		ending.Go(func() {
			e.mu.Lock()
			for e.ended == nil {
				e.seen.Wait()
			}
			e.mu.Unlock()
			e.awaitClose(ysync.CodeRestart, "restarts")
			mu.Lock()
			defer mu.Unlock()
			ends = append(ends, time.Now())
		})
	}
	began := time.Now()
	s.stop()
	ending.Wait()
	slices.SortFunc(ends, time.Time.Compare)
	first, middle, last := ends[0].Sub(began), ends[connections/2].Sub(began), ends[connections-1].Sub(began)
	t.Logf("closed from %v over %v to %v", first, middle, last)
	if first > drain/2 || middle < drain/4 || last < drain*3/4 {
		t.Errorf("closed from %v over %v to %v, want it spread over %v", first, middle, last, drain)
	}
}

// typeInto types marks into documents of a server until the connections end, and returns the texts that were told to be
// safe, by document.
func typeInto(t *testing.T, s *testServer, typists int) (told func() map[string][]string) {
	t.Helper()
	var all []*editor
	var typing sync.WaitGroup
	for i := range typists {
		e := s.join(t, fmt.Sprint("d", i%3))
		all = append(all, e)
		typing.Go(func() {
			for n := 0; e.end() == nil; n++ {
				e.write(fmt.Sprintf("<%d.%d>", i, n))
			}
		})
	}
	for _, e := range all {
		e.await("the first echoes", func() bool { return len(e.updates) > 20 || e.ended != nil })
	}
	return func() map[string][]string {
		typing.Wait()
		marks := make(map[string][]string)
		for i, e := range all {
			e.await("the end", func() bool { return e.ended != nil })
			name := fmt.Sprint("d", i%3)
			marks[name] = append(marks[name], acknowledgedMarks(e, i)...)
		}
		return marks
	}
}

// TestSIGTERM stops the binary while editors type: exit code 0, everything acknowledged is there, and a second signal
// hurries without losing anything either.
func TestSIGTERM(t *testing.T) {
	binary := buildWeft(t, "")
	for _, signals := range []int{1, 2} {
		t.Run(fmt.Sprint(signals), func(t *testing.T) {
			dir := t.TempDir()
			cmd, s := startChild(t, binary, dir, "--drain=1s")
			told := typeInto(t, s, 6)
			began := time.Now()
			for range signals {
				if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				waitForLog(t, s, "draining")
			}
			awaitExit(t, cmd)
			took := time.Since(began)
			marks := told()
			cmd, s = startChild(t, binary, dir)
			lost, n := 0, 0
			for name, list := range marks {
				there := make(map[string]int)
				for _, mark := range shortMark.FindAllString(s.join(t, name).text(), -1) {
					there[mark]++
				}
				for _, mark := range list {
					n++
					if there[mark] != 1 {
						lost++
					}
				}
			}
			stopChild(t, cmd)
			t.Logf("%d signals: ended after %v, %d of %d acknowledged lost", signals, took, lost, n)
			if lost > 0 || n == 0 {
				t.Errorf("lost %d of %d acknowledged", lost, n)
			}
		})
	}
}

// waitForLog waits until the server has logged something.
func waitForLog(t *testing.T, s *testServer, text string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(s.logs.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%q was not logged: %s", text, s.logs)
		}
	}
}

// awaitExit waits until a child ends, and fails unless it does so with 0.
func awaitExit(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
	if err := cmd.Wait(); err != nil {
		t.Errorf("weft ended with %v, want exit code 0", err)
	}
}
