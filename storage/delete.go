package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// A deletion is soft or hard. A soft one writes a time into the meta record, and
// can be taken back; a hard one deletes the records of the document, and has
// Pebble write the tables anew in which they were.
//
// Handles that are open when their document is deleted stay, and refuse: every
// use of them is ErrDeleted from then on. Who opens the document meanwhile waits
// until the deletion is durable.

// Delete deletes the document called name softly: it cannot be opened and is not
// listed by [Store.Documents], its name is not free, and all of it remains until
// [Store.Undelete] takes the deletion back or [Store.Erase] completes it. It is
// durable when Delete returns. What was appended before becomes durable too.
//
// Errors: [ErrNotFound], [ErrDeleted], [ErrCorruptDocument] when there is no
// meta record to write the time into, [ErrFailed], [ErrClosed].
func (s *Store) Delete(ctx context.Context, name string) error {
	err := s.withDocument(ctx, name, func() error {
		meta, err := s.readMeta(name)
		if err != nil {
			return err
		}
		if !meta.deleted.IsZero() {
			return ErrDeleted
		}
		meta.deleted = s.opts.Now()
		// Under a clock that is back for a while it would be erased at once when that is right again.
		st := docState{store: s, name: name, meta: meta}
		if s.readTail(&st) == nil && st.onDisk.modified.After(meta.deleted) {
			meta.deleted = st.onDisk.modified
		}
		return s.writeMeta(meta)
	})
	if err != nil {
		return fmt.Errorf("delete document %q: %w", name, err)
	}
	return nil
}

// Undelete takes a soft deletion back: the document is what it was. Errors:
// [ErrNotFound] when there is no deleted document of that name, and those of
// Delete.
func (s *Store) Undelete(ctx context.Context, name string) error {
	err := s.withDocument(ctx, name, func() error {
		meta, err := s.readMeta(name)
		if err != nil {
			return err
		}
		if meta.deleted.IsZero() {
			return fmt.Errorf("%w: it is not deleted", ErrNotFound)
		}
		meta.deleted = time.Time{}
		return s.writeMeta(meta)
	})
	if err != nil {
		return fmt.Errorf("undelete document %q: %w", name, err)
	}
	return nil
}

// Erase deletes the document called name for good, whether or not it was deleted
// softly or is damaged. The name is free from then on; a document made with it
// has another id and another lineage. What [Options.Retire] makes of the log
// remains, see [Store.Retired]. It is durable before the tables are written anew, so when ctx
// ends or an error comes after that, the document is gone all the same, and only
// its bytes may remain for a while.
//
// When Erase returns nil, no table that is in use holds any of the document's
// content. The old tables are unlinked a moment later, or when a reader from
// before has ended. Log files are recycled: FORMAT.md says
// what remains in them, and until when. It costs the reading and writing of the
// tables that overlap with the document: some MiB.
//
// Errors: [ErrNotFound], [ErrCorruptDocument] when the name index is damaged so
// that nobody knows which records are the document's, [ErrFailed], [ErrClosed].
func (s *Store) Erase(ctx context.Context, name string) error {
	id, err := s.erase(ctx, name, nil)
	if err == nil {
		err = s.purge(ctx, []uuid.UUID{id})
	}
	if err != nil {
		return fmt.Errorf("erase document %q: %w", name, err)
	}
	return nil
}

// EraseDeleted erases the documents that were deleted softly before a time, and
// returns how many. Documents that somebody undeletes meanwhile are left.
func (s *Store) EraseDeleted(ctx context.Context, before time.Time) (erased int, err error) {
	var ids []uuid.UUID
	expired := func(meta metaRecord) bool { return !meta.deleted.IsZero() && meta.deleted.Before(before) }
	for after := ""; ; {
		list, err := s.Deleted(ctx, after, maxList)
		if err != nil {
			return len(ids), err
		}
		for _, d := range list {
			after = d.Name
			if !d.Deleted.Before(before) {
				continue
			}
			id, err := s.erase(ctx, d.Name, expired)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return len(ids), fmt.Errorf("erase document %q: %w", d.Name, err)
			}
			ids = append(ids, id)
		}
		if len(list) < maxList {
			break
		}
	}
	if err := s.purge(ctx, ids); err != nil {
		return len(ids), fmt.Errorf("erase deleted documents: %w", err)
	}
	return len(ids), nil
}

