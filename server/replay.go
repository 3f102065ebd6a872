package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// errPast ends the reading of the log behind the last entry that is wanted.
var errPast = errors.New("past the last entry that is wanted")

// errCompacted says that the log has no entry-by-entry memory of a sequence any more.
var errCompacted = errors.New("the log no longer reaches back")

// replay makes the change that a viewer has missed: from the document after the update from to the document after the
// update to, both durable. It builds the document from the log a second time, and watches while the later part is
// applied. It returns errCompacted when the log begins after from.
func (s *Server) replay(ctx context.Context, log *storage.Document, key feedKey, from, to uint64) (*viewEvent, error) {
	s.counters.replays.Add(1)
	doc := newEngine()
	at := uint64(0)
	apply := func(e storage.Entry) error {
		if _, err := doc.ApplyUpdate(e.Update); err != nil {
			return fmt.Errorf("apply entry %d: %w", e.Seq, err)
		}
		at = e.Seq
		return nil
	}
	err := log.Load(ctx, 0, func(e storage.Entry) error {
		if e.Seq > from {
			if e.Snapshot {
				return errCompacted
			}
			return errPast
		}
		return apply(e)
	})
	if err != nil && !errors.Is(err, errPast) {
		return nil, err
	}
	before := render(doc, key)
	event := &viewEvent{seq: to}
	stop := func() {}
	if before.spliced {
		stop = doc.OnRootSplice(key.root, func(sp crdt.Splice) { event.splices = joinSplice(event.splices, sp) })
	}
	err = log.Load(ctx, at, func(e storage.Entry) error {
		if e.Snapshot {
			return errCompacted
		}
		if e.Seq > to {
			return errPast
		}
		return apply(e)
	})
	stop()
	if err != nil && !errors.Is(err, errPast) {
		return nil, err
	}
	if after := render(doc, key); !before.spliced || !after.spliced {
		event.splices = nil
		after.change(doc, key, &before, event)
	}
	return event, nil
}

// missed returns what a viewer that comes back has to be sent: the change since from, or nil if there is none to be had.
// Many come back at once after a restart, mostly from the same place: they share one replay.
func (r *room) missed(ctx context.Context, key feedKey, from, to uint64) (*viewEvent, *ysync.Refusal) {
	select {
	case r.srv.loads <- struct{}{}:
		defer func() { <-r.srv.loads }()
	case <-ctx.Done():
		return nil, ysync.Refuse(ysync.CodeTryLater, "too many documents are being loaded")
	}
	r.mu.Lock()
	log, last := r.log, r.replayed
	r.mu.Unlock()
	if last != nil && last.key == key && last.from == from && last.event.seq == to {
		return last.event, nil
	}
	if log == nil {
		return nil, nil
	}
	event, err := r.srv.replay(ctx, log, key, from, to)
	switch {
	case errors.Is(err, errCompacted):
		return nil, nil
	case ctx.Err() != nil:
		return nil, ysync.Refuse(ysync.CodeTryLater, "too many documents are being loaded")
	case err != nil:
		r.srv.log.Error("replay the log for a viewer", "document", r.name, "error", err)
		return nil, refusalOfStorage(err)
	}
	r.mu.Lock()
	r.replayed = &sharedReplay{key, from, event}
	r.mu.Unlock()
	return event, nil
}

// sharedReplay is the last replay of a room.
type sharedReplay struct {
	key   feedKey
	from  uint64
	event *viewEvent
}
