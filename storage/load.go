package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Load calls fn with the entries whose sequence is greater than from, in order,
// up to the durable sequence at the time of the call. Where the log no longer
// reaches back to from, and for from == 0 whenever there is one, the newest
// snapshot comes first, as an Entry with Snapshot set, followed by the entries
// after it.
//
// Checksum, document and sequence of each record are verified; damage or a hole
// is a [*CorruptError], after fn has had the entries before it. An error of fn
// ends Load and is returned as it is. e.Update belongs to Load and is valid only
// until fn returns. While Load runs, Pebble keeps the files that it reads: fn
// should not wait for a peer.
func (d *Document) Load(ctx context.Context, from uint64, fn func(e Entry) error) error {
	if d.closed.Load() {
		return fmt.Errorf("load document %q: %w", d.state.meta.name, ErrClosed)
	}
	err := d.state.load(ctx, from, fn)
	var own *callerError
	if errors.As(err, &own) {
		return own.err
	}
	if err != nil {
		return fmt.Errorf("load document %q: %w", d.state.meta.name, err)
	}
	return nil
}

// callerError carries an error of the caller's function through.
type callerError struct{ err error }

func (e *callerError) Error() string { return e.err.Error() }

func (st *docState) load(ctx context.Context, from uint64, fn func(Entry) error) error {
	s := st.store
	if err := s.begin(); err != nil {
		return err
	}
	defer s.reading.Done()
	if st.deleted.Load() {
		return ErrDeleted
	}
	end := st.durable.Load()
	if from >= end {
		return nil
	}
	err := st.loadUpTo(ctx, from, end, fn)
	if st.deleted.Load() && errors.Is(err, ErrCorruptDocument) {
		return ErrDeleted // what is missing went away meanwhile
	}
	return err
}

// loadUpTo is load with the durable sequence as it was when Load was called.
func (st *docState) loadUpTo(ctx context.Context, from, end uint64, fn func(Entry) error) (err error) {
	s, id := st.store, st.meta.id
	// One iterator over snapshots and entries sees both as of one moment, also
	// while Compact replaces the ones by the other.
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{
		LowerBound: documentKey(id, kindSnapshot), UpperBound: sequencedKey(id, kindEntry, end+1),
	})
	if err != nil {
		return s.damaged(st.meta.name, 0, "records", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	l := loader{st: st, it: it, fn: fn, end: end, last: from}
	if err := l.start(from); err != nil {
		return err
	}
	return l.entries(ctx)
}

// loader streams one document.
type loader struct {
	st    *docState
	it    *pebble.Iterator
	fn    func(Entry) error
	end   uint64 // last sequence to deliver
	last  uint64 // last sequence delivered, or skipped by the caller's wish
	total uint64 // bytes of all updates up to last, when known
	known bool
}

// start delivers the snapshot, if the stream has to begin with it, and leaves
// the iterator at the first entry to deliver.
func (l *loader) start(from uint64) error {
	st := l.st
	l.known = from == 0
	if from > 0 {
		if l.it.SeekGE(sequencedKey(st.meta.id, kindEntry, from+1)) {
			seq, err := keySequence(l.it.Key())
			if err == nil && seq == from+1 {
				return nil
			}
		}
	}
	if l.it.SeekLT(documentKey(st.meta.id, kindEntry)) {
		if err := l.snapshot(from); err != nil {
			return err
		}
	}
	l.it.SeekGE(sequencedKey(st.meta.id, kindEntry, l.last+1))
	return nil
}

// snapshot delivers the snapshot at the iterator, if it is after from.
func (l *loader) snapshot(from uint64) error {
	st, s := l.st, l.st.store
	snapshot, payload, err := snapshotAt(l.it, st.meta.id)
	if err != nil {
		return s.damaged(st.meta.name, snapshot.seq, "snapshot", err)
	}
	if durable := st.durable.Load(); snapshot.seq > durable {
		return s.damaged(st.meta.name, snapshot.seq, "snapshot",
			badRecord("it is ahead of the durable sequence %d", durable))
	}
	// Rare: the document was compacted after end was read and before the
	// iterator saw the records. What is durable has grown up to there.
	l.end = max(l.end, snapshot.seq)
	if snapshot.seq > from {
		state, err := unpackState(payload, snapshot.encoding)
		if err != nil {
			return s.damaged(st.meta.name, snapshot.seq, "snapshot", err)
		}
		e := Entry{Seq: snapshot.seq, Time: snapshot.modified, Update: state, Snapshot: true}
		if err := l.fn(e); err != nil {
			return &callerError{err}
		}
		l.last, l.total, l.known = snapshot.seq, snapshot.total, true
	}
	return nil
}

// entries delivers the entries from the iterator's place to the end.
func (l *loader) entries(ctx context.Context) error {
	st, s := l.st, l.st.store
	for ; l.it.Valid() && l.last < l.end; l.it.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		record, update, err := entryAt(l.it, st.meta.id)
		switch {
		case err != nil:
			return s.damaged(st.meta.name, record.seq, "entry", err)
		case record.seq != l.last+1:
			return s.damaged(st.meta.name, l.last+1, "entry",
				badRecord("it is missing, the next is %d", record.seq))
		case l.known && record.total != l.total+uint64(len(update)):
			return s.damaged(st.meta.name, record.seq, "entry",
				badRecord("it ends at byte %d of the log, should at %d", record.total, l.total+uint64(len(update))))
		}
		l.last, l.total, l.known = record.seq, record.total, true
		e := Entry{
			Seq: record.seq, Time: record.time, Connection: record.connection,
			User: record.user, Update: update,
		}
		if err := l.fn(e); err != nil {
			return &callerError{err}
		}
	}
	if err := l.it.Error(); err != nil {
		return s.damaged(st.meta.name, l.last+1, "entry", err)
	}
	if l.last != l.end {
		return s.damaged(st.meta.name, l.last+1, "entry",
			badRecord("it is missing, the log ends before the durable sequence %d", l.end))
	}
	return nil
}
