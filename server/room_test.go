package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// newTestServer returns a server that does not listen, for tests in a bubble of synctest. It ends with the test.
func newTestServer(t *testing.T, d *disk, h hooks, change func(*Options)) *Server {
	t.Helper()
	o := Options{
		Storage: storage.Options{
			Dir: "data", FS: d.fs, ReserveBytes: -1,
			Fatal: func(err error) { t.Errorf("storage failed: %v", err) },
		},
		Authorizer: AllowAll(ysync.Write), Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)), Drain: -1,
	}
	if change != nil {
		change(&o)
	}
	s, err := newServer(o, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// textUpdate returns an update that writes text into a new document.
func textUpdate(t testing.TB, text string) []byte {
	t.Helper()
	doc := crdt.New(crdt.Options{})
	update, err := doc.Update(func(tx *crdt.Tx) error { return doc.Text("content").Insert(tx, 0, text) })
	if err != nil {
		t.Fatal(err)
	}
	return update
}

// stateOf returns a room's state.
func stateOf(r *room) roomState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

func TestRoomIsLoadedOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		s := newTestServer(t, newDisk(), hooks{beforeLoad: func(string) { <-held }}, nil)
		mustStore(t, s, "d", textUpdate(t, "x"))
		r, _ := s.rooms.enter("d")
		defer s.rooms.exit(r)
		if got := stateOf(r); got != closed {
			t.Errorf("got state %s before anybody came, want closed", got)
		}
		woken := make(chan *ysync.Refusal, 10)
		for range 10 {
			go func() { woken <- r.wake(t.Context()) }()
		}
		synctest.Wait()
		if got := stateOf(r); got != loading {
			t.Errorf("got state %s while it loads, want loading", got)
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if refusal := r.wake(impatient); refusal == nil || refusal.Code != ysync.CodeUnavailable {
			t.Errorf("got %v for one who does not wait, want a refusal", refusal)
		}
		close(held)
		for range 10 {
			if refusal := <-woken; refusal != nil {
				t.Error(refusal)
			}
		}
		if got := s.Stats().Loads; got != 1 {
			t.Errorf("got %d loads, want 1", got)
		}
	})
}

// mustStore writes updates to a log as an earlier run of a server would have.
func mustStore(t testing.TB, s *Server, name string, updates ...[]byte) {
	t.Helper()
	d, err := s.store.Document(context.Background(), name, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, u := range updates {
		if _, err := d.Append(storage.Entry{Update: u}); err != nil {
			t.Fatal(err)
		}
	}
	if err := settle(d); err != nil {
		t.Fatal(err)
	}
}

func TestIdleRoomLeavesMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := newTestServer(t, d, hooks{}, nil)
		r, refusal := s.rooms.open(t.Context(), "d")
		if refusal != nil {
			t.Fatal(refusal)
		}
		letGo := d.hold()
		defer letGo()
		created := make(chan struct{})
		go func() { // creating the document waits for the disk
			defer close(created)
			if refusal := r.apply(origin{}, ysync.Update, textUpdate(t, "x")); refusal != nil {
				t.Error(refusal)
			}
		}()
		<-d.waiting
		letGo()
		<-created
		synctest.Wait()
		letGo = d.hold()
		defer letGo()
		if refusal := r.apply(origin{}, ysync.Update, textUpdate(t, "y")); refusal != nil {
			t.Fatal(refusal)
		}
		s.rooms.exit(r)
		time.Sleep(s.limits.UnloadAfter + 5*time.Second)
		synctest.Wait()
		if got, n := stateOf(r), len(s.rooms.list()); got != draining || n != 1 {
			t.Errorf("got state %s, %d rooms while an update is not durable, want draining, 1", got, n)
		}
		again, refusal := s.rooms.open(t.Context(), "d")
		if refusal != nil || again != r || stateOf(r) != ready {
			t.Errorf("got %v, state %s for one who comes while it drains, want the same room, ready", refusal, stateOf(r))
		}
		s.rooms.exit(again)
		letGo()
		time.Sleep(s.limits.UnloadAfter + 5*time.Second)
		synctest.Wait()
		if got, n := stateOf(r), len(s.rooms.list()); got != closed || n != 0 || r.doc != nil {
			t.Errorf("got state %s, %d rooms, want closed, 0", got, n)
		}
	})
}

