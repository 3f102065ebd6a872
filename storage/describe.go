package storage

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// DocumentInfo describes a document as it is on disk.
type DocumentInfo struct {
	Name        string
	ID          uuid.UUID // version 7, made at creation, never used again
	Lineage     uuid.UUID // changes when the document begins anew
	Incarnation uint64    // changes whenever sequences could repeat; compare for equality only
	Created     time.Time
	Modified    time.Time // of the last durable entry; Created when there is none
	Last        uint64    // last durable sequence, 0 when nothing was appended
	Bytes       int64     // of the updates and the snapshot that Load from 0 would stream
	LogEntries  int64     // entries that Load from 0 would stream
	LogBytes    int64     // of their updates
	Snapshot    uint64    // sequence of the newest snapshot, 0 without one
	StoredBytes int64     // of its state as it lies on disk; what Bytes counts of it is Bytes - LogBytes
	Deleted     time.Time // from Deleted: when it was deleted, else zero
	Damage      error     // from Documents: why the document cannot be opened, else nil
}

// maxList is the most that Documents returns at once.
const maxList = 1000

// Documents returns up to limit documents in the byte order of their names,
// beginning with the first name greater than after. A limit of 0 or less, or
// above 1,000, means 1,000. A damaged document is listed with its name and what
// is damaged, and does not end the list; where the index itself is damaged, the
// error matches [ErrCorrupt]. Cost: three point reads a document that is not open.
func (s *Store) Documents(ctx context.Context, after string, limit int) ([]DocumentInfo, error) {
	list, err := s.list(ctx, after, limit, s.listed)
	if err != nil {
		return nil, fmt.Errorf("list documents: %w", err)
	}
	return list, nil
}

// Deleted returns the documents that are deleted softly, as Documents does those
// that are not.
func (s *Store) Deleted(ctx context.Context, after string, limit int) ([]DocumentInfo, error) {
	list, err := s.list(ctx, after, limit, s.listedDeleted)
	if err != nil {
		return nil, fmt.Errorf("list deleted documents: %w", err)
	}
	return list, nil
}

// list walks the index and has look describe each document, or leave it out.
func (s *Store) list(ctx context.Context, after string, limit int, look func(name string) (DocumentInfo, bool)) (list []DocumentInfo, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.reading.Done()
	if limit <= 0 || limit > maxList {
		limit = maxList
	}
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{
		LowerBound: nameKey(after), UpperBound: []byte{spaceNames + 1},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok && len(list) < limit; ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		name := string(it.Key()[1:])
		if name == after {
			continue
		}
		if info, ok := look(name); ok {
			list = append(list, info)
		}
	}
	if err := it.Error(); err != nil {
		return nil, openError(err)
	}
	return list, nil
}

// listed describes one document of the list; ok is false when it is not to be
// seen: deleted, or not yet durable.
func (s *Store) listed(name string) (info DocumentInfo, ok bool) {
	open, hidden := s.lookup(name)
	switch {
	case hidden:
		return info, false
	case open != nil:
		return open.info(), true
	}
	var st docState
	err := s.readDocument(&st, name)
	// It may have been opened meanwhile, and what was read may not be durable.
	if open, _ := s.lookup(name); open != nil {
		return open.info(), true
	}
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrDeleted):
		return info, false
	case err != nil:
		return DocumentInfo{Name: name, ID: st.meta.id, Damage: err}, true
	}
	return st.info(), true
}

// listedDeleted describes one document of the list of those that are deleted.
func (s *Store) listedDeleted(name string) (info DocumentInfo, ok bool) {
	meta, err := s.readMeta(name)
	if err != nil || meta.deleted.IsZero() {
		return info, false
	}
	st := docState{meta: meta}
	err = s.readTail(&st)
	info = st.info()
	info.Deleted, info.Damage = meta.deleted, err
	return info, true
}

// newMeta makes the meta record of a document that begins now.
func newMeta(name string, now time.Time) (metaRecord, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return metaRecord{}, fmt.Errorf("make a document id: %w", err)
	}
	lineage, err := uuid.NewV7()
	if err != nil {
		return metaRecord{}, fmt.Errorf("make a lineage: %w", err)
	}
	incarnation, err := newIncarnation()
	return metaRecord{id: id, name: name, lineage: lineage, next: 1, created: now, incarnation: incarnation}, err
}

// newIncarnation returns a random number of 53 bits, so that JavaScript can hold
// it as a number.
func newIncarnation() (uint64, error) {
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return 0, fmt.Errorf("make an incarnation: %w", err)
	}
	return binary.LittleEndian.Uint64(random[:])>>11 | 1, nil
}

// readDocument fills st with what the disk has of the document called name. The
// caller makes sure that everything in the log for it is durable, which is so
// when the document is not open. Damage is a [*CorruptError].
func (s *Store) readDocument(st *docState, name string) error {
	meta, err := s.readMeta(name)
	st.meta = meta
	if err != nil {
		return err
	}
	if !meta.deleted.IsZero() {
		return ErrDeleted
	}
	return s.readTail(st)
}

