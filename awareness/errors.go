package awareness

import (
	"errors"
	"fmt"

	"github.com/weftsync/weft/crdt/lib0"
)

// The kinds of refusal. Each [Error] wraps one of them.
var (
	// ErrMalformed: the bytes are no awareness update, or hold a state that is neither a JSON object nor null.
	ErrMalformed = errors.New("malformed awareness update")
	// ErrTooLarge: an update of this kind is too large for anybody: too many entries, a state too long, a step of a
	// clock too far.
	ErrTooLarge = errors.New("awareness update too large")
	// ErrFull: the update is in order, but the document holds as many clients or bytes of states as it may.
	ErrFull = errors.New("awareness is full")
)

// Error says why an update was refused and where. Nothing of a refused update was applied.
type Error struct {
	Offset int    // in bytes from the start of the update; -1 for a state that came by no update
	Reason string // for people; holds nothing of any state
	Kind   error  // ErrMalformed, ErrTooLarge or ErrFull
}

func (e *Error) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%v: %s", e.Kind, e.Reason)
	}
	return fmt.Sprintf("%v: offset %d: %s", e.Kind, e.Offset, e.Reason)
}

// Unwrap returns the kind, for errors.Is.
func (e *Error) Unwrap() error { return e.Kind }

// malformed turns an error of lib0, whose offset counts from base, into ours.
func malformed(err error, base int) *Error {
	var at *lib0.Error
	if errors.As(err, &at) {
		return &Error{Offset: base + at.Offset, Reason: at.Reason, Kind: ErrMalformed}
	}
	return &Error{Offset: base, Reason: err.Error(), Kind: ErrMalformed}
}
