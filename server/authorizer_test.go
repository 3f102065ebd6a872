package server

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// levelByToken gives the level whose name the token is.
func levelByToken(_ context.Context, r Request) (Grant, error) {
	for l := ysync.None; int(l) < ysync.Levels; l++ {
		if r.Token == l.String() {
			return Grant{Level: l, User: "user of " + r.Token}, nil
		}
	}
	return Grant{}, ysync.Refuse(ysync.CodeUnauthorized, "no such token")
}

func TestTokenOf(t *testing.T) {
	tests := []struct {
		name, target string
		header       map[string]string
		want         string
	}{
		{"none", "/sync/d", nil, ""},
		{"query", "/sync/d?token=abc", nil, "abc"},
		{"header", "/sync/d", map[string]string{"Authorization": "Bearer abc"}, "abc"},
		{"header in capitals", "/sync/d", map[string]string{"Authorization": "BEARER abc"}, "abc"},
		{"header before query", "/sync/d?token=no", map[string]string{"Authorization": "Bearer abc"}, "abc"},
		{"another scheme", "/sync/d", map[string]string{"Authorization": "Basic abc"}, ""},
		{"subprotocol", "/sync/d", map[string]string{"Sec-WebSocket-Protocol": "weft, token.abc.d_-"}, "abc.d_-"},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("GET", tt.target, nil)
		for k, v := range tt.header {
			r.Header.Set(k, v)
		}
		if got := tokenOf(r); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestAuthorizerIsAskedOnEveryPath fails when a way to a document is added that does not pass the Authorizer.
func TestAuthorizerIsAskedOnEveryPath(t *testing.T) {
	asked := make(chan Request, 16)
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Authorizer = AuthorizerFunc(func(_ context.Context, r Request) (Grant, error) {
			asked <- r
			return Grant{}, ysync.Refuse(ysync.CodeForbidden, "nobody")
		})
	})
	s.knock(t, "sync/a/b?token=t").awaitClose(ysync.CodeForbidden, "nobody")
	expectRequest(t, <-asked, Sync, "a/b", "t")
	requests := []struct {
		method, path string
		action       Action
		document     string
	}{
		{"GET", "view/a/b", View, "a/b"},
		{"GET", "api/documents", List, ""},
		{"GET", "api/documents/a%2Fb", Get, "a/b"},
		{"HEAD", "api/documents/a%2Fb", Get, "a/b"},
		{"PUT", "api/documents/a%2Fb", Create, "a/b"},
		{"DELETE", "api/documents/a%2Fb?hard", Delete, "a/b"},
	}
	for _, tt := range requests {
		answer, body := s.get(t, tt.method, tt.path, map[string]string{"Authorization": "Bearer t", "If-None-Match": "*"}, nil)
		if answer.StatusCode != 403 || tt.method != "HEAD" && !strings.Contains(body, `"reason":"nobody"`) {
			t.Errorf("%s %s: got %d %s, want 403", tt.method, tt.path, answer.StatusCode, body)
		}
		expectRequest(t, <-asked, tt.action, tt.document, "t")
	}
	if docs := len(s.rooms.list()); docs != 0 {
		t.Errorf("got %d documents in memory for people who were turned away, want 0", docs)
	}
	if logged := s.logs.String(); strings.Contains(logged, "token") || strings.Contains(logged, "Bearer") {
		t.Errorf("a token in the log: %s", logged)
	}
}

// expectRequest compares what an Authorizer was asked.
func expectRequest(t *testing.T, got Request, action Action, document, token string) {
	t.Helper()
	if got.Action != action || got.Document != document || got.Token != token || got.HTTP == nil {
		t.Errorf("got asked %s %q %q, want %s %q %q", got.Action, got.Document, got.Token, action, document, token)
	}
}

func TestNoAuthorizerRefusesEverybody(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.Authorizer = nil })
	s.knock(t, "sync/d").awaitClose(ysync.CodeForbidden, "no authorizer")
}

func TestAuthorizerThatFailsIsPassingTrouble(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Authorizer = AuthorizerFunc(func(context.Context, Request) (Grant, error) {
			return Grant{}, errors.New("backend at 10.1.2.3 is down")
		})
	})
	s.knock(t, "sync/d").awaitClose(ysync.CodeTryLater, "not available")
	if !strings.Contains(s.logs.String(), "10.1.2.3") {
		t.Error("the cause was not logged")
	}
}

func TestExpiry(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Authorizer = AuthorizerFunc(func(_ context.Context, r Request) (Grant, error) {
			if r.Token == "old" {
				return Grant{Level: ysync.Write, Expires: time.Now().Add(-time.Second)}, nil
			}
			return Grant{Level: ysync.Write, Expires: time.Now().Add(500 * time.Millisecond)}, nil
		})
	})
	s.knock(t, "sync/d?token=old").awaitClose(ysync.CodeUnauthorized, "expired")
	e := s.join(t, "d")
	v := s.view(t, "view/d", nil)
	v.expect("whole", `{"root":null,"text":""}`)
	e.awaitClose(ysync.CodeUnauthorized, "expired")
	v.expect("refused", `{"code":4401,"reason":"the token has expired","retry":false}`)
	v.expectEnd()
}

func TestUserIsWrittenIntoTheLog(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.Authorizer = AuthorizerFunc(levelByToken) })
	e := s.connect(t, "sync/d?token=write", nil)
	e.sync()
	e.write("x")
	e.sync()
	entries := s.entries(t, "d")
	if len(entries) != 1 || entries[0].User != "user of write" || entries[0].Connection.Version() != 7 {
		t.Errorf("got entries %+v, want one by the user of the token", entries)
	}
}