// readID finds the id of the document called name.
func (s *Store) readID(name string) (id uuid.UUID, err error) {
	value, err := s.get(nameKey(name))
	if err == nil {
		id, err = decodeName(value)
	}
	if err != nil {
		return id, s.damaged(name, 0, "name index", err)
	}
	return id, nil
}

// readMeta reads the meta record of the document called name. With an error, the
// name is set, and the id when it is known.
func (s *Store) readMeta(name string) (metaRecord, error) {
	meta := metaRecord{name: name}
	id, err := s.readID(name)
	if err != nil {
		return meta, err
	}
	meta.id = id
	value, err := s.get(documentKey(id, kindMeta))
	if errors.Is(err, ErrNotFound) {
		err = badRecord("it is missing")
	}
	if err != nil {
		return meta, s.damaged(name, 0, "meta", err)
	}
	read, err := decodeMeta(value, id)
	if err == nil && read.name != name {
		err = badRecord("it names document %q", read.name)
	}
	if err != nil {
		return meta, s.damaged(name, 0, "meta", err)
	}
	return read, nil
}

// readTail finds the newest snapshot and the last entry.
func (s *Store) readTail(st *docState) (err error) {
	id, name := st.meta.id, st.meta.name
	it, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: documentKey(id, kindSnapshot), UpperBound: documentKey(id, kindEntry+1),
	})
	if err != nil {
		return s.damaged(name, 0, "records", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()

	var end tail
	if it.SeekLT(documentKey(id, kindEntry)) {
		snapshot, payload, err := snapshotAt(it, id)
		var size int64
		if err == nil {
			size, err = stateSize(payload, snapshot.encoding)
		}
		if err != nil {
			return s.damaged(name, snapshot.seq, "snapshot", err)
		}
		st.snapshot = snapshotPlace{seq: snapshot.seq, total: snapshot.total, bytes: size, stored: int64(len(payload))}
		end = tail{seq: snapshot.seq, total: snapshot.total, modified: snapshot.modified}
	}
	// Not SeekGE, which would read the block of the first entry: it may be a whole document.
	if it.Last() && bytes.HasPrefix(it.Key(), documentKey(id, kindEntry)) {
		entry, _, err := entryAt(it, id)
		if err != nil {
			return s.damaged(name, entry.seq, "entry", err)
		}
		if entry.seq > end.seq {
			end = tail{seq: entry.seq, total: entry.total, modified: entry.time}
		}
	}
	if err := it.Error(); err != nil {
		return s.damaged(name, 0, "records", err)
	}
	if end.seq+1 < st.meta.next {
		return s.damaged(name, end.seq+1, "entry",
			badRecord("it is missing, and all up to %d once were there", st.meta.next-1))
	}
	st.onDisk, st.last, st.total = end, end.seq, end.total
	st.durable.Store(end.seq)
	return nil
}

// snapshotAt decodes the snapshot at the iterator. Its seq is set even on error.
func snapshotAt(it *pebble.Iterator, id uuid.UUID) (snapshotRecord, []byte, error) {
	seq, err := keySequence(it.Key())
	if err != nil {
		return snapshotRecord{}, nil, err
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return snapshotRecord{seq: seq}, nil, err
	}
	record, state, err := decodeSnapshot(value, id, seq)
	record.seq = seq
	return record, state, err
}

// entryAt decodes the entry at the iterator. Its seq is set even on error.
func entryAt(it *pebble.Iterator, id uuid.UUID) (entryRecord, []byte, error) {
	seq, err := keySequence(it.Key())
	if err != nil {
		return entryRecord{}, nil, err
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return entryRecord{seq: seq}, nil, err
	}
	record, update, err := decodeEntry(value, id, seq)
	record.seq = seq
	return record, update, err
}

// get returns the value of key in memory of its own, or ErrNotFound.
func (s *Store) get(key []byte) ([]byte, error) { return getFrom(s.db, key) }

func getFrom(db *pebble.DB, key []byte) ([]byte, error) {
	value, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	own := append([]byte(nil), value...)
	return own, closer.Close()
}

// damaged wraps what went wrong with a record of a document: damage of the
// record, or of the table that it lies in, as a CorruptError; a record of a
// newer version as ErrNewerFormat; ErrNotFound, cancellation and errors of the
// file system as they are.
func (s *Store) damaged(name string, seq uint64, what string, err error) error {
	var record *recordError
	switch {
	case errors.Is(err, errNewerRecord):
		return fmt.Errorf("%w: %s: %w", ErrNewerFormat, what, err)
	case errors.As(err, &record), pebble.IsCorruptionError(err):
		s.counters.corruptions.Add(1)
		return &CorruptError{Document: name, Seq: seq, Reason: fmt.Sprintf("%s: %v", what, err)}
	case errors.Is(err, ErrNotFound):
		return err
	}
	return fmt.Errorf("read %s: %w", what, err)
}
