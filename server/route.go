package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// The paths that the server answers itself. Everything else is the web app's.
const (
	syncPath      = "/sync/"
	collabPath    = "/collab"
	viewPath      = "/view/"
	documentsPath = "/api/documents"
	healthPath    = "/healthz"
	readyPath     = "/readyz"
)

// serveHTTP routes by the escaped path, so that a document may have any name that the rules allow: http.ServeMux would
// answer "a//b" and ".." with a redirect, which ends an upgrade without a reason.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	path := s.withoutPrefix(r.URL.EscapedPath())
	switch {
	case strings.HasPrefix(path, syncPath):
		name, ok := unescape(path[len(syncPath):])
		if !ok {
			name = ""
		}
		s.serveSync(w, r, name)
	case path == collabPath || path == collabPath+"/":
		s.serveCollab(w, r)
	case strings.HasPrefix(path, viewPath):
		name, _ := unescape(path[len(viewPath):])
		s.serveView(w, r, name)
	case path == documentsPath || path == documentsPath+"/":
		s.serveDocuments(w, r)
	case strings.HasPrefix(path, documentsPath+"/"):
		s.serveDocument(w, r, path[len(documentsPath)+1:])
	case path == healthPath:
		s.serveHealth(w, r)
	case path == readyPath:
		s.serveReady(w, r)
	default:
		s.serveWeb(w, r, path)
	}
}

// unescape decodes a document's name. One that cannot be decoded is no name.
func unescape(escaped string) (string, bool) {
	name, err := url.PathUnescape(escaped)
	return name, err == nil
}

// escapeName encodes a document's name as one segment of a path.
func escapeName(name string) string { return url.PathEscape(name) }

// cleanPrefix returns a prefix that begins with a slash and ends with one: "/" for none.
func cleanPrefix(p string) string {
	if p = strings.Trim(p, "/"); p == "" {
		return "/"
	}
	return "/" + p + "/"
}

// withoutPrefix returns an escaped path without the prefix, if it has it.
func (s *Server) withoutPrefix(path string) string {
	if s.prefix == "/" {
		return path
	}
	if rest, ok := strings.CutPrefix(path, s.prefix); ok {
		return "/" + rest
	}
	return path
}

// serveWeb serves the web app, which wants to see its prefix even where it was stripped.
func (s *Server) serveWeb(w http.ResponseWriter, r *http.Request, path string) {
	if s.prefix != "/" {
		full := strings.TrimSuffix(s.prefix, "/") + path
		decoded, err := url.PathUnescape(full)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		r2 := *r
		u := *r.URL
		u.Path, u.RawPath = decoded, full
		r2.URL = &u
		r = &r2
	}
	s.web.ServeHTTP(w, r)
}

// admit says whether a request may go on to the document: the server is not going down, the page it comes from may use
// the server, the name is one, the Authorizer allows it, and none of the rates that it counts for is exceeded.
func (s *Server) admit(r *http.Request, action Action, name string) (Grant, *ysync.Refusal) {
	if s.isDraining() {
		return Grant{}, ysync.Refuse(ysync.CodeRestart, "the server is going down")
	}
	if !s.origins.allows(r) {
		return Grant{}, ysync.Refuse(ysync.CodeForbidden, "this web origin may not use the server")
	}
	if refusal := s.chargeAddress(r); refusal != nil {
		return Grant{}, refusal
	}
	if action != List {
		if refusal := ysync.CheckName(name); refusal != nil {
			return Grant{}, refusal
		}
	}
	grant, refusal := s.authorize(r.Context(), Request{Action: action, Document: name, Token: tokenOf(r), HTTP: r})
	if refusal != nil {
		return Grant{}, refusal
	}
	return grant, s.chargeGrant(grant.User, name)
}

// isDraining reports whether Shutdown has begun.
func (s *Server) isDraining() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}

// serveHealth says that the process is alive.
func (s *Server) serveHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n")) // an error means that the client has gone
}

// ready says why the server cannot take editors: it is going down, the store does not accept writes, or the disk does not
// answer. A full disk is not ready, though documents can still be read.
func (s *Server) ready() error {
	if s.isDraining() {
		return errors.New("draining")
	}
	if err := s.writable(); err != nil {
		return errors.New(refusalOfStorage(err).Reason)
	}
	if age := s.store.SyncAge(); age > s.limits.DiskStall {
		return fmt.Errorf("the disk does not answer: a write has taken %s", age.Round(100*time.Millisecond))
	}
	return nil
}

// serveReady says whether the server can take editors.
func (s *Server) serveReady(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	answer := "ready\n"
	if err := s.ready(); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		answer = err.Error() + "\n"
	}
	_, _ = w.Write([]byte(answer)) // an error means that the client has gone
}
