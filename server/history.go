package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/server/history"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// maxHistoryBody bounds the body of a request about the past.
const maxHistoryBody = 64 << 10

// past is one request about the past of a document.
type past struct {
	srv   *Server
	w     http.ResponseWriter
	r     *http.Request
	name  string
	grant Grant
	log   *storage.Document
}

// serveHistory serves /api/documents/{document}/history and what is below it.
func (s *Server) serveHistory(w http.ResponseWriter, r *http.Request, escaped, part string) {
	if !s.prepareREST(w, r, "GET, HEAD, PUT, POST, DELETE") {
		return
	}
	refuse := func(refusal *ysync.Refusal) { s.refuseHTTP(w, r, statusOf(refusal.Code), refusal) }
	name, ok := unescape(escaped)
	if !ok {
		refuse(ysync.Refuse(ysync.CodeNotFound, "no such path; a slash in a document's name is written %%2F"))
		return
	}
	grant, refusal := s.admit(r, History, name)
	if refusal != nil {
		refuse(refusal)
		return
	}
	select {
	case s.loads <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	log, err := s.openLog(name)
	if log != nil {
		defer log.Close()
	}
	if err == nil && !exists(log) {
		err = storage.ErrNotFound
	}
	result, refusal := func() (any, *ysync.Refusal) {
		defer func() { <-s.loads }()
		if err != nil {
			return nil, s.refusalOfPast(name, err)
		}
		p := past{s, w, r, name, grant, log}
		return p.answer(part)
	}()
	if act, ok := result.(edit); ok && refusal == nil {
		result, refusal = s.carryOutEdit(r.Context(), name, grant, act)
	}
	switch body, isBody := result.(content); {
	case refusal != nil:
		refuse(refusal)
	case isBody:
		w.Header().Set("Content-Type", body.mediaType)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(body.body) // an error means that the client has gone
	case result == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		encoded, err := json.Marshal(result)
		if err != nil {
			s.log.Error("encode the past of a document", "document", name, "error", err)
			refuse(ysync.Refuse(ysync.CodeUnavailable, "the answer cannot be encoded"))
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		writeJSON(w, http.StatusOK, encoded)
	}
}

// refusalOfPast says why the past of a document cannot be shown.
func (s *Server) refusalOfPast(name string, err error) *ysync.Refusal {
	switch {
	case errors.Is(err, history.ErrMoment), errors.Is(err, history.ErrOrder), errors.Is(err, history.ErrNotText):
		return ysync.Refuse(ysync.CodeMalformed, "%v", err)
	case errors.Is(err, history.ErrFuture):
		return ysync.Refuse(ysync.CodeNotFound, "%v", err)
	case errors.Is(err, storage.ErrForgotten):
		return ysync.Refuse(ysync.CodeNotFound, "that moment is not kept")
	case errors.Is(err, storage.ErrNotFound):
		return ysync.Refuse(ysync.CodeNotFound, "no such document or version")
	case errors.Is(err, history.ErrNothing):
		return ysync.Refuse(ysync.CodeConflict, "%v", err)
	}
	s.log.Error("read the past of a document", "document", name, "error", err)
	return refusalOfStorage(err)
}

// answer does what a path below history asks for. An edit is carried out by the caller, a content is sent as it is,
// everything else as JSON.
func (p *past) answer(part string) (any, *ysync.Refusal) {
	key, rest, _ := strings.Cut(part, "/")
	switch method := p.r.Method; {
	case part == "" && method == http.MethodGet:
		return p.changes()
	case part == "content" && method == http.MethodGet:
		return p.content()
	case part == "delta" && method == http.MethodGet:
		return p.delta()
	case part == "revert" && method == http.MethodPost, part == "undo" && method == http.MethodPost:
		return p.edit(part == "undo")
	case part == "settings" && (method == http.MethodGet || method == http.MethodPut):
		return p.settings()
	case key == "versions":
		return p.versions(rest)
	}
	return nil, ysync.Refuse(ysync.CodeNotFound, "no such path or method below history")
}

// changes lists the entries below a sequence, the newest first.
func (p *past) changes() (any, *ysync.Refusal) {
	q := p.r.URL.Query()
	limit, below := pageSize, uint64(0)
	var err error
	if text := q.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxPageSize {
			return nil, ysync.Refuse(ysync.CodeMalformed, "limit is a number from 1 to %d", maxPageSize)
		}
	}
	if text := q.Get("below"); text != "" {
		if below, err = strconv.ParseUint(text, 10, 64); err != nil {
			return nil, ysync.Refuse(ysync.CodeMalformed, "below is a sequence")
		}
	}
	page := struct {
		Changes []storage.Change `json:"changes"`
		Next    uint64           `json:"next"` // to pass as below; 0 at the end
	}{Changes: []storage.Change{}}
	err = p.log.Changes(p.r.Context(), below, func(c storage.Change) bool {
		if len(page.Changes) == limit {
			page.Next = page.Changes[limit-1].Seq
			return false
		}
		page.Changes = append(page.Changes, c)
		return true
	})
	if err != nil {
		return nil, p.srv.refusalOfPast(p.name, err)
	}
	return page, nil
}

// content renders the document at a moment.
func (p *past) content() (any, *ysync.Refusal) {
	q := p.r.URL.Query()
	at, err := history.Moment(p.r.Context(), p.log, q.Get("at"))
	var doc *crdt.Doc
	if err == nil {
		doc, err = history.At(p.r.Context(), p.log, at)
	}
	if err != nil {
		return nil, p.srv.refusalOfPast(p.name, err)
	}
	p.w.Header().Set("X-Sequence", strconv.FormatUint(at, 10))
	c, refusal := contentOf(doc, acceptedType(p.r.Header.Get("Accept")), feedKey{named: q.Has("root"), root: q.Get("root")})
	if refusal != nil {
		return nil, refusal
	}
	return c, nil
}

// delta tells what came and went in a root of text between two moments, and who did it.
func (p *past) delta() (any, *ysync.Refusal) {
	q := p.r.URL.Query()
	from, err := history.Moment(p.r.Context(), p.log, q.Get("from"))
	to := p.log.Durable()
	if err == nil && q.Has("to") {
		to, err = history.Moment(p.r.Context(), p.log, q.Get("to"))
	}
	var runs []history.Run
	if err == nil {
		runs, err = history.Delta(p.r.Context(), p.log, from, to, q.Get("root"))
	}
	if err != nil {
		return nil, p.srv.refusalOfPast(p.name, err)
	}
	return struct {
		From  uint64        `json:"from"`
		To    uint64        `json:"to"`
		Delta []history.Run `json:"delta"`
	}{from, to, runs}, nil
}

// edit is a change of the present that a request about the past asks for.
type edit struct{ update []byte }

// edit makes the update that reverts the document to a moment, or takes back what a user did since one.
func (p *past) edit(undo bool) (any, *ysync.Refusal) {
	var body struct {
		To    string `json:"to"`
		Since string `json:"since"`
		User  string `json:"user"`
	}
	if refusal := p.read(&body); refusal != nil {
		return nil, refusal
	}
	moment := body.To
	if undo {
		moment = body.Since
	}
	at, err := history.Moment(p.r.Context(), p.log, moment)
	var update []byte
	switch {
	case err != nil:
	case undo:
		update, err = history.Undo(p.r.Context(), p.log, body.User, at)
	default:
		update, err = history.Revert(p.r.Context(), p.log, at)
	}
	if err != nil {
		return nil, p.srv.refusalOfPast(p.name, err)
	}
	return edit{update}, nil
}

// carryOutEdit applies an update to the document as if somebody had made it, and waits until it is durable.
func (s *Server) carryOutEdit(ctx context.Context, name string, grant Grant, e edit) (any, *ysync.Refusal) {
	r, refusal := s.rooms.open(ctx, name)
	if refusal != nil {
		return nil, refusal
	}
	defer s.rooms.exit(r)
	if refusal := r.apply(origin{id: newID(), user: grant.User}, ysync.Update, e.update); refusal != nil {
		return nil, refusal
	}
	r.mu.Lock()
	seq := r.gate.assigned
	r.mu.Unlock()
	if err := r.wait(ctx); err != nil {
		return nil, asRefusal(err)
	}
	return struct {
		Sequence uint64 `json:"sequence"`
	}{seq}, nil
}

// read reads the JSON body of a request.
func (p *past) read(into any) *ysync.Refusal {
	d := json.NewDecoder(http.MaxBytesReader(p.w, p.r.Body, maxHistoryBody))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	p.srv.chargeBody(p.r, p.grant.User, p.name, int(d.InputOffset()))
	if err != nil {
		return ysync.Refuse(ysync.CodeMalformed, "read the body: %v", err)
	}
	return nil
}
