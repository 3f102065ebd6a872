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
//	           attend             wake              loaded
//	closed ──▶ opening ──▶ cold ───────▶ loading ───────────▶ ready ◀────────┐
//	 ▲            │         ▲ ▲             │                 │ │ idle       │ wake
//	 │            │         │ └─────────────┼── nobody edits ─┘ ▼            │
//	 │            │ error   │ nobody left   │ error     ┌────── draining ────┘
//	 │            ▼         ▼               ▼  poisoned │  │ everything durable
//	 │          failed ◀────┼───────────────┴───────────┘  │
//	 └────────────┴─────────┴──────────────────────────────┘
//
// A cold room has subscribers, awareness and the log with its last sequence, and no engine: it answers from the log what
// can be answered so. Only a ready room has an engine and may append to the log. A failed one refuses for a while and then
// is opened anew; it has nothing that it could store.
type roomState uint8

const (
	closed roomState = iota
	opening
	cold
	loading
	ready
	draining
	failed
)

var roomStateNames = [...]string{"closed", "opening", "cold", "loading", "ready", "draining", "failed"}

func (s roomState) String() string { return roomStateNames[s] }

// retryAfter is how long a failed room refuses before it is loaded again.
const retryAfter = 2 * time.Second

// room is one document in memory: who takes part, what waits for the disk, and, when it is ready, the engine.
type room struct {
	srv  *Server
	name string
	refs int // who uses the room; guarded by the lock of rooms

	kicked atomic.Bool // the releasers have the room, or a goroutine that goes on from there

	retired atomic.Pointer[crdt.Snapshot] // the clients of dead lineages; nil for none, and set when the room is opened

	mu       sync.Mutex
	state    roomState
	moved    chan struct{}  // closed when opening or loading ends
	failure  *ysync.Refusal // why the room failed
	retryAt  time.Time
	idle     time.Time // since when nobody uses the room; zero while somebody does
	used     time.Time // when the engine was needed last
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
	shared   *sharedCopy
	replayed *sharedReplay
	weight   weight
}

// newRoom returns a closed room.
func newRoom(s *Server, name string) *room {
	r := &room{srv: s, name: name, presence: newPresence(s.limits)}
	r.presence.naive = s.hooks.everyMention
	r.gate.off = s.hooks.gateOff
	return r
}

// wake makes the room ready, or says why it cannot be. It waits for the load that is under way, which several may share
// and which goes on when ctx ends.
func (r *room) wake(ctx context.Context) *ysync.Refusal { return r.reach(ctx, ready) }

// attend makes the room able to answer: it opens the log and builds no engine. A room that has one is ready.
func (r *room) attend(ctx context.Context) *ysync.Refusal {
	if r.srv.hooks.loadAlways {
		return r.wake(ctx)
	}
	return r.reach(ctx, cold)
}

