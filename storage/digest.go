package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// A digest is a few bytes that the owner of a document keeps beside its log, to
// answer what would otherwise need the whole of it. It says after which entry it
// was made, and holds for nobody when another came since. It is a cache: damage
// is counted, and the digest is taken for absent.

const digestFields = 3

type digestRecord struct {
	document uuid.UUID
	seq      uint64
}

func (d digestRecord) encode(digest []byte) []byte {
	w := writers.Get().(*recordWriter)
	w.begin(recordVersion, digestFields)
	w.id(d.document)
	w.uint(d.seq)
	return w.end(digest)
}

// decodeDigest verifies b as the digest of document id. The digest aliases b.
func decodeDigest(b []byte, id uuid.UUID) (d digestRecord, digest []byte, err error) {
	r := openRecord(b, recordVersion, digestFields)
	d.document = r.id()
	d.seq = r.uint()
	r.checkPlace(d.document, d.seq, id, d.seq)
	digest = b[len(b)-r.rest():]
	return d, digest, r.close()
}

// Digest returns the digest that was kept after entry seq, nil when there is
// none. The slice is the caller's. It costs one point read.
func (d *Document) Digest(_ context.Context, seq uint64) ([]byte, error) {
	if d.closed.Load() {
		return nil, fmt.Errorf("read a digest: %w", ErrClosed)
	}
	s, meta := d.state.store, &d.state.meta
	if err := s.begin(); err != nil {
		return nil, fmt.Errorf("read a digest: %w", err)
	}
	defer s.reading.Done()
	value, err := s.get(documentKey(meta.id, kindDigest))
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	var record digestRecord
	var digest []byte
	if err == nil {
		record, digest, err = decodeDigest(value, meta.id)
	}
	if err != nil {
		s.logger.Warn("a digest cannot be read and is made again", "error", s.damaged(meta.name, 0, "digest", err))
		return nil, nil
	}
	if record.seq != seq {
		return nil, nil
	}
	return digest, nil
}

// KeepDigest keeps a digest of the document as it is after entry seq, in the
// place of the one before. It does not wait for the disk, and it is no loss when
// it is not kept: then nothing was appended for it. digest is copied. Errors:
// [ErrNoSpace], [ErrFailed], [ErrClosed].
func (d *Document) KeepDigest(seq uint64, digest []byte) error {
	if d.closed.Load() {
		return fmt.Errorf("keep a digest: %w", ErrClosed)
	}
	st := d.state
	if err := st.store.Writable(); err != nil {
		return fmt.Errorf("keep a digest: %w", err)
	}
	value := digestRecord{document: st.meta.id, seq: seq}.encode(digest)
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case st.deleted.Load():
		return fmt.Errorf("keep a digest: %w", ErrDeleted)
	case st.gone:
		return fmt.Errorf("keep a digest: %w", ErrClosed)
	}
	return st.store.pipeline.put(request{fill: func(b *pebble.Batch) error {
		return b.Set(documentKey(st.meta.id, kindDigest), value, nil)
	}})
}
