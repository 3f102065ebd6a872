package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// A document without an engine is answered for from two things. Its digest is kept beside the log: how far each client
// is known, and what is deleted. It answers who has everything, and says whether an update adds anything. Who lacks
// something is answered from the merged log.
//
// A document in whose log operations are missing has no digest that would tell all: it is always answered from the log.

// mergedLog is a document without an engine.
type mergedLog struct {
	update []byte        // all of the log as one update
	index  indexed       // of update
	digest crdt.Snapshot // how far each client is known without a gap, and what is deleted
	size   int           // of the digest, in bytes, about
	whole  bool          // nothing in update lies behind a gap
	kept   bool          // digest is beside the log
}

// indexed makes the index of an update when the first asks for it.
type indexed func() (*crdt.UpdateIndex, error)

func indexOnce(update []byte) indexed {
	return sync.OnceValues(func() (*crdt.UpdateIndex, error) { return crdt.IndexUpdate(update) })
}

// sharedCopy is a merged log that several wait for, or that is kept for a moment: all of it, or if that is too much its
// digest.
type sharedCopy struct {
	done    chan struct{} // closed when log or refusal is set
	log     *mergedLog
	refusal *ysync.Refusal

	// Guarded by the room's lock.
	made     time.Time // zero while it is made
	charged  int64     // to what the server keeps
	isDigest bool
}

// coldVector returns the state vector.
func (r *room) coldVector(ctx context.Context) ([]byte, *ysync.Refusal) {
	digest, _, refusal := r.digest(ctx)
	if refusal != nil {
		return nil, refusal
	}
	return digest.StateVector(), nil
}

// coldUpdate returns what a state vector lacks.
func (r *room) coldUpdate(ctx context.Context, vector []byte) ([]byte, *ysync.Refusal) {
	digest, whole, refusal := r.digest(ctx)
	if refusal != nil {
		return nil, refusal
	}
	has, err := digest.ReachedBy(vector)
	if err != nil {
		return nil, refusalOfVector(err)
	}
	if has && whole {
		return digest.DeletesAsUpdate(), nil
	}
	m, refusal := r.merged(ctx)
	if refusal != nil {
		return nil, refusal
	}
	if bytes.Equal(vector, emptyVector) && m.whole {
		return m.update, nil
	}
	index, err := m.index()
	if err != nil { // a single entry is not read when it is merged
		return nil, r.failCold(&storage.CorruptError{Document: r.name, Reason: err.Error()})
	}
	update, err := index.Diff(vector)
	if err != nil {
		return nil, refusalOfVector(err)
	}
	return update, nil
}

// failCold ends a room of which the merged log cannot be read.
func (r *room) failCold(err error) *ysync.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	refusal := refusalOfStorage(err)
	if r.isCold() {
		r.fail(refusal, err)
	}
	return refusal
}

// coldKnows reports whether an update adds nothing. It may say that one does which does not.
func (r *room) coldKnows(ctx context.Context, update []byte) (bool, *ysync.Refusal) {
	if bytes.Equal(update, emptyUpdate) {
		return true, nil
	}
	digest, _, refusal := r.digest(ctx)
	if refusal != nil {
		return false, refusal
	}
	known, err := digest.ContainsUpdate(update)
	if err != nil {
		return false, refusalOfUpdate(err)
	}
	return known, nil
}

// digest returns the digest of the log as it is now, from beside the log or from the log, and whether it tells of all
// that the log has.
func (r *room) digest(ctx context.Context) (crdt.Snapshot, bool, *ysync.Refusal) {
	r.mu.Lock()
	log, last := r.log, r.gate.assigned
	r.mu.Unlock()
	if log == nil || last == 0 {
		return crdt.Snapshot{}, true, nil
	}
	if m := r.lately(); m != nil {
		return m.digest, m.whole, nil
	}
	digest, size, err := keptDigest(ctx, log, last)
	if err != nil {
		return crdt.Snapshot{}, false, refusalOfStorage(err)
	}
	if size > 0 {
		r.share(&mergedLog{digest: digest, size: size, whole: true, kept: true}, last)
		return digest, true, nil
	}
	m, refusal := r.merged(ctx)
	if refusal != nil {
		return crdt.Snapshot{}, false, refusal
	}
	return m.digest, m.whole, nil
}

