package storage

import (
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// logFS wraps the files that Pebble writes: tables, see tableFile, and the log. It
// fails the store at the first error of a file of the write-ahead log,
// before Pebble hears of it. Most such errors reach us through SyncWait. Where
// Pebble turns to the next file of the log it panics instead, with its main lock
// in a state in which the panic cannot be caught.
type logFS struct {
	vfs.FS
	dir  string
	fail func(error)
}

// isLog reports whether a file is one of the log's. Copies of it, in backups,
// are elsewhere.
func (fs logFS) isLog(name string) bool {
	return strings.HasSuffix(name, ".log") && fs.PathDir(name) == fs.dir
}

// watch wraps a file that was opened for writing, or fails the store.
func (fs logFS) watch(name string, f vfs.File, err error) (vfs.File, error) {
	if isTable(name) && err == nil {
		return tableFile{f}, nil
	}
	if !fs.isLog(name) {
		return f, err
	}
	if err != nil {
		fs.fail(fmt.Errorf("make a file of the log: %w", err))
		return nil, err
	}
	return logFile{f, fs.fail}, nil
}

func (fs logFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, category)
	return fs.watch(name, f, err)
}

func (fs logFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(oldname, newname, category)
	return fs.watch(newname, f, err)
}

func (fs logFS) Unwrap() vfs.FS { return fs.FS }

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
