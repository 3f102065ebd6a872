package storage

import (
	"sync/atomic"
	"time"
)

// Stats are counters (since Open) and gauges of a [Store].
type Stats struct {
	Appends        uint64 // entries accepted
	AppendedBytes  uint64 // of their updates
	DurableEntries uint64 // entries that became durable
	DurableBytes   uint64 // of their updates
	Groups         uint64 // batches written to the log; Appends/Groups is the grouping
	LargestGroup   int    // requests in the largest of them

	WaitingEntries int64 // accepted, not yet durable
	WaitingBytes   int64 // of their updates
	Syncing        int   // groups that wait for an fsync now

	// SyncSeconds is a histogram of the time from when a group was written to the
	// log until it was durable: SyncSeconds[i] counts those that took at most
	// SyncBounds[i] and more than the bound before. The last has no upper bound.
	SyncSeconds [len(SyncBounds) + 1]uint64
	SyncTotal   time.Duration // sum of these times
	SyncAge     time.Duration // how long the oldest write or fsync under way has taken

	Snapshots     uint64 // written: compactions of documents
	CompactErrors uint64 // compactions in the background that failed

	Documents   int    // open now
	NoSpace     bool   // appends are refused for want of space
	Refused     uint64 // appends refused for want of space
	FreeBytes   uint64 // at the last look; 0 when it is not watched
	Corruptions uint64 // damaged records or tables met
	Failed      bool   // a write or an fsync has failed

	DiskBytes        uint64 // all files of the store
	LogBytes         uint64 // of them, the write-ahead log
	MemTableBytes    uint64 // held in memory
	CacheBytes       int64  // held in memory
	Compactions      int64  // of tables, by Pebble
	Stalls           uint64 // times that Pebble held back writes
	BackgroundErrors uint64 // of Pebble's flushes and compactions
}

// SyncBounds are the upper bounds of [Stats].SyncSeconds.
var SyncBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 10 * time.Second,
}

// counters are what Stats reads. Each is counted by whoever it happens to.
type counters struct {
	appends, appendedBytes       atomic.Uint64
	durableEntries, durableBytes atomic.Uint64
	groups, largestGroup         atomic.Uint64
	syncTotal                    atomic.Int64
	syncSeconds                  [len(SyncBounds) + 1]atomic.Uint64
	refused, corruptions         atomic.Uint64
	stalls, backgroundErrors     atomic.Uint64
	snapshots, compactErrors     atomic.Uint64
	writing, syncing             atomic.Int64 // when what is under way began, in nanoseconds of the Unix epoch; 0 for nothing
}

func (c *counters) appended(n int) {
	c.appends.Add(1)
	c.appendedBytes.Add(uint64(n))
}

// wrote counts a group; the writer alone calls it.
func (c *counters) wrote(requests int) {
	c.groups.Add(1)
	if n := uint64(requests); n > c.largestGroup.Load() {
		c.largestGroup.Store(n)
	}
}

// synced counts a group that became durable.
func (c *counters) synced(took time.Duration, advances []advance) {
	c.syncTotal.Add(int64(took))
	bucket := 0
	for bucket < len(SyncBounds) && took > SyncBounds[bucket] {
		bucket++
	}
	c.syncSeconds[bucket].Add(1)
	for i := range advances {
		c.durableEntries.Add(uint64(advances[i].entries))
		c.durableBytes.Add(uint64(advances[i].bytes))
	}
}

// SyncAge returns for how long the oldest write to the log, or fsync of it, that
// is under way has taken; 0 when there is none. A disk that is well answers in
// milliseconds; one that does not answer shows here long before it fails. It
// costs two loads.
func (s *Store) SyncAge() time.Duration {
	oldest := int64(0)
	for _, began := range [...]int64{s.counters.writing.Load(), s.counters.syncing.Load()} {
		if began != 0 && (oldest == 0 || began < oldest) {
			oldest = began
		}
	}
	if oldest == 0 {
		return 0
	}
	return max(0, time.Since(time.Unix(0, oldest)))
}

// Stats returns counters and gauges since Open. It takes Pebble's metrics, which
// costs some 10 µs and a lock of Pebble's: call it once a scrape, not once a
// message. After Close the gauges of Pebble are zero.
func (s *Store) Stats() Stats {
	c := &s.counters
	st := Stats{
		// Durable before accepted, so that the difference is never negative.
		DurableEntries: c.durableEntries.Load(), DurableBytes: c.durableBytes.Load(),
		Groups: c.groups.Load(), LargestGroup: int(c.largestGroup.Load()),
		Syncing: len(s.pipeline.syncing), SyncAge: s.SyncAge(),
		SyncTotal: time.Duration(c.syncTotal.Load()),
		NoSpace:   s.space.low.Load(), FreeBytes: s.space.free.Load(),
		Refused: c.refused.Load(), Corruptions: c.corruptions.Load(),
		Failed:    s.failure.failed.Load(),
		Snapshots: c.snapshots.Load(), CompactErrors: c.compactErrors.Load(),
		Stalls: c.stalls.Load(), BackgroundErrors: c.backgroundErrors.Load(),
	}
	st.Appends, st.AppendedBytes = c.appends.Load(), c.appendedBytes.Load()
	st.WaitingEntries = int64(st.Appends - st.DurableEntries)
	st.WaitingBytes = int64(st.AppendedBytes - st.DurableBytes)
	for i := range st.SyncSeconds {
		st.SyncSeconds[i] = c.syncSeconds[i].Load()
	}
	s.mu.Lock()
	st.Documents = len(s.docs)
	s.mu.Unlock()
	if s.begin() != nil {
		return st
	}
	defer s.reading.Done()
	m := s.db.Metrics()
	// Pebble counts the log that is being written as large as it was when it was
	// begun: a new one as nothing, a recycled one as all of its file.
	st.LogBytes = max(m.WAL.PhysicalSize, m.WAL.Size)
	st.DiskBytes = m.DiskSpaceUsage() + st.LogBytes - m.WAL.PhysicalSize
	st.MemTableBytes, st.CacheBytes = m.MemTable.Size, m.BlockCache.Size
	st.Compactions = m.Compact.Count
	return st
}
