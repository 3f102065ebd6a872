package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// History says whether compaction leaves the past of a document where it is. With
// it on, entries stay when a snapshot covers them, and so do the snapshots before,
// from which any moment since can be made quickly.
type History struct {
	On bool
	// Age and Bytes bound what is kept: at a compaction, what lies before a snapshot
	// goes when that is older than Age, or when more than Bytes of updates have come
	// since. 0 is no bound. The generation before the newest snapshot always stays.
	//
	// A clock that is wrong for a while forgets nothing: a snapshot is no older than
	// those before it, and a time that has not come says nothing.
	Age   time.Duration
	Bytes int64
}

// ErrForgotten means that a moment of a document lies before what is kept of it.
var ErrForgotten = errors.New("the log no longer reaches back to that moment")

const historyFields = 5

func encodeHistory(id uuid.UUID, h History) []byte {
	w := writers.Get().(*recordWriter)
	w.begin(recordVersion, historyFields)
	w.id(id)
	on := uint64(0)
	if h.On {
		on = 1
	}
	w.uint(on)
	w.int(int64(h.Age))
	w.int(h.Bytes)
	return w.end(nil)
}

func decodeHistory(b []byte, id uuid.UUID) (h History, err error) {
	r := openRecord(b, recordVersion, historyFields)
	r.checkPlace(r.id(), 0, id, 0)
	h.On = r.uint() == 1
	h.Age = time.Duration(r.int())
	h.Bytes = r.int()
	r.noRest()
	return h, r.close()
}

// History returns what holds for the document: what SetHistory said, or else
// [Options.History]. It costs one point read.
func (d *Document) History() (History, error) {
	h, err := d.state.history()
	if err != nil {
		return h, fmt.Errorf("read the history setting of document %q: %w", d.state.meta.name, err)
	}
	return h, nil
}

func (st *docState) history() (History, error) {
	s := st.store
	if err := s.begin(); err != nil {
		return History{}, err
	}
	defer s.reading.Done()
	value, err := s.get(documentKey(st.meta.id, kindHistory))
	if errors.Is(err, ErrNotFound) {
		return s.opts.History, nil
	}
	var h History
	if err == nil {
		h, err = decodeHistory(value, st.meta.id)
	}
	if err != nil {
		return History{}, s.damaged(st.meta.name, 0, "history setting", err)
	}
	return h, nil
}

// SetHistory sets what holds for the document from the next compaction on,
// durably. Switching it off lets the next compaction delete what was kept, and is
// possible when there is no space for anything else. Errors: [ErrNoSpace],
// [ErrDeleted], [ErrFailed], [ErrClosed].
func (d *Document) SetHistory(h History) error {
	st := d.state
	value := encodeHistory(st.meta.id, h)
	err := st.store.begin()
	if err == nil {
		defer st.store.reading.Done()
		if h.On {
			err = st.store.Writable()
		}
	}
	if err == nil {
		st.compacting.Lock() // which Delete takes too: nothing is written for a document that is gone
		defer st.compacting.Unlock()
		if err = ErrDeleted; !st.deleted.Load() {
			err = st.store.writeAndWait(func(b *pebble.Batch) error {
				return b.Set(documentKey(st.meta.id, kindHistory), value, nil)
			})
		}
	}
	if err != nil {
		return fmt.Errorf("set the history of document %q: %w", st.meta.name, err)
	}
	return nil
}

// forgetUpTo returns the snapshot before which a compaction may delete everything,
// 0 for none, given the one that was the newest so far.
func (st *docState) forgetUpTo(previous snapshotPlace) (uint64, error) {
	h, err := st.history()
	if err != nil || !h.On || previous.seq == 0 {
		return previous.seq, err
	}
	it, err := st.store.db.NewIter(&pebble.IterOptions{
		LowerBound: documentKey(st.meta.id, kindSnapshot), UpperBound: sequencedKey(st.meta.id, kindSnapshot, previous.seq+1),
	})
	if err != nil {
		return 0, err
	}
	upTo := uint64(0)
	now := st.store.opts.Now()
	var latest time.Time // of the snapshots so far
	for ok := it.First(); ok; ok = it.Next() {
		s, _, err := snapshotAt(it, st.meta.id)
		if err != nil {
			return 0, errors.Join(st.store.damaged(st.meta.name, s.seq, "snapshot", err), it.Close())
		}
		if s.modified.After(latest) && !s.modified.After(now) {
			latest = s.modified
		}
		aged := h.Age > 0 && !latest.IsZero() && now.Sub(latest) > h.Age
		if aged || h.Bytes > 0 && int64(previous.total-s.total) > h.Bytes {
			upTo = s.seq
		}
	}
	return upTo, errors.Join(it.Error(), it.Close())
}

