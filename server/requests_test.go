package server

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// asker sends requests to a server without a network, in the time of a bubble of synctest.
type asker struct {
	t *testing.T
	*Server
}

// ask sends a request from an address, with a user's name as the token.
func (a asker) ask(method, path, address, user string, body []byte) *http.Response {
	a.t.Helper()
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("X-Forwarded-For", address)
	r.Header.Set("Authorization", "Bearer "+user)
	r.Header.Set("If-None-Match", "*")
	if strings.HasPrefix(path, viewPath) {
		r.Header.Set("Accept", "text/event-stream")
	}
	w := httptest.NewRecorder()
	a.serveHTTP(w, r)
	return w.Result()
}

// bubbleServer runs f with a server in a bubble of synctest.
func bubbleServer(t *testing.T, limit func(*Limits), f func(asker)) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestServer(t, newDisk(), hooks{}, func(o *Options) {
			limit(&o.Limits)
			o.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			o.Authorizer = AuthorizerFunc(func(_ context.Context, r Request) (Grant, error) {
				return Grant{Level: ysync.Write, User: r.Token}, nil
			})
		})
		f(asker{t, s})
	})
}

// TestRequestRates: as many requests as a rate allows are answered, one more is refused with 429 and when to come back,
// others are not, and then it is answered.
func TestRequestRates(t *testing.T) {
	const allowed = 20
	tests := []struct {
		rate          string
		limit         func(*Limits)
		path, address string
		user          string
		other         [3]string // path, address, user of somebody else
	}{
		{rate: "address", limit: func(l *Limits) { l.Address.Messages = allowed }, path: "/api/documents/a", address: "192.0.2.1", user: "ada",
			other: [3]string{"/api/documents/a", "192.0.2.2", "ada"}},
		{rate: "user", limit: func(l *Limits) { l.User.Messages = allowed }, path: "/api/documents", address: "192.0.2.1", user: "ada",
			other: [3]string{"/api/documents", "192.0.2.1", "bob"}},
		{rate: "document", limit: func(l *Limits) { l.Document.Messages = allowed }, path: "/api/documents/a/history", address: "192.0.2.1", user: "ada",
			other: [3]string{"/api/documents/b/history", "192.0.2.1", "ada"}},
	}
	for _, tt := range tests {
		t.Run(tt.rate, func(t *testing.T) {
			bubbleServer(t, tt.limit, func(s asker) {
				for i := range allowed {
					if got := s.ask("GET", tt.path, tt.address, tt.user, nil).StatusCode; got == http.StatusTooManyRequests {
						t.Fatalf("request %d of %d is refused", i+1, allowed)
					}
				}
				past := s.ask("GET", tt.path, tt.address, tt.user, nil)
				after, err := strconv.Atoi(past.Header.Get("Retry-After"))
				if past.StatusCode != http.StatusTooManyRequests || err != nil || after < 1 {
					t.Fatalf("got %d with Retry-After %q past the limit, want 429 and some seconds", past.StatusCode, past.Header.Get("Retry-After"))
				}
				if got := s.ask("GET", tt.other[0], tt.other[1], tt.other[2], nil).StatusCode; got == http.StatusTooManyRequests {
					t.Error("somebody else is refused too")
				}
				if st := s.Stats(); st.Throttled[tt.rate] != 1 || st.Refusals["4529"] != 1 {
					t.Errorf("got %v held and %v refused, want one of the rate", st.Throttled, st.Refusals)
				}
				time.Sleep(time.Duration(after) * time.Second)
				if got := s.ask("GET", tt.path, tt.address, tt.user, nil).StatusCode; got == http.StatusTooManyRequests {
					t.Errorf("still refused after the %d s that it was told", after)
				}
			})
		})
	}
}

// TestRequestBytes: what comes with requests is charged too. A second's worth owes nothing; a byte more is waited for.
func TestRequestBytes(t *testing.T) {
	bubbleServer(t, func(l *Limits) { l.User.Bytes = pooledBytes }, func(s asker) {
		body := bytes.Repeat([]byte{0xff}, pooledBytes) // no update, and charged all the same
		put := func(n int) int {
			return s.ask("PUT", "/api/documents/a", "192.0.2.1", "ada", body[:n]).StatusCode
		}
		if got := put(pooledBytes); got != http.StatusBadRequest {
			t.Fatalf("got %d for a second's worth, want it taken, and refused as no update", got)
		}
		if got := put(1); got != http.StatusBadRequest {
			t.Errorf("got %d for who owes nothing, want the body to be looked at", got)
		}
		if got := put(1); got != http.StatusTooManyRequests {
			t.Errorf("got %d for who owes a byte, want 429", got)
		}
		time.Sleep(time.Second)
		if got := put(1); got != http.StatusBadRequest {
			t.Errorf("got %d a second later, want the body to be looked at", got)
		}
	})
}

// TestStreamRates: an event stream is charged as a request, and an EventSource hears of it in an event, with a time.
func TestStreamRates(t *testing.T) {
	bubbleServer(t, func(l *Limits) { l.Address.Messages = 1 }, func(s asker) {
		s.ask("GET", "/api/documents", "192.0.2.1", "", nil)
		w := s.ask("GET", "/view/a", "192.0.2.1", "", nil)
		answer := new(strings.Builder)
		if err := w.Write(answer); err != nil {
			t.Fatal(err)
		}
		if got := answer.String(); !strings.Contains(got, `"code":4529`) || !strings.Contains(got, `"retry":true`) || !strings.Contains(got, "retry: ") {
			t.Errorf("got %q, want to be told to slow down and when to come back", got)
		}
	})
}

// TestDiskIsNobodysWork: how long the disk takes to make a new document is not charged to who writes into it first.
func TestDiskIsNobodysWork(t *testing.T) {
	d := newDisk()
	s := startServer(t, d, hooks{}, func(o *Options) { o.Limits.WorkPerSecond = 20 * time.Millisecond })
	e := s.join(t, "new")
	letGo := d.hold()
	e.write(strings.Repeat("x", 4*busyBytes))
	<-d.waiting
	<-time.After(200 * time.Millisecond) // which would be ten seconds' worth
	letGo()
	e.sync()
	e.write(strings.Repeat("x", 4*busyBytes))
	e.sync()
	if got := s.Stats().Throttled["work"]; got != 0 {
		t.Errorf("held %d times, want the disk's time not to be its work", got)
	}
}
