// Package slowdisk makes the disk under a log slow: an fsync takes as much longer as one says. With it the benchmarks show
// what grouping does on a disk that this machine does not have.
package slowdisk

import (
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// Disk returns this machine's file system, as [Wrap] slows it down.
func Disk(wait time.Duration) vfs.FS { return Wrap(vfs.Default, wait) }

// Wrap returns a file system in which each sync of a file or a directory takes wait longer. Everything else takes as long
// as in fs. What is synced when the process ends is synced as in fs: it is slow, and not false.
func Wrap(fs vfs.FS, wait time.Duration) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			time.Sleep(wait)
		}
		return nil
	}))
}
