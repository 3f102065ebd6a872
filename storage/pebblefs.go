package storage

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// pebbleFS is the file system that Pebble writes to.
//
// It fails the store at the first error of a file of the write-ahead log, before
// Pebble hears of it. Most such errors reach us through SyncWait. Where Pebble
// turns to the next file of the log it panics instead, with its main lock in a
// state in which the panic cannot be caught.
//
// Before each piece of a table others may run, see tableFile.
type pebbleFS struct {
	vfs.FS
	dir  string
	fail func(error)
}

// isLog reports whether a file is one of the log's. Copies of it, in backups,
// are elsewhere.
func (fs pebbleFS) isLog(name string) bool {
	return strings.HasSuffix(name, ".log") && fs.PathDir(name) == fs.dir
}

// wrap wraps a file that was opened for writing, or fails the store.
func (fs pebbleFS) wrap(name string, f vfs.File, err error) (vfs.File, error) {
	isLog := fs.isLog(name)
	switch {
	case err != nil && isLog:
		fs.fail(fmt.Errorf("make a file of the log: %w", err))
		return nil, err
	case err != nil:
		return f, err
	case isLog:
		return logFile{f, fs.fail}, nil
	case strings.HasSuffix(name, ".sst"):
		return tableFile{f}, nil
	}
	return f, nil
}

func (fs pebbleFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, category)
	return fs.wrap(name, f, err)
}

func (fs pebbleFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(oldname, newname, category)
	return fs.wrap(newname, f, err)
}

func (fs pebbleFS) Unwrap() vfs.FS { return fs.FS }

// logFile is a file of the log that is written.
type logFile struct {
	vfs.File
	fail func(error)
}

// note fails the store if err is an error.
func (f logFile) note(err error) error {
	if err != nil {
		f.fail(fmt.Errorf("write a file of the log: %w", err))
	}
	return err
}

func (f logFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.note(err)
}

func (f logFile) Preallocate(offset, length int64) error {
	return f.note(f.File.Preallocate(offset, length))
}

func (f logFile) Sync() error     { return f.note(f.File.Sync()) }
func (f logFile) SyncData() error { return f.note(f.File.SyncData()) }
func (f logFile) Close() error    { return f.note(f.File.Close()) }

func (f logFile) SyncTo(length int64) (fullSync bool, err error) {
	fullSync, err = f.File.SyncTo(length)
	return fullSync, f.note(err)
}

// tableFile is a table that is written. Merging tables is nothing but work for the
// CPU, for seconds, and the scheduler gives it ten milliseconds at a time, for
// which a core serves nobody.
type tableFile struct{ vfs.File }

func (f tableFile) Write(p []byte) (int, error) {
	runtime.Gosched()
	return f.File.Write(p)
}
