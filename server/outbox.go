package server

import "sync"

// outbox is what waits to be sent to one connection. It is bounded by dropping what can be had again: updates are read
// from the log later, awareness is asked for again; replies are never dropped, and bounded by not reading a client that
// has too many coming.
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
	bytes    int // of the frames in queue
	maxBytes int
	maxCount int

	sent    uint64 // the last sequence that was taken to be sent, or that the connection began after
	behind  bool   // updates after sent were dropped
	resyncs uint64 // how often that happened

	missed map[uint64]struct{} // awareness ids whose news were dropped

	owed    int           // replies that are coming or waiting
	owedBy  int           // their bytes
	settled chan struct{} // closed when the reader may go on; nil while it does not wait

	writing bool // a goroutine writes, or is about to
	closed  bool
	writers sync.WaitGroup // counts that goroutine; after close it only falls
}

// parcel is one frame in an outbox.
type parcel struct {
	frame []byte
	kind  parcelKind
	seq   uint64   // of an update: the sequence that the frame ends at
	ids   []uint64 // of awareness: whom it is about
}

// parcelKind says what may be done with a parcel when there is too much.
type parcelKind uint8

const (
	replyParcel     parcelKind = iota // must be sent
	updateParcel                      // may be dropped, and read from the log later
	awarenessParcel                   // may be dropped, and asked for again later
	keepAliveParcel                   // sent when nothing else waits
)

// push adds a parcel and reports whether a goroutine has to be started that takes it out again.
func (o *outbox) push(p parcel) (start bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	switch {
	case p.kind == keepAliveParcel && o.writing:
		return false
	case p.kind == updateParcel && o.behind:
		return o.start()
	case p.kind == updateParcel && p.seq <= o.sent:
		return false
	}
	o.queue = append(o.queue, p)
	o.bytes += len(p.frame)
	if o.bytes > o.maxBytes || len(o.queue) > o.maxCount {
		o.drop()
	}
	return o.start()
}

// start claims the writing, if nobody writes yet. Who claims it has to start a goroutine that ends with writers.Done.
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
			if !o.behind {
				o.behind = true
				o.resyncs++
			}
		case awarenessParcel:
			if o.missed == nil {
				o.missed = make(map[uint64]struct{})
			}
			for _, id := range p.ids {
				o.missed[id] = struct{}{}
			}
		case replyParcel:
			kept = append(kept, p)
			o.bytes += len(p.frame)
		}
	}
	clear(o.queue[len(kept):])
	o.queue = kept
}

// errand is what the writer has to do next.
type errand struct {
	parcel parcel
	repair bool     // read the updates after the sequence from the log
	after  uint64   // that sequence
	ids    []uint64 // encode the awareness of these
}

// take returns what is to be done next. It reports false when there is nothing, and then the writer has to end: the
// next push starts another.
func (o *outbox) take() (errand, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
	case len(o.queue) > 0:
		p := o.queue[0]
		o.queue[0] = parcel{}
		o.queue = o.queue[1:]
		o.bytes -= len(p.frame)
		if p.kind == updateParcel {
			o.sent = p.seq
		}
		return errand{parcel: p}, true
	case o.behind:
		return errand{repair: true, after: o.sent}, true
	case len(o.missed) > 0:
		e := errand{ids: make([]uint64, 0, len(o.missed))}
		for id := range o.missed {
			e.ids = append(e.ids, id)
		}
		o.missed = nil
		return e, true
	}
	o.queue = nil // an idle connection keeps no queue
	o.writing = false
	return errand{}, false
}

// caughtUp notes that the updates up to seq were sent from the log. With level set nothing is missing any more, and
// updates are queued again from here on; the caller holds the lock of the room, so that none comes in between.
func (o *outbox) caughtUp(seq uint64, level bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = max(o.sent, seq)
	if level {
		o.behind = false
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
	o.owed--
	o.owedBy -= n
	if o.settled != nil && !o.overdrawn() {
		close(o.settled)
		o.settled = nil
	}
}

// maxOwed is how many replies may be coming to one connection before it is not read any more.
const maxOwed = 256

// overdrawn reports whether too much is owed for more to be asked for. One reply of any size is let through.
func (o *outbox) overdrawn() bool {
	return !o.closed && (o.owed > maxOwed || o.owed > 1 && o.owedBy > o.maxBytes)
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
	o.queue, o.bytes, o.missed = nil, 0, nil
	if o.settled != nil {
		close(o.settled)
		o.settled = nil
	}
}

// idle reports whether nothing waits and nobody writes.
func (o *outbox) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed || !o.writing && len(o.queue) == 0 && o.owed == 0
}
