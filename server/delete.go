package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// refusalOfDeletion is what those are told who were in a document when it was deleted.
func refusalOfDeletion() *ysync.Refusal {
	return ysync.Refuse(ysync.CodeNotFound, "the document has been deleted")
}

// deleteDocument answers a DELETE: softly, or for good with ?hard.
func (s *Server) deleteDocument(w http.ResponseWriter, r *http.Request, name string, grant Grant) {
	hard, ok := flagOf(r, "hard")
	if !ok {
		s.refuseHTTP(w, r, http.StatusBadRequest, ysync.Refuse(ysync.CodeMalformed, "hard is true or false"))
		return
	}
	// A client that goes away half-way leaves no half of it.
	err := s.Delete(context.WithoutCancel(r.Context()), name, hard)
	if errors.Is(err, storage.ErrNotFound) {
		s.refuseHTTP(w, r, http.StatusNotFound, ysync.Refuse(ysync.CodeNotFound, "no such document"))
		return
	}
	if err != nil {
		refusal := refusalOfStorage(err)
		if refusal.Code != ysync.CodeNotFound {
			s.log.Error("delete document", "document", name, "hard", hard, "error", err)
		}
		s.refuseHTTP(w, r, statusOf(refusal.Code), refusal)
		return
	}
	s.log.Info("document deleted", "document", name, "hard", hard, "user", grant.User)
	w.WriteHeader(http.StatusNoContent)
}

// flagOf reads a query parameter that is true or false; without a value it is true.
func flagOf(r *http.Request, name string) (value, ok bool) {
	q := r.URL.Query()
	if !q.Has(name) {
		return false, true
	}
	if q.Get(name) == "" {
		return true, true
	}
	value, err := strconv.ParseBool(q.Get(name))
	return value, err == nil
}

// Delete deletes a document, durably, and ends every session and event stream in it with CodeNotFound. Softly, it can be
// taken back with Undelete until the time in Options.Compaction is over, and its name is refused until then; hard, all of
// it is erased as storage.Store.Erase says, and the name is free. An editor that still has a copy and comes back is refused
// with CodeConflict: what the erased document consisted of is known by its clients, as after Replace.
func (s *Server) Delete(ctx context.Context, name string, hard bool) error {
	remove := s.store.Delete
	if hard {
		remove = s.store.Erase
	}
	if err := remove(ctx, name); err != nil {
		return err
	}
	refusal := refusalOfDeletion()
	s.expel(Selection{Document: name}, refusal)
	s.rooms.forsake(ctx, name, refusal)
	return nil
}

// Undelete takes a soft deletion back.
func (s *Server) Undelete(ctx context.Context, name string) error { return s.store.Undelete(ctx, name) }

// forsake has the room of a document, if there is one, drop what it has of it.
func (rs *rooms) forsake(ctx context.Context, name string, refusal *ysync.Refusal) {
	rs.mu.Lock()
	r := rs.byName[name]
	rs.mu.Unlock()
	for r != nil {
		r.mu.Lock()
		switch r.state {
		case opening, loading: // perhaps from a handle of before
			moved := r.moved
			r.mu.Unlock()
			select {
			case <-moved:
				continue
			case <-ctx.Done():
				return
			}
		case cold, ready, draining:
			r.stop(refusal, time.Now())
		}
		r.mu.Unlock()
		return
	}
}

// serveUndelete serves POST /admin/undelete: the name of a document, in JSON.
func (s *Server) serveUndelete(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Document string `json:"document"`
	}
	if !readAdmin(w, r, &body) {
		return
	}
	switch err := s.Undelete(r.Context(), body.Document); {
	case errors.Is(err, storage.ErrNotFound):
		http.Error(w, "there is no deleted document of that name", http.StatusNotFound)
	case errors.Is(err, storage.ErrName):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case err != nil:
		s.log.Error("undelete document", "document", body.Document, "error", err)
		http.Error(w, "the document cannot be undeleted; the log says why", http.StatusInternalServerError)
	default:
		s.log.Info("document undeleted", "document", body.Document)
		w.WriteHeader(http.StatusNoContent)
	}
}
