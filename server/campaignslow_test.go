package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weftsync/weft/crdt"
)

// sample is one point of a curve of memory.
type sample struct {
	at    time.Duration
	bytes int64
	what  string // what has just happened; "" in between
}

// curve samples the memory of a process until it is stopped.
type curve struct {
	pid     int
	began   time.Time
	stop    chan struct{}
	done    chan struct{}
	events  chan string
	samples []sample
}

// watchMemory begins a curve.
func watchMemory(pid int) *curve {
	c := &curve{pid: pid, began: time.Now(), stop: make(chan struct{}), done: make(chan struct{}), events: make(chan string)}
	go func() {
		defer close(c.done)
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			what := ""
			select {
			case <-c.stop:
				return
			case what = <-c.events:
			case <-ticker.C:
			}
			_, now := memoryOf(c.pid)
			c.samples = append(c.samples, sample{time.Since(c.began), now, what})
		}
	}()
	return c
}

// write ends the curve and writes it as CSV and SVG into a folder. It returns the highest and the first sample.
func (c *curve) write(t *testing.T, dir, name, title string) (peak, first int64) {
	t.Helper()
	close(c.stop)
	<-c.done
	first = c.samples[0].bytes
	end := c.samples[len(c.samples)-1].at.Seconds()
	var csv, line, marks strings.Builder
	csv.WriteString("seconds,bytes,event\n")
	for _, s := range c.samples {
		peak = max(peak, s.bytes)
	}
	x := func(at time.Duration) float64 { return 60 + 720*at.Seconds()/end }
	top := float64(peak) * 1.1
	for _, s := range c.samples {
		fmt.Fprintf(&csv, "%.3f,%d,%s\n", s.at.Seconds(), s.bytes, s.what)
		fmt.Fprintf(&line, "%.1f,%.1f ", x(s.at), 340-300*float64(s.bytes)/top)
		if s.what != "" {
			fmt.Fprintf(&marks, `<line x1="%[1]f" x2="%[1]f" y1="40" y2="340" stroke="#bbb"/><text x="%[2]f" y="52" font-size="11">%[3]s</text>`+"\n", x(s.at), x(s.at)+3, s.what)
		}
	}
	svg := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 380" font-family="sans-serif" font-size="12">
<rect width="800" height="380" fill="#fff"/><text x="60" y="24" font-size="14">%s</text>
<line x1="60" y1="340" x2="780" y2="340" stroke="#333"/><line x1="60" y1="40" x2="60" y2="340" stroke="#333"/>
<text x="4" y="%.0f">%d MiB</text><text x="28" y="344">0</text><text x="56" y="358">0 s</text><text x="750" y="358">%.1f s</text>
%s<polyline fill="none" stroke="#0a6" stroke-width="1.5" points="%s"/></svg>
`, title, 344-300/1.1, peak>>20, end, marks.String(), line.String())
	for suffix, content := range map[string]string{".csv": csv.String(), ".svg": svg} {
		if err := os.WriteFile(filepath.Join(dir, name+suffix), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return peak, first
}

// campaignDir returns where campaigns leave their pictures: WEFT_CAMPAIGN_DIR, or a folder that goes with the test.
func campaignDir(t *testing.T) string {
	if dir := os.Getenv("WEFT_CAMPAIGN_DIR"); dir != "" {
		return dir
	}
	return t.TempDir()
}

// TestCampaignSlowReaders lets readers stop reading while many megabytes of edits pass, in a process of its own. Its memory
// stays within what outboxes may hold, the writer does not notice, and whoever wakes up has the document.
func TestCampaignSlowReaders(t *testing.T) {
	readers, edits := campaign(10, 50), campaign(10<<20, 100<<20)
	const piece = 64 << 10
	cmd, s := startChild(t, buildWeft(t, ""), t.TempDir(), "--write-stall=1h", "--silence=1h", "--document-bytes-per-second=-1",
		"--work-per-second=-1s", "--replies-per-second=-1")
	writer := s.join(t, "d")
	writer.write("begin")
	writer.sync()
	var slow []*editor
	var wake []func()
	for range readers {
		e, conn := s.connectSleepy(t, "sync/d")
		e.sync()
		slow = append(slow, e)
		wake = append(wake, conn.sleep())
	}
	memory := watchMemory(cmd.Process.Pid)
	memory.events <- fmt.Sprint(readers, " stop reading")
	began, longest := time.Now(), time.Duration(0)
	for i := range edits / piece {
		text := fmt.Sprintf("%08d", i) + strings.Repeat("x", piece-8)
		sent := time.Now()
		writer.edit(func(tx *crdt.Tx) error {
			content := writer.doc.Text("content")
			if err := content.Delete(tx, 0, content.Len()); err != nil {
				return err
			}
			return content.Insert(tx, 0, text)
		})
		writer.sync()
		longest = max(longest, time.Since(sent))
	}
	took := time.Since(began)
	memory.events <- fmt.Sprint(edits>>20, " MiB have passed; they wake up")
	for _, w := range wake {
		w()
	}
	want := writer.text()
	deadline := time.Now().Add(time.Duration(campaign(2, 20)) * time.Minute)
	for i, e := range slow {
		for e.text() != want && e.end() == nil && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
		if got := e.text(); got != want {
			t.Errorf("reader %d has %.8s of %d bytes, want %.8s, after %d frames", i, got, len(got), want, e.framesSeen())
		}
		if err := e.end(); err != nil {
			t.Fatalf("reader %d ended: %v", i, err)
		}
	}
	memory.events <- "all have converged"
	peak, first := memory.write(t, campaignDir(t), "slow-readers", fmt.Sprintf("weft serve: resident memory while %d readers stop and %d MiB of edits pass", readers, edits>>20))
	t.Logf("%d readers, %d MiB of edits in %v, longest edit %v; memory %d MiB before, %d MiB at its peak", readers, edits>>20, took, longest, first>>20, peak>>20)
	if bound := first + int64(readers)*(4<<20) + 96<<20; peak > bound {
		t.Errorf("got a peak of %d MiB, want at most %d", peak>>20, bound>>20)
	}
	stopChild(t, cmd)
}
