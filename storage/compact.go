package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// compact writes the snapshot at seq and deletes what is older than the one
// before it, in one batch.
func (st *docState) compact(ctx context.Context, seq uint64, state []byte) error {
	s := st.store
	if err := s.begin(); err != nil {
		return err
	}
	defer s.reading.Done()
	st.compacting.Lock()
	defer st.compacting.Unlock()
	if st.deleted.Load() {
		return ErrDeleted
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.Writable(); err != nil {
		return err
	}
	st.mu.Lock()
	previous := st.snapshot
	st.mu.Unlock()
	durable := st.durable.Load()
	if seq <= previous.seq || seq > durable {
		return fmt.Errorf("sequence %d is not between the last snapshot at %d and the durable %d", seq, previous.seq, durable)
	}
	covered, err := st.entry(seq)
	if err != nil {
		return err
	}
	snapshot := snapshotRecord{
		document: st.meta.id, seq: seq, made: s.opts.Now(), modified: covered.time,
		total: covered.total,
	}
	// Compressed and checksummed here: the writer of the log has only to copy it.
	payload, encoding, err := packState(state)
	if err != nil {
		return err
	}
	snapshot.encoding = encoding
	value := snapshot.encode(payload)
	forget, err := st.forgetUpTo(previous)
	if err != nil {
		return err
	}
	meta := st.meta
	meta.next = durable + 1
	err = s.writeAndWait(func(b *pebble.Batch) error {
		return replace(b, meta, snapshot.seq, value, forget)
	})
	if err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.snapshot = snapshotPlace{seq: seq, total: covered.total, bytes: int64(len(state)), stored: int64(len(payload))}
	s.counters.snapshots.Add(1)
	return nil
}

// replace fills b: the record of the new snapshot in; out go the entries that the snapshot at
// previous covers, and all snapshots before that one. 0 lets all of them stay.
func replace(b *pebble.Batch, meta metaRecord, seq uint64, snapshot []byte, previous uint64) error {
	id := meta.id
	err := errors.Join(
		b.Set(sequencedKey(id, kindSnapshot, seq), snapshot, nil),
		b.Set(documentKey(id, kindMeta), meta.encode(), nil),
	)
	if err != nil || previous == 0 {
		return err
	}
	return errors.Join(
		b.DeleteRange(sequencedKey(id, kindEntry, 0), sequencedKey(id, kindEntry, previous+1), nil),
		b.DeleteRange(sequencedKey(id, kindSnapshot, 0), sequencedKey(id, kindSnapshot, previous), nil),
	)
}

// entry reads and verifies the entry at seq.
func (st *docState) entry(seq uint64) (entryRecord, error) {
	s, name := st.store, st.meta.name
	value, err := s.get(sequencedKey(st.meta.id, kindEntry, seq))
	if errors.Is(err, ErrNotFound) {
		err = badRecord("it is missing")
	}
	if err != nil {
		return entryRecord{}, s.damaged(name, seq, "entry", err)
	}
	record, _, err := decodeEntry(value, st.meta.id, seq)
	if err != nil {
		return entryRecord{}, s.damaged(name, seq, "entry", err)
	}
	return record, nil
}
