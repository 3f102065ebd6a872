package storage

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// The way of an entry to the disk:
//
//	Append ─→ queue ─→ writer: one Pebble batch, ApplyNoSyncWait ─→ syncing ─→ syncer: SyncWait ─→ mark, durable, callbacks
//
// One goroutine writes and one waits. The writer lets those go first who are
// about to append, and then takes everything that is queued, so a lone entry goes
// at once, by itself, and a crowd goes together. Where Options.Pace says that the
// CPU is short, the next group waits a little for more; there is no other timer.
// Several groups wait for the disk at the same time, and Pebble gives them one
// fsync. The syncer waits for them in the order in which they were written, which
// is what makes a document's durable sequence advance in order.
//
// Pebble lets 4,095 batches wait for a sync (record.SyncConcurrency - 1) and
// blocks the next in Commit. We stay far below: at most maxSyncing groups wait,
// whoever wrote them, and what comes then waits in our queue, where it is
// grouped. Memory of the queue is bounded for each document by its own Append,
// which blocks.
const (
	maxSyncing      = 128
	maxGroupEntries = 4096
	// maxGroupBytes bounds a group of several entries. It stays below the size
	// (half of a write buffer) at which Pebble turns a batch into a table of its
	// own and changes the log file; only a single large entry does that.
	maxGroupBytes = 512 << 10
)

// batchLog is what the pipeline needs of Pebble.
type batchLog interface {
	// apply writes b to the log and makes it visible, without waiting for the disk.
	apply(b *pebble.Batch) error
	// wait waits until b is on disk.
	wait(b *pebble.Batch) error
}

// pebbleLog writes to Pebble with a sync that is waited for later.
type pebbleLog struct{ db *pebble.DB }

// apply also turns a panic into an error: when the log's writer has failed in
// the background, the next record that fills a block panics inside Pebble,
// which then holds its commit lock for ever.
func (l pebbleLog) apply(b *pebble.Batch) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errWedged, r)
		}
	}()
	return l.db.ApplyNoSyncWait(b, pebble.Sync)
}

func (l pebbleLog) wait(b *pebble.Batch) error { return b.SyncWait() }

// request is what one call wants to have written.
type request struct {
	key, value []byte                    // of an entry
	fill       func(*pebble.Batch) error // instead of key and value: anything else
	done       func(error)               // called when durable (nil) or not; may be nil
	advance    advance
}

// size is the request's share of maxGroupBytes, about.
func (r *request) size() int { return len(r.key) + len(r.value) }

// advance is what becomes durable of one document.
type advance struct {
	doc     *docState
	tail    tail
	entries int
	bytes   int64 // of the updates
}

// group is what one batch holds.
type group struct {
	batch    *pebble.Batch
	mark     uint64
	advances []advance
	done     []func(error)
	written  time.Time
}

// pipeline writes requests in the order in which they were queued.
type pipeline struct {
	store *Store
	log   batchLog

	mu     sync.Mutex
	queue  []request
	closed bool
	wake   chan struct{} // holds one token when there may be something to do

	syncing chan *group // its capacity bounds the groups that wait for the disk
	running sync.WaitGroup

	mark     uint64    // of the last group; writer only
	gathered time.Time // when the last group was complete; writer only

	spare []request
}

func newPipeline(s *Store, log batchLog, mark uint64) *pipeline {
	p := &pipeline{
		store: s, log: log, mark: mark,
		wake:    make(chan struct{}, 1),
		syncing: make(chan *group, maxSyncing),
	}
	p.running.Go(p.writeLoop)
	p.running.Go(p.syncLoop)
	return p
}

// put queues r. It must be called with the lock of r's document, so that a
// document's entries are queued in the order of their sequences.
func (p *pipeline) put(r request) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	p.queue = append(p.queue, r)
	p.mu.Unlock()
	p.signal()
	return nil
}

func (p *pipeline) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// close ends the pipeline when all that was queued is durable or has failed.
func (p *pipeline) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.signal()
	p.running.Wait()
}

func (p *pipeline) writeLoop() {
	defer close(p.syncing)
	for range p.wake {
		queued, closed := p.state()
		for ; queued; queued, closed = p.state() {
			p.gather()
			p.write(p.take())
		}
		if closed {
			return
		}
	}
}