// reach waits until the room is cold, or ready, as it is asked for, and sees to it that it gets there.
func (r *room) reach(ctx context.Context, goal roomState) *ysync.Refusal {
	for {
		r.mu.Lock()
		switch r.state {
		case ready, draining:
			r.state, r.idle, r.used = ready, time.Time{}, time.Now()
			r.mu.Unlock()
			return nil
		case cold, loading:
			if goal == cold {
				r.mu.Unlock()
				return nil
			}
			if r.state == cold {
				r.state, r.moved = loading, make(chan struct{})
				go r.load(r.log, r.moved)
			}
		case failed:
			if time.Now().Before(r.retryAt) {
				defer r.mu.Unlock()
				return r.failure
			}
			fallthrough
		case closed:
			r.state, r.failure, r.moved = opening, nil, make(chan struct{})
			go r.open(r.moved)
		}
		moved := r.moved
		r.mu.Unlock()
		select {
		case <-moved:
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

// open finds the log of the document, which need not have one.
func (r *room) open(moved chan struct{}) {
	retired, err := r.srv.retiredOf(r.name)
	var log *storage.Document
	if err == nil {
		log, err = r.srv.openLog(r.name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(moved)
	if err != nil {
		r.fail(refusalOfStorage(err), err)
		return
	}
	r.retired.Store(retired)
	r.state, r.gate.held = cold, nil
	r.gate.assigned, r.gate.durable, r.flushed = 0, 0, 0
	if log != nil {
		last := log.Durable()
		r.gate.assigned, r.gate.durable, r.flushed = last, last, last
	}
	r.attach(log)
}

// load builds the engine from the log. The room is not locked while it does: nobody can append before it is ready. A room
// that failed meanwhile has no use for what was loaded.
func (r *room) load(log *storage.Document, moved chan struct{}) {
	r.srv.loads <- struct{}{}
	began := time.Now()
	var c copyOfLog
	refusal, err := r.srv.admitLoad(), errors.New("no memory for it")
	if refusal == nil {
		end := r.srv.span("load", documentKey.String(r.name))
		if c, err = r.srv.build(r.name, log); err != nil {
			refusal = refusalOfStorage(err)
		}
		end(err, sequenceKey.Int64(int64(c.seq)), bytesKey.Int64(c.bytes))
	}
	<-r.srv.loads

	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(moved)
	if r.state != loading || r.moved != moved {
		return
	}
	if refusal != nil {
		r.fail(refusal, err)
		return
	}
	r.state, r.doc, r.used = ready, c.doc, time.Now()
	r.size = sizeEstimate{bytes: c.bytes}
	r.forgetShared()
	r.weigh(began)
	r.srv.counters.loads.Add(1)
	r.srv.counters.loading.observe(time.Since(began))
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
	doc   *crdt.Doc
	seq   uint64 // the last entry
	bytes int64  // of all entries
}

// newEngine returns an empty document for the server's own log. What is in it was held to the limits when it came, update
// by update; all of it together may be more than one update of a peer may hold, and has to be loaded all the same.
func newEngine() *crdt.Doc {
	return crdt.New(crdt.Options{KeepMarks: true, Limits: crdt.TrustedLimits()})
}

// openLog opens the log of a document, with everything in it durable; nil means that the document does not exist: then it
// is empty.
func (s *Server) openLog(name string) (*storage.Document, error) {
	log, err := s.store.Document(context.Background(), name, false)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	// A room that failed may have left entries behind that still wait for the disk. They belong to the document.
	if err := settle(log); err != nil {
		log.Close()
		return nil, err
	}
	return log, nil
}

// build replays the log of a document.
func (s *Server) build(name string, log *storage.Document) (c copyOfLog, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic while loading", "document", name, "panic", p, "stack", string(debug.Stack()))
			err = errors.New("the engine failed on the log")
		}
	}()
	c.doc = newEngine()
	if log == nil {
		c.doc.SetLimits(crdt.Limits{})
		return c, nil
	}
	if wait := s.hooks.beforeLoad; wait != nil {
		wait(name)
	}
	err = log.Load(context.Background(), 0, func(e storage.Entry) error {
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
	c.doc.SetLimits(crdt.Limits{})
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
	if errors.Is(cause, storage.ErrDeleted) { // which is no failure, and may be taken back at any time
		r.stop(refusal, time.Now())
		return
	}
	r.srv.counters.failures.Add(1)
	level := slog.LevelError
	if refusal.Code == ysync.CodeTryLater {
		level = slog.LevelWarn
	}
	r.srv.log.Log(context.Background(), level, "document failed", "document", r.name, "code", int(refusal.Code), "error", cause)
	r.stop(refusal, time.Now().Add(retryAfter))
}

// stop is fail without blame. The caller holds the lock.
func (r *room) stop(refusal *ysync.Refusal, retryAt time.Time) {
	r.state, r.failure, r.retryAt = failed, refusal, retryAt
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
	r.forgetShared()
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
	case errors.Is(err, storage.ErrDeleted):
		return refusalOfDeletion()
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
	case closed:
		return true
	case cold:
		r.state = closed
		r.letGo()
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
	case opening, loading:
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
	if !broken {
		r.easeCold()
	}
	r.state = closed
	r.letGo()
	return true
}

// cool lets the engine go of a document that nobody has edited or watched for a while, though editors are connected. The
// caller holds the lock.
func (r *room) cool(now time.Time) {
	after := r.srv.limits.CoolAfter
	if r.state != ready || after < 0 || now.Sub(r.used) < after || len(r.feeds) > 0 || !r.gate.settled() {
		return
	}
	r.easeCold()
	r.state, r.doc, r.step2, r.replayed = cold, nil, sharedStep2{}, nil
}
