package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// Store is one data directory, open. It is safe for concurrent use.
type Store struct {
	opts     Options
	logger   *slog.Logger
	lock     *pebble.Lock
	db       *pebble.DB
	newLog   func(*pebble.DB) batchLog
	id       uuid.UUID
	pipeline *pipeline
	mark     *markFile
	failure  *failure
	space    *spaceWatch
	counters counters

	compactor atomic.Pointer[compactor] // nil while nothing compacts in the background

	closed atomic.Bool

	mu   sync.Mutex
	docs map[string]*docState // open, or with entries that wait for the disk
	// reading counts calls that use the database and are not in the pipeline, so
	// that Close waits for them.
	reading sync.WaitGroup
}

// ID returns the identity of the data directory: a UUID version 7, made when it
// was created.
func (s *Store) ID() uuid.UUID { return s.id }

// Writable returns nil when an append would be accepted now, and otherwise the
// error that it would return: [ErrNoSpace], [ErrClosed], or one that matches
// [ErrFailed]. It costs three atomic loads; ask it before an update is applied,
// because applying cannot be undone.
func (s *Store) Writable() error {
	switch {
	case s.failure.failed.Load():
		return s.failure.get()
	case s.closed.Load():
		return ErrClosed
	case s.space.low.Load():
		return ErrNoSpace
	}
	return nil
}

// Close waits until everything appended is durable (or has failed), then closes
// the directory. Calls that come after it return [ErrClosed], also a second
// Close.
func (s *Store) Close() error {
	s.mu.Lock() // so that nobody stands between the check of closed and reading.Add
	again := s.closed.Swap(true)
	s.mu.Unlock()
	if again {
		return ErrClosed
	}
	s.space.close()
	s.pipeline.close()
	s.reading.Wait()
	err := s.mark.close()
	if f := s.failure; f.wedged.Load() {
		return fmt.Errorf("close storage: the database stays open: %w", f.get())
	}
	err = errors.Join(s.db.Close(), err, s.lock.Close())
	if err != nil {
		return fmt.Errorf("close storage: %w", err)
	}
	return nil
}

// begin announces a use of the database; end it with s.reading.Done.
func (s *Store) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return ErrClosed
	}
	s.reading.Add(1)
	return nil
}

// Document returns a handle on the document called name. When there is none it
// is created if create is set, durable before Document returns; otherwise the
// error is [ErrNotFound]. Further errors: [ErrName], [ErrDeleted],
// [ErrCorruptDocument], [ErrNewerFormat], [ErrNoSpace], [ErrFailed].
//
// When ctx ends first, the document may have been created all the same.
//
// Handles on one document share its sequences; each must be closed. The first
// handle costs three point reads; an open document costs about 400 bytes.
func (s *Store) Document(ctx context.Context, name string, create bool) (*Document, error) {
	d, err := s.document(ctx, name, create)
	if err != nil {
		return nil, fmt.Errorf("open document %q: %w", name, err)
	}
	return d, nil
}

func (s *Store) document(ctx context.Context, name string, create bool) (*Document, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.reading.Done()
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		st, mine := s.acquire(name)
		if mine {
			// Of its own, so that a caller who gives up leaves nothing half done.
			s.reading.Go(func() { s.opened(st, s.openDocument(st, name, create)) })
		}
		select {
		case <-st.ready:
		case <-ctx.Done():
			s.unref(st)
			return nil, ctx.Err()
		}
		if st.err == nil {
			d := &Document{state: st}
			st.attach(d)
			return d, nil
		}
		s.unref(st)
		// Somebody who did not want to create it may have looked at the same time,
		// or it was deleted or undeleted just now.
		if !mine && create && errors.Is(st.err, ErrNotFound) || st.err == errRetry {
			continue
		}
		return nil, st.err
	}
}

// acquire counts one more handle on name. When mine is set the state is new,
// and the caller must read it and close ready.
func (s *Store) acquire(name string) (st *docState, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.docs[name]
	if !ok {
		st = &docState{store: s, name: name, ready: make(chan struct{})}
		s.docs[name] = st
	}
	st.refs++
	return st, !ok
}

// opened lets those go on who wait for st. When it could not be read, the next
// who asks tries again.
func (s *Store) opened(st *docState, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		delete(s.docs, st.name)
	}
	st.err = err
	close(st.ready)
	s.forget(st) // when all who wanted it gave up
}

// release gives a handle back.
func (s *Store) release(d *Document) {
	d.state.detach(d)
	s.unref(d.state)
}

func (s *Store) unref(st *docState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.refs--
	s.forget(st)
}

// forgetIdle is called when all of st is on disk and no handle was seen.
func (s *Store) forgetIdle(st *docState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(st)
}

// forget drops st when nobody holds it and the disk has all of it, so that the
// next who opens it reads what is durable and nothing else.
func (s *Store) forget(st *docState) {
	if st.refs > 0 || s.docs[st.name] != st {
		return
	}
	select {
	case <-st.ready:
	default:
		return // it is being read
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.last != st.durable.Load() {
		return
	}
	st.gone = true
	delete(s.docs, st.name)
}

// lookup returns the state of a document that is open, or nil. hidden means that
// it is being created and not yet durable.
func (s *Store) lookup(name string) (st *docState, hidden bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.docs[name]
	if !ok {
		return nil, false
	}
	select {
	case <-st.ready:
		return st, false
	default:
		return nil, st.creating
	}
}

// openDocument fills st from disk, or creates the document.
func (s *Store) openDocument(st *docState, name string, create bool) error {
	err := s.readDocument(st, name)
	if !errors.Is(err, ErrNotFound) || !create {
		return err
	}
	if err := s.Writable(); err != nil {
		return err
	}
	s.mu.Lock()
	st.creating = true
	s.mu.Unlock()
	return s.createDocument(st, name)
}

// createDocument writes meta and index of a new document and waits for the disk.
func (s *Store) createDocument(st *docState, name string) error {
	meta, err := newMeta(name, s.opts.Now())
	if err != nil {
		return err
	}
	err = s.writeAndWait(func(b *pebble.Batch) error {
		return errors.Join(
			b.Set(nameKey(name), encodeName(meta.id), nil),
			b.Set(documentKey(meta.id, kindMeta), meta.encode(), nil),
		)
	})
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	st.meta = meta
	return nil
}

// writeAndWait has the pipeline write what fill puts into a batch, after all
// that is queued, and waits until it is durable.
func (s *Store) writeAndWait(fill func(*pebble.Batch) error) error {
	done := make(chan error, 1)
	err := s.pipeline.put(request{fill: fill, done: func(err error) { done <- err }})
	if err != nil {
		return err
	}
	return <-done
}
