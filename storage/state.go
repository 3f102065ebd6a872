package storage

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// docState is what all handles on one document share, from the first that is
// opened until the last is closed and everything appended is durable.
//
// Lock order: Store.mu, docState.mu, pipeline.mu.
type docState struct {
	store *Store
	name  string

	ready chan struct{} // closed when meta and the rest were read from disk, or err set
	err   error         // valid once ready is closed
	meta  metaRecord    // does not change after ready

	refs     int  // handles, guarded by Store.mu
	creating bool // not yet durable at all, guarded by Store.mu

	durable atomic.Uint64 // last sequence on disk; the syncer alone stores it

	merging    sync.Mutex // held by Merge; taken before compacting
	compacting sync.Mutex // held by Compact; taken before mu

	deleted atomic.Bool // set once: handles are of no use any more

	mu       sync.Mutex
	last     uint64 // last sequence given
	total    uint64 // bytes of all updates up to last
	waiting  int64  // bytes of updates that wait for the disk
	freed    chan struct{}
	gone     bool // forgotten by the store: nothing may be appended
	onDisk   tail // as of durable
	snapshot snapshotPlace
	handles  []*Document
}

// tail is what is known of the last entry.
type tail struct {
	seq      uint64
	total    uint64
	modified time.Time
}

// snapshotPlace is what is known of the newest snapshot; seq is 0 without one.
type snapshotPlace struct {
	seq   uint64
	total uint64 // bytes of the updates that it covers
	bytes int64  // of its state

	stored int64 // of its state as it lies on disk
}

// append gives e its sequence and queues it.
func (st *docState) append(e Entry) (uint64, error) {
	s := st.store
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := st.makeRoom(int64(len(e.Update))); err != nil {
		return 0, err
	}
	seq, total := st.last+1, st.total+uint64(len(e.Update))
	record := entryRecord{
		document: st.meta.id, seq: seq, time: e.Time, total: total,
		connection: e.Connection, user: e.User,
	}
	err := s.pipeline.put(request{
		key:   sequencedKey(st.meta.id, kindEntry, seq),
		value: record.encode(e.Update),
		advance: advance{
			doc: st, tail: tail{seq: seq, total: total, modified: e.Time},
			entries: 1, bytes: int64(len(e.Update)),
		},
	})
	if err != nil {
		return 0, err
	}
	st.last, st.total = seq, total
	st.waiting += int64(len(e.Update))
	s.counters.appended(len(e.Update))
	s.space.appended(len(e.Update))
	return seq, nil
}

// makeRoom waits until n more bytes may wait for the disk. It is called with
// st.mu, and gives it up while it waits.
func (st *docState) makeRoom(n int64) error {
	for {
		if st.deleted.Load() {
			return fmt.Errorf("append to document %q: %w", st.name, ErrDeleted)
		}
		if st.gone {
			return fmt.Errorf("append to document %q: %w", st.name, ErrClosed)
		}
		if err := st.store.Writable(); err != nil {
			if err == ErrNoSpace {
				st.store.counters.refused.Add(1)
			}
			return fmt.Errorf("append to document %q: %w", st.name, err)
		}
		if st.waiting == 0 || st.waiting+n <= st.store.opts.MaxWaitingBytes {
			return nil
		}
		if st.freed == nil {
			st.freed = make(chan struct{})
		}
		freed := st.freed
		st.mu.Unlock()
		select {
		case <-freed:
		case <-st.store.failure.done:
		}
		st.mu.Lock()
	}
}

// advance takes note that a is on disk. The syncer alone calls it.
func (st *docState) advance(a advance) {
	st.mu.Lock()
	st.onDisk = a.tail
	st.waiting -= a.bytes
	st.durable.Store(a.tail.seq)
	if st.freed != nil {
		close(st.freed)
		st.freed = nil
	}
	idle := a.tail.seq == st.last && len(st.handles) == 0
	c := st.store.compactor.Load()
	due := c != nil && c.opts.grown(a.tail, st.snapshot)
	st.mu.Unlock()
	if due {
		c.note(st.name, false)
	}
	if idle {
		st.store.forgetIdle(st)
	}
}

// callBack tells the handles that seq is durable.
func (st *docState) callBack(seq uint64) {
	st.mu.Lock()
	handles := st.handles // replaced, never changed in place
	st.mu.Unlock()
	for _, h := range handles {
		if fn := h.onDurable.Load(); fn != nil {
			(*fn)(seq)
		}
	}
}

// attach and detach keep the list of handles.
func (st *docState) attach(d *Document) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.handles = append(slices.Clone(st.handles), d)
}

func (st *docState) detach(d *Document) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.handles = slices.DeleteFunc(slices.Clone(st.handles), func(h *Document) bool { return h == d })
}

// info describes the document as of its durable sequence.
func (st *docState) info() DocumentInfo {
	st.mu.Lock()
	defer st.mu.Unlock()
	return describe(st.meta, st.onDisk, st.snapshot)
}

func describe(m metaRecord, t tail, s snapshotPlace) DocumentInfo {
	modified := t.modified
	if modified.IsZero() {
		modified = m.created
	}
	return DocumentInfo{
		Name: m.name, ID: m.id, Lineage: m.lineage, Incarnation: m.incarnation,
		Created: m.created, Modified: modified,
		Last:  t.seq,
		Bytes: int64(t.total-s.total) + s.bytes,

		LogEntries: int64(t.seq - s.seq), LogBytes: int64(t.total - s.total),
		Snapshot: s.seq, StoredBytes: s.stored,
	}
}
