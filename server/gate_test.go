package server

import (
	"testing"

	"github.com/weftsync/weft/crdt"
	ysync "github.com/weftsync/weft/sync"
)

func TestGateIsAQueue(t *testing.T) {
	var g gate
	g.hold(held{frame: []byte("at once")})
	if h, ok := g.next(); !ok || string(h.frame) != "at once" {
		t.Fatalf("got %q, %t from a gate with nothing assigned, want it at once", h.frame, ok)
	}
	g.assigned = 1
	g.hold(held{frame: []byte("update 1"), update: []byte{0}})
	g.hold(held{frame: []byte("step 2")})
	g.assigned = 2
	g.hold(held{frame: []byte("update 2"), update: []byte{0}})
	if h, ok := g.next(); ok {
		t.Fatalf("got %q before its sequence was durable", h.frame)
	}
	g.advance(1)
	for _, want := range []string{"update 1", "step 2"} {
		if h, ok := g.next(); !ok || string(h.frame) != want {
			t.Fatalf("got %q, %t, want %q", h.frame, ok, want)
		}
	}
	if h, ok := g.next(); ok || g.settled() {
		t.Fatalf("got %q, settled %t, while update 2 waits", h.frame, g.settled())
	}
	g.advance(1) // what is known already changes nothing
	g.advance(2)
	if h, ok := g.next(); !ok || h.needs != 2 || !g.settled() {
		t.Fatalf("got %d, %t, settled %t, want update 2 and nothing more", h.needs, ok, g.settled())
	}
}

// secrets is what leaked while a fsync was held.
type secrets struct {
	echo, broadcast, step2, claim, view, rest bool
}

// leaks writes an edit whose fsync is held, looks at every way out of the server meanwhile, and returns where the edit,
// or that it is safe, could be seen. It checks that everything arrives when the fsync is done.
func leaks(t *testing.T, h hooks) (seen secrets) {
	d := newDisk()
	s := startServer(t, d, h, nil)
	writer, other := s.join(t, "d"), s.join(t, "d")
	writer.write("safe ")
	writer.sync()
	other.awaitText("safe ")
	v := s.view(t, "view/d?root=content", nil)
	v.expect("whole", `{"root":"content","text":"safe "}`)

	letGo := d.hold()
	defer letGo()
	writer.edit(func(tx *crdt.Tx) error { return writer.doc.Text("content").Insert(tx, 5, "secret") })
	<-d.waiting // the edit is applied and written, and its fsync is under way

	// Its writer asks whether it is safe; somebody comes back who has it already; somebody new comes; others ask.
	asked := writer.ask()
	again := s.connect(t, "sync/d", nil)
	again.mu.Lock()
	full, err := writer.copyOfDoc()
	if err == nil {
		_, err = again.doc.ApplyUpdate(full)
	}
	again.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	again.ask()
	again.send(ysync.YWebsocket{}.AppendUpdate(nil, full)) // sends again what is applied, but not on disk
	fresh := s.connect(t, "sync/d", nil)
	fresh.ask()
	late := s.view(t, "view/d?root=content", nil)
	rest := make(chan string, 1)
	go func() {
		_, body := s.get(t, "GET", "api/documents/d?root=content", map[string]string{"Accept": "text/plain"}, nil)
		rest <- body
	}()

	// Awareness does not wait. What the server does with these frames it does in order, so that when each of them has
	// come back, all that would have leaked has.
	for i, e := range []*editor{writer, again, fresh, other} {
		id := uint64(100 + i)
		e.appear(id, 1, `{}`)
		e.queryAwareness()
		for _, to := range []*editor{writer, again, fresh, other} {
			to.await("awareness while the disk is stuck", func() bool { return to.present.State(id) != nil })
		}
	}
	s.join(t, "somewhere-else").roundTrip()

	holds := func(e *editor, cond func() bool) bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return cond()
	}
	seen.echo = holds(writer, func() bool { return len(writer.updates) > 1 }) || holds(again, func() bool { return len(again.updates) > 0 })
	seen.broadcast = holds(other, func() bool { return other.doc.RootString("content") != "safe " })
	seen.step2 = holds(writer, func() bool { return writer.step2s >= asked }) || holds(again, func() bool { return again.step2s > 0 }) ||
		holds(fresh, func() bool { return fresh.step2s > 0 })
	seen.claim = holds(again, func() bool { return len(again.step1s) > 0 }) || holds(fresh, func() bool { return len(fresh.step1s) > 0 })
	seen.view = len(v.events) > 0 || len(late.events) > 0
	seen.rest = len(rest) > 0

	letGo()
	for _, e := range []*editor{other, fresh, again} {
		e.awaitText("safe secret")
		e.await("the server's step 1", func() bool { return len(e.step1s) > 0 })
	}
	writer.await("the step 2", func() bool { return writer.step2s >= asked })
	writer.await("the echo", func() bool { return len(writer.updates) > 1 })
	if got := <-rest; got != "safe secret" {
		t.Errorf("REST: got %q", got)
	}
	v.expect("splice", `[[5,0,"secret"]]`)
	late.expect("whole", `{"root":"content","text":"safe secret"}`)
	return seen
}

