package storage

import (
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// Verify reads every snapshot and entry of the document that is on disk, those
// included that [Document.Load] does not need any more, and reports the first that
// is damaged, or missing between others, as a [*CorruptError].
func (d *Document) Verify(ctx context.Context) (err error) {
	st := d.state
	s := st.store
	if err := s.begin(); err != nil {
		return err
	}
	defer s.reading.Done()
	id, name := st.meta.id, st.meta.name
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{
		LowerBound: documentKey(id, kindSnapshot), UpperBound: sequencedKey(id, kindEntry, st.durable.Load()+1),
	})
	if err != nil {
		return s.damaged(name, 0, "records", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	firstEntry := documentKey(id, kindEntry)
	last, total := uint64(0), uint64(0)
	for ok := it.First(); ok; ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if string(it.Key()) < string(firstEntry) {
			snapshot, payload, err := snapshotAt(it, id)
			if err == nil {
				_, err = unpackState(payload, snapshot.encoding)
			}
			if err != nil {
				return s.damaged(name, snapshot.seq, "snapshot", err)
			}
			continue
		}
		entry, update, err := entryAt(it, id)
		switch {
		case err != nil:
			return s.damaged(name, entry.seq, "entry", err)
		case last != 0 && entry.seq != last+1:
			return s.damaged(name, last+1, "entry", badRecord("it is missing, the next is %d", entry.seq))
		case last != 0 && entry.total != total+uint64(len(update)):
			return s.damaged(name, entry.seq, "entry",
				badRecord("it ends at byte %d of the log, should at %d", entry.total, total+uint64(len(update))))
		}
		last, total = entry.seq, entry.total
	}
	if err := it.Error(); err != nil {
		return s.damaged(name, last+1, "entry", err)
	}
	return nil
}
