package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// roomState is where a room stands.
//
//	         wake                 loaded
//	cold ───────────▶ loading ───────────▶ ready ◀────────┐
//	 ▲                   │                   │ idle       │ wake
//	 │                   │ error             ▼            │
//	 │                   ▼        ┌────── draining ───────┘
//	 │                failed ◀────┤ poisoned  │ everything durable
//	 │                   │        └ ready     │
//	 └───────────────────┴────────────────────┘
//
// Only a ready room has an engine and may append to the log. A failed one refuses for a while and then is loaded anew;
// it has nothing that it could store.
type roomState uint8

const (
	cold roomState = iota
	loading
	ready
	draining
	failed
)

var roomStateNames = [...]string{"cold", "loading", "ready", "draining", "failed"}

func (s roomState) String() string { return roomStateNames[s] }

// retryAfter is how long a failed room refuses before it is loaded again.
const retryAfter = 2 * time.Second

// room is one document in memory: who takes part, what waits for the disk, and, when it is ready, the engine.
type room struct {
	srv  *Server
	name string
	refs int // who uses the room; guarded by the lock of rooms

	kicked atomic.Bool // a goroutine is about to open the gate

	mu       sync.Mutex
	state    roomState
	loaded   chan struct{}  // closed when loading ends
	failure  *ysync.Refusal // why the room failed
	retryAt  time.Time
	idle     time.Time // since when nobody uses the room; zero while somebody does
	doc      *crdt.Doc
	log      *storage.Document // nil while the document does not exist
	put      func(storage.Entry) (uint64, error)
	gate     gate
	flushed  uint64 // the last update that went into the outboxes
	size     sizeEstimate
	members  []*session
	presence presence
	feeds    map[feedKey]*feed
	step2    sharedStep2
	replayed *sharedReplay
}

// newRoom returns a cold room.
func newRoom(s *Server, name string) *room {
	r := &room{srv: s, name: name, presence: newPresence(s.limits)}
	r.presence.naive = s.hooks.everyMention
	r.gate.off = s.hooks.gateOff
	return r
}

// wake makes the room ready, or says why it cannot be. It waits for the load that is under way, which several may share
// and which goes on when ctx ends.
func (r *room) wake(ctx context.Context) *ysync.Refusal {
	for {
		r.mu.Lock()
		switch r.state {
		case ready:
			r.mu.Unlock()
			return nil
		case draining:
			r.state, r.idle = ready, time.Time{}
			r.mu.Unlock()
			return nil
		case failed:
			if time.Now().Before(r.retryAt) {
				defer r.mu.Unlock()
				return r.failure
			}
			fallthrough
		case cold:
			r.state, r.failure, r.loaded = loading, nil, make(chan struct{})
			go r.load()
		}
		loaded := r.loaded
		r.mu.Unlock()
		select {
		case <-loaded:
		case <-ctx.Done():
			return ysync.Refuse(ysync.CodeUnavailable, "loading the document takes too long")
		}
		r.mu.Lock()
		refusal := r.failure
		r.mu.Unlock()
		if refusal != nil {
			return refusal
		}
	}
}

// load builds the engine from the log. The room is not locked while it does: nobody can append before it is ready.
func (r *room) load() {
	r.srv.loads <- struct{}{}
	began := time.Now()
	c, err := r.srv.read(r.name)
	<-r.srv.loads

	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(r.loaded)
	if err != nil {
		r.fail(refusalOfStorage(err), err)
		return
	}
	r.state, r.doc, r.gate.held = ready, c.doc, nil
	r.gate.assigned, r.gate.durable, r.flushed = c.seq, c.seq, c.seq
	r.size = sizeEstimate{bytes: c.bytes}
	r.attach(c.log)
	r.srv.counters.loads.Add(1)
	r.srv.log.Debug("document loaded", "document", r.name, "sequence", c.seq, "took", time.Since(began))
}

// attach begins to use a handle of the log; nil means that the document does not exist yet.
func (r *room) attach(log *storage.Document) {
	r.log = log
	if log == nil {
		return
	}
	r.put = log.Append
	if wrap := r.srv.hooks.wrapAppend; wrap != nil {
		r.put = wrap(r.put)
	}
	log.OnDurable(r.onDurable)
	r.gate.advance(log.Durable())
}

// copyOfLog is a document as its log has it.
type copyOfLog struct {
	log   *storage.Document // nil when the document does not exist: then it is empty
	doc   *crdt.Doc
	seq   uint64 // the last entry
	bytes int64  // of all entries
}