// share keeps a digest for a moment, as of entry last, if there is nothing better.
func (r *room) share(digest *mergedLog, last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shared == nil && r.isCold() && r.gate.assigned == last {
		r.shareDigest(digest)
	}
}

// shareDigest is share when it is known that there is nothing. The caller holds the lock.
func (r *room) shareDigest(digest *mergedLog) {
	if size := int64(digest.size); r.srv.keptDigests.take(size) {
		r.shared = &sharedCopy{log: digest, made: time.Now(), charged: size, isDigest: true}
	}
}

// keptDigest returns the digest that is beside a log, which tells of all that the log has up to entry last, and its size in
// bytes; 0 for none.
func keptDigest(ctx context.Context, log *storage.Document, last uint64) (digest crdt.Snapshot, size int, err error) {
	encoded, err := log.Digest(ctx, last)
	if err != nil || encoded == nil {
		return digest, 0, err
	}
	if digest, err = crdt.DecodeSnapshot(encoded); err != nil {
		return digest, 0, nil // it is made again
	}
	return digest, len(encoded), nil
}

// lately returns what was merged within a moment, perhaps without the update; nil for nothing.
func (r *room) lately() *mergedLog {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.shared; c != nil && !c.made.IsZero() {
		return c.log
	}
	return nil
}

// merged returns the log as one update. Those who ask at the same time, or within a moment, share it.
func (r *room) merged(ctx context.Context) (*mergedLog, *ysync.Refusal) {
	r.mu.Lock()
	c := r.shared
	if c == nil || c.isDigest {
		var digest *mergedLog
		if c != nil {
			digest = c.log
		}
		r.forgetShared()
		log, last := r.log, r.gate.assigned
		if log == nil {
			r.mu.Unlock()
			return &mergedLog{update: emptyUpdate, index: indexOnce(emptyUpdate), whole: true}, nil
		}
		c = &sharedCopy{done: make(chan struct{})}
		r.shared = c
		go r.merge(c, log, last, digest)
	}
	r.mu.Unlock()
	select {
	case <-c.done:
		return c.log, c.refusal
	case <-ctx.Done():
		return nil, ysync.Refuse(ysync.CodeTryLater, "the client has gone")
	}
}

// merge makes a shared copy. The digest may be known already, else it is nil.
func (r *room) merge(c *sharedCopy, log *storage.Document, last uint64, digest *mergedLog) {
	r.srv.loads <- struct{}{}
	m, err := mergeCold(r.name, log, last, digest)
	<-r.srv.loads
	r.srv.counters.merges.Add(1)

	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(c.done)
	if err != nil {
		c.refusal = refusalOfStorage(err)
		if r.shared == c {
			r.shared = nil
			if r.isCold() {
				r.fail(c.refusal, err)
			}
		}
		return
	}
	c.log = m
	if r.shared != c {
		return // the room has an engine, or is closed
	}
	if m.whole && !m.kept && r.gate.assigned == last {
		m.kept = r.store(last, m.digest)
	}
	c.made = time.Now()
	if c.charged = int64(len(m.update)) * 5 / 4; r.srv.kept.take(c.charged) { // the index may take a quarter
		return
	}
	r.shared = nil
	r.shareDigest(&mergedLog{digest: m.digest, size: m.size, whole: m.whole, kept: m.kept})
}

