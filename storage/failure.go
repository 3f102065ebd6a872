package storage

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// errWedged marks an error after which the database cannot be closed: Pebble may
// hold its commit lock for ever, or repeat a flush without end.
var errWedged = errors.New("the database is beyond use")

// failure is the end of a store: the first write or fsync that went wrong.
//
// It has three sources. The files of the log report their first error by
// themselves, see pebbleFS. Pebble hands the error of a sync to whoever waits for
// it. Everything else it reports through Logger.Fatalf, and when that returns it
// goes on and reports success. So the flag decides, not the error: it is looked
// at after each wait, before anything becomes durable.
type failure struct {
	failed atomic.Bool
	wedged atomic.Bool   // one of the errors, not only the first, was errWedged
	done   chan struct{} // closed when failed is set
	once   sync.Once
	err    error // set before done is closed
	fatal  func(error)
}

func newFailure(fatal func(error)) *failure {
	return &failure{done: make(chan struct{}), fatal: fatal}
}

// set records the first error and calls fatal with it. Later calls do nothing.
func (f *failure) set(err error) {
	if errors.Is(err, errWedged) {
		f.wedged.Store(true)
	}
	first := false
	f.once.Do(func() {
		f.err = err
		f.failed.Store(true)
		close(f.done)
		first = true
	})
	if first {
		f.fatal(err)
	}
}

// get returns nil, or the error for those who come after the failure: it
// matches [ErrFailed] and the first error.
func (f *failure) get() error {
	if !f.failed.Load() {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrFailed, f.err)
}