// read opens and replays the log of a document.
func (s *Server) read(name string) (c copyOfLog, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic while loading", "document", name, "panic", p, "stack", string(debug.Stack()))
			err = errors.New("the engine failed on the log")
		}
		if err != nil && c.log != nil {
			c.log.Close()
		}
	}()
	c.doc = crdt.New(crdt.Options{KeepMarks: true})
	c.log, err = s.store.Document(context.Background(), name, false)
	if errors.Is(err, storage.ErrNotFound) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("open the log: %w", err)
	}
	if wait := s.hooks.beforeLoad; wait != nil {
		wait(name)
	}
	// A room that failed may have left entries behind that still wait for the disk. They belong to the document.
	if err = settle(c.log); err != nil {
		return c, err
	}
	err = c.log.Load(context.Background(), 0, func(e storage.Entry) error {
		if _, err := c.doc.ApplyUpdate(e.Update); err != nil {
			return &storage.CorruptError{Document: name, Seq: e.Seq, Reason: err.Error()}
		}
		c.seq = e.Seq
		c.bytes += int64(len(e.Update))
		return nil
	})
	if err != nil {
		return c, fmt.Errorf("replay the log: %w", err)
	}
	return c, nil
}

// settle waits until everything that was appended to a log is durable, as long as that moves on.
func settle(log *storage.Document) error {
	moved := make(chan struct{}, 1)
	log.OnDurable(func(uint64) {
		select {
		case moved <- struct{}{}:
		default:
		}
	})
	defer log.OnDurable(nil)
	for log.Durable() < log.Last() {
		select {
		case <-moved:
		case <-time.After(10 * time.Second):
			return errors.New("entries wait for the disk for too long")
		}
	}
	return nil
}

// fail ends everything that needs the engine. The caller holds the lock. The error is logged here and nowhere else.
func (r *room) fail(refusal *ysync.Refusal, cause error) {
	r.srv.counters.failures.Add(1)
	level := slog.LevelError
	if refusal.Code == ysync.CodeTryLater {
		level = slog.LevelWarn
	}
	r.srv.log.Log(context.Background(), level, "document failed", "document", r.name, "code", int(refusal.Code), "error", cause)
	r.state, r.failure, r.retryAt = failed, refusal, time.Now().Add(retryAfter)
	r.letGo()
	for _, h := range r.gate.held {
		if h.settled != nil {
			h.settled <- refusal
		}
	}
	r.gate.held = nil
	for _, s := range r.members {
		s.fail(refusal)
	}
	for _, f := range r.feeds {
		f.end(refusal)
	}
	clear(r.feeds)
}

// letGo drops the engine and the handle of the log.
func (r *room) letGo() {
	r.doc = nil
	r.put = nil
	r.step2, r.replayed = sharedStep2{}, nil
	if r.log != nil {
		r.log.Close()
		r.log = nil
	}
}

// refusalOfStorage says what a peer is told when storage refuses.
func refusalOfStorage(err error) *ysync.Refusal {
	switch {
	case errors.Is(err, storage.ErrCorruptDocument):
		return ysync.Refuse(ysync.CodeCorrupt, "the stored document is damaged")
	case errors.Is(err, storage.ErrNoSpace):
		return ysync.Refuse(ysync.CodeDiskFull, "the disk is full")
	case errors.Is(err, storage.ErrTooLarge):
		return ysync.Refuse(ysync.CodeTooLarge, "the update is too large to be stored")
	case errors.Is(err, storage.ErrName):
		return ysync.Refuse(ysync.CodeMalformed, "the document name is not allowed")
	case errors.Is(err, storage.ErrClosed):
		return ysync.Refuse(ysync.CodeRestart, "the server is going down")
	}
	return ysync.Refuse(ysync.CodeUnavailable, "the document cannot be loaded or stored right now")
}

// unload takes a room without users out of memory, if it has nothing left to do, and reports whether it is gone. The
// caller holds the lock of rooms, so that nobody can begin to use the room meanwhile, and r is not waited for: a room
// whose lock is taken is not idle.
func (r *room) unload(now time.Time, after time.Duration) bool {
	if !r.mu.TryLock() {
		return false
	}
	defer r.mu.Unlock()
	switch r.state {
	case cold:
		return true
	case failed:
		return now.After(r.retryAt)
	case ready:
		if r.idle.IsZero() {
			r.idle = now
		}
		if now.Sub(r.idle) < after {
			return false
		}
		r.state = draining
	case loading:
		return false
	}
	if r.log != nil {
		r.gate.advance(r.log.Durable())
	}
	r.release()
	broken := errors.Is(r.srv.store.Writable(), storage.ErrFailed) // then nothing becomes durable any more
	if (!r.gate.settled() || r.kicked.Load()) && !broken {
		return false
	}
	r.state = cold
	r.letGo()
	return true
}
