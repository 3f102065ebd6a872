package storage

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// pebbleFormat is the format of Pebble's own files. It is named, not "newest",
// so that a new version of Pebble changes nothing on disk by itself.
//
// It must be at least FormatWALSyncChunks: before that, damage in the
// write-ahead log looks like the end of the log, and what follows is lost in
// silence. FormatTableFormatV6 adds a checksum to the footer of tables.
const pebbleFormat = pebble.FormatValueSeparation

// backgroundPause is what a failed flush or compaction waits before the next.
const backgroundPause = 50 * time.Millisecond

// pebbleOptions are for a small server. Resident at rest: the block cache fills
// up to CacheBytes, and each write buffer starts at 256 KiB and grows to
// MemTableBytes; at most three exist (one written, one flushed, one kept for the
// next). Together below 8 + 3×4 MiB with the defaults.
func (s *Store) pebbleOptions() *pebble.Options {
	o := &pebble.Options{
		FS:                 s.opts.FS,
		Lock:               s.lock,
		FormatMajorVersion: pebbleFormat,
		CacheSize:          s.opts.CacheBytes,
		MemTableSize:       uint64(s.opts.MemTableBytes),
		// The manifest is checked before it is used, in time linear in its size.
		MaxManifestFileSize: 1 << 20,
		MaxOpenFiles:        500,
		// Opening a cold document looks into so many runs of flushed buffers, and
		// under load each merging of them rewrites most of what is below.
		L0CompactionThreshold: 4,
		Logger:                pebbleLogger{s},
		EventListener:         s.events(),
	}
	return o
}

// pebbleLogger hands Pebble's words to slog, and its fatal errors to failure.
type pebbleLogger struct{ s *Store }

func (l pebbleLogger) Infof(format string, args ...any) {
	if l.s.logger.Enabled(context.Background(), slog.LevelDebug) {
		l.s.logger.Debug("pebble: " + fmt.Sprintf(format, args...))
	}
}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.s.logger.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf is called by Pebble where it cannot go on. When it returns, Pebble goes
// on all the same, and Commit even reports success: the flag that failure.set
// raises before it returns is what keeps us from acknowledging. Nobody knows in
// what state Pebble is then: it is left alone.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.s.failure.set(fmt.Errorf("%w: pebble: %s", errWedged, fmt.Sprintf(format, args...)))
}

// events is told what Pebble does in the background.
func (s *Store) events() *pebble.EventListener {
	log := s.logger
	return &pebble.EventListener{
		// Pebble repeats a failed flush at once and without end, thousands of times
		// a second. It calls this with its main lock held, which appends do not
		// need until a write buffer is full.
		BackgroundError: func(err error) {
			if n := s.counters.backgroundErrors.Add(1); n&(n-1) == 0 { // 1, 2, 4, 8 …
				log.Error("pebble: flush or compaction failed", "error", err, "times", n)
			}
			time.Sleep(backgroundPause)
		},
		// Without this Pebble would end the process for one damaged table; the
		// documents in it fail when they are read, the others are served.
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			s.counters.corruptions.Add(1)
			log.Error("pebble: damaged table", "file", info.Path, "error", info.Details)
		},
		DiskSlow: func(info pebble.DiskSlowInfo) {
			log.Warn("pebble: slow disk", "file", info.Path, "operation", info.OpType.String(), "duration", info.Duration)
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			s.counters.stalls.Add(1)
			log.Warn("pebble: writes are held back", "reason", info.Reason)
		},
		WriteStallEnd: func() { log.Info("pebble: writes go on") },
		LowDiskSpace: func(info pebble.LowDiskSpaceInfo) {
			log.Warn("pebble: disk space is low", "free_bytes", info.AvailBytes, "total_bytes", info.TotalBytes)
		},
		FlushEnd: func(info pebble.FlushInfo) {
			log.Debug("pebble: flushed", "duration", info.TotalDuration, "error", info.Err)
		},
		CompactionEnd: func(info pebble.CompactionInfo) {
			log.Debug("pebble: compacted", "reason", info.Reason, "duration", info.TotalDuration, "error", info.Err)
		},
	}
}
