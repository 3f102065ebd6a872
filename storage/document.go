package storage

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Entry is one update in the log of a document.
type Entry struct {
	Seq        uint64    // 1, 2, 3 … without a hole; given by Append
	Time       time.Time // zero: now
	Connection uuid.UUID // of the connection that brought it; zero: the server itself
	User       string    // at most MaxUserBytes
	Update     []byte    // at most MaxUpdateBytes
	Snapshot   bool      // from Load: Update is the whole document up to and including Seq
}

// Document is a handle on one document, from [Store.Document]. It is safe for
// concurrent use.
type Document struct {
	state     *docState
	onDurable atomic.Pointer[func(uint64)]
	closed    atomic.Bool
}

// Info describes the document. Modified, Last and Bytes are those of the last
// durable entry.
func (d *Document) Info() DocumentInfo { return d.state.info() }

// Append puts e at the end of the document's log and returns its sequence,
// without waiting for the disk: e is durable when [Document.Durable] has reached
// that sequence. e.Update is copied. e.Seq and e.Snapshot are ignored.
//
// It blocks while more than [Options.MaxWaitingBytes] of this document wait for
// the disk. Errors: [ErrNoSpace], [ErrTooLarge], [ErrFailed], [ErrClosed]; then
// nothing was written and no sequence was used. Check with [Store.Writable]
// before applying what is to be appended.
func (d *Document) Append(e Entry) (seq uint64, err error) {
	switch {
	case d.closed.Load():
		return 0, fmt.Errorf("append: %w", ErrClosed)
	case len(e.Update) > MaxUpdateBytes:
		return 0, fmt.Errorf("append update of %d bytes, at most %d: %w", len(e.Update), MaxUpdateBytes, ErrTooLarge)
	case len(e.User) > MaxUserBytes:
		return 0, fmt.Errorf("append entry with a user of %d bytes, at most %d: %w", len(e.User), MaxUserBytes, ErrTooLarge)
	}
	if e.Time.IsZero() {
		e.Time = d.state.store.opts.Now()
	}
	return d.state.append(e)
}

// Durable returns the last sequence that is on disk. It costs an atomic load.
func (d *Document) Durable() uint64 { return d.state.durable.Load() }

// Last returns the last sequence given, durable or not.
func (d *Document) Last() uint64 {
	d.state.mu.Lock()
	defer d.state.mu.Unlock()
	return d.state.last
}

// OnDurable sets the function that is called, after each fsync that advanced
// the durable sequence of this document, with the new value (which may have
// grown by more than one). Calls come in order and never two at once for one
// document. Advances before OnDurable returned are not reported: ask
// [Document.Durable] after it. A nil fn ends the calls, as Close does; one that
// has begun may still be running.
//
// All documents share the goroutine that calls fn: it must not block, nor take
// long, and so not call Append; it may call Durable, Last and Close.
func (d *Document) OnDurable(fn func(seq uint64)) {
	if fn == nil || d.closed.Load() {
		d.onDurable.Store(nil)
		return
	}
	d.onDurable.Store(&fn)
}

// Compact replaces the entries up to and including seq by a snapshot: the
// encoded state of the document after entry seq, pending structs and deletes
// included, which the caller has made and verified. It is one atomic batch, and
// durable when Compact returns. The snapshot before it and the entries since
// then are kept (one generation); what is older is deleted. Appends go on
// meanwhile. state is not kept.
//
// seq must be durable and greater than that of the newest snapshot. Errors:
// [ErrNoSpace], [ErrTooLarge], [ErrFailed], [ErrClosed], [ErrCorruptDocument].
func (d *Document) Compact(ctx context.Context, seq uint64, state []byte) error {
	if d.closed.Load() {
		return fmt.Errorf("compact: %w", ErrClosed)
	}
	if len(state) > MaxUpdateBytes {
		return fmt.Errorf("compact to a state of %d bytes, at most %d: %w", len(state), MaxUpdateBytes, ErrTooLarge)
	}
	if err := d.state.compact(ctx, seq, state); err != nil {
		return fmt.Errorf("compact document %q: %w", d.state.meta.name, err)
	}
	return nil
}

// Close gives the handle back and ends its OnDurable calls. What was appended
// becomes durable all the same. A second Close does nothing.
func (d *Document) Close() {
	if d.closed.Swap(true) {
		return
	}
	d.onDurable.Store(nil)
	d.state.store.release(d)
}
