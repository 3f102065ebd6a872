package storage

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

var errSkeleton = errors.New("storage is being built")

// Store is one data directory, open. It is safe for concurrent use.
type Store struct{}

// Open opens the data directory, creating it when it is missing.
//
// It fails with [ErrInUse], [ErrReadOnlyDir], [ErrNewerFormat] or [ErrCorrupt],
// and in these cases leaves the directory as it found it.
func Open(o Options) (*Store, error) { return nil, errSkeleton }

// Close waits until everything appended is durable (or has failed), then closes
// the directory. Handles must not be used after it. A second Close returns
// [ErrClosed].
func (s *Store) Close() error { return errSkeleton }

// Writable returns nil when an append would be accepted now, and otherwise the
// error that it would return: [ErrNoSpace], [ErrFailed] or [ErrClosed]. It
// costs two atomic loads; ask it before an update is applied, because applying
// cannot be undone.
func (s *Store) Writable() error { return errSkeleton }

// Document returns a handle on the document called name. When there is none it
// is created if create is set, durable before Document returns; otherwise the
// error is [ErrNotFound]. Further errors: [ErrName], [ErrCorruptDocument],
// [ErrNoSpace], [ErrFailed].
//
// Handles on one document share its sequences; each must be closed.
func (s *Store) Document(ctx context.Context, name string, create bool) (*Document, error) {
	return nil, errSkeleton
}

// DocumentInfo describes a document as it is on disk.
type DocumentInfo struct {
	Name        string
	ID          uuid.UUID // version 7, made at creation, never used again
	Lineage     uuid.UUID // changes when the document begins anew
	Incarnation uint64    // changes whenever sequences could repeat; compare for equality only
	Created     time.Time
	Modified    time.Time // of the last durable entry; Created when there is none
	Last        uint64    // last durable sequence, 0 when nothing was appended
	Bytes       int64     // of the updates that Load from 0 would stream
}

// Documents returns up to limit documents in the byte order of their names,
// beginning with the first name greater than after. A limit of 0 or less, or
// above 1,000, means 1,000. A damaged document is listed with what is known of
// it, and does not end the list. Cost: three point reads a document.
func (s *Store) Documents(ctx context.Context, after string, limit int) ([]DocumentInfo, error) {
	return nil, errSkeleton
}

// Stats returns counters and gauges since Open. It costs a few atomic loads and
// one call of Pebble's Metrics: call it once a scrape, not once a message.
func (s *Store) Stats() Stats { return Stats{} }
