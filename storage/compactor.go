package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Merge makes the encoded state of a document from its log: load streams the
// newest snapshot and the entries after it, as [Document.Load] does, and may be
// called again. Merge has to verify what it made, with all that waits for its
// base in it, before it returns: the state replaces the entries. name is for
// messages.
type Merge func(ctx context.Context, name string, load func(fn func(Entry) error) error) (state []byte, err error)

// CompactionOptions say when [Store.StartCompaction] compacts a document. The
// zero value has the defaults; a negative Bytes, Entries or Age is never reached.
type CompactionOptions struct {
	// Bytes of updates since the last snapshot. 0 is 1 MiB. A document whose
	// snapshot is larger waits until its log has as many bytes, so that what is
	// written for snapshots stays a small multiple of what is appended.
	Bytes int64
	// Entries since the last snapshot. 0 is 8,192.
	Entries int64
	// Age of the last entry, when there are at least 16 since the last snapshot:
	// a document that came to rest is made quick to load. 0 is 1 h. Unless it is
	// negative, one with 256 may be sooner, see [Document.CompactSoon].
	Age time.Duration
	// Sweep is the time between two looks at all documents, which find what is due
	// by age, and what a process before this one left. 0 is 15 min.
	Sweep time.Duration
	// KeepDeleted is for how long a document that was deleted softly can be
	// undeleted; a sweep after that erases it, see [Store.Erase]. 0 is 7 days;
	// negative keeps it for ever.
	KeepDeleted time.Duration
	// BytesPerSecond bounds what is read for compactions. 0 is 8 MiB/s.
	BytesPerSecond int
}

// How many entries make it worth while to compact a document at rest, and one that
// is asked for, see [Document.CompactSoon].
const (
	agedEntries  = 16
	askedEntries = 256
)

func (o CompactionOptions) withDefaults() CompactionOptions {
	if o.Bytes == 0 {
		o.Bytes = 1 << 20
	}
	if o.Entries == 0 {
		o.Entries = 8192
	}
	if o.Age == 0 {
		o.Age = time.Hour
	}
	if o.Sweep <= 0 {
		o.Sweep = 15 * time.Minute
	}
	if o.KeepDeleted == 0 {
		o.KeepDeleted = 7 * 24 * time.Hour
	}
	if o.BytesPerSecond <= 0 {
		o.BytesPerSecond = 8 << 20
	}
	return o
}

// grown reports whether a document is due by its size.
func (o *CompactionOptions) grown(t tail, s snapshotPlace) bool {
	return o.due(int64(t.seq-s.seq), int64(t.total-s.total), s.bytes)
}

func (o *CompactionOptions) due(entries, log, snapshot int64) bool {
	return o.Bytes > 0 && entries > 1 && log >= max(o.Bytes, snapshot) || o.Entries > 0 && entries >= o.Entries
}

// Due reports whether a document is to be compacted: by its size, or because nobody
// has written to it for a while.
func (o CompactionOptions) Due(d DocumentInfo, now time.Time) bool {
	o = o.withDefaults()
	rested := o.Age > 0 && d.LogEntries >= agedEntries && now.Sub(d.Modified) >= o.Age
	return rested || o.due(d.LogEntries, d.LogBytes, d.Bytes-d.LogBytes)
}

// compactor compacts what is due, one document after the other.
type compactor struct {
	store *Store
	opts  CompactionOptions
	merge Merge
	rate  *rate.Limiter

	mu     sync.Mutex
	due    map[string]bool      // true: somebody asked
	wake   chan struct{}        // holds a token when there may be something due
	failed map[string]time.Time // not before; used by the loop alone
}

// StartCompaction compacts documents in the background, one at a time, as o says.
// An append never waits for it but for the moment in which the finished snapshot
// is written. A document that cannot be merged is logged, left as it is, and
// tried again after a sweep. stop ends it and waits; call it before
// [Store.Close]. A store has one at a time: a second takes the place of the first,
// which has to be stopped all the same.
func (s *Store) StartCompaction(o CompactionOptions, merge Merge) (stop func()) {
	o = o.withDefaults()
	c := &compactor{
		store: s, opts: o, merge: merge, rate: rate.NewLimiter(rate.Limit(o.BytesPerSecond), o.BytesPerSecond),
		due: make(map[string]bool), wake: make(chan struct{}, 1), failed: make(map[string]time.Time),
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	s.compactor.Store(c)
	go func() {
		defer close(ended)
		c.loop(ctx)
	}()
	return func() {
		s.compactor.CompareAndSwap(c, nil)
		cancel()
		<-ended
	}
}

// CompactSoon tells the background compaction that the log was just merged for a
// reader, or will have to be for the next one, because nobody holds the document in
// memory any more. Once compacted it need not be, so a document with 256 entries or
// more since its snapshot is compacted when its turn comes, in a tenth of the time.
// A document whose history is kept is not: each snapshot would stay.
// Without a background compaction nothing happens; one that starts asks for all.
func (d *Document) CompactSoon() {
	c := d.state.store.compactor.Load()
	if c != nil {
		c.ask(d.Info())
	}
}

// ask notes a document that need not wait for its age, because its log is long.
func (c *compactor) ask(d DocumentInfo) {
	if c.opts.Age > 0 && d.LogEntries >= askedEntries {
		c.note(d.Name, true)
	}
}

// note says that a document is due, or that somebody asked. It does not block.
func (c *compactor) note(name string, asked bool) {
	c.mu.Lock()
	c.due[name] = c.due[name] || asked
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *compactor) take() (name string, asked, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, asked := range c.due {
		delete(c.due, name)
		return name, asked, true
	}
	return "", false, false
}

func (c *compactor) loop(ctx context.Context) {
	ticker := time.NewTicker(c.opts.Sweep)
	defer ticker.Stop()
	c.sweep(ctx, true)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.sweep(ctx, false)
		case <-c.wake:
			for name, asked, ok := c.take(); ok && ctx.Err() == nil; name, asked, ok = c.take() {
				began := time.Now()
				c.try(ctx, name, asked)
				if asked {
					c.rest(ctx, time.Since(began))
				}
			}
		}
	}
}

