package storage

import "time"

// Stats are counters (since Open) and gauges of a [Store].
type Stats struct {
	Appends        uint64 // entries accepted
	AppendedBytes  uint64 // of their updates
	DurableEntries uint64 // entries that became durable
	Batches        uint64 // groups of entries written to the log; Appends/Batches is the grouping
	LargestBatch   int    // entries in the largest group

	WaitingEntries int   // accepted, not yet durable
	WaitingBytes   int64 // of their updates
	Syncing        int   // groups that wait for an fsync now

	// SyncSeconds is the histogram of the time from the moment that a group was
	// written to the log until it was durable: count of those that took at most
	// SyncBounds[i], not cumulative; the last bucket has no upper bound.
	SyncSeconds [len(SyncBounds) + 1]uint64
	SyncTotal   time.Duration // sum of these times

	Documents   int    // open now
	NoSpace     bool   // appends are refused for want of space
	Refused     uint64 // appends refused for want of space
	FreeBytes   uint64 // at the last look; 0 when the watch is off
	Corruptions uint64 // damaged records or tables met
	Failed      bool   // a write or fsync has failed

	DiskBytes        uint64 // all files of the store
	LogBytes         uint64 // of them, write-ahead log
	MemTableBytes    uint64 // held in memory
	CacheBytes       int64  // held in memory
	Compactions      int64  // by Pebble
	Stalls           uint64 // times that Pebble held back writes
	BackgroundErrors uint64 // of Pebble's flushes and compactions
}

// SyncBounds are the upper bounds of [Stats.SyncSeconds].
var SyncBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 10 * time.Second,
}
