package storage

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// spaceWatch looks at the free space of the disk and refuses appends below the
// reserve. The reserve is what Pebble needs to go on: a log file, a flush and a
// merge of tables all want space before they give any back.
type spaceWatch struct {
	fs       vfs.FS
	dir      string
	reserve  uint64
	interval time.Duration
	logger   *slog.Logger

	low  atomic.Bool
	free atomic.Uint64

	written atomic.Int64  // bytes appended since the last look
	look    chan struct{} // holds a token when written is due
	stop    chan struct{}
	running sync.WaitGroup
}

// newSpaceWatch looks once, then starts to watch. It does nothing when the
// reserve is negative, or the file system cannot tell its free space.
func newSpaceWatch(o Options) *spaceWatch {
	w := &spaceWatch{
		fs: o.FS, dir: o.Dir, interval: o.SpaceInterval, logger: o.Logger,
		look: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	if o.ReserveBytes < 0 {
		return w
	}
	w.reserve = uint64(o.ReserveBytes)
	if !w.check() {
		w.reserve = 0
		return w
	}
	w.running.Go(w.loop)
	return w
}

func (w *spaceWatch) loop() {
	ticker := time.NewTicker(w.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-w.look:
		case <-w.stop:
			return
		}
		w.check()
	}
}

// appended counts n bytes, and has the disk looked at when a quarter of the
// reserve was written since the last look: at most that much, and what is
// already queued, can go below the reserve.
func (w *spaceWatch) appended(n int) {
	if w.reserve == 0 {
		return
	}
	if w.written.Add(int64(n)) >= int64(w.reserve/4) {
		select {
		case w.look <- struct{}{}:
		default:
		}
	}
}

// check looks at the disk once; it returns false when the file system cannot
// tell. When the call fails otherwise, the last answer stands.
func (w *spaceWatch) check() bool {
	w.written.Store(0)
	usage, err := w.fs.GetDiskUsage(w.dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		w.logger.Debug("free disk space is not known", "dir", w.dir)
		return false
	}
	if err != nil {
		w.logger.Warn("look at the free disk space", "dir", w.dir, "error", err)
		return true
	}
	w.free.Store(usage.AvailBytes)
	switch was := w.low.Load(); {
	case !was && usage.AvailBytes < w.reserve:
		w.low.Store(true)
		w.logger.Error("disk space is below the reserve, writes are refused",
			"dir", w.dir, "free_bytes", usage.AvailBytes, "reserve_bytes", w.reserve)
	// A sixteenth more than the reserve, so that it does not flap at the edge.
	case was && usage.AvailBytes >= w.reserve+w.reserve/16:
		w.low.Store(false)
		w.logger.Info("disk space is above the reserve, writes are accepted",
			"dir", w.dir, "free_bytes", usage.AvailBytes, "reserve_bytes", w.reserve)
	}
	return true
}

func (w *spaceWatch) close() {
	close(w.stop)
	w.running.Wait()
}
