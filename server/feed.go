package server

import (
	"slices"
	"sync"
	"time"

	"github.com/weftsync/weft/crdt"
	ysync "github.com/weftsync/weft/sync"
)

// feedKey says what a rendering is of. All viewers with the same key share one feed.
type feedKey struct {
	json  bool   // else text
	named bool   // of the one root; else, as JSON of all roots, as text of the only one that holds text
	root  string // if named
}

// feed is one rendering of a document, made once for all of its viewers. Changes are made under the room's lock when an
// update is applied, wait at the gate like everything else that shows the document, and are then published: kept in a
// bounded backlog, in which each viewer has a position. A viewer therefore holds no queue of its own, and a slow one
// gets what has come together since its position in one event, or, behind the backlog, the whole.
type feed struct {
	key feedKey

	// Guarded by the room's lock.
	room       *room
	viewers    int
	stop       func()        // ends the observation of the text
	staged     []crdt.Splice // by the update that is being applied
	last       rendering     // what viewers have been told, or are about to be
	dirty      bool          // the document is ahead of last
	renderedAt time.Time
	waiting    bool // a timer runs that renders

	mu      sync.Mutex
	backlog []*viewEvent
	bytes   int
	base    uint64        // the backlog has every change after this sequence
	changed chan struct{} // closed at the next change
	ended   *ysync.Refusal
	bound   bool // a root was found: viewers go on with another feed

	incarnation uint64 // of the document's log, as of the last change
}

// joinFeed returns the feed of a key, made if nobody watches it yet, and counts one viewer more. The caller holds the
// room's lock and gives the viewer back with leaveFeed.
func (r *room) joinFeed(key feedKey) *feed {
	f := r.feeds[key]
	if f == nil {
		f = &feed{room: r, key: key, base: r.gate.assigned, changed: make(chan struct{}), renderedAt: time.Now()}
		f.last = render(r.doc, key)
		if !key.json && key.named {
			f.stop = r.doc.OnRootSplice(key.root, func(s crdt.Splice) { f.staged = joinSplice(f.staged, s) })
		}
		if r.feeds == nil {
			r.feeds = make(map[feedKey]*feed)
		}
		r.feeds[key] = f
	}
	f.viewers++
	return f
}

// leaveFeed gives a viewer back. A feed that nobody watches goes.
func (r *room) leaveFeed(f *feed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.viewers--; f.viewers > 0 {
		return
	}
	if r.feeds[f.key] != f {
		return // the room failed meanwhile, and the engine went with it
	}
	delete(r.feeds, f.key)
	r.used = time.Now()
	if f.stop != nil {
		f.stop()
	}
}

// stage makes the changes of an update that was just given the sequence seq. The caller holds the room's lock.
func (r *room) stage(seq uint64, roots []string) {
	for _, f := range r.feeds {
		f.stage(seq, roots)
	}
}

// stage makes one feed's change, or notes that there is one to be made.
func (f *feed) stage(seq uint64, roots []string) {
	switch {
	case f.key.named && !slices.Contains(roots, f.key.root):
		return
	case f.key.json:
		f.dirty = true
		return
	case !f.key.named:
		if len(textRoots(f.room.doc)) > 0 {
			f.room.gate.hold(held{event: &viewEvent{feed: f, seq: seq, bound: true}})
		}
		return
	}
	splices := f.staged
	f.staged = nil
	spliced := isSpliced(f.room.doc, f.key.root)
	if !spliced || !f.last.spliced {
		f.dirty = true
		return
	}
	if len(splices) > 0 {
		f.room.gate.hold(held{event: &viewEvent{feed: f, seq: seq, splices: splices}})
	}
}

// render brings the feeds that are rendered as a whole up to date, each not more often than Limits.ViewEvery, and
// reports whether it held anything at the gate. The caller holds the room's lock.
func (r *room) render() bool {
	any := false
	for _, f := range r.feeds {
		if !f.dirty || f.waiting {
			continue
		}
		if rest := r.srv.limits.ViewEvery - time.Since(f.renderedAt); rest > 0 {
			f.waiting = true
			time.AfterFunc(rest, func() {
				r.mu.Lock()
				defer r.mu.Unlock()
				f.waiting = false
				if r.feeds[f.key] == f {
					r.release()
				}
			})
			continue
		}
		any = f.catchUp() || any
	}
	return any
}

// catchUp renders the document as it is now and holds the change at the gate. It reports whether there was one.
func (f *feed) catchUp() bool {
	f.dirty, f.renderedAt = false, time.Now()
	now := render(f.room.doc, f.key)
	event := &viewEvent{feed: f, seq: f.room.gate.assigned}
	changed := now.change(f.room.doc, f.key, &f.last, event)
	f.last = now
	if changed {
		f.room.gate.hold(held{event: event})
	}
	return changed
}

// publish lets the viewers have a change. The caller holds the room's lock.
func (f *feed) publish(e *viewEvent) {
	incarnation := f.room.incarnation()
	e.frame = appendChanges(nil, incarnation, []*viewEvent{e})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.backlog = append(f.backlog, e)
	f.bytes += e.size()
	f.bound = f.bound || e.bound
	f.incarnation = incarnation
	for f.bytes > f.room.srv.limits.ViewBacklogBytes && len(f.backlog) > 1 {
		f.base = f.backlog[0].seq
		f.bytes -= f.backlog[0].size()
		f.backlog[0] = nil
		f.backlog = f.backlog[1:]
	}
	f.wakeViewers()
}

// end ends the stream of every viewer with a refusal.
func (f *feed) end(refusal *ysync.Refusal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = refusal
	f.wakeViewers()
}

// wakeViewers tells everybody who waits that something changed.
func (f *feed) wakeViewers() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// news is what a viewer finds at its position.
type news struct {
	events  []*viewEvent
	lost    bool // the backlog begins after the position
	bound   bool
	ended   *ysync.Refusal
	changed <-chan struct{} // closed when there is more

	incarnation uint64
}

// after returns what was published after seq.
func (f *feed) after(seq uint64) news {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := news{lost: seq < f.base, bound: f.bound, ended: f.ended, changed: f.changed, incarnation: f.incarnation}
	if !n.lost {
		i, _ := slices.BinarySearchFunc(f.backlog, seq+1, func(e *viewEvent, want uint64) int {
			return int(min(max(int64(e.seq)-int64(want), -1), 1))
		})
		n.events = slices.Clone(f.backlog[i:])
	}
	return n
}

// covers reports whether the backlog reaches back to seq.
func (f *feed) covers(seq uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return seq >= f.base
}