// state says whether anything is queued, and whether nothing more can be.
func (p *pipeline) state() (queued, closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue) > 0, p.closed
}

// gather lets those append who are ready to, once something is queued. Woken by the
// first of them, the writer would run before the others, and write a group for each.
func (p *pipeline) gather() {
	runtime.Gosched()
	if p.store.opts.Pace == nil {
		return
	}
	if rest := p.store.opts.Pace() - time.Since(p.gathered); rest > 0 {
		time.Sleep(rest)
	}
	p.gathered = time.Now()
}

// take removes all that is queued.
func (p *pipeline) take() (requests []request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	requests, p.queue = p.queue, p.spare[:0]
	p.spare = nil
	return requests
}

// write sends the requests to the log, in one group or a few.
func (p *pipeline) write(requests []request) {
	for rest := requests; len(rest) > 0; {
		n, size := 1, rest[0].size()
		for n < len(rest) && n < maxGroupEntries && size+rest[n].size() <= maxGroupBytes {
			size += rest[n].size()
			n++
		}
		p.writeGroup(rest[:n], size)
		rest = rest[n:]
	}
	clear(requests)
	if cap(requests) <= maxGroupEntries {
		p.mu.Lock()
		p.spare = requests[:0]
		p.mu.Unlock()
	}
}

func (p *pipeline) writeGroup(requests []request, size int) {
	g := &group{batch: p.store.db.NewBatchWithSize(size + 64*len(requests) + 64)}
	var err error
	for i := range requests {
		r := &requests[i]
		if r.done != nil {
			g.done = append(g.done, r.done)
		}
		if r.fill != nil {
			err = firstError(err, r.fill(g.batch))
		} else {
			err = firstError(err, g.batch.Set(r.key, r.value, nil))
		}
		if r.advance.doc != nil {
			g.advances = merge(g.advances, r.advance)
		}
	}
	g.mark = p.mark + 1
	err = firstError(err, g.batch.Set(markKey, encodeMark(g.mark), nil))
	if err != nil {
		p.store.failure.set(fmt.Errorf("fill a batch: %w", err))
	}
	if err := p.store.failure.get(); err != nil {
		g.finish(err)
		return
	}
	g.written = time.Now()
	p.store.counters.writing.Store(g.written.UnixNano())
	err = p.log.apply(g.batch)
	p.store.counters.writing.Store(0)
	if err != nil {
		p.store.failure.set(fmt.Errorf("write to the log: %w", err))
		g.finish(p.store.failure.get())
		return
	}
	p.mark = g.mark
	p.store.counters.wrote(len(requests))
	p.syncing <- g
}

// merge adds a to the advances of a group, which has one for each document.
// Groups hold few documents or few entries of each, and the same document's
// entries often come one after the other: look at the last few only, two
// advances of one document in a group do no harm.
func merge(list []advance, a advance) []advance {
	for i := len(list) - 1; i >= 0 && i >= len(list)-8; i-- {
		if b := &list[i]; b.doc == a.doc {
			a.entries += b.entries
			a.bytes += b.bytes
			*b = a
			return list
		}
	}
	return append(list, a)
}

func (p *pipeline) syncLoop() {
	for g := range p.syncing {
		p.store.counters.syncing.Store(g.written.UnixNano())
		err := p.log.wait(g.batch)
		p.store.counters.syncing.Store(0)
		if err != nil {
			p.store.failure.set(fmt.Errorf("sync the log: %w", err))
		}
		if err := p.store.failure.get(); err != nil {
			g.finish(err)
			continue
		}
		p.store.mark.advance(g.mark)
		p.store.counters.synced(time.Since(g.written), g.advances)
		for i := range g.advances {
			g.advances[i].doc.advance(g.advances[i])
		}
		// Whoever blocked in Append has been woken before the first callback, so
		// that a callback which waits for such a caller is no deadlock.
		for i := range g.advances {
			g.advances[i].doc.callBack(g.advances[i].tail.seq)
		}
		g.finish(nil)
		if err := g.batch.Close(); err != nil {
			p.store.logger.Error("close a batch of the log", "error", err)
		}
	}
}

// finish tells those who wait in a call how it went.
func (g *group) finish(err error) {
	for _, done := range g.done {
		done(err)
	}
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
