package server

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// A document that begins anew has copies of its old content in browsers. A client that merges one into the new document
// would double what both have, or bring back what was to be gone. Such content is known by the clients that made it: a
// client id is never used for two lineages. What names one, a state vector or an update, is refused.

// RetireLog is the storage.Options.Retire of this server: how far each client was known in a log, as a state vector.
func RetireLog(load func(func(storage.Entry) error) error) ([]byte, error) {
	known := make(map[uint64]uint64)
	err := load(func(e storage.Entry) error {
		meta, err := crdt.ParseUpdateMeta(e.Update)
		if err != nil {
			return &storage.CorruptError{Seq: e.Seq, Reason: err.Error()}
		}
		for client, clock := range meta.To {
			known[client] = max(known[client], clock)
		}
		return nil
	})
	if len(known) == 0 {
		return nil, err
	}
	vector := lib0.AppendUint(nil, uint64(len(known)))
	for client, clock := range known {
		vector = lib0.AppendUint(lib0.AppendUint(vector, client), clock)
	}
	return vector, err
}

// retiredOf returns the clients of a document's dead lineages, nil if there are none.
func (s *Server) retiredOf(name string) (*crdt.Snapshot, error) {
	vectors, err := s.store.Retired(context.Background(), name)
	if err != nil || len(vectors) == 0 {
		return nil, err
	}
	var pairs []byte
	n := uint64(0)
	for _, vector := range vectors {
		d := lib0.NewDecoder(vector)
		count, err := d.Uint()
		if err != nil {
			return nil, &storage.CorruptError{Document: name, Reason: "dead lineage: " + err.Error()}
		}
		n += count
		pairs = append(pairs, vector[d.Offset():]...)
	}
	all, err := crdt.NewSnapshot(append(lib0.AppendUint(nil, n), pairs...), nil)
	if err != nil {
		return nil, &storage.CorruptError{Document: name, Reason: "dead lineage: " + err.Error()}
	}
	return &all, nil
}

// refusalOfLineage is what a client is told that has content of before.
func refusalOfLineage() *ysync.Refusal {
	return ysync.Refuse(ysync.CodeConflict, "the document has begun anew: drop the local copy, and open it again")
}

// aliveVector refuses the state vector of a client that has content of a dead lineage.
func (r *room) aliveVector(vector []byte) *ysync.Refusal {
	dead := r.retired.Load()
	if dead == nil {
		return nil
	}
	met, err := dead.Meets(vector)
	if err != nil {
		return refusalOfVector(err)
	}
	return refuseIf(met)
}

// aliveUpdate refuses an update that brings content of a dead lineage, or builds on it.
func (r *room) aliveUpdate(update []byte) *ysync.Refusal {
	dead := r.retired.Load()
	if dead == nil {
		return nil
	}
	met, err := dead.MeetsUpdate(update)
	if err != nil {
		return refusalOfUpdate(err)
	}
	return refuseIf(met)
}

func refuseIf(met bool) *ysync.Refusal {
	if met {
		return refusalOfLineage()
	}
	return nil
}

// Replace begins a document anew, durably: its log is replaced by the content of an update, as if others had written it,
// and every session in it is ended with CodeConflict, because what its editor has belongs to the lineage of before. Event
// streams are ended too, and come back to the whole. The update has to hold everything that it builds on; its clients get
// new ids, so that it may be an export of the same document. The error is a *sync.Refusal, or one of storage's.
func (s *Server) Replace(ctx context.Context, name string, update []byte, user string) error {
	state, refusal := s.seed(update)
	if refusal != nil {
		return refusal
	}
	if err := s.store.Renew(ctx, name, storage.Entry{Connection: newID(), User: user, Update: state}); err != nil {
		return err
	}
	who := Selection{Document: name}
	for _, member := range s.members(who) {
		member.end(refusalOfLineage())
	}
	s.viewers.end(who, ysync.Refuse(ysync.CodeTryLater, "the document has begun anew; come back"))
	s.rooms.forsake(ctx, name, ysync.Refuse(ysync.CodeTryLater, "the document has begun anew; come back"))
	return nil
}

// seed returns the state that an update makes, with clients that nobody knows.
func (s *Server) seed(update []byte) ([]byte, *ysync.Refusal) {
	doc := crdt.New(crdt.Options{KeepMarks: true})
	if _, err := doc.ApplyUpdate(update); err != nil {
		return nil, refusalOfUpdate(err)
	}
	if doc.Stats().Pending > 0 {
		return nil, ysync.Refuse(ysync.CodeMalformed, "the update builds on operations that it does not hold")
	}
	state, err := doc.EncodeStateAsUpdate(nil)
	if err != nil {
		return nil, ysync.Refuse(ysync.CodeUnavailable, "the document cannot be encoded")
	}
	if int64(len(state)) > s.limits.DocumentBytes {
		return nil, ysync.Refuse(ysync.CodeTooLarge, "the document would be larger than %d bytes", s.limits.DocumentBytes)
	}
	if state, err = renamed(state); err != nil {
		return nil, refusalOfUpdate(err)
	}
	return state, nil
}

// renamed gives the clients of an update ids at random, in their order.
func renamed(update []byte) ([]byte, error) {
	meta, err := crdt.ParseUpdateMeta(update)
	if err != nil {
		return nil, err
	}
	// Ids as Yjs chooses them are 32 random bits; those that the update only deletes count too, and are few.
	names := make([]uint64, 0, len(meta.To))
	taken := make(map[uint64]bool, len(meta.To))
	for len(names) < cap(names) {
		if id := uint64(rand.Uint32N(1<<32-1)) + 1; !taken[id] {
			taken[id] = true
			names = append(names, id)
		}
	}
	slices.Sort(names)
	return crdt.RenameClients(update, func(uint64) uint64 {
		if len(names) == 0 {
			return 0 // refused
		}
		id := names[0]
		names = names[1:]
		return id
	})
}

// replaceDocument answers a PUT with If-Match: *, which begins a document anew.
func (s *Server) replaceDocument(w http.ResponseWriter, r *http.Request, name string, grant Grant) {
	update, refusal := s.readBody(w, r, name, grant)
	if refusal == nil {
		err := s.Replace(context.WithoutCancel(r.Context()), name, update, grant.User)
		if err != nil && !errors.As(err, &refusal) {
			refusal = refusalOfStorage(err)
			if errors.Is(err, storage.ErrNotFound) {
				s.refuseHTTP(w, r, http.StatusPreconditionFailed, ysync.Refuse(ysync.CodeNotFound, "no such document"))
				return
			}
			s.log.Error("begin a document anew", "document", name, "error", err)
		}
	}
	if refusal != nil {
		s.refuseHTTP(w, r, statusOf(refusal.Code), refusal)
		return
	}
	s.log.Info("document begun anew", "document", name, "user", grant.User)
	w.WriteHeader(http.StatusNoContent)
}

// replaces reports whether a PUT is to replace what is there.
func replaces(r *http.Request) bool { return strings.TrimSpace(r.Header.Get("If-Match")) == "*" }
