package server

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weftsync/weft/crdt"
	ysync "github.com/weftsync/weft/sync"
)

// TestAccountAtAndPast: a second's worth goes through, one message more waits, and so does one byte more.
func TestAccountAtAndPast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		as := newAccounts(Rate{Messages: 10, Bytes: 100 << 10})
		a := as.open("ada")
		if b := as.open("ada"); b != a {
			t.Error("two connections of one user have two accounts")
		}
		if as.open("") != nil {
			t.Error("nobody in particular has an account")
		}
		for i := range 10 {
			if d := a.draw(time.Now(), 1, 10<<10); d != 0 {
				t.Errorf("message %d waits %v, want none to wait", i, d)
			}
		}
		if d := a.draw(time.Now(), 1, 0); d != 100*time.Millisecond {
			t.Errorf("got a wait of %v for one message more, want 100 ms", d)
		}
		time.Sleep(2 * time.Second)
		if d := a.draw(time.Now(), 1, 100<<10); d != 0 {
			t.Errorf("got a wait of %v for a second's worth of bytes", d)
		}
		if d := a.draw(time.Now(), 1, 1); d <= 0 {
			t.Error("a byte more does not wait")
		}
		as.close(a)
		as.close(a)
		as.tidy(time.Now())
		if as.open("ada") != a {
			t.Error("an account that is drawn on is forgotten: it helps to go and come back")
		}
		as.close(a)
		time.Sleep(2 * time.Second)
		as.tidy(time.Now())
		if len(as.byName) != 0 {
			t.Error("an account that nobody uses is kept")
		}
		if unlimited := newAccounts(Rate{Messages: -1, Bytes: -1}); unlimited.open("ada") != nil {
			t.Error("there is an account without a limit")
		}
	})
}

