package server

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/google/uuid"

	ysync "github.com/weftsync/weft/sync"
)

// maxKickBytes bounds the body of a request to the admin listener.
const maxKickBytes = 64 << 10

// Selection says whom an administrator means: sessions and event streams of a document, of a user, of a connection, or
// of several of these at once. At least one has to be given.
type Selection struct {
	Document   string    `json:"document,omitempty"`
	User       string    `json:"user,omitempty"` // as in Grant.User
	Connection uuid.UUID `json:"connection,omitzero"`
}

// isEmpty reports whether nobody was named.
func (w Selection) isEmpty() bool { return w == Selection{} }

// includes reports whether the selection means somebody.
func (w Selection) includes(document, user string, connection uuid.UUID) bool {
	return (w.Document == "" || w.Document == document) && (w.User == "" || w.User == user) &&
		(w.Connection == uuid.Nil || w.Connection == connection)
}

// Kick ends the sessions and event streams that w means, with CodeForbidden and a reason, and returns how many that
// were. In the Hocuspocus dialect the document is refused and the socket stays; a y-websocket is closed. Who brings a
// token that the Authorizer still accepts gets in again: take the right away first.
func (s *Server) Kick(w Selection, reason string) int {
	if reason == "" {
		reason = "removed by an administrator"
	}
	return s.expel(w, ysync.Refuse(ysync.CodeForbidden, "%s", reason))
}

// expel ends the sessions and event streams that w means, and returns how many that were.
func (s *Server) expel(w Selection, refusal *ysync.Refusal) int {
	n := 0
	for _, member := range s.members(w) {
		member.end(refusal)
		n++
	}
	return n + s.viewers.end(w, refusal)
}

// Reauthorize asks the Authorizer again about the sessions that w means, with the token that each was opened with, and
// returns how many that were. A level that has changed acts at once, a refusal ends the session. Event streams are ended
// with a passing code, so that they come back and are asked about. The questions are asked in parallel; Reauthorize
// waits for answers only while Limits.Openings questions are under way.
func (s *Server) Reauthorize(w Selection) int {
	n := 0
	for _, member := range s.members(w) {
		s.questions <- struct{}{}
		member.reauthorize()
		n++
	}
	return n + s.viewers.end(w, ysync.Refuse(ysync.CodeTryLater, "rights have changed; come back"))
}

// members returns the sessions that are in a document and that w means.
func (s *Server) members(w Selection) []*session {
	var found []*session
	for _, c := range s.connections.list() {
		for _, member := range c.all() {
			if member.isMeant(w) {
				found = append(found, member)
			}
		}
	}
	return found
}

// isMeant reports whether the session is in a document and w means it.
func (s *session) isMeant(w Selection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.room != nil && s.conn.ctx.Err() == nil && w.includes(s.document, s.grant.User, s.conn.id)
}

// serveKick serves POST /admin/kick: a Selection and a reason, in JSON.
func (s *Server) serveKick(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Selection
		Reason string `json:"reason"`
	}
	if !readAdmin(w, r, &body) || !isMeaning(w, body.Selection) {
		return
	}
	n := s.Kick(body.Selection, body.Reason)
	s.log.Info("kicked", "document", body.Document, "user", body.User, "connection", body.Connection, "sessions", n)
	writeCount(w, n)
}

// serveReauthorize serves POST /admin/reauthorize: a Selection, in JSON.
func (s *Server) serveReauthorize(w http.ResponseWriter, r *http.Request) {
	var body Selection
	if !readAdmin(w, r, &body) || !isMeaning(w, body) {
		return
	}
	n := s.Reauthorize(body)
	s.log.Info("asked again", "document", body.Document, "user", body.User, "connection", body.Connection, "sessions", n)
	writeCount(w, n)
}

// readAdmin reads the body of an administrator's request. It reports false when the request has been answered. A page
// in a browser cannot ask: it would have to say application/json, for which its browser asks first.
func readAdmin(w http.ResponseWriter, r *http.Request, into any) bool {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), typeJSON) {
		http.Error(w, "the body is JSON, as Content-Type: application/json", http.StatusUnsupportedMediaType)
		return false
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxKickBytes))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		http.Error(w, "read the body: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

// isMeaning reports whether a selection names somebody, and answers the request if not.
func isMeaning(w http.ResponseWriter, who Selection) bool {
	if who.isEmpty() {
		http.Error(w, "name a document, a user or a connection", http.StatusBadRequest)
		return false
	}
	return true
}

// writeCount answers with a number of sessions.
func writeCount(w http.ResponseWriter, n int) {
	body, err := json.Marshal(map[string]int{"sessions": n})
	if err != nil {
		http.Error(w, "write the answer", http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, body)
}
