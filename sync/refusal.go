package sync

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// Code is a WebSocket close code; HTTP answers carry the same number in their body. y-websocket 3.1 never comes back
// after 4400 to 4499 and always after anything else, so passing trouble is never in that range.
type Code uint16

// The codes that the server closes with.
const (
	CodeRestart      Code = 1012 // the server is going down; come back
	CodeTryLater     Code = 1013 // no room for this right now
	CodeMalformed    Code = 4400 // a frame, an update or a name that is not what it has to be
	CodeUnauthorized Code = 4401 // no token, a broken one or an expired one
	CodeForbidden    Code = 4403 // known, but not allowed to do this
	CodeNotFound     Code = 4404 // no such document
	CodeConflict     Code = 4409 // content of a dead lineage: drop the local copy
	CodeTooLarge     Code = 4413 // a message, a document or a number of things past its limit
	CodeCorrupt      Code = 4500 // the stored document cannot be read
	CodeUnavailable  Code = 4503 // the document cannot be loaded right now
	CodeDiskFull     Code = 4507 // the disk is full; reading goes on
	CodeSilent       Code = 4508 // nothing was received for too long
	CodeSlowDown     Code = 4529 // too many messages or bytes for too long
)

// Permanent reports whether a client that is refused with c should not try the same again.
func (c Code) Permanent() bool { return c >= 4400 && c < 4500 }

// MaxReasonBytes is the longest reason that fits into a WebSocket close frame beside its code.
const MaxReasonBytes = 123

// Refusal is why a peer is turned away. It is an error, a close frame and an HTTP answer.
type Refusal struct {
	Code   Code
	Reason string // never longer than MaxReasonBytes; never holds content or a token
	// After is how long it makes no sense to come back. 0: nobody knows.
	After time.Duration
}

// Refuse returns a refusal with a formatted reason, cut to MaxReasonBytes at a character's boundary.
func Refuse(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Reason: CutReason(fmt.Sprintf(format, args...))}
}

// Error returns the code and the reason.
func (r *Refusal) Error() string { return fmt.Sprintf("refused with %d: %s", r.Code, r.Reason) }

// CutReason returns the longest prefix of s that is valid UTF-8, ends between two characters and fits into a close
// frame. A longer reason would make a WebSocket library send none at all.
func CutReason(s string) string {
	end := 0
	for i, r := range s {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError {
			if _, width := utf8.DecodeRuneInString(s[i:]); width == 1 {
				return s[:end]
			}
		}
		if i+size > MaxReasonBytes {
			return s[:end]
		}
		end = i + size
	}
	return s[:end]
}