// copyOfDoc returns the whole document of an editor.
func (e *editor) copyOfDoc() ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.doc.EncodeStateAsUpdate(nil)
}

// roundTrip says who is there and asks for it, which does not wait for the disk, so that goroutines that were started before have
// had their turn.
func (e *editor) roundTrip() {
	e.t.Helper()
	for i := range uint64(20) {
		e.appear(1, i+1, `{}`)
		e.queryAwareness()
		e.await("awareness", func() bool { clock, _ := e.present.Clock(1); return clock == i+1 })
	}
}

func TestNothingLeavesBeforeItIsOnDisk(t *testing.T) {
	if got := leaks(t, hooks{}); got != (secrets{}) {
		t.Errorf("seen before it was on disk: %+v", got)
	}
}

// TestNothingLeavesBeforeItIsOnDiskControl runs the same against a server whose gate is off: the test must see it.
func TestNothingLeavesBeforeItIsOnDiskControl(t *testing.T) {
	want := secrets{echo: true, broadcast: true, step2: true, claim: true, view: true, rest: true}
	if got := leaks(t, hooks{gateOff: true}); got != want {
		t.Errorf("got seen %+v without a gate, want %+v: the test would not notice", got, want)
	}
}

// TestFailedSyncAcknowledgesNothing: the process would end here; with an injected exit the server lives on, and must not
// say that anything is safe.
func TestFailedSyncAcknowledgesNothing(t *testing.T) {
	d := newDisk()
	failed := make(chan error, 1)
	s := startServer(t, d, hooks{}, func(o *Options) { o.Storage.Fatal = func(err error) { failed <- err } })
	s.mayFail.Store(true)
	e, other := s.join(t, "d"), s.join(t, "d")
	e.write("kept")
	e.sync()
	d.fails.Store(true)
	asked := func() int { e.write(" lost"); return e.ask() }()
	if err := <-failed; err == nil {
		t.Fatal("got no error of the failed sync")
	}
	for i := range uint64(20) { // long enough for an acknowledgement; the server may end the connection meanwhile
		other.appear(1, i+1, `{}`)
		other.queryAwareness()
		other.await("awareness or the end", func() bool {
			clock, _ := other.present.Clock(1)
			return clock == i+1 || other.ended != nil
		})
	}
	e.mu.Lock()
	if e.step2s >= asked || len(e.updates) > 1 {
		t.Errorf("got %d step 2s and %d echoes after a failed sync, want %d and 1", e.step2s, len(e.updates), asked-1)
	}
	e.mu.Unlock()
	e.write(" refused")
	e.awaitClose(ysync.CodeUnavailable, "stored")
}