// mergeCold reads a log up to and including entry last. The digest may be known already, else it is nil.
func mergeCold(name string, log *storage.Document, last uint64, digest *mergedLog) (m *mergedLog, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("merging the log failed: %v\n%s", p, debug.Stack())
		}
	}()
	info := log.Info()
	updates := make([][]byte, 0, info.LogEntries+1)
	all := make([]byte, 0, info.Bytes)
	err = log.Load(context.Background(), 0, func(e storage.Entry) error {
		if e.Seq > last {
			return errPast
		}
		begin := len(all)
		all = append(all, e.Update...)
		updates = append(updates, all[begin:len(all):len(all)])
		return nil
	})
	if err != nil && !errors.Is(err, errPast) {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	damaged := func(err error) error {
		return &storage.CorruptError{Document: name, Seq: last, Reason: err.Error()}
	}
	m = new(mergedLog)
	if digest != nil {
		*m = *digest
	} else if m.digest, m.size, err = keptDigest(context.Background(), log, last); err != nil {
		return nil, fmt.Errorf("read the digest: %w", err)
	} else if m.size > 0 {
		m.whole, m.kept = true, true
	}
	if m.update, err = crdt.MergeUpdates(updates...); err != nil {
		return nil, damaged(err)
	}
	m.index = indexOnce(m.update)
	if m.size > 0 {
		return m, nil
	}
	contents, err := crdt.ContentsOfUpdate(m.update)
	if err != nil {
		return nil, damaged(err)
	}
	vector, err := crdt.StateVectorFromUpdate(m.update)
	if err != nil {
		return nil, damaged(err)
	}
	m.whole = true
	for _, ranges := range contents.Inserts {
		m.whole = m.whole && len(ranges) == 1 && ranges[0].Clock == 0
	}
	var deleted []crdt.IDRange
	for client, ranges := range contents.Deletes {
		for _, d := range ranges {
			deleted = append(deleted, crdt.IDRange{Client: client, Clock: d.Clock, Len: d.Len})
		}
	}
	if m.digest, err = crdt.NewSnapshot(vector, deleted); err != nil {
		return nil, damaged(err)
	}
	m.size = 2*len(vector) + 24*len(deleted)
	return m, nil
}

// dropShared lets a merged log go that nobody asked for within a second. The next who asks shall find it merged. The caller
// holds the lock.
func (r *room) dropShared(now time.Time) {
	if c := r.shared; c != nil && !c.made.IsZero() && now.Sub(c.made) >= watchEvery {
		r.forgetShared()
		if !c.isDigest {
			r.log.CompactSoon()
		}
	}
}

// forgetShared lets a merged log go. The caller holds the lock.
func (r *room) forgetShared() {
	if c := r.shared; c != nil {
		kept := &r.srv.kept
		if c.isDigest {
			kept = &r.srv.keptDigests
		}
		kept.give(c.charged)
		r.shared = nil
	}
}

// easeCold makes a document whose engine is about to go quick to answer for without one: it keeps the digest, and has the
// log compacted soon when it is long, so that not even the first who comes back waits for it to be merged. The caller holds
// the lock.
func (r *room) easeCold() {
	r.keepDigest()
	if r.log != nil {
		r.log.CompactSoon()
	}
}

// keepDigest keeps the digest of the engine, unless there is one already.
func (r *room) keepDigest() {
	if r.log == nil || r.doc == nil || r.doc.Stats().Pending > 0 || r.gate.assigned == 0 {
		return
	}
	if kept, err := r.log.Digest(context.Background(), r.gate.assigned); err != nil || kept != nil {
		return
	}
	r.store(r.gate.assigned, r.doc.Snapshot())
}

// store writes a digest, and reports whether it will be there. It is made again when not, as while the disk is full.
func (r *room) store(seq uint64, digest crdt.Snapshot) bool {
	err := r.log.KeepDigest(seq, digest.Encode())
	if err != nil {
		r.srv.log.Debug("keep a digest", "document", r.name, "error", err)
	}
	return err == nil
}
