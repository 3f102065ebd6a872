package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// Version is a moment of a document that somebody gave a name. It keeps nothing
// by itself: a version before what is kept of the document cannot be shown.
type Version struct {
	Name string    `json:"name"` // as of a document, see CheckName
	Seq  uint64    `json:"sequence"`
	Time time.Time `json:"time"` // when it was named
	User string    `json:"user"` // who did, at most MaxUserBytes
}

// MaxVersions is how many versions a document may have.
const MaxVersions = 1000

const versionFields = 5

func (v Version) encode(id uuid.UUID) []byte {
	w := writers.Get().(*recordWriter)
	w.begin(recordVersion, versionFields)
	w.id(id)
	w.uint(v.Seq)
	w.int(toDisk(v.Time))
	w.string(v.User)
	return w.end(nil)
}

func decodeVersion(b []byte, id uuid.UUID, name string) (Version, error) {
	r := openRecord(b, recordVersion, versionFields)
	r.checkPlace(r.id(), 0, id, 0)
	v := Version{Name: name, Seq: r.uint(), Time: fromDisk(r.int()), User: r.string(MaxUserBytes)}
	r.noRest()
	return v, r.close()
}

func versionKey(id uuid.UUID, name string) []byte {
	return append(documentKey(id, kindVersion), name...)
}

// SetVersion names a moment, durably; a version of that name moves there. Errors:
// [ErrName], [ErrTooLarge] for one version too many or a long user,
// [ErrForgotten] for a moment that has not come.
func (d *Document) SetVersion(ctx context.Context, v Version) error {
	err := CheckName(v.Name)
	switch {
	case err != nil:
	case len(v.User) > MaxUserBytes:
		err = ErrTooLarge
	case v.Seq > d.Durable():
		err = ErrForgotten
	default:
		if v.Time.IsZero() {
			v.Time = d.state.store.opts.Now()
		}
		err = d.changeVersion(ctx, v.Name, func(b *pebble.Batch, key []byte, n int, exists bool) error {
			if n >= MaxVersions && !exists {
				return ErrTooLarge
			}
			return b.Set(key, v.encode(d.state.meta.id), nil)
		})
	}
	if err != nil {
		return fmt.Errorf("name a version of document %q: %w", d.state.meta.name, err)
	}
	return nil
}

// DeleteVersion takes a name away. The moment is not touched. The error is
// [ErrNotFound] when there is no version of that name.
func (d *Document) DeleteVersion(ctx context.Context, name string) error {
	err := d.changeVersion(ctx, name, func(b *pebble.Batch, key []byte, _ int, exists bool) error {
		if !exists {
			return ErrNotFound
		}
		return b.Delete(key, nil)
	})
	if err != nil {
		return fmt.Errorf("delete a version of document %q: %w", d.state.meta.name, err)
	}
	return nil
}

// changeVersion writes what fill says, given how many versions there are and
// whether one has that name.
func (d *Document) changeVersion(ctx context.Context, name string, fill func(b *pebble.Batch, key []byte, n int, exists bool) error) error {
	st := d.state
	st.compacting.Lock() // which Delete takes too: nothing is written for a document that is gone
	defer st.compacting.Unlock()
	if st.deleted.Load() {
		return ErrDeleted
	}
	all, err := d.Versions(ctx)
	if err != nil {
		return err
	}
	exists := false
	for _, v := range all {
		exists = exists || v.Name == name
	}
	if err := st.store.Writable(); err != nil {
		return err
	}
	// What refuses does so before the batch is the log's: there an error is the end of the store.
	probe := st.store.db.NewBatch()
	defer func() { _ = probe.Close() }() // it was only filled
	if err := fill(probe, versionKey(st.meta.id, name), len(all), exists); err != nil {
		return err
	}
	return st.store.writeAndWait(func(b *pebble.Batch) error {
		return fill(b, versionKey(st.meta.id, name), len(all), exists)
	})
}

// Versions returns the versions of the document in the byte order of their names.
func (d *Document) Versions(ctx context.Context) (all []Version, err error) {
	st, s := d.state, d.state.store
	if err := s.begin(); err != nil {
		return nil, fmt.Errorf("list the versions of document %q: %w", st.meta.name, err)
	}
	defer s.reading.Done()
	prefix := documentKey(st.meta.id, kindVersion)
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: prefix, UpperBound: documentKey(st.meta.id, kindVersion+1)})
	if err != nil {
		return nil, s.damaged(st.meta.name, 0, "versions", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		name := string(it.Key()[len(prefix):])
		value, err := it.ValueAndErr()
		var v Version
		if err == nil {
			v, err = decodeVersion(value, st.meta.id, name)
		}
		if err != nil {
			return nil, s.damaged(st.meta.name, 0, "version", err)
		}
		all = append(all, v)
	}
	if err := it.Error(); err != nil {
		return nil, s.damaged(st.meta.name, 0, "versions", err)
	}
	return all, nil
}
