package server

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// TestSlowSocketOfManyDocuments: a socket reads nothing while far more than its outbox holds is written to two of its
// documents, and while it writes itself. When it wakes up both converge by way of the log, and each of its own updates
// has its status.
func TestSlowSocketOfManyDocuments(t *testing.T) {
	const outbox = 64 << 10
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Limits.OutboxBytes = outbox
		o.Limits.WriteStall = time.Hour
		o.Limits.BytesPerSecond = -1
	})
	ws, conn := s.dialSleepy(t, "collab")
	h := hubOn(t, ws)
	slow := map[string]*client{"a": h.join("a", ""), "b\x00s": h.join("b\x00s", ""), "quiet": h.join("quiet", "")}
	writers := map[string]*editor{"a": s.join(t, "a"), "b\x00s": s.join(t, "b")}
	wake := conn.sleep()
	defer wake()
	chunk := strings.Repeat("0123456789abcdef", 512) // 8 KiB
	for i := range 500 {                             // 8 MB: more than the kernel's buffers and the outbox hold
		for _, w := range writers {
			w.edit(func(tx *crdt.Tx) error { return w.doc.Text("content").Insert(tx, 0, chunk) })
			if i%100 == 99 {
				w.sync() // so that the writer's own outbox does not overflow
			}
		}
		if i%10 == 0 {
			slow["quiet"].write("x")
		}
	}
	for _, c := range s.connections.list() {
		c.out.mu.Lock()
		if c.out.bytes > outbox {
			t.Errorf("got %d bytes in an outbox, want at most %d", c.out.bytes, outbox)
		}
		c.out.mu.Unlock()
	}
	wake()
	for address, w := range writers {
		slow[address].await("everything that was written", func() bool {
			return slow[address].doc.RootLen("content") == 500*len(chunk)
		})
		w.write("more")
		slow[address].await("an update as it comes", func() bool { return strings.HasSuffix(slow[address].doc.RootString("content"), "more") })
	}
	slow["quiet"].await("every status", func() bool { return slow["quiet"].unsynced == 0 && len(slow["quiet"].statuses) == 51 })
	if s.Stats().Repairs == 0 {
		t.Error("nothing was read from the log: the test proves nothing")
	}
}

// TestFailedSyncSaysNothingOnCollab: after a sync that failed no status says that anything is safe.
func TestFailedSyncSaysNothingOnCollab(t *testing.T) {
	d := newDisk()
	failed := make(chan error, 1)
	s := startServer(t, d, hooks{}, func(o *Options) { o.Storage.Fatal = func(err error) { failed <- err } })
	s.mayFail.Store(true)
	h := s.collab(t, "collab", nil)
	c, other := h.join("d", ""), s.collab(t, "collab", nil).join("d", "")
	c.write("kept")
	c.await("its status", func() bool { return c.unsynced == 0 })
	d.fails.Store(true)
	c.write(" lost")
	if err := <-failed; err == nil {
		t.Fatal("got no error of the failed sync")
	}
	for i := range uint64(20) { // long enough for a status; the server may end the connection meanwhile
		other.appear(1, i+1, `{}`)
		other.queryAwareness()
		other.await("awareness or the end", func() bool {
			clock, _ := other.present.Clock(1)
			return clock == i+1 || other.hub.ended != nil
		})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.unsynced != 1 || len(c.statuses) != 2 {
		t.Errorf("got %d unsynced and statuses %v after a failed sync, want 1 and two", c.unsynced, c.statuses)
	}
}

// TestAwarenessOfSessions: who leaves a document takes its own cursor along, and not those of other sessions on the same
// socket; a socket that ends takes all of its own, and not one that it only passed on.
func TestAwarenessOfSessions(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	watcher := s.collab(t, "collab", nil).join("d", "")
	h, tab := s.collab(t, "collab", nil), s.collab(t, "collab", nil)
	arrive := func(h *hub, address string, id uint64) *client {
		c := h.attach(address)
		c.auth("", "")
		h.mu.Lock() // nothing that comes is answered in between
		c.unsynced = 1
		c.send(ysync.YWebsocket{}.AppendStep1(nil, c.doc.EncodeStateVector()))
		c.appear(id, 1, `{}`)
		h.mu.Unlock()
		watcher.await("somebody", func() bool { return watcher.present.State(id) != nil })
		return c
	}
	one, two, three := arrive(h, "d\x001", 1), arrive(h, "d\x002", 2), arrive(tab, "d", 3)
	two.appear(3, 2, `{"passed":"on"}`) // over a BroadcastChannel, say
	three.appear(3, 2, `{}`)
	watcher.await("its own word", func() bool { return string(watcher.present.State(3)) == `{}` })
	one.send([]byte{7})
	watcher.await("that the first has gone", func() bool { return watcher.present.State(1) == nil })
	if watcher.present.State(2) == nil || watcher.present.State(3) == nil {
		t.Error("a cursor went with another session of its socket")
	}
	_ = h.ws.CloseNow()
	watcher.await("that the second has gone", func() bool { return watcher.present.State(2) == nil })
	three.appear(3, 3, `{"still":"here"}`)
	watcher.await("the third", func() bool { return string(watcher.present.State(3)) == `{"still":"here"}` })
}

// TestFullDiskIsMadeGood: while the disk is full an update gets status 0 and reading goes on; when there is room again the
// server asks for what it refused.
func TestFullDiskIsMadeGood(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	var full atomic.Bool
	s.writable = func() error {
		if full.Load() {
			return storage.ErrNoSpace
		}
		return nil
	}
	c, other := s.collab(t, "collab", nil).join("d", ""), s.join(t, "d")
	c.write("before ")
	c.await("its status", func() bool { return c.unsynced == 0 })
	full.Store(true)
	c.write("while full ")
	c.await("the refusal", func() bool { return c.statuses[len(c.statuses)-1] == 0 })
	if len(c.denied) != 0 || c.hub.ended != nil {
		t.Errorf("denied %v, ended %v by a full disk", c.denied, c.hub.ended)
	}
	full.Store(false)
	c.await("every status", func() bool { return c.unsynced == 0 })
	c.write("after")
	other.awaitText("before while full after")
}
