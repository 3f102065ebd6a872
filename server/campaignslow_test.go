package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weftsync/weft/crdt"
)

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
	memory.mark("%d stop reading", readers)
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
	memory.mark("%d MiB have passed; they wake up", edits>>20)
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
	memory.mark("all have converged")
	first, peak := memory.end(t, "slow-readers", fmt.Sprintf("memory of weft while %d readers stop and %d MiB of edits pass", readers, edits>>20))
	t.Logf("%d readers, %d MiB of edits in %v, longest edit %v; memory %d MiB before, %d MiB at its peak",
		readers, edits>>20, took, longest, first.anonymous>>20, peak.anonymous>>20)
	if bound := first.anonymous + int64(readers)*(4<<20) + 96<<20; peak.anonymous > bound {
		t.Errorf("got a peak of %d MiB, want at most %d", peak.anonymous>>20, bound>>20)
	}
	stopChild(t, cmd)
}