// TestRatesOfConnection: each rate is a reason of its own to be told to slow down, and nobody who stays below it is.
func TestRatesOfConnection(t *testing.T) {
	tests := []struct {
		rate  string
		limit func(*Limits)
		say   func(e *editor) // again and again
	}{
		{"messages", func(l *Limits) { l.MessagesPerSecond = 50 }, func(e *editor) { e.send([]byte{3}) }},
		{"bytes", func(l *Limits) { l.BytesPerSecond = 64 << 10 }, func(e *editor) { e.write(strings.Repeat("x", 2000)) }},
		{"work", func(l *Limits) { l.WorkPerSecond = 2 * time.Millisecond }, func(e *editor) {
			e.edit(func(tx *crdt.Tx) error {
				for i := range 100 {
					if err := e.doc.Map("m").Set(tx, fmt.Sprint(i), "value"); err != nil {
						return err
					}
				}
				return nil
			})
		}},
		{"replies", func(l *Limits) { l.DocumentBytes, l.RepliesPerSecond = 64<<10, 4<<10 }, func(e *editor) {
			e.send(ysync.YWebsocket{}.AppendStep1(nil, []byte{0}))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.rate, func(t *testing.T) {
			s := startServer(t, newDisk(), hooks{}, func(o *Options) { tt.limit(&o.Limits); o.Limits.SlowDownAfter = 200 * time.Millisecond })
			calm, e := s.join(t, "d"), s.join(t, "d")
			e.write(strings.Repeat("x", 200))
			e.sync()
			if got := s.Stats().Throttled[tt.rate]; got != 0 {
				t.Fatalf("held %d times before there was a reason", got)
			}
			for deadline := time.Now().Add(patience); e.end() == nil && time.Now().Before(deadline); {
				tt.say(e)
			}
			e.awaitClose(ysync.CodeSlowDown, "too much for more than 200ms")
			if got := s.Stats().Throttled[tt.rate]; got == 0 {
				t.Errorf("got %v, want the rate counted", s.Stats().Throttled)
			}
			calm.sync()
		})
	}
}

// TestWhoSendsOnHearsWhy: a peer that has much on its way when it is told to stop can still read why.
func TestWhoSendsOnHearsWhy(t *testing.T) {
	r := startServer(t, newDisk(), hooks{}, nil).upgrade(t, "sync/d")
	if _, err := r.Write(frame(0x82, []byte{0xff}, -1)); err != nil {
		t.Fatal(err)
	}
	for range 24 { // most of what is read, see mostUnread
		if _, err := r.Write(frame(0x82, make([]byte, 1<<20), -1)); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.sees(); !strings.HasPrefix(got, "4400") {
		t.Errorf("got %q, want 4400 and a reason", got)
	}
}

// TestSharedRates: connections of one user, in one document, or from one address draw on one account; others do not.
func TestSharedRates(t *testing.T) {
	tests := []struct {
		rate         string
		limit        func(*Limits)
		first, other string // paths: user@document
		address      [2]string
	}{
		{"user", func(l *Limits) { l.User.Messages = 20 }, "a?token=ada", "b?token=bob", [2]string{"192.0.2.1", "192.0.2.2"}},
		{"document", func(l *Limits) { l.Document.Messages = 20 }, "a?token=ada", "b?token=ada", [2]string{"192.0.2.1", "192.0.2.1"}},
		{"address", func(l *Limits) { l.Address.Messages = 20 }, "a?token=ada", "a?token=ada", [2]string{"192.0.2.1", "192.0.2.2"}},
	}
	for _, tt := range tests {
		t.Run(tt.rate, func(t *testing.T) {
			s := startServer(t, newDisk(), hooks{}, func(o *Options) {
				tt.limit(&o.Limits)
				o.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
				o.Authorizer = AuthorizerFunc(func(_ context.Context, r Request) (Grant, error) {
					return Grant{Level: ysync.Write, User: r.Token}, nil
				})
			})
			var flooders []*editor
			for range 2 {
				flooders = append(flooders, s.connect(t, "sync/"+tt.first, http.Header{"X-Forwarded-For": {"198.51.100.7, " + tt.address[0]}}))
			}
			innocent := s.connect(t, "sync/"+tt.other, http.Header{"X-Forwarded-For": {tt.address[1]}})
			innocent.sync()
			for range 15 { // below what one may send, and together above
				flooders[0].send([]byte{3})
				flooders[1].send([]byte{3})
			}
			flooders[0].await("the rate to be counted", func() bool { return s.Stats().Throttled[tt.rate] > 0 })
			before := s.Stats().Throttled[tt.rate]
			for range 10 {
				innocent.sync()
			}
			if name := accountOf(s, tt.rate); len(name) != 2 {
				t.Errorf("got accounts %q, want one for the two and one for the other", name)
			}
			for _, e := range flooders {
				e.sync() // late, and not refused
			}
			t.Logf("held %d times before and %d after", before, s.Stats().Throttled[tt.rate])
		})
	}
}

// accountOf returns the names in one kind of accounts.
func accountOf(s *testServer, rate string) (names []string) {
	as := map[string]*accounts{"user": &s.users, "document": &s.documents, "address": &s.addresses}[rate]
	as.mu.Lock()
	defer as.mu.Unlock()
	for name := range as.byName {
		names = append(names, name)
	}
	return names
}

func TestClientOf(t *testing.T) {
	s := &Server{proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	tests := []struct{ remote, forwarded, want string }{
		{"192.0.2.1:5", "", "192.0.2.1"},
		{"192.0.2.1:5", "198.51.100.7", "192.0.2.1"}, // nobody has to believe it
		{"10.0.0.1:5", "", "10.0.0.1"},
		{"10.0.0.1:5", "198.51.100.7", "198.51.100.7"},
		{"10.0.0.1:5", "1.2.3.4, 198.51.100.7", "198.51.100.7"},
		{"10.0.0.1:5", "1.2.3.4, 198.51.100.7, 10.1.1.1", "198.51.100.7"},
		{"10.0.0.1:5", "1.2.3.4, nonsense", "10.0.0.1"},
		{"[fd00::1]:5", "2001:db8::1", "2001:db8::1"},
		{"[::ffff:10.0.0.1]:5", "198.51.100.7", "198.51.100.7"},
		{"pipe", "198.51.100.7", "pipe"},
	}
	for _, tt := range tests {
		r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{}}
		if tt.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tt.forwarded)
		}
		if got := s.clientOf(r); got != tt.want {
			t.Errorf("from %s, forwarded for %q: got %s, want %s", tt.remote, tt.forwarded, got, tt.want)
		}
	}
}
