package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/weftsync/weft/crdt/lib0"
	ysync "github.com/weftsync/weft/sync"
)

// TestBadInputOnCollab does to a socket in the Hocuspocus dialect what a hostile or broken peer can do. Where the
// document can be named it is refused and the socket stays, with the other document on it; else the socket is closed.
// Somebody in the same document notices nothing, and the log holds neither content nor token.
func TestBadInputOnCollab(t *testing.T) {
	const secret = "tok-3f9c"
	frame := func(address string, message ...byte) []byte {
		return append(ysync.AppendAddress(nil, address), message...)
	}
	token := func(address, token string) []byte {
		return frame(address, lib0.AppendString([]byte{2, 0}, token)...)
	}
	update := ysync.YWebsocket{}.AppendUpdate(nil, textUpdate(t, "evil"))
	large := ysync.YWebsocket{}.AppendUpdate(nil, make([]byte, 30<<10))
	tests := []struct {
		name    string
		path    string // collab if empty
		header  http.Header
		address string // victim if empty
		token   string // what is said first; nothing if empty
		say     [][]byte
		denied  string // a part of the reason; "" for none
		code    ysync.Code
		reason  string
	}{
		{name: "broken token", token: secret, denied: "no such token"},
		{name: "1 MB of dots", token: strings.Repeat(".", 1<<20-100), denied: "no such token"},
		{name: "more than that", token: strings.Repeat(".", 1<<20), code: 4413, reason: "larger than 1048576"},
		{name: "no level", token: "none", denied: "level none"},
		{name: "foreign origin", token: "write", header: http.Header{"Origin": {"https://evil.example"}}, denied: "origin"},
		{name: "dots in the name", address: "a/../b", token: "write", denied: `segment ".."`},
		{name: "NUL alone", address: "a\x00", token: "write", denied: "no session"},
		{name: "NUL twice", address: "a\x00b\x00c", token: "write", denied: "no session"},
		{name: "not UTF-8", address: "a\xff", token: "write", denied: "UTF-8"},
		{name: "empty segment", address: "a//b", token: "write", denied: "empty segment"},
		{name: "10 KB of name", address: strings.Repeat("n", 10<<10), token: "write", denied: "10240 bytes"},
		{name: "another document than the path's", path: "sync/other", token: "write", denied: "another document"},
		{name: "update before the token, too much", say: [][]byte{large, large, large, large}, denied: "before authorisation"},
		{name: "reader's update", token: "read", say: [][]byte{update}},
		{name: "reader's step 2", token: "read", say: [][]byte{ysync.YWebsocket{}.AppendStep2(nil, textUpdate(t, "evil"))}},
		{name: "reader's stateless", token: "read", say: [][]byte{{5, 1, 'x'}}},
		{name: "reader's awareness", token: "read", say: [][]byte{ysync.YWebsocket{}.AppendAwareness(nil, manyEntries(1, "{}"))}},
		{name: "malformed update", token: "write", say: [][]byte{{0, 2, 1, 7}}, denied: "update refused"},
		{name: "malformed state vector", token: "write", say: [][]byte{{0, 0, 2, 200, 1}}, denied: "state vector refused"},
		{name: "unknown type", token: "write", say: [][]byte{{42}}, denied: "unknown message type 42"},
		{name: "trailing bytes", token: "write", say: [][]byte{{3, 0}}, denied: "bytes follow"},
		{name: "a server's message", token: "write", say: [][]byte{{6, 1, 'x'}}, denied: "does not send"},
		{name: "a sync reply", token: "write", say: [][]byte{{4, 2, 2, 0, 0}}, denied: "does not send"},
		{name: "awareness of garbage", token: "write", say: [][]byte{{1, 2, 1, 1}}, denied: "awareness refused"},
		{name: "awareness for somebody else", token: "write", say: [][]byte{ysync.YWebsocket{}.AppendAwareness(nil, []byte{1, 77, 9, 2, '{', '}'})}},
		{name: "stateless too large", token: "write", say: [][]byte{ysync.Hocuspocus{}.AppendStateless(nil, make([]byte, 65<<10))}, denied: "stateless message"},
	}
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		byToken(o)
		smallLimits(o)
		o.Limits.MessageBytes = 2 << 20
		o.Limits.ConnectionsPerDocument = 100
	})
	bystander := s.collab(t, "collab", nil).join("victim", "write")
	bystander.write("safe")
	bystander.await("its status", func() bool { return bystander.unsynced == 0 })
	mine := s.arrive(t, "victim?token=write", 77, 1) // a strong claim
	mine.appear(77, 2, `{"user":"mine"}`)
	bystander.await("the claim", func() bool { return string(bystander.present.State(77)) == `{"user":"mine"}` })
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path, address := tt.path, tt.address
			if path == "" {
				path = "collab"
			}
			if address == "" {
				address = "victim"
			}
			h := s.collab(t, path, tt.header)
			c, good := h.attach(address), h.attach(fmt.Sprint("good", i))
			limit := int64(1 << 20)
			if tt.token == "" {
				for range limit / (31 << 10) {
					for _, message := range tt.say {
						c.send(message)
					}
				}
				c.auth("bad", "")
			} else {
				h.send(token(address, tt.token))
				for _, message := range tt.say {
					c.send(message)
				}
			}
			if tt.code != 0 {
				h.await("the close", func() bool { return h.ended != nil })
				if reason := fmt.Sprint(h.ended); !strings.Contains(reason, fmt.Sprint(int(tt.code))) || !strings.Contains(reason, tt.reason) {
					t.Errorf("got %s, want %d with %q", reason, tt.code, tt.reason)
				}
			} else {
				if tt.denied != "" {
					c.await("the refusal", func() bool { return len(c.denied) > 0 && strings.Contains(c.denied[0], tt.denied) })
				}
				if tt.path == "" && tt.header == nil {
					good.auth("write", "")
					good.start()
					good.await("the other document", func() bool { return good.unsynced == 0 && len(good.scopes) == 1 })
				}
			}
			bystander.appear(1, uint64(i+1), fmt.Sprintf(`{"n":%d}`, i)) // and back: what was said before has been done
			bystander.queryAwareness()
			bystander.await("its own awareness", func() bool { clock, _ := bystander.present.Clock(1); return clock == uint64(i+1) })
			bystander.hub.mu.Lock()
			defer bystander.hub.mu.Unlock()
			if got := bystander.doc.RootString("content"); got != "safe" || len(bystander.stateless)+len(bystander.denied) != 0 {
				t.Errorf("the bystander has %q, heard %v, denied %v", got, bystander.stateless, bystander.denied)
			}
			if got := string(bystander.present.State(77)); got != `{"user":"mine"}` {
				t.Errorf("got %s for somebody else's id", got)
			}
		})
	}
	if got := len(s.entries(t, "victim")); got != 1 {
		t.Errorf("got %d entries in the log, want 1", got)
	}
	for _, part := range []string{secret, "....", "nnnn"} {
		if strings.Contains(s.logs.String(), part) {
			t.Errorf("the log holds %q", part)
		}
	}
	if n := s.waiting.held.Load(); n != 0 {
		t.Errorf("%d bytes are still charged as held before authorisation", n)
	}
}

// TestCloseOnCollab: what cannot be answered under an address closes the socket.
func TestCloseOnCollab(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, byToken)
	for _, frame := range [][]byte{nil, {200}, {9, 'x'}} {
		e := s.connect(t, "collab", nil)
		e.send(frame)
		e.awaitClose(ysync.CodeMalformed, "address")
	}
	e := s.connect(t, "collab", nil)
	e.ask()
	e.awaitClose(ysync.CodeNotFound, "/sync/{document}")
	text := s.connect(t, "collab", nil)
	sendText("hello")(text)
	text.awaitClose(ysync.CodeMalformed, "text message")
}
