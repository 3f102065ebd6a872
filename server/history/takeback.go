package history

import (
	"context"
	"fmt"
	"time"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
)

// Revert makes the update that brings a document back to a moment: an edit like any other, which takes back everything
// that is durable since. The error is [ErrNothing] when there is none. It builds the document three times.
func Revert(ctx context.Context, log *storage.Document, to uint64) ([]byte, error) {
	return takeBack(ctx, log, to, func(storage.Entry) bool { return true })
}

// Undo makes the update that takes back what a user did since a moment and leaves what others did, as Revert does.
func Undo(ctx context.Context, log *storage.Document, user string, since uint64) ([]byte, error) {
	return takeBack(ctx, log, since, func(e storage.Entry) bool { return e.User == user })
}

// takeBack makes an update, by a client of its own, that takes back what the entries after from have done, of those that
// mine picks.
func takeBack(ctx context.Context, log *storage.Document, from uint64, mine func(storage.Entry) bool) ([]byte, error) {
	to := log.Durable()
	last, err := At(ctx, log, to) // to know which roots there will be
	if err != nil {
		return nil, err
	}
	doc := newDoc(true)
	var scope []crdt.Type
	for _, name := range last.Roots() {
		kind := last.RootKind(name)
		if kind > crdt.KindXMLText {
			kind = crdt.KindArray
		}
		root, err := doc.Get(name, kind)
		if err != nil {
			return nil, fmt.Errorf("take back: %w", err)
		}
		scope = append(scope, root)
	}
	type taken struct{}
	now := time.Now()
	undo := doc.NewUndoManager(crdt.UndoOptions{
		CaptureTimeout: time.Hour, Now: func() time.Time { return now }, Origins: []any{taken{}}, OverwriteRemote: true,
	}, scope...)
	err = replay(ctx, log, from, to, doc, func(e storage.Entry) (any, error) {
		if e.Seq > from && mine(e) {
			return taken{}, nil
		}
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	var updates [][]byte
	for undo.CanUndo() {
		_, update, err := undo.Undo()
		if err != nil {
			return nil, fmt.Errorf("take back: %w", err)
		}
		if update != nil {
			updates = append(updates, update)
		}
	}
	if len(updates) == 0 {
		return nil, ErrNothing
	}
	return crdt.MergeUpdates(updates...)
}
