// Package history answers questions about the past of a document, and makes the updates that take some of it back.
//
// It reads the log alone: a snapshot from before the moment, and the entries since. Nothing of it is kept, and neither a
// server nor its rooms are needed: package server answers its REST interface with it, and the weft command does the same on
// a data directory that no server uses.
//
// A moment is the sequence of an entry, and means the document as it was after it. What can be shown is what the log still
// has; see [storage.History]. Errors of this package are its own and those of [storage.Document.Past].
package history

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
)

// Errors of what was asked for.
var (
	ErrMoment  = errors.New("a moment is a sequence, a time as 2026-01-02T15:04:05Z, or version:name")
	ErrFuture  = errors.New("the document has not come that far")
	ErrOrder   = errors.New("from comes after to")
	ErrNotText = errors.New("the root holds no text")
	ErrNothing = errors.New("there is nothing to take back")
)

// Moment finds the sequence that a text means: a number, a time as of RFC 3339, or "version:" and a name. A time means the
// last entry that is not younger, in the order of the log: a clock that jumped back does not hide what came after it.
// Errors: [ErrMoment], [ErrFuture], [storage.ErrNotFound] for a version. A time costs the reading of the entries after it.
func Moment(ctx context.Context, log *storage.Document, text string) (uint64, error) {
	if name, ok := strings.CutPrefix(text, "version:"); ok {
		versions, err := log.Versions(ctx)
		if err != nil {
			return 0, err
		}
		for _, v := range versions {
			if v.Name == name {
				return v.Seq, nil
			}
		}
		return 0, fmt.Errorf("version %q: %w", name, storage.ErrNotFound)
	}
	if seq, err := strconv.ParseUint(text, 10, 64); err == nil {
		if seq > log.Durable() {
			return 0, fmt.Errorf("%w: it has %d changes", ErrFuture, log.Durable())
		}
		return seq, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, ErrMoment
	}
	var found uint64
	err = log.Changes(ctx, 0, func(c storage.Change) bool {
		if !c.Time.After(at) {
			found = c.Seq
		}
		return found == 0
	})
	return found, err // 0: before everything, or before what is kept, which Past finds out
}

// At builds the document as it was after an entry; 0 is the empty document, if the log reaches back that far. It costs a
// snapshot and the entries after it.
func At(ctx context.Context, log *storage.Document, at uint64) (*crdt.Doc, error) {
	doc := newDoc(false)
	if at == 0 {
		return doc, log.Past(ctx, 0, min(1, log.Durable()), func(storage.Entry) error { return nil }) // whether it is kept
	}
	return doc, replay(ctx, log, at, at, doc, nil)
}

// newDoc returns an empty document for what a server has stored: without the limits that protect it from its peers.
func newDoc(keepDeleted bool) *crdt.Doc {
	return crdt.New(crdt.Options{KeepMarks: true, KeepDeleted: keepDeleted, Limits: crdt.TrustedLimits()})
}

// replay applies what Past streams. before, if not nil, is called first with each entry, and says as what it is applied. What
// either cannot read is damage of that entry.
func replay(ctx context.Context, log *storage.Document, at, to uint64, doc *crdt.Doc, before func(storage.Entry) (origin any, err error)) error {
	return log.Past(ctx, at, to, func(e storage.Entry) (err error) {
		defer func() {
			// The engine has its tests; if it fails all the same, that document has no past.
			if p := recover(); p != nil {
				err = fmt.Errorf("the engine failed: %v", p)
			}
			if err != nil {
				err = &storage.CorruptError{Document: log.Info().Name, Seq: e.Seq, Reason: err.Error()}
			}
		}()
		var origin any
		if before != nil {
			if origin, err = before(e); err != nil {
				return err
			}
		}
		_, err = doc.ApplyUpdate(e.Update, crdt.WithOrigin(origin), crdt.WithoutUpdate())
		return err
	})
}
