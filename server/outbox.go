package server

import (
	"slices"
	"sync"
)

// outbox is what waits to be sent to one connection, for all of its sessions. It is bounded by dropping what can be had
// again: updates are read from the log later, awareness is asked for again; replies are never dropped, and bounded by not
// reading a client that has too many coming. Sync statuses are kept as numbers: many that say the same take one place in
// the queue. They do not overtake what was queued before, because a provider takes the last for the end of its greeting.
//
//	            push                        take
//	room ──▶ [update 7][reply][update 8] ──────▶ writer
//	             │ too much
//	             ▼
//	         behind: sent = 6, replies stay ──▶ writer reads 7… from the log until it has caught up
//
// Frames are shared among outboxes and never written into. The lock is held for no more than the moving of slices.
type outbox struct {
	mu       sync.Mutex
	queue    []parcel
	first    [1]parcel // where the queue begins: mostly a frame is sent before the next comes
	bytes    int       // of the frames in queue
	maxBytes int
	maxCount int

	lacking  []*session // that are behind, or missed awareness
	statuses int        // sync statuses that wait

	owed    int           // replies that are coming or waiting
	owedBy  int           // their bytes
	settled chan struct{} // closed when the reader may go on; nil while it does not wait

	writing bool // the senders have the connection, or a goroutine that goes on from there
	closed  bool
	writers sync.WaitGroup // counts them; after close it only falls
}

// mailbox is what an outbox knows about one session.
type mailbox struct {
	room     *room               // nil while the session is in none: nothing but notices is sent then
	sent     uint64              // the last sequence that was taken to be sent, or that the session began after
	behind   bool                // updates after sent were dropped
	missed   map[uint64]struct{} // awareness ids whose news were dropped
	lacks    bool                // the session is listed in lacking
	statuses []statuses          // each with its place in the queue
}

// statuses is a number of sync statuses that say the same.
type statuses struct {
	applied bool
	n       int
}

// parcel is one frame in an outbox.
type parcel struct {
	to    *session // nil for a frame that is for the whole connection
	frame []byte   // without the address of the session
	kind  parcelKind
	seq   uint64   // of an update: the sequence that the frame ends at
	ids   []uint64 // of awareness: whom it is about
}

// parcelKind says what may be done with a parcel when there is too much.
type parcelKind uint8

const (
	replyParcel     parcelKind = iota // must be sent, unless the session is refused
	noticeParcel                      // must be sent
	updateParcel                      // may be dropped, and read from the log later
	awarenessParcel                   // may be dropped, and asked for again later
	statelessParcel                   // may be dropped
	statusParcel                      // the place of sync statuses, which are in the mailbox; must be sent
	keepAliveParcel                   // sent when nothing else waits
)

// enter opens the mailbox of a session that has joined a room, which has sent the update seq already.
func (o *outbox) enter(s *session, r *room, seq uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s.mail = mailbox{room: r, sent: seq}
}

// forget drops everything that waits for a session, but for notices.
func (o *outbox) forget(s *session) {
	o.mu.Lock()
	defer o.mu.Unlock()
	kept := o.queue[:0]
	for _, p := range o.queue {
		switch {
		case p.to != s || p.kind == noticeParcel:
			kept = append(kept, p)
			continue
		case p.kind == replyParcel:
			o.pay(len(p.frame))
		}
		o.bytes -= len(p.frame)
	}
	clear(o.queue[len(kept):])
	o.queue = kept
	for _, run := range s.mail.statuses {
		o.statuses -= run.n
	}
	o.lacking = without(o.lacking, s)
	s.mail = mailbox{}
}

// without returns list without s.
func without(list []*session, s *session) []*session {
	return slices.DeleteFunc(list, func(other *session) bool { return other == s })
}

// push adds a parcel and reports whether the connection has to be given to the senders, who take it out again.
func (o *outbox) push(p parcel) (start bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	switch {
	case p.kind == keepAliveParcel && o.writing:
		return false
	case p.kind == noticeParcel, p.kind == keepAliveParcel:
	case p.to.mail.room == nil:
		if p.kind == replyParcel {
			o.pay(len(p.frame))
		}
		return false
	case p.kind == updateParcel && p.to.mail.behind:
		return o.start()
	case p.kind == updateParcel && p.seq <= p.to.mail.sent:
		return false
	}
	o.add(p)
	if o.bytes > o.maxBytes || len(o.queue) > o.maxCount {
		o.drop()
	}
	return o.start()
}

// acknowledge adds n sync statuses for a session and reports whether the connection has to be given to the
// senders, who take them out again.
func (o *outbox) acknowledge(s *session, applied bool, n int) (start bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || s.mail.room == nil {
		return false
	}
	m := &s.mail
	if last := len(m.statuses) - 1; last >= 0 && m.statuses[last].applied == applied {
		m.statuses[last].n += n
	} else {
		m.statuses = append(m.statuses, statuses{applied, n})
		o.add(parcel{to: s, kind: statusParcel})
	}
	o.statuses += n
	return o.start()
}

// add appends a parcel to the queue.
func (o *outbox) add(p parcel) {
	if o.queue == nil {
		o.queue = o.first[:0]
	}
	o.queue = append(o.queue, p)
	o.bytes += len(p.frame)
}

// start claims the writing, if nobody writes yet. Who claims it has to give the connection to the senders, whose work on
// it ends with writers.Done.
func (o *outbox) start() bool {
	if o.writing {
		return false
	}
	o.writing = true
	o.writers.Add(1)
	return true
}

