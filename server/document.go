package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/weftsync/weft/crdt"
	ysync "github.com/weftsync/weft/sync"
)

// The media types of a document.
const (
	typeJSON   = "application/json"
	typeText   = "text/plain"
	typeUpdate = "application/octet-stream"
)

// serveDocument serves /api/documents/{document}. A slash in the name is escaped: what comes behind a bare one is kept
// for parts of a document.
func (s *Server) serveDocument(w http.ResponseWriter, r *http.Request, escaped string) {
	if document, part, ok := strings.Cut(escaped, "/history"); ok && (part == "" || part[0] == '/') && !strings.Contains(document, "/") {
		s.serveHistory(w, r, document, strings.TrimPrefix(part, "/"))
		return
	}
	if !s.prepareREST(w, r, "GET, HEAD, PUT, DELETE") {
		return
	}
	name, ok := unescape(escaped)
	if !ok || strings.Contains(escaped, "/") {
		s.refuseHTTP(w, r, http.StatusNotFound, ysync.Refuse(ysync.CodeNotFound, "no such path; a slash in a document's name is written %%2F"))
		return
	}
	action := Get
	switch r.Method {
	case http.MethodPut:
		if action = Create; replaces(r) {
			action = Replace
		}
	case http.MethodDelete:
		action = Delete
	}
	grant, refusal := s.admit(r, action, name)
	if refusal != nil {
		s.refuseHTTP(w, r, statusOf(refusal.Code), refusal)
		return
	}
	switch action {
	case Create:
		s.createDocument(w, r, name, grant)
	case Replace:
		s.replaceDocument(w, r, name, grant)
	case Delete:
		s.deleteDocument(w, r, name, grant)
	default:
		s.getDocument(w, r, name)
	}
}

// content is a document in one media type, at one moment.
type content struct {
	mediaType string
	tag       string
	body      []byte
}

// getDocument answers with the document as it was when the request came, when that is durable.
func (s *Server) getDocument(w http.ResponseWriter, r *http.Request, name string) {
	room, refusal := s.rooms.attend(r.Context(), name)
	if refusal != nil {
		s.refuseHTTP(w, r, statusOf(refusal.Code), refusal)
		return
	}
	defer s.rooms.exit(room)
	c, refusal := room.content(r)
	if refusal != nil {
		s.refuseHTTP(w, r, statusOf(refusal.Code), refusal)
		return
	}
	h := w.Header()
	h.Set("ETag", c.tag)
	h.Set("Cache-Control", "no-cache")
	h.Add("Vary", "Accept")
	h.Set("X-Content-Type-Options", "nosniff")
	if list := r.Header.Get("If-None-Match"); list != "" && tagMatches(list, c.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", c.mediaType)
	_, _ = w.Write(c.body) // an error means that the client has gone
}

// content renders the document as the request wants it. An update, and the answer that nothing has changed, need no
// engine.
func (r *room) content(req *http.Request) (content, *ysync.Refusal) {
	r.mu.Lock()
	if r.isCold() {
		c := content{tag: entityTag(r.incarnation(), r.gate.assigned)}
		here := exists(r.log)
		r.mu.Unlock()
		switch {
		case !here:
			return c, ysync.Refuse(ysync.CodeNotFound, "no such document")
		case tagMatches(req.Header.Get("If-None-Match"), c.tag):
			return c, nil
		case acceptedType(req.Header.Get("Accept")) == typeUpdate:
			r.srv.counters.coldAnswers.Add(1)
			m, refusal := guarded(r, func() (*mergedLog, *ysync.Refusal) { return r.merged(req.Context()) })
			if refusal == nil {
				c.mediaType, c.body = typeUpdate, m.update
			}
			return c, refusal
		}
		ctx, cancel := context.WithTimeout(req.Context(), r.srv.limits.OpenWithin)
		defer cancel()
		if refusal := r.wake(ctx); refusal != nil {
			return c, refusal
		}
	} else {
		r.mu.Unlock()
	}
	return r.rendered(req)
}

// rendered is content from the engine.
func (r *room) rendered(req *http.Request) (c content, refusal *ysync.Refusal) {
	q := req.URL.Query()
	accepted := acceptedType(req.Header.Get("Accept"))
	settled, refusal := func() (<-chan error, *ysync.Refusal) {
		r.mu.Lock()
		defer r.mu.Unlock()
		defer r.contain(&refusal)
		if r.state != ready {
			return nil, ysync.Refuse(ysync.CodeUnavailable, "the document is not loaded")
		}
		if !exists(r.log) {
			return nil, ysync.Refuse(ysync.CodeNotFound, "no such document")
		}
		c.tag, r.used = entityTag(r.incarnation(), r.gate.assigned), time.Now()
		made, refusal := contentOf(r.doc, accepted, feedKey{named: q.Has("root"), root: q.Get("root")})
		if refusal != nil {
			return nil, refusal
		}
		c.mediaType, c.body = made.mediaType, made.body
		return r.settled(), nil
	}()
	if refusal != nil {
		return c, refusal
	}
	select {
	case err := <-settled:
		if err != nil {
			return c, asRefusal(err)
		}
		return c, nil
	case <-req.Context().Done():
		return c, ysync.Refuse(ysync.CodeTryLater, "the client has gone")
	}
}

// contentOf renders a document, or one root of it, in a media type.
func contentOf(doc *crdt.Doc, mediaType string, key feedKey) (content, *ysync.Refusal) {
	switch key.json = mediaType != typeText; mediaType {
	case typeUpdate:
		update, err := doc.EncodeStateAsUpdate(nil)
		if err != nil {
			return content{}, ysync.Refuse(ysync.CodeUnavailable, "the document cannot be encoded")
		}
		return content{mediaType: typeUpdate, body: update}, nil
	case typeText:
		v := view{key: key}
		if refusal := v.bind(doc); refusal != nil {
			return content{}, refusal
		}
		text := strings.ToValidUTF8(textOf(doc, v.key.root), "\uFFFD")
		return content{mediaType: typeText + "; charset=utf-8", body: []byte(text)}, nil
	}
	body := doc.JSON()
	if key.named {
		body = doc.RootJSON(key.root)
	}
	return content{mediaType: typeJSON, body: body}, nil
}

// acceptedType returns which of a document's types a request prefers: of those it names, the one it names first.
func acceptedType(accept string) string {
	for part := range strings.SplitSeq(accept, ",") {
		mediaType, _, _ := strings.Cut(part, ";")
		switch t := strings.ToLower(strings.TrimSpace(mediaType)); t {
		case typeJSON, typeText, typeUpdate:
			return t
		}
	}
	return typeJSON
}

// createDocument answers a PUT with If-None-Match: *, which creates a document exactly once.
func (s *Server) createDocument(w http.ResponseWriter, r *http.Request, name string, grant Grant) {
	if strings.TrimSpace(r.Header.Get("If-None-Match")) != "*" {
		s.refuseHTTP(w, r, http.StatusPreconditionRequired, ysync.Refuse(ysync.CodeMalformed, "PUT creates with If-None-Match: *, or begins anew with If-Match: *"))
		return
	}
	update, refusal := s.readBody(w, r, name, grant)
	if refusal != nil {
		s.refuseHTTP(w, r, statusOf(refusal.Code), refusal)
		return
	}
	room, refusal := s.rooms.attend(r.Context(), name)
	if refusal != nil {
		s.refuseHTTP(w, r, statusOf(refusal.Code), refusal)
		return
	}
	defer s.rooms.exit(room)
	tag, refusal := room.create(r.Context(), update, grant.User)
	if refusal != nil {
		status := statusOf(refusal.Code)
		if refusal.Code == ysync.CodeConflict {
			status = http.StatusPreconditionFailed
		}
		s.refuseHTTP(w, r, status, refusal)
		return
	}
	w.Header().Set("ETag", tag)
	w.Header().Set("Location", s.prefix+strings.TrimPrefix(documentsPath, "/")+"/"+escapeName(name))
	writeJSON(w, http.StatusCreated, []byte(`{"name":`+string(quoteJSON(name))+`}`))
}

// readBody reads an update, or the empty one when there is no body.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, name string, grant Grant) ([]byte, *ysync.Refusal) {
	charge := s.limits.MessageBytes
	if r.ContentLength >= 0 {
		charge = min(charge, r.ContentLength)
	}
	if !s.inFlight.take(charge) {
		return nil, ysync.Refuse(ysync.CodeTryLater, "too many large messages are on their way")
	}
	defer s.inFlight.give(charge)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.limits.MessageBytes))
	s.chargeBody(r, grant.User, name, len(body))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, ysync.Refuse(ysync.CodeTooLarge, "the update is larger than %d bytes", s.limits.MessageBytes)
	case err != nil:
		return nil, ysync.Refuse(ysync.CodeMalformed, "the body cannot be read")
	case len(body) == 0:
		return emptyUpdate, nil
	}
	return body, nil
}

