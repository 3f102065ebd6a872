package storage

import (
	"log/slog"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// ExitSyncFailed is the exit code of the process when a write or an fsync of
	// the log has failed and [Options.Fatal] is not set.
	ExitSyncFailed = 74 // EX_IOERR of sysexits.h
	// MaxUpdateBytes is the largest update or snapshot that is stored.
	MaxUpdateBytes = 256 << 20
	// MaxUserBytes is the longest user name in an entry.
	MaxUserBytes = 4 << 10
)

// Options configures [Open]. Only Dir is required.
type Options struct {
	// Dir is the data directory. It is created when missing.
	Dir string
	// FS is the file system that holds Dir. Nil is the operating system's.
	FS vfs.FS
	// Logger gets what the store and Pebble have to say. Nil is [slog.Default].
	// Pebble's own chatter comes at level Debug.
	Logger *slog.Logger
	// Fatal is called at most once, with the first error of a write or an fsync.
	// It should not return: what was waiting for the disk is neither durable nor
	// provably lost, and only a restart reads what the disk really has. Nil logs
	// the error and ends the process with [ExitSyncFailed]. When it does return
	// (tests), the store acknowledges nothing and accepts nothing any more.
	// It may be called from any goroutine, and must not call back into the store.
	Fatal func(error)
	// Now is the clock for entries without a time, and for creation times. Nil
	// is [time.Now]. Order never depends on it, so it may jump back.
	Now func() time.Time
	// Retire makes, of the log of a document whose lineage ends, what its content is
	// known by later; it holds no content itself. load streams the log as
	// [Document.Load] does, as far as it can be read. What Retire returns is kept
	// also beside an error, which is logged: a document that is damaged can be
	// deleted all the same. Nil keeps nothing.
	Retire func(load func(fn func(e Entry) error) error) ([]byte, error)
	// History holds for documents for which [Document.SetHistory] was not called.
	History History
	// ReserveBytes is the free disk space below which [Document.Append] is
	// refused with [ErrNoSpace]. 0 is 256 MiB; negative switches the watch off.
	ReserveBytes int64
	// SpaceInterval is the time between two looks at the free space. 0 is 1 s.
	// It is also looked at each time that a quarter of the reserve was written.
	SpaceInterval time.Duration
	// MaxWaitingBytes bounds the bytes of one document that wait for the disk:
	// past it [Document.Append] blocks until some of them are durable. One entry
	// is always let through, whatever its size. 0 is 64 MiB.
	MaxWaitingBytes int64
	// Pace is asked before each group of entries, how long after the one before it
	// the group may be written at the soonest: who knows that the CPU is short lets
	// more come together. An entry that comes after that time does not wait for
	// others. One goroutine asks. Nil is always 0.
	Pace func() time.Duration
	// CacheBytes is Pebble's block cache. 0 is 8 MiB.
	CacheBytes int64
	// MemTableBytes is the size of one of Pebble's two write buffers, and with it
	// about the size of a log file. 0 is 4 MiB.
	MemTableBytes int64
}

// withDefaults returns o with every zero field set to its documented default.
func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Fatal == nil {
		logger := o.Logger
		o.Fatal = func(err error) {
			logger.Error("storage failed, the process ends so that nothing is acknowledged that is not on disk",
				"error", err, "exit_code", ExitSyncFailed)
			os.Exit(ExitSyncFailed)
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ReserveBytes == 0 {
		o.ReserveBytes = 256 << 20
	}
	if o.SpaceInterval <= 0 {
		o.SpaceInterval = time.Second
	}
	if o.MaxWaitingBytes <= 0 {
		o.MaxWaitingBytes = 64 << 20
	}
	if o.CacheBytes <= 0 {
		o.CacheBytes = 8 << 20
	}
	if o.MemTableBytes <= 0 {
		o.MemTableBytes = 4 << 20
	}
	return o
}