// expectEngineEqualsLog compares the engine of every room that has nothing waiting with what its log gives.
func expectEngineEqualsLog(t *testing.T, s *Server) {
	t.Helper()
	for _, r := range s.rooms.list() {
		r.mu.Lock()
		if r.state == ready && r.gate.settled() {
			c, err := s.build(r.name, r.log)
			if err != nil {
				t.Error(err)
			} else if got, want := r.doc.RootString("content"), c.doc.RootString("content"); got != want {
				t.Errorf("the engine has %q, the log %q", got, want)
			}
		}
		r.mu.Unlock()
	}
}

func TestFailedLoadRefusesAndIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestServer(t, newDisk(), hooks{}, nil)
		mustStore(t, s, "bad", textUpdate(t, "x"), []byte{9, 9, 9})
		mustStore(t, s, "good", textUpdate(t, "x"))
		r, _ := s.rooms.enter("bad")
		defer s.rooms.exit(r)
		for range 3 {
			if refusal := r.wake(t.Context()); refusal == nil || refusal.Code != ysync.CodeCorrupt {
				t.Fatalf("got %v from a damaged log, want %d", refusal, ysync.CodeCorrupt)
			}
		}
		if got := s.Stats().Failures; got != 1 {
			t.Errorf("got %d loads that failed, want 1: who knocks does not make the server work", got)
		}
		if refusal := r.apply(origin{}, ysync.Update, textUpdate(t, "y")); refusal == nil {
			t.Error("a failed room took an update")
		}
		if n := len((&testServer{Server: s}).entriesOrNone("bad")); n != 2 {
			t.Errorf("got %d entries in the damaged log, want the 2 that it had", n)
		}
		time.Sleep(retryAfter + time.Second)
		if refusal := r.wake(t.Context()); refusal == nil {
			t.Error("a damaged log was loaded")
		}
		if got := s.Stats().Failures; got != 2 {
			t.Errorf("got %d loads that failed, want 2", got)
		}
		good, refusal := s.rooms.open(t.Context(), "good")
		if refusal != nil {
			t.Fatalf("another document: %v", refusal)
		}
		s.rooms.exit(good)
	})
}

// entriesOrNone returns the log of a document without looking at what is in the entries.
func (s *testServer) entriesOrNone(name string) (all []storage.Entry) {
	d, err := s.store.Document(context.Background(), name, false)
	if err != nil {
		return nil
	}
	defer d.Close()
	_ = d.Load(context.Background(), 0, func(e storage.Entry) error { all = append(all, e); return nil })
	return all
}

// TestPanicPoisonsOneRoom: a room whose engine panics fails, loses nothing that was acknowledged, and is loaded again.
func TestPanicPoisonsOneRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := false
		s := newTestServer(t, newDisk(), hooks{wrapAppend: func(put appendFunc) appendFunc {
			return func(e storage.Entry) (uint64, error) {
				if boom {
					panic("broken invariant")
				}
				return put(e)
			}
		}}, nil)
		r, refusal := s.rooms.open(t.Context(), "d")
		if refusal != nil {
			t.Fatal(refusal)
		}
		defer s.rooms.exit(r)
		if refusal := r.apply(origin{}, ysync.Update, textUpdate(t, "kept")); refusal != nil {
			t.Fatal(refusal)
		}
		boom = true
		if refusal := r.apply(origin{}, ysync.Update, textUpdate(t, "lost")); refusal == nil || refusal.Code != ysync.CodeUnavailable {
			t.Errorf("got %v, want %d", refusal, ysync.CodeUnavailable)
		}
		if got := stateOf(r); got != failed {
			t.Errorf("got state %s, want failed", got)
		}
		boom = false
		time.Sleep(retryAfter + time.Second)
		if refusal := r.wake(t.Context()); refusal != nil {
			t.Fatal(refusal)
		}
		if got := r.doc.RootString("content"); got != "kept" {
			t.Errorf("got %q after loading again, want %q", got, "kept")
		}
	})
}