// erase deletes the records of a document. With only set, a document whose meta
// record it does not accept is left, as ErrNotFound.
func (s *Store) erase(ctx context.Context, name string, only func(metaRecord) bool) (id uuid.UUID, err error) {
	err = s.withDocument(ctx, name, func() error {
		if only != nil {
			meta, err := s.readMeta(name)
			if err != nil {
				return err
			}
			if !only(meta) {
				return ErrNotFound
			}
		}
		if id, err = s.readID(name); err != nil {
			return err
		}
		retired, err := s.retireLineage(ctx, name, id)
		if err != nil {
			return err
		}
		return s.writeAndWait(func(b *pebble.Batch) error {
			return errors.Join(
				b.Delete(nameKey(name), nil),
				b.DeleteRange(documentKey(id, 0), documentEnd(id), nil),
				retired.write(b),
			)
		})
	})
	return id, err
}

// purge has Pebble write the tables anew in which the documents were.
func (s *Store) purge(ctx context.Context, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.reading.Done()
	// On a full disk Pebble tries again until there is room.
	flushed, err := s.db.AsyncFlush()
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	select {
	case <-flushed:
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, id := range ids {
		if err := s.db.Compact(ctx, documentKey(id, 0), documentEnd(id), false); err != nil {
			return fmt.Errorf("compact the tables: %w", err)
		}
	}
	return nil
}

// Rewrite has Pebble write all tables anew, so that none of what was deleted or
// superseded remains in one, whenever that was. It costs the reading and the
// writing of all of them, once for each level.
func (s *Store) Rewrite(ctx context.Context) error {
	if err := s.begin(); err != nil {
		return fmt.Errorf("rewrite the tables: %w", err)
	}
	defer s.reading.Done()
	err := s.db.Flush()
	if err == nil {
		err = s.db.Compact(ctx, []byte{spaceStore}, []byte{0xff}, false)
	}
	if err != nil {
		return fmt.Errorf("rewrite the tables: %w", err)
	}
	return nil
}

// withDocument calls fn while nobody else can open the document called name, and
// after the handles that are open have been made useless.
func (s *Store) withDocument(ctx context.Context, name string, fn func() error) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.reading.Done()
	old, mine, err := s.seize(ctx, name)
	if err != nil {
		return err
	}
	if old != nil {
		// After this no batch of the old state can come behind ours.
		old.compacting.Lock()
		old.retire()
		old.compacting.Unlock()
	}
	err = fn()
	// Who waits for the document looks for it anew.
	s.mu.Lock()
	defer s.mu.Unlock()
	mine.err = errRetry
	delete(s.docs, name)
	close(mine.ready)
	return err
}

// errRetry is what those find who waited for a document while it was deleted.
var errRetry = errors.New("look again")

// seize puts a state of its own in the place of the one of name, which it
// returns, or nil if there was none. It waits until nobody reads that one.
func (s *Store) seize(ctx context.Context, name string) (old, mine *docState, err error) {
	mine = &docState{store: s, name: name, ready: make(chan struct{})}
	for {
		s.mu.Lock()
		old := s.docs[name]
		if old == nil {
			s.docs[name] = mine
			s.mu.Unlock()
			return nil, mine, nil
		}
		select {
		case <-old.ready:
			s.docs[name] = mine
			s.mu.Unlock()
			return old, mine, nil
		default:
		}
		s.mu.Unlock()
		select {
		case <-old.ready:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// retire makes the handles on st useless.
func (st *docState) retire() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.deleted.Store(true)
	if st.freed != nil { // who waits for room would wait for the disk only
		close(st.freed)
		st.freed = nil
	}
}

// writeMeta writes the meta record of a document and waits for the disk.
func (s *Store) writeMeta(meta metaRecord) error {
	return s.writeAndWait(func(b *pebble.Batch) error {
		return b.Set(documentKey(meta.id, kindMeta), meta.encode(), nil)
	})
}
