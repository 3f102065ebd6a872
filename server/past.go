package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// The past of a document is made from its log, beside the room: a snapshot from before the moment, and the entries since.
// Nothing of it is kept.

// newPast returns an empty document that keeps what is deleted.
func newPast() *crdt.Doc {
	const all = math.MaxInt32
	return crdt.New(crdt.Options{
		KeepMarks: true, KeepDeleted: true,
		Limits: crdt.Limits{Structs: all, Clients: all, PendingStructs: all, PendingBytes: all, PendingDeletes: all},
	})
}

// momentOf finds the sequence that a request means: a number, a time as of RFC 3339, or "version:" and a name. A time
// means the last entry that is not younger, in the order of the log.
func momentOf(ctx context.Context, log *storage.Document, text string) (uint64, *ysync.Refusal) {
	if name, ok := strings.CutPrefix(text, "version:"); ok {
		versions, err := log.Versions(ctx)
		if err != nil {
			return 0, refusalOfStorage(err)
		}
		for _, v := range versions {
			if v.Name == name {
				return v.Seq, nil
			}
		}
		return 0, ysync.Refuse(ysync.CodeNotFound, "no such version")
	}
	if seq, err := strconv.ParseUint(text, 10, 64); err == nil {
		if seq > log.Durable() {
			return 0, ysync.Refuse(ysync.CodeNotFound, "the document has only %d changes", log.Durable())
		}
		return seq, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, ysync.Refuse(ysync.CodeMalformed, "a moment is a sequence, a time as 2026-01-02T15:04:05Z, or version:name")
	}
	var found uint64
	if err := log.Changes(ctx, 0, func(c storage.Change) bool {
		if !c.Time.After(at) {
			found = c.Seq
		}
		return found == 0
	}); err != nil {
		return 0, refusalOfStorage(err)
	}
	return found, nil // 0: before everything, or before what is kept, which Past finds out
}

// replayPast applies what Past streams and calls seen after each.
func replayPast(ctx context.Context, log *storage.Document, at, to uint64, doc *crdt.Doc, origin func(storage.Entry) any, seen func(storage.Entry) error) error {
	return log.Past(ctx, at, to, func(e storage.Entry) error {
		if _, err := doc.ApplyUpdate(e.Update, crdt.WithOrigin(origin(e)), crdt.WithoutUpdate()); err != nil {
			return fmt.Errorf("apply entry %d: %w", e.Seq, err)
		}
		if seen != nil {
			return seen(e)
		}
		return nil
	})
}

func noOrigin(storage.Entry) any { return nil }

// docAt builds the document as it was after an entry.
func docAt(ctx context.Context, log *storage.Document, at uint64) (*crdt.Doc, error) {
	doc := newEngine()
	if at == 0 {
		return doc, log.Past(ctx, 0, min(1, log.Durable()), func(storage.Entry) error { return nil }) // whether it is kept
	}
	return doc, replayPast(ctx, log, at, at, doc, noOrigin, nil)
}

// authorship says who made operations, and who deleted some.
type authorship struct {
	made    map[uint64]string // by client
	deleted map[uint64][]deletion
}

// deletion is a range of a client's operations that somebody deleted.
type deletion struct {
	clock, end uint64
	user       string
}

// note takes in the contents of an entry.
func (a *authorship) note(e storage.Entry) error {
	contents, err := crdt.ContentsOfUpdate(e.Update)
	if err != nil {
		return fmt.Errorf("read entry %d: %w", e.Seq, err)
	}
	for client := range contents.Inserts {
		if _, ok := a.made[client]; !ok {
			a.made[client] = e.User
		}
	}
	for client, ranges := range contents.Deletes {
		for _, r := range ranges {
			a.deleted[client] = append(a.deleted[client], deletion{r.Clock, r.Clock + r.Len, e.User})
		}
	}
	return nil
}

// sort makes deleter quick. Of several who deleted the same the first counts.
func (a *authorship) sort() {
	for _, ranges := range a.deleted {
		slices.SortStableFunc(ranges, func(x, y deletion) int { return cmp.Compare(x.clock, y.clock) })
	}
}

// deleter returns who deleted an operation.
func (a *authorship) deleter(id crdt.ID) string {
	ranges := a.deleted[id.Client]
	i, ok := slices.BinarySearchFunc(ranges, id.Clock, func(d deletion, clock uint64) int { return cmp.Compare(d.clock, clock) })
	if !ok {
		i--
	}
	for ; i >= 0; i-- {
		if id.Clock < ranges[i].end {
			return ranges[i].user
		}
	}
	return ""
}

// deltaBetween returns the text of a root at two moments with what came and went between them, and who did it.
func deltaBetween(ctx context.Context, log *storage.Document, from, to uint64, root string) ([]crdt.Op, error) {
	doc := newPast()
	who := authorship{made: make(map[uint64]string), deleted: make(map[uint64][]deletion)}
	var before crdt.Snapshot
	passed := false
	err := log.Past(ctx, from, to, func(e storage.Entry) error {
		if e.Seq > from && !passed {
			before, passed = doc.Snapshot(), true
		}
		if e.Seq > from {
			if err := who.note(e); err != nil {
				return err
			}
		}
		_, err := doc.ApplyUpdate(e.Update, crdt.WithoutUpdate())
		return err
	})
	if err != nil {
		return nil, err
	}
	if !passed {
		before = doc.Snapshot()
	}
	who.sort()
	kind := doc.RootKind(root)
	if kind != crdt.KindText && kind != crdt.KindXMLText && kind != crdt.Undeclared {
		return nil, ysync.Refuse(ysync.CodeMalformed, "the root holds no text but a %s", kind)
	}
	return doc.Text(root).DeltaBetween(before, doc.Snapshot(), func(change crdt.TextChange, first crdt.ID) any {
		user := who.made[first.Client]
		if change == crdt.TextRemoved {
			user = who.deleter(first)
		}
		return crdt.Object{{Key: "type", Value: string(change)}, {Key: "by", Value: user}}
	}), nil
}

// errNothing means that there is nothing to take back.
var errNothing = errors.New("nothing to take back")

// takeBack makes an update that takes back what the entries after from, up to to, have done, of those that mine picks, and
// leaves what others did. It is an edit like any other, by a client of its own.
func takeBack(ctx context.Context, log *storage.Document, from, to uint64, mine func(storage.Entry) bool) ([]byte, error) {
	last, err := docAt(ctx, log, to) // to know which roots there will be
	if err != nil {
		return nil, err
	}
	doc := newPast()
	var scope []crdt.Type
	for _, name := range last.Roots() {
		kind := last.RootKind(name)
		if kind > crdt.KindXMLText {
			kind = crdt.KindArray
		}
		root, err := doc.Get(name, kind)
		if err != nil {
			return nil, err
		}
		scope = append(scope, root)
	}
	type taken struct{}
	now := time.Now()
	undo := doc.NewUndoManager(crdt.UndoOptions{
		CaptureTimeout: time.Hour, Now: func() time.Time { return now }, Origins: []any{taken{}}, OverwriteRemote: true,
	}, scope...)
	err = replayPast(ctx, log, from, to, doc, func(e storage.Entry) any {
		if e.Seq > from && mine(e) {
			return taken{}
		}
		return nil
	}, nil)
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
		return nil, errNothing
	}
	return crdt.MergeUpdates(updates...)
}
