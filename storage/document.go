package storage

import (
	"context"
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
// concurrent use; sequences are given in the order in which Append is entered.
type Document struct{}

// Info describes the document. Modified, Last and Bytes are those of the last
// durable entry.
func (d *Document) Info() DocumentInfo { return DocumentInfo{} }

// Append puts e at the end of the document's log and returns its sequence,
// without waiting for the disk: e is durable when [Document.Durable] has reached
// that sequence. e.Update is copied. e.Seq and e.Snapshot are ignored.
//
// It blocks while more than [Options.MaxWaitingBytes] of this document wait for
// the disk. Errors: [ErrNoSpace], [ErrTooLarge], [ErrFailed], [ErrClosed]; then
// nothing was written and no sequence was used. Check with [Store.Writable]
// before applying what is to be appended.
func (d *Document) Append(e Entry) (seq uint64, err error) { return 0, errSkeleton }

// Durable returns the last sequence that is on disk.
func (d *Document) Durable() uint64 { return 0 }

// Last returns the last sequence given, durable or not.
func (d *Document) Last() uint64 { return 0 }

// OnDurable sets the function that is called, after each fsync that advanced
// the durable sequence of this document, with the new value (which may have
// grown by more than one). Calls come in order and never two at once for one
// document. Advances before OnDurable returned are not reported: ask
// [Document.Durable] after it. A nil fn ends the calls, as Close does; one that
// has begun may still be running.
//
// All documents share the goroutine that calls fn: it must not block, nor take
// long; it may call Append, Durable, Last and Close.
func (d *Document) OnDurable(fn func(seq uint64)) {}

// Load calls fn with the entries whose sequence is greater than from, in order,
// up to the durable sequence at the time of the call. Where the log no longer
// reaches back to from, and for from == 0 whenever there is one, the newest
// snapshot comes first, as an Entry with Snapshot set.
//
// Checksum, document and sequence of each record are verified; damage or a hole
// is a [*CorruptError], after fn has had the entries before it. An error of fn
// ends Load and is returned as it is. e.Update belongs to Load and is valid only
// until fn returns.
func (d *Document) Load(ctx context.Context, from uint64, fn func(e Entry) error) error {
	return errSkeleton
}

// Compact replaces the entries up to and including seq by a snapshot: the
// encoded state of the document after entry seq, pending structs and deletes
// included, which the caller has made and verified. It is one atomic batch, and
// durable when Compact returns. The snapshot before it and the entries since
// then are kept (one generation); what is older is deleted.
//
// seq must be durable and greater than that of the newest snapshot.
func (d *Document) Compact(ctx context.Context, seq uint64, state []byte) error {
	return errSkeleton
}

// Close gives the handle back and ends its OnDurable calls. What was appended
// becomes durable all the same. A second Close does nothing.
func (d *Document) Close() {}
