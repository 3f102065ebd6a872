package server

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// TestExpiryInEveryDialect: a client that can is asked for a new token before the old one expires, and goes on with it;
// one that brings none is refused within two seconds.
func TestExpiryInEveryDialect(t *testing.T) {
	expires := time.Now().Add(2500 * time.Millisecond)
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Limits.RenewBefore = 1500 * time.Millisecond
		o.Authorizer = AuthorizerFunc(func(_ context.Context, r Request) (Grant, error) {
			g := Grant{Level: ysync.Write, Expires: expires}
			if r.Token == "new" {
				g.Expires = time.Now().Add(time.Hour)
			}
			return g, nil
		})
	})
	h := s.collab(t, "collab", nil)
	renews, stays, y := h.join("d", "old"), h.join("d\x00s", "old"), s.join(t, "d")
	renews.await("the question", func() bool { return renews.asked == 1 && stays.asked == 1 })
	renews.auth("new", "4.8.0")
	renews.await("the answer", func() bool { return len(renews.scopes) == 2 })
	y.awaitClose(ysync.CodeUnauthorized, "expired")
	stays.await("the refusal", func() bool { return len(stays.denied) == 1 && strings.Contains(stays.denied[0], "expired") })
	if late := time.Since(expires); late > 2*time.Second {
		t.Errorf("expired %s late", late)
	}
	renews.write("goes on")
	renews.await("its status", func() bool { return renews.unsynced == 0 && len(renews.denied) == 0 })
	stays.write("typed behind the door ")
	stays.auth("new", "4.8.0")
	stays.await("both", func() bool {
		return stays.unsynced == 0 && strings.Contains(stays.doc.RootString("content"), "goes on")
	})
	renews.await("what was typed", func() bool { return strings.Contains(renews.doc.RootString("content"), "door") })
}

// TestNoTokenComes: a document that is named and never authorised is refused after a while, and a socket that says
// nothing is closed.
func TestNoTokenComes(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.Limits.CollabWithin = 100 * time.Millisecond })
	h, mute := s.collab(t, "collab", nil), s.connect(t, "collab", nil)
	c := h.attach("d")
	c.write("x")
	c.await("the refusal", func() bool { return len(c.denied) == 1 && strings.Contains(c.denied[0], "no token") })
	c.auth("", "")
	c.await("a second chance", func() bool { return len(c.scopes) == 1 && c.unsynced == 0 })
	mute.awaitClose(ysync.CodeSilent, "nothing was said")
}

// TestProviderWithoutToken: providers of version 2 send no token unless they have one; the step 1 asks for them.
func TestProviderWithoutToken(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Authorizer = AuthorizerFunc(func(_ context.Context, r Request) (Grant, error) {
			if r.Token != "url" {
				return Grant{}, ysync.Refuse(ysync.CodeUnauthorized, "a token is needed")
			}
			return Grant{Level: ysync.Write}, nil
		})
	})
	c := s.collab(t, "collab?token=url", nil).attach("d")
	c.start()
	c.await("the greeting", func() bool { return c.unsynced == 0 && len(c.scopes) == 1 })
	out := s.collab(t, "collab", nil).attach("d")
	out.start()
	out.await("the refusal", func() bool { return len(out.denied) == 1 })
}

// TestRefusedAgainIsParked: a y-websocket client that is refused at the door and comes straight back is kept on the line.
func TestRefusedAgainIsParked(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		byToken(o)
		o.Limits.ParkFor = 300 * time.Millisecond
		o.Limits.KeepAlive = time.Millisecond
	})
	s.knock(t, "sync/d?token=bad").awaitClose(ysync.CodeForbidden, "no such token")
	began := time.Now()
	again := s.knock(t, "sync/d?token=bad")
	again.await("the reason", func() bool { return len(again.denied) == 1 && again.denied[0] == "no such token" })
	s.knock(t, "sync/d?token=worse").awaitClose(ysync.CodeForbidden, "no such token")
	again.awaitClose(ysync.CodeForbidden, "no such token")
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("closed after %s, want it kept for 300 ms", took)
	}
	if got := s.Stats().Parked; got != 1 {
		t.Errorf("got %d parked, want 1", got)
	}
	kicked := s.join(t, "d?token=read")
	s.Kick(Selection{User: "user of read"}, "out")
	kicked.awaitClose(ysync.CodeForbidden, "out")
	s.join(t, "d?token=read") // the token is still good
	for range mostRepeats + 1 {
		e := s.join(t, "d?token=write")
		e.send([]byte{99})
		e.awaitClose(ysync.CodeMalformed, "unknown")
	}
	if got := s.Stats().Parked; got != 2 {
		t.Errorf("got %d parked after the same bad message %d times, want 2", got, mostRepeats+1)
	}
}

// TestAuthorizerThatComesBack: a passing failure is not a refusal in the dialect whose clients would not come back.
func TestAuthorizerThatComesBack(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Authorizer = AuthorizerFunc(func(context.Context, Request) (Grant, error) {
			if down.Swap(false) {
				return Grant{}, context.DeadlineExceeded
			}
			return Grant{Level: ysync.Write}, nil
		})
	})
	c := s.collab(t, "collab", nil).join("d", "")
	if len(c.denied) != 0 || bytes.Contains([]byte(s.logs.String()), []byte("1013")) {
		t.Errorf("got %v, want it tried again", c.denied)
	}
}

// TestWhoSaysNothingFirst: on the path of a document a peer that only listens is one of the y-websocket dialect, and one
// that turns out to be late is heard all the same.
func TestWhoSaysNothingFirst(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		byToken(o)
		o.Limits.SyncWithin = 3 * time.Second
	})
	writer := s.join(t, "d?token=write")
	listener, late := s.connect(t, "sync/d?token=read", nil), s.collab(t, "sync/d?token=read", nil)
	mute := s.collab(t, "sync/d", nil)
	listener.await("the server's step 1", func() bool { return len(listener.step1s) == 1 })
	late.await("it too, though without meaning", func() bool { return late.frames > 0 })
	late.join("d", "write").write("late")
	writer.awaitText("late")
	mute.join("d", "write").awaitText("late")
	s.connect(t, "sync/d?token=bad", nil).awaitClose(ysync.CodeForbidden, "no such token")
}

// TestExpiredOnTheLineIsParked: a y-websocket whose token expires while it takes part, and that comes back with the same,
// is parked at once, although the reason says something else each time.
func TestExpiredOnTheLineIsParked(t *testing.T) {
	expires := time.Now().Add(500 * time.Millisecond)
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Limits.ParkFor = time.Second
		o.Authorizer = AuthorizerFunc(func(context.Context, Request) (Grant, error) {
			if late := time.Since(expires); late > 0 {
				return Grant{}, ysync.Refuse(ysync.CodeUnauthorized, "the token expired %s ago", late)
			}
			return Grant{Level: ysync.Write, Expires: expires}, nil
		})
	})
	s.join(t, "d?token=old").awaitClose(ysync.CodeUnauthorized, "expired")
	for n := range uint64(3) { // as a provider does each time that it is closed
		e := s.knock(t, "sync/d?token=old")
		e.await("the reason", func() bool { return len(e.denied) == 1 && strings.Contains(e.denied[0], "ago") })
		e.awaitClose(ysync.CodeUnauthorized, "ago")
		if got := s.Stats().Parked; got != n+1 {
			t.Errorf("got %d parked, want %d", got, n+1)
		}
	}
}
