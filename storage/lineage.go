package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// A lineage is the content that belongs together: what a client has of it can be
// merged with what the log has. When a document begins anew, by Renew or by being
// erased and made again, copies of the old content are still out there. They
// carry no mark, so what they consist of is kept, without content: see
// [Options.Retire].

const retiredFields = 4

// retiredRecord is what is known of a dead lineage.
type retiredRecord struct {
	name     string
	document uuid.UUID
	lineage  uuid.UUID
	at       time.Time
	known    []byte // what Options.Retire made; nil for nothing, and then nothing is written
}

func (r *retiredRecord) encode() []byte {
	w := writers.Get().(*recordWriter)
	w.begin(recordVersion, retiredFields)
	w.id(r.document)
	w.id(r.lineage)
	w.int(toDisk(r.at))
	return w.end(r.known)
}

// decodeRetired verifies b as a record of this lineage. The result aliases b.
func decodeRetired(b, lineage []byte) (r retiredRecord, err error) {
	reader := openRecord(b, recordVersion, retiredFields)
	r.document = reader.id()
	r.lineage = reader.id()
	r.at = fromDisk(reader.int())
	if reader.err == nil && string(r.lineage[:]) != string(lineage) {
		reader.fail(fmt.Errorf("record belongs to lineage %s", r.lineage))
	}
	r.known = b[len(b)-reader.rest():]
	return r, reader.close()
}

// write adds the record to a batch.
func (r *retiredRecord) write(b *pebble.Batch) error {
	if r.known == nil {
		return nil
	}
	return b.Set(retiredKey(r.name, r.lineage[:]...), r.encode(), nil)
}

// retireLineage makes the record of a lineage that is about to end. Nobody else
// can open the document.
func (s *Store) retireLineage(ctx context.Context, name string, id uuid.UUID) (retiredRecord, error) {
	r := retiredRecord{name: name, document: id, at: s.opts.Now()}
	if s.opts.Retire == nil {
		return r, nil
	}
	// What was appended and still waits for the disk belongs to the lineage too.
	if err := s.writeAndWait(func(*pebble.Batch) error { return nil }); err != nil {
		return r, err
	}
	st := docState{store: s, name: name}
	meta, damage := s.readMeta(name)
	st.meta = meta
	if damage == nil {
		r.lineage = meta.lineage
		damage = s.readTail(&st)
	}
	known, err := s.opts.Retire(func(fn func(Entry) error) error {
		if damage != nil {
			return damage
		}
		err := st.loadUpTo(ctx, 0, st.durable.Load(), fn)
		var own *callerError
		if errors.As(err, &own) {
			return own.err
		}
		return err
	})
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if err != nil {
		s.logger.Warn("a lineage cannot be read whole: what it had may come back with its clients", "document", name, "error", err)
	}
	r.known = known
	return r, nil
}

// Retired returns what [Options.Retire] made of each dead lineage of the document
// called name, whether or not there is a document of that name now. Errors:
// [ErrCorruptDocument], [ErrClosed]. It costs one seek.
func (s *Store) Retired(ctx context.Context, name string) ([][]byte, error) {
	known, err := s.retired(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read the dead lineages of document %q: %w", name, err)
	}
	return known, nil
}

func (s *Store) retired(ctx context.Context, name string) (known [][]byte, err error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.reading.Done()
	prefix := retiredKey(name)
	end := retiredKey(name, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: prefix, UpperBound: end})
	if err != nil {
		return nil, s.damaged(name, 0, "dead lineages", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return nil, s.damaged(name, 0, "dead lineages", err)
		}
		r, err := decodeRetired(value, it.Key()[len(prefix):])
		if err != nil {
			return nil, s.damaged(name, 0, "dead lineage", err)
		}
		known = append(known, append([]byte(nil), r.known...))
	}
	if err := it.Error(); err != nil {
		return nil, s.damaged(name, 0, "dead lineages", err)
	}
	return known, nil
}

// Renew begins the document called name anew, with one entry: it gets another id,
// lineage and incarnation, and the log of before is deleted, all in one batch that
// is durable when Renew returns. Handles that are open refuse with [ErrDeleted]
// from then on. e.Update is not kept; e.Seq and e.Snapshot are ignored.
//
// Errors: [ErrNotFound], [ErrDeleted], [ErrTooLarge], [ErrNoSpace], [ErrFailed],
// [ErrClosed], and [ErrCorruptDocument] when the name index is damaged; another
// damage of the old log is none.
func (s *Store) Renew(ctx context.Context, name string, e Entry) error {
	if len(e.Update) > MaxUpdateBytes || len(e.User) > MaxUserBytes {
		return fmt.Errorf("renew document %q: %w", name, ErrTooLarge)
	}
	if err := s.Writable(); err != nil {
		return fmt.Errorf("renew document %q: %w", name, err)
	}
	if err := s.withDocument(ctx, name, func() error { return s.renew(ctx, name, e) }); err != nil {
		return fmt.Errorf("renew document %q: %w", name, err)
	}
	return nil
}

func (s *Store) renew(ctx context.Context, name string, e Entry) error {
	old, err := s.readID(name)
	if err != nil {
		return err
	}
	if meta, err := s.readMeta(name); err == nil && !meta.deleted.IsZero() {
		return ErrDeleted
	}
	retired, err := s.retireLineage(ctx, name, old)
	if err != nil {
		return err
	}
	now := s.opts.Now()
	meta, err := newMeta(name, now)
	if err != nil {
		return err
	}
	if e.Time.IsZero() {
		e.Time = now
	}
	first := entryRecord{
		document: meta.id, seq: 1, time: e.Time, total: uint64(len(e.Update)), connection: e.Connection, user: e.User,
	}
	return s.writeAndWait(func(b *pebble.Batch) error {
		return errors.Join(
			b.DeleteRange(documentKey(old, 0), documentEnd(old), nil),
			b.Set(nameKey(name), encodeName(meta.id), nil),
			b.Set(documentKey(meta.id, kindMeta), meta.encode(), nil),
			b.Set(sequencedKey(meta.id, kindEntry, 1), first.encode(e.Update), nil),
			retired.write(b),
		)
	})
}