// drop takes everything out of the queue that can be had again.
func (o *outbox) drop() {
	kept := o.queue[:0]
	o.bytes = 0
	for _, p := range o.queue {
		switch p.kind {
		case updateParcel:
			p.to.mail.behind = true
			o.lack(p.to)
		case awarenessParcel:
			if p.to.mail.missed == nil {
				p.to.mail.missed = make(map[uint64]struct{})
			}
			for _, id := range p.ids {
				p.to.mail.missed[id] = struct{}{}
			}
			o.lack(p.to)
		case replyParcel, noticeParcel, statusParcel:
			kept = append(kept, p)
			o.bytes += len(p.frame)
		}
	}
	clear(o.queue[len(kept):])
	o.queue = kept
}

// lack lists a session as one that lacks something.
func (o *outbox) lack(s *session) {
	if !s.mail.lacks {
		s.mail.lacks = true
		o.lacking = append(o.lacking, s)
	}
}

// errand is what the writer has to do next.
type errand struct {
	parcel parcel
	status bool     // send the sync status applied to parcel.to
	repair bool     // read the updates of the room after the sequence from the log
	after  uint64   // that sequence
	ids    []uint64 // encode the awareness of these in the room
	room   *room

	applied bool
}

// take returns what is to be done next. It reports false when there is nothing, and then the writer has to end: the
// next push starts another.
func (o *outbox) take() (errand, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	e, ok := o.pick()
	if !ok {
		o.lacking = nil
		o.writing = false
	}
	return e, ok
}

// more is take for a writer that has something in hand which is not written yet: it does not end when there is nothing
// more to be added, for then nothing could be written before it by another.
func (o *outbox) more() (errand, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pick()
}

// pick is take with the lock held.
func (o *outbox) pick() (errand, bool) {
	switch {
	case o.closed:
	case len(o.queue) > 0 && o.queue[0].kind == statusParcel:
		return o.takeStatus(o.queue[0].to), true
	case len(o.queue) > 0:
		p := o.next()
		if p.kind == updateParcel {
			p.to.mail.sent = p.seq
		}
		return errand{parcel: p}, true
	case len(o.lacking) > 0:
		return o.takeLacking(), true
	}
	return errand{}, false
}

// next takes the first parcel out of the queue.
func (o *outbox) next() parcel {
	p := o.queue[0]
	o.queue[0] = parcel{}
	if o.queue = o.queue[1:]; len(o.queue) == 0 {
		o.queue = nil // an idle connection keeps none
	}
	o.bytes -= len(p.frame)
	return p
}

// takeStatus takes one sync status of a session whose statuses are the first in the queue.
func (o *outbox) takeStatus(s *session) errand {
	o.statuses--
	run := &s.mail.statuses[0]
	applied := run.applied
	if run.n--; run.n == 0 {
		s.mail.statuses = append(s.mail.statuses[:0], s.mail.statuses[1:]...)
		o.next()
	}
	if o.settled != nil && !o.overdrawn() {
		o.settle()
	}
	return errand{parcel: parcel{to: s}, status: true, applied: applied}
}

// takeLacking takes what the first session that lacks something is to be sent, updates before awareness. Sessions take
// turns.
func (o *outbox) takeLacking() errand {
	s := o.lacking[0]
	o.lacking = append(o.lacking[:0], o.lacking[1:]...)
	m := &s.mail
	if m.behind { // until it has caught up
		o.lacking = append(o.lacking, s)
		return errand{parcel: parcel{to: s}, repair: true, after: m.sent, room: m.room}
	}
	e := errand{parcel: parcel{to: s}, ids: make([]uint64, 0, len(m.missed)), room: m.room}
	for id := range m.missed {
		e.ids = append(e.ids, id)
	}
	m.missed, m.lacks = nil, false
	return e
}

// caughtUp notes that the updates up to seq were sent to a session from the log. With level set nothing is missing any
// more, and updates are queued again from here on; the caller holds the lock of the room, so that none comes in between.
func (o *outbox) caughtUp(s *session, seq uint64, level bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	m := &s.mail
	m.sent = max(m.sent, seq)
	if !level || !m.behind {
		return
	}
	m.behind = false
	if len(m.missed) == 0 {
		m.lacks = false
		o.lacking = without(o.lacking, s)
	}
}

// owe notes that a reply of n bytes is coming, which may have to wait for the disk first.
func (o *outbox) owe(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.owed++
	o.owedBy += n
}

// paid notes that a reply of n bytes has been sent.
func (o *outbox) paid(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pay(n)
}

// pay is paid with the lock held.
func (o *outbox) pay(n int) {
	o.owed--
	o.owedBy -= n
	if o.settled != nil && !o.overdrawn() {
		o.settle()
	}
}

// settle lets the reader go on.
func (o *outbox) settle() {
	close(o.settled)
	o.settled = nil
}

// maxOwed is how many replies may be coming to one connection before it is not read any more.
const maxOwed = 256

// overdrawn reports whether too much is owed for more to be asked for. One reply of any size is let through.
func (o *outbox) overdrawn() bool {
	return !o.closed && (o.owed > maxOwed || o.owed > 1 && o.owedBy > o.maxBytes || o.statuses > o.maxCount)
}

// mayRead returns nil when the connection may be read, or else a channel that is closed when it may.
func (o *outbox) mayRead() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.overdrawn() {
		return nil
	}
	if o.settled == nil {
		o.settled = make(chan struct{})
	}
	return o.settled
}

// close throws away what waits. Nothing is taken in or given out after it.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.queue, o.bytes, o.lacking, o.statuses = nil, 0, nil, 0
	if o.settled != nil {
		o.settle()
	}
}

// idle reports whether nothing waits and nobody writes.
func (o *outbox) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed || !o.writing && len(o.queue) == 0 && o.owed == 0 && o.statuses == 0
}
