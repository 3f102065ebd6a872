package server

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// The number of documents in one page of the list.
const (
	pageSize    = 100
	maxPageSize = 1000
)

// listedDocument is one document in the list.
type listedDocument struct {
	Name     string    `json:"name"`
	ID       uuid.UUID `json:"id"`
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
	Sequence uint64    `json:"sequence"`
	Bytes    int64     `json:"bytes"`
	Damaged  bool      `json:"damaged,omitempty"`
}

// serveDocuments serves /api/documents: the list, in pages by name.
func (s *Server) serveDocuments(w http.ResponseWriter, r *http.Request) {
	if !s.prepareREST(w, r, "GET, HEAD") {
		return
	}
	grant, refusal := s.admit(r, List, "")
	if refusal != nil {
		s.refuseHTTP(w, r, statusOf(refusal.Code), refusal)
		return
	}
	q := r.URL.Query()
	limit := pageSize
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPageSize {
			s.refuseHTTP(w, r, http.StatusBadRequest, ysync.Refuse(ysync.CodeMalformed, "limit is a number from 1 to %d", maxPageSize))
			return
		}
		limit = n
	}
	page, next, err := s.list(r, q.Get("after"), limit, grant.Visible)
	if err != nil {
		s.log.Error("list documents", "error", err)
		refusal := refusalOfStorage(err)
		s.refuseHTTP(w, r, statusOf(refusal.Code), refusal)
		return
	}
	body, err := json.Marshal(struct {
		Documents []listedDocument `json:"documents"`
		Next      string           `json:"next"`
	}{page, next})
	if err != nil {
		s.log.Error("encode the list of documents", "error", err)
		s.refuseHTTP(w, r, http.StatusInternalServerError, ysync.Refuse(ysync.CodeUnavailable, "the list cannot be encoded"))
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, body)
}

// list reads one page. A document that was created but never written is none: its creation was cut short.
func (s *Server) list(r *http.Request, after string, limit int, visible func(string) bool) ([]listedDocument, string, error) {
	page := make([]listedDocument, 0, min(limit, pageSize))
	for {
		infos, err := s.store.Documents(r.Context(), after, limit)
		if err != nil {
			return nil, "", err
		}
		for _, d := range infos {
			after = d.Name
			if d.Damage == nil && d.Last == 0 || visible != nil && !visible(d.Name) {
				continue
			}
			page = append(page, listedDocument{d.Name, d.ID, d.Created, d.Modified, d.Last, d.Bytes, d.Damage != nil})
			if len(page) == limit {
				return page, after, nil
			}
		}
		if len(infos) < limit {
			return page, "", nil
		}
	}
}

// prepareREST does what every REST request needs first. It reports false when the request has been answered.
func (s *Server) prepareREST(w http.ResponseWriter, r *http.Request, methods string) bool {
	s.origins.allowCORS(w, r)
	w.Header().Set("Allow", methods)
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Methods", methods)
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match")
		w.Header().Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
		return false
	}
	for method := range strings.SplitSeq(methods, ", ") {
		if r.Method == method {
			return true
		}
	}
	s.refuseHTTP(w, r, http.StatusMethodNotAllowed, ysync.Refuse(ysync.CodeMalformed, "only %s here", methods))
	return false
}

// entityTag returns the ETag of a document after an update.
func entityTag(incarnation, seq uint64) string { return `"` + eventID(incarnation, seq) + `"` }

// tagMatches reports whether a list of entity tags holds tag.
func tagMatches(list, tag string) bool {
	for candidate := range strings.SplitSeq(list, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}

// exists reports whether a log is a document: creating one writes at least one entry.
func exists(log *storage.Document) bool { return log != nil && log.Last() > 0 }