// create makes the document with its first content, and returns its tag when that is durable. The first entry of the log
// is what makes a document exist, even if there is nothing in it: a creation that was cut short before it was written can
// be tried again, and one that was written cannot.
func (r *room) create(ctx context.Context, update []byte, user string) (string, *ysync.Refusal) {
	r.mu.Lock()
	taken := r.answers() && exists(r.log)
	r.mu.Unlock()
	if taken {
		return "", ysync.Refuse(ysync.CodeConflict, "the document exists already")
	}
	if refusal := r.aliveUpdate(update); refusal != nil {
		// A template that was used for the lineage before: as any other content it gets clients of its own.
		if refusal.Code != ysync.CodeConflict {
			return "", refusal
		}
		if update, refusal = r.srv.seed(update); refusal != nil {
			return "", refusal
		}
	}
	opening, cancel := context.WithTimeout(ctx, r.srv.limits.OpenWithin)
	defer cancel()
	if refusal := r.wake(opening); refusal != nil {
		return "", refusal
	}
	settled, tag, refusal := func() (settled <-chan error, tag string, refusal *ysync.Refusal) {
		r.mu.Lock()
		defer r.mu.Unlock()
		defer r.contain(&refusal)
		if r.state == ready && exists(r.log) {
			return nil, "", ysync.Refuse(ysync.CodeConflict, "the document exists already")
		}
		if refusal := r.admit(update); refusal != nil {
			return nil, "", refusal
		}
		if refusal := r.found(); refusal != nil {
			return nil, "", refusal
		}
		applied, err := r.doc.ApplyUpdate(update)
		if err != nil {
			return nil, "", refusalOfUpdate(err)
		}
		if !applied.Changed {
			applied.Update = emptyUpdate
		}
		if refusal := r.commit(origin{id: newID(), user: user, at: time.Now().UnixNano()}, applied); refusal != nil {
			return nil, "", refusal
		}
		return r.settled(), entityTag(r.incarnation(), r.gate.assigned), nil
	}()
	if refusal != nil {
		return "", refusal
	}
	select {
	case err := <-settled:
		if err != nil {
			return "", asRefusal(err)
		}
		return tag, nil
	case <-ctx.Done():
		return "", ysync.Refuse(ysync.CodeTryLater, "the client has gone")
	}
}