// Past streams what makes the document as it was after entry at, and then what
// came until entry to: the newest snapshot that is not after at, if there is one,
// and the entries after it up to and including to. Errors: [ErrForgotten] when
// what is kept begins after at, and those of Load, whose rules hold for fn.
func (d *Document) Past(ctx context.Context, at, to uint64, fn func(e Entry) error) error {
	if d.closed.Load() {
		return fmt.Errorf("read the past of document %q: %w", d.state.meta.name, ErrClosed)
	}
	err := d.state.past(ctx, at, to, fn)
	var own *callerError
	if errors.As(err, &own) {
		return own.err
	}
	if err != nil {
		return fmt.Errorf("read the past of document %q: %w", d.state.meta.name, err)
	}
	return nil
}

func (st *docState) past(ctx context.Context, at, to uint64, fn func(Entry) error) (err error) {
	s, id := st.store, st.meta.id
	if err := s.begin(); err != nil {
		return err
	}
	defer s.reading.Done()
	if st.deleted.Load() {
		return ErrDeleted
	}
	to = min(to, st.durable.Load())
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{
		LowerBound: documentKey(id, kindSnapshot), UpperBound: sequencedKey(id, kindEntry, to+1),
	})
	if err != nil {
		return s.damaged(st.meta.name, 0, "records", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	l := loader{st: st, it: it, fn: fn, end: to, known: true}
	if it.SeekLT(sequencedKey(id, kindSnapshot, at+1)) {
		if err := l.snapshot(0); err != nil {
			return err
		}
	}
	if l.last >= l.end {
		return nil
	}
	if it.SeekGE(sequencedKey(id, kindEntry, l.last+1)) {
		if seq, err := keySequence(it.Key()); err == nil && seq != l.last+1 && l.last == 0 {
			return ErrForgotten
		}
	} else if it.Error() == nil {
		return ErrForgotten
	}
	return l.entries(ctx)
}

// Change is an entry without its update.
type Change struct {
	Seq        uint64    `json:"sequence"`
	Time       time.Time `json:"time"`
	Connection uuid.UUID `json:"connection"`
	User       string    `json:"user"`
	Bytes      int64     `json:"bytes"`
}

// Changes calls fn with the entries below a sequence, the newest first, until it
// returns false or nothing more is kept. 0 begins with the last durable one. The
// cost is that of reading the entries.
func (d *Document) Changes(ctx context.Context, below uint64, fn func(Change) bool) error {
	if d.closed.Load() {
		return fmt.Errorf("list the changes of document %q: %w", d.state.meta.name, ErrClosed)
	}
	if err := d.state.changes(ctx, below, fn); err != nil {
		return fmt.Errorf("list the changes of document %q: %w", d.state.meta.name, err)
	}
	return nil
}

func (st *docState) changes(ctx context.Context, below uint64, fn func(Change) bool) (err error) {
	s, id := st.store, st.meta.id
	if err := s.begin(); err != nil {
		return err
	}
	defer s.reading.Done()
	if st.deleted.Load() {
		return ErrDeleted
	}
	if durable := st.durable.Load(); below == 0 || below > durable+1 {
		below = durable + 1
	}
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{
		LowerBound: documentKey(id, kindEntry), UpperBound: sequencedKey(id, kindEntry, below),
	})
	if err != nil {
		return s.damaged(st.meta.name, 0, "records", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.Last(); ok; ok = it.Prev() {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, update, err := entryAt(it, id)
		if err != nil {
			return s.damaged(st.meta.name, e.seq, "entry", err)
		}
		if !fn(Change{Seq: e.seq, Time: e.time, Connection: e.connection, User: e.user, Bytes: int64(len(update))}) {
			return nil
		}
	}
	if err := it.Error(); err != nil {
		return s.damaged(st.meta.name, 0, "entry", err)
	}
	return nil
}
