package storage

import (
	"errors"
	"fmt"
)

// Errors that callers tell apart with [errors.Is]. Each is wrapped with what
// was being done when it occurred.
var (
	// ErrInUse means that another process, or another Store in this one, has
	// the data directory open.
	ErrInUse = errors.New("data directory is in use")
	// ErrReadOnlyDir means that the data directory cannot be written: its
	// permissions or a read-only file system forbid it.
	ErrReadOnlyDir = errors.New("data directory is read-only")
	// ErrNewerFormat means that a newer version has written the directory.
	// Nothing in it was changed.
	ErrNewerFormat = errors.New("data directory has a newer format")
	// ErrCorrupt means that the write-ahead log, the manifest or a record of the
	// store itself is damaged, so that the store cannot say what is missing.
	ErrCorrupt = errors.New("data directory is damaged")
	// ErrCorruptDocument means that a record of one document is damaged. The
	// error is a [*CorruptError]. Other documents are not affected.
	ErrCorruptDocument = errors.New("document is damaged")
	// ErrNotFound means that there is no document of that name.
	ErrNotFound = errors.New("document not found")
	// ErrDeleted means that the document is deleted, and its name not free yet.
	ErrDeleted = errors.New("document is deleted")
	// ErrName means that a document's name is not allowed, see [CheckName].
	ErrName = errors.New("document name not allowed")
	// ErrTooLarge means that an entry is over a limit: [MaxUpdateBytes] or
	// [MaxUserBytes].
	ErrTooLarge = errors.New("entry is too large")
	// ErrNoSpace means that the disk has less free space than the reserve.
	// Nothing was written; reading goes on, and writing when space returns.
	ErrNoSpace = errors.New("disk space is below the reserve")
	// ErrFailed means that an earlier write or fsync failed: the store accepts
	// nothing more until the process is started again.
	ErrFailed = errors.New("storage has failed")
	// ErrClosed means that the store or the handle has been closed.
	ErrClosed = errors.New("storage is closed")
)

// CorruptError says what is damaged in one document. It matches
// [ErrCorruptDocument] under [errors.Is].
type CorruptError struct {
	Document string // its name
	Seq      uint64 // sequence of the damaged or missing record, 0 when it is none in particular
	Reason   string
}

// Error names document, sequence and reason.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("document %q is damaged at sequence %d: %s", e.Document, e.Seq, e.Reason)
}

// Is reports whether target is [ErrCorruptDocument].
func (e *CorruptError) Is(target error) bool { return target == ErrCorruptDocument }