// What was only asked for has a tenth of the time, because it is asked for while many
// come: nine times as long as it took, and no longer than mostRest, nothing is done.
const (
	restShare = 9
	mostRest  = 5 * time.Second
)

// rest waits after a compaction that was asked for.
func (c *compactor) rest(ctx context.Context, took time.Duration) {
	t := time.NewTimer(min(restShare*took, mostRest))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// sweep looks at all documents. The first one finds long logs that the process before
// held in memory to its end: they are compacted as if somebody asked.
func (c *compactor) sweep(ctx context.Context, first bool) {
	now := time.Now()
	for name, until := range c.failed {
		if now.After(until) {
			delete(c.failed, name)
		}
	}
	for after := ""; ctx.Err() == nil; {
		list, err := c.store.Documents(ctx, after, maxList)
		if err != nil {
			c.report("look for documents to compact", "", err)
			return
		}
		for _, d := range list {
			after = d.Name
			switch {
			case d.Damage != nil:
			case c.opts.Due(d, c.store.opts.Now()):
				c.try(ctx, d.Name, false)
			case first:
				c.ask(d)
			}
		}
		if len(list) < maxList {
			break
		}
	}
	if ctx.Err() == nil {
		c.expire(ctx)
	}
}

// expire erases what was deleted long enough ago.
func (c *compactor) expire(ctx context.Context) {
	if c.opts.KeepDeleted < 0 {
		return
	}
	n, err := c.store.EraseDeleted(ctx, c.store.opts.Now().Add(-c.opts.KeepDeleted))
	if err != nil {
		c.report("erase deleted documents", "", err)
	}
	if n > 0 {
		c.store.logger.Info("erased deleted documents", "documents", n)
	}
}

// try compacts one document if it is due.
func (c *compactor) try(ctx context.Context, name string, asked bool) {
	if time.Now().Before(c.failed[name]) {
		return
	}
	if err := c.compact(ctx, name, asked); err != nil {
		c.failed[name] = time.Now().Add(c.opts.Sweep)
		c.report("compact", name, err)
	}
}

func (c *compactor) compact(ctx context.Context, name string, asked bool) error {
	d, err := c.store.Document(ctx, name, false)
	if err != nil {
		return err
	}
	defer d.Close()
	info := d.Info()
	if !c.opts.Due(info, c.store.opts.Now()) {
		if !asked || info.LogEntries < askedEntries {
			return nil // somebody was faster
		}
		if h, err := d.History(); err != nil || h.On {
			return err
		}
	}
	for left := info.Bytes; left > 0; left -= int64(c.opts.BytesPerSecond) {
		if err := c.rate.WaitN(ctx, int(min(left, int64(c.opts.BytesPerSecond)))); err != nil {
			return fmt.Errorf("wait for the rate: %w", err)
		}
	}
	began := time.Now()
	seq, err := d.Merge(ctx, c.merge)
	if err != nil {
		return err
	}
	after := d.Info()
	c.store.logger.Debug("compacted", "document", name, "sequence", seq, "entries", info.LogEntries,
		"bytes_before", info.Bytes, "bytes_after", after.Bytes, "took", time.Since(began))
	return nil
}

// report logs what went wrong, unless it is the end or somebody else's matter.
func (c *compactor) report(what, name string, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, ErrClosed) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrDeleted) {
		return
	}
	c.store.counters.compactErrors.Add(1)
	c.store.logger.Error(what, "document", name, "error", err)
}

// Merge has merge make the state of the document as it is now on disk, and
// compacts to it, see [Document.Compact]. It returns the sequence of the
// snapshot; when nothing came since the newest one, that one's. A document is
// merged once at a time: a second call waits for the first, whoever makes it,
// and has what came meanwhile.
func (d *Document) Merge(ctx context.Context, merge Merge) (seq uint64, err error) {
	d.state.merging.Lock()
	defer d.state.merging.Unlock()
	seq = d.Durable()
	if d.Info().Snapshot >= seq {
		return d.Info().Snapshot, nil
	}
	name := d.state.meta.name
	state, err := merge(ctx, name, func(fn func(Entry) error) error {
		err := d.Load(ctx, 0, func(e Entry) error {
			if e.Seq > seq {
				if e.Snapshot {
					return fmt.Errorf("document %q was compacted by somebody else meanwhile", name)
				}
				return errEnough
			}
			return fn(e)
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("merge document %q: %w", name, err)
	}
	return seq, d.Compact(ctx, seq, state)
}

// errEnough ends a Load behind the last entry that is wanted.
var errEnough = errors.New("enough")
