package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// Authorizer says who may do what with a document. It is asked for each document on a WebSocket, each event stream and
// each REST request, before a byte of the document is read, and again when a client renews its token. It must be safe
// for concurrent use: up to Limits.Authorizations calls run at once. ctx ends after Limits.AuthorizeWithin. Package server/auth has one that reads signed tokens and
// one that asks a backend.
//
// To turn somebody away, return a *sync.Refusal: its code and reason are what the peer is told. Any other error means
// that the question could not be answered now; the peer is told to try later, and the error is logged.
type Authorizer interface {
	Authorize(ctx context.Context, r Request) (Grant, error)
}

// AuthorizerFunc makes an Authorizer of a function.
type AuthorizerFunc func(ctx context.Context, r Request) (Grant, error)

// Authorize calls f.
func (f AuthorizerFunc) Authorize(ctx context.Context, r Request) (Grant, error) { return f(ctx, r) }

// Action is what a request wants to do.
type Action uint8

// The actions.
const (
	Sync    Action = iota + 1 // take part, over a WebSocket
	View                      // watch, over an event stream
	Get                       // read once
	Create                    // create a document, perhaps with content; needs the level write
	List                      // list documents; Request.Document is empty
	Delete                    // delete a document; needs the level admin
	History                   // see or change the past of a document; needs the level write, and admin to change what is kept
	Replace                   // begin a document anew, with other content; needs the level admin
)

var actionNames = [...]string{Sync: "sync", View: "view", Get: "get", Create: "create", List: "list", Delete: "delete", Replace: "replace", History: "history"}

// String returns the action's name.
func (a Action) String() string {
	if int(a) < len(actionNames) && actionNames[a] != "" {
		return actionNames[a]
	}
	return "no action"
}

// Request is what an Authorizer decides about.
type Request struct {
	Action   Action
	Document string // a valid name; empty for List
	// Token is the bearer token of the Authorization header, or else the query parameter "token", or else what
	// follows "token." in a WebSocket subprotocol. Empty when there is none.
	// In the Hocuspocus dialect it is the token of the document's own Auth frame, unless that is empty.
	Token string
	// HTTP is the request: for cookies, other headers, the remote address. It must not be kept or changed. Of a
	// WebSocket it is the upgrade, long past perhaps.
	HTTP *http.Request
	// Renewal is set when a session that is open already is asked about: its client brought a new token, or an
	// administrator had it asked again. A refusal ends the session, another level or expiry takes the place of the old.
	Renewal bool
}

// Grant is what somebody may do.
type Grant struct {
	Level ysync.Level
	// User is written into the log beside every update of the connection. At most 4 KiB are kept.
	User string
	// Expires is when the session or stream is ended with CodeUnauthorized. A client that can is asked for a new token
	// before: see Limits.RenewBefore. Zero: never.
	Expires time.Time
	// Presence is a JSON object that says who the user is to others, such as {"name":"Ada"}: its fields are written
	// over those of "user" in every awareness state that the session sends, so that nobody can show another name than
	// their own. Empty: clients say what they like.
	Presence json.RawMessage
	// Visible says, for List, which names to show. Nil: all.
	Visible func(name string) bool
}

// AllowAll returns an Authorizer that gives everybody the level l for everything. It is meant for development.
func AllowAll(l ysync.Level) Authorizer {
	return AuthorizerFunc(func(context.Context, Request) (Grant, error) { return Grant{Level: l}, nil })
}

// denyAll is the Authorizer of a server that was given none.
type denyAll struct{}

func (denyAll) Authorize(context.Context, Request) (Grant, error) {
	return Grant{}, ysync.Refuse(ysync.CodeForbidden, "this server has no authorizer")
}

// authorize asks the Authorizer, and makes sure that what it grants is enough for the action.
func (s *Server) authorize(ctx context.Context, r Request) (Grant, *ysync.Refusal) {
	if !s.authorizing.enter(ctx, s.limits.AuthorizeWithin) {
		return Grant{}, ysync.Refuse(ysync.CodeTryLater, "too many wait to be authorised")
	}
	defer s.authorizing.leave()
	ctx, cancel := context.WithTimeout(ctx, s.limits.AuthorizeWithin)
	defer cancel()
	action, document := r.Action, r.Document
	grant, err := s.authorizer.Authorize(ctx, r)
	if err == nil {
		_, err = newStamp(grant.Presence)
	}
	if err != nil {
		var refusal *ysync.Refusal
		if errors.As(err, &refusal) {
			return Grant{}, ysync.Refuse(refusal.Code, "%s", refusal.Reason)
		}
		s.log.Error("authorizer failed", "action", action.String(), "document", document, "error", err)
		return Grant{}, ysync.Refuse(ysync.CodeTryLater, "authorisation is not available")
	}
	need := ysync.Read
	switch action {
	case Create, History:
		need = ysync.Write
	case Delete, Replace:
		need = ysync.Admin
	}
	if grant.Level < need {
		return Grant{}, ysync.Refuse(ysync.CodeForbidden, "the level %s does not allow to %s", grant.Level, action)
	}
	if !grant.Expires.IsZero() && !time.Now().Before(grant.Expires) {
		return Grant{}, ysync.Refuse(ysync.CodeUnauthorized, "the token has expired")
	}
	return grant, nil
}

// tokenProtocol begins a WebSocket subprotocol that carries a token.
const tokenProtocol = "token."

// tokenOf finds the token of a request, see Request.Token.
func tokenOf(r *http.Request) string {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	if token := r.URL.Query().Get("token"); token != "" {
		return token
	}
	for _, p := range subprotocols(r) {
		if token, ok := strings.CutPrefix(p, tokenProtocol); ok {
			return token
		}
	}
	return ""
}

// subprotocols returns the WebSocket subprotocols that a client offers, in its order.
func subprotocols(r *http.Request) []string {
	var offered []string
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			if p = strings.TrimSpace(p); p != "" {
				offered = append(offered, p)
			}
		}
	}
	return offered
}