// TestAppendThatFailsFailsTheRoom: the engine then has what the log has not, and must not go on.
func TestAppendThatFailsFailsTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full error
		s := newTestServer(t, newDisk(), hooks{wrapAppend: func(put appendFunc) appendFunc {
			return func(e storage.Entry) (uint64, error) {
				if full != nil {
					return 0, full
				}
				return put(e)
			}
		}}, nil)
		r, refusal := s.rooms.open(t.Context(), "d")
		if refusal != nil {
			t.Fatal(refusal)
		}
		defer s.rooms.exit(r)
		if refusal := r.apply(origin{}, ysync.Update, textUpdate(t, "kept")); refusal != nil {
			t.Fatal(refusal)
		}
		full = fmt.Errorf("append: %w", storage.ErrNoSpace)
		if refusal := r.apply(origin{}, ysync.Update, textUpdate(t, "lost")); refusal == nil || refusal.Code != ysync.CodeDiskFull {
			t.Errorf("got %v, want %d", refusal, ysync.CodeDiskFull)
		}
		full = nil
		time.Sleep(retryAfter + time.Second)
		if refusal := r.wake(t.Context()); refusal != nil || r.doc.RootString("content") != "kept" {
			t.Errorf("got %v after loading again, want the document as its log has it", refusal)
		}
	})
}

// TestRoomInterleavings drives rooms through random interleavings of everything that moves them, and checks that nothing
// that was reported durable is ever missing, and that only a ready room has an engine.
func TestRoomInterleavings(t *testing.T) {
	seed := rand.Uint64()
	for i := range uint64(40) {
		t.Run(fmt.Sprintf("seed %d", seed+i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { interleave(t, rand.New(rand.NewPCG(seed+i, 0))) })
		})
	}
}

// interleave is one random run.
func interleave(t *testing.T, rng *rand.Rand) {
	d := newDisk()
	s := newTestServer(t, d, hooks{}, func(o *Options) { o.Limits.UnloadAfter = 2 * time.Second })
	begin := textUpdate(t, "begin")
	mustStore(t, s, "d", begin) // creating it would wait for the disk under the room's lock
	var mu sync.Mutex
	durable := make(map[string]bool) // marks whose durability was reported
	var users sync.WaitGroup
	enter := []func(context.Context, string) (*room, *ysync.Refusal){s.rooms.open, s.rooms.attend}
	use := func(mark string, pause time.Duration, how int) {
		r, refusal := enter[how](context.Background(), "d")
		if refusal != nil {
			return
		}
		defer s.rooms.exit(r)
		if how == 1 { // an update that is known is answered without an engine, if there is none
			if refusal := r.offer(context.Background(), origin{}, ysync.Step2, begin); refusal != nil {
				return
			}
			time.Sleep(pause)
		}
		if refusal := r.offer(context.Background(), origin{}, ysync.Update, textUpdate(t, mark)); refusal != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if r.wait(ctx) == nil {
			mu.Lock()
			durable[mark] = true
			mu.Unlock()
		}
		time.Sleep(pause)
	}
	letGo := func() {}
	for n := range 60 {
		switch rng.IntN(6) {
		case 0, 1, 2:
			mark, pause := fmt.Sprintf("<%d>", n), time.Duration(rng.IntN(4000))*time.Millisecond
			how := rng.IntN(2)
			users.Go(func() { use(mark, pause, how) })
		case 3:
			letGo()
			letGo = d.hold()
		case 4:
			letGo()
			letGo = func() {}
			synctest.Wait()
			expectEngineEqualsLog(t, s)
		case 5:
			for _, r := range s.rooms.list() {
				r.mu.Lock()
				if rng.IntN(4) == 0 && r.state == ready {
					r.fail(ysync.Refuse(ysync.CodeUnavailable, "a test"), errors.New("a test"))
				}
				if rng.IntN(2) == 0 {
					r.cool(r.used.Add(s.limits.CoolAfter))
				}
				if r.isCold() {
					expectColdEqualsLog(t, s, r)
				}
				if (r.doc != nil) != (r.state == ready || r.state == draining) {
					t.Errorf("state %s with engine %t", r.state, r.doc != nil)
				}
				r.mu.Unlock()
			}
		}
		time.Sleep(time.Duration(rng.IntN(1500)) * time.Millisecond)
	}
	letGo()
	users.Wait()
	time.Sleep(time.Minute)
	synctest.Wait()
	if n := len(s.rooms.list()); n != 0 {
		t.Errorf("got %d rooms in memory after a minute of rest, want 0", n)
	}
	r, refusal := s.rooms.open(t.Context(), "d")
	if refusal != nil {
		t.Fatal(refusal)
	}
	defer s.rooms.exit(r)
	text := r.doc.RootString("content")
	for mark := range durable {
		if n := strings.Count(text, mark); n != 1 {
			t.Errorf("got %s %d times in the document, want once", mark, n)
		}
	}
	if len(durable) == 0 {
		t.Error("nothing became durable: the run proves nothing")
	}
}
