package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/weftsync/weft/awareness"
	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
	ysync "github.com/weftsync/weft/sync"
)

// smallLimits are limits that a test can reach.
func smallLimits(o *Options) {
	o.Limits.DocumentBytes = 64 << 10
	o.Limits.MessageBytes = 80 << 10
	o.Limits.ConnectionsPerDocument = 8
	o.Limits.Awareness = awareness.Options{MaxStateBytes: 1000, MaxEntries: 50}
}

// TestHostile does to a document what a hostile or broken peer can do to it. The peer is told why it is turned away, the
// document does not change, and an editor on the same document and one on another go on as if nothing had happened.
func TestHostile(t *testing.T) {
	d := ysync.YWebsocket{}
	update := func(b []byte) []byte { return d.AppendUpdate(nil, b) }
	tests := []struct {
		name   string
		path   string // sync/victim if empty
		header http.Header
		say    func(e *editor)
		code   ysync.Code
		reason string
	}{
		{name: "garbage", say: send([]byte{0xde, 0xad, 0xbe, 0xef}), code: 4400, reason: "message type"},
		{name: "empty frame", say: send(nil), code: 4400, reason: "empty"},
		{name: "truncated", say: send([]byte{0, 2, 50, 1, 2}), code: 4400, reason: "update at byte 0"},
		{name: "unknown type", say: send([]byte{42}), code: 4400, reason: "unknown message type 42"},
		{name: "auth", say: send(d.AppendDenied(nil, "go away")), code: 4400, reason: "does not send auth"},
		{name: "text", say: sendText("hello"), code: 4400, reason: "text message"},
		{name: "JSON as text", say: sendText(`{"type":"sync"}`), code: 4400, reason: "text message"},
		{name: "empty update", say: send(update(nil)), code: 4400, reason: "update refused"},
		{name: "update that claims a billion structs", say: send(update(lib0.AppendUint([]byte{1}, 1<<30))), code: 4400, reason: "update refused"},
		{name: "update that claims a huge string", say: send(update(append([]byte{1, 1, 9, 0, 4, 1, 1, 'x'}, lib0.AppendUint(nil, 1<<40)...))), code: 4400, reason: "update refused"},
		{name: "half of an update", say: func(e *editor) {
			whole := textUpdate(e.t, "0123456789012345678901234567890123456789")
			e.send(update(whole[:len(whole)/2]))
		}, code: 4400, reason: "update refused"},
		{name: "step 2 of garbage", say: send(d.AppendStep2(nil, []byte{7})), code: 4400, reason: "update refused"},
		{name: "state vector of garbage", say: send(d.AppendStep1(nil, []byte{200, 1})), code: 4400, reason: "state vector refused"},
		{name: "message too large", say: func(e *editor) { e.send(update(make([]byte, 81<<10))) }, code: 4413, reason: "larger than"},
		{name: "document too large", say: func(e *editor) { e.send(update(textUpdate(e.t, strings.Repeat("x", 70<<10)))) }, code: 4413, reason: "document would be larger"},
		{name: "too many messages in a frame", say: send(bytes.Repeat([]byte{3}, ysync.MaxMessagesPerFrame+1)), code: 4413, reason: "more than 1024"},
		{name: "awareness of garbage", say: send(d.AppendAwareness(nil, []byte{1, 1})), code: 4400, reason: "awareness refused"},
		{name: "awareness that is no object", say: func(e *editor) { e.appear(1, 1, `"x"`) }, code: 4400, reason: "awareness refused"},
		{name: "awareness too large", say: func(e *editor) { e.appear(1, 1, `{"x":"`+strings.Repeat("y", 1000)+`"}`) }, code: 4413, reason: "awareness refused"},
		{name: "awareness of too many", say: func(e *editor) { e.send(d.AppendAwareness(nil, manyEntries(51, "{}"))) }, code: 4413, reason: "awareness refused"},
		{name: "no name", path: "sync/", code: 4400, reason: "empty"},
		{name: "dots", path: "sync/a/%2E%2E/b", code: 4400, reason: `segment ".."`},
		{name: "empty segment", path: "sync/a%2F%2Fb", code: 4400, reason: "empty segment"},
		{name: "NUL", path: "sync/a%00b", code: 4400, reason: "control"},
		{name: "not UTF-8", path: "sync/%ff%fe", code: 4400, reason: "UTF-8"},
		{name: "long name", path: "sync/" + strings.Repeat("n", 256), code: 4400, reason: "256 bytes"},
		{name: "foreign origin", header: http.Header{"Origin": {"https://evil.example"}}, code: 4403, reason: "origin"},
		{name: "no origin at all", header: http.Header{"Origin": {"null"}}, code: 4403, reason: "origin"},
	}
	s := startServer(t, newDisk(), hooks{}, smallLimits)
	victim, elsewhere := s.join(t, "victim"), s.join(t, "elsewhere")
	victim.write("safe")
	victim.sync()
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.path
			if path == "" {
				path = "sync/victim"
			}
			e := s.connect(t, path, tt.header)
			if tt.say != nil {
				tt.say(e)
			} else {
				e.ask()
			}
			e.awaitClose(tt.code, tt.reason)
			want := fmt.Sprint("edit ", i)
			elsewhere.edit(func(tx *crdt.Tx) error { return elsewhere.doc.Map("m").Set(tx, "k", want) })
			elsewhere.sync()
			victim.sync()
			if got := victim.text(); got != "safe" {
				t.Errorf("got %q in the document, want %q", got, "safe")
			}
			if victim.end() != nil || elsewhere.end() != nil {
				t.Errorf("a bystander was closed: %v, %v", victim.end(), elsewhere.end())
			}
		})
	}
	if got := len(s.entries(t, "victim")); got != 1 {
		t.Errorf("got %d entries in the log, want 1", got)
	}
	if got := s.Stats().Refusals; got["4400"] == 0 || got["4413"] == 0 || got["4403"] == 0 {
		t.Errorf("got refusals %v, want each code counted", got)
	}
}

// send returns a function that sends a frame.
func send(frame []byte) func(*editor) { return func(e *editor) { e.send(frame) } }

// sendText returns a function that sends a text message.
func sendText(text string) func(*editor) {
	return func(e *editor) { _ = e.ws.Write(context.Background(), websocket.MessageText, []byte(text)) }
}

// manyEntries returns an awareness update about n clients.
func manyEntries(n int, state string) []byte {
	b := lib0.AppendUint(nil, uint64(n))
	for i := range n {
		b = lib0.AppendString(lib0.AppendUint(lib0.AppendUint(b, uint64(1000+i)), 1), state)
	}
	return b
}

// TestLimitsAtAndPast checks limits of a message and of a document: at the limit it passes, one past it does not.
func TestLimitsAtAndPast(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, smallLimits)
	limit := int(s.limits.DocumentBytes)
	at := updateOfSize(t, limit)
	e := s.join(t, "at")
	e.send(ysync.YWebsocket{}.AppendUpdate(nil, at))
	e.sync()
	if got := len(e.text()); got < limit/2 {
		t.Errorf("got %d bytes of text, want a full document", got)
	}
	e.edit(func(tx *crdt.Tx) error { e.doc.Text("content").Delete(tx, 0, 10); return nil })
	e.sync() // deleting is how a full document gets smaller
	e.write("one more")
	e.awaitClose(ysync.CodeTooLarge, "larger than 65536 bytes")

	past := s.join(t, "past")
	past.send(ysync.YWebsocket{}.AppendUpdate(nil, updateOfSize(t, limit+1)))
	past.awaitClose(ysync.CodeTooLarge, "larger than 65536 bytes")

	message := int(s.limits.MessageBytes)
	m := s.join(t, "message")
	m.send(append([]byte{0, 2}, bytesFrame(message-2)...))
	m.awaitClose(ysync.CodeMalformed, "update refused") // read whole, and only then found to be nonsense
	m = s.join(t, "message")
	m.send(append([]byte{0, 2}, bytesFrame(message-1)...))
	m.awaitClose(ysync.CodeTooLarge, "message is larger")
}

// bytesFrame returns a byte array that is n bytes long with its length.
func bytesFrame(n int) []byte {
	size := n - lib0.UintLen(uint64(n-3))
	return lib0.AppendBytes(nil, make([]byte, size))
}

// updateOfSize returns an update of exactly n bytes.
func updateOfSize(t testing.TB, n int) []byte {
	t.Helper()
	for text := n - 40; text <= n; text++ {
		doc := crdt.New(crdt.Options{ClientID: 1})
		update, err := doc.Update(func(tx *crdt.Tx) error { return doc.Text("content").Insert(tx, 0, strings.Repeat("x", text)) })
		if err != nil {
			t.Fatal(err)
		}
		if len(update) == n {
			return update
		}
	}
	t.Fatalf("no update of %d bytes", n)
	return nil
}

func TestConnectionsPerDocument(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, smallLimits)
	for range 8 {
		s.join(t, "full")
	}
	s.knock(t, "sync/full").awaitClose(ysync.CodeTryLater, "8 connections already")
	s.join(t, "other")
	for range 8 {
		s.view(t, "view/full", nil).next()
	}
	s.view(t, "view/full", nil).expect("refused", `{"code":1013,"reason":"the document has too many viewers already","retry":true}`)
}

// TestStrangersFarewells: nulls for ids that nobody knows are not remembered, so that they cannot fill the document.
func TestStrangersFarewells(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.Limits.Awareness = awareness.Options{MaxClients: 30} })
	hostile, e := s.join(t, "d"), s.join(t, "d")
	for range 3 {
		hostile.send(ysync.YWebsocket{}.AppendAwareness(nil, manyEntries(40, "null")))
	}
	hostile.sync()
	e.appear(5, 1, `{}`)
	e.queryAwareness()
	e.await("a cursor", func() bool { return e.present.State(5) != nil })
}

// TestAwarenessIDsPerConnection: at the limit every id appears, one more is dropped.
func TestAwarenessIDsPerConnection(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	e, other := s.join(t, "d"), s.join(t, "d")
	for id := uint64(1); id <= 9; id++ {
		e.appear(id, 1, `{}`)
	}
	e.appear(1, 2, `{"last":true}`)
	other.await("the last news", func() bool { return bytes.Contains(other.present.State(1), []byte("last")) })
	if other.present.State(8) == nil || other.present.State(9) != nil {
		t.Errorf("got the eighth id %t, the ninth %t, want the eighth alone", other.present.State(8) != nil, other.present.State(9) != nil)
	}
}

// TestBrokenHandshakes sends what is no WebSocket at all. Some of it ends in the library without a close frame; none of
// it reaches anybody else.
func TestBrokenHandshakes(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	e := s.join(t, "d")
	masked := func(opcode byte, length uint64) []byte {
		frame := []byte{opcode, 0x80 | 127}
		return append(binary.BigEndian.AppendUint64(frame, length), 1, 2, 3, 4)
	}
	tests := []struct {
		name string
		send []byte
	}{
		{"unmasked frame", []byte{0x82, 1, 3}},
		{"reserved bits", []byte{0xf2, 0x81, 0, 0, 0, 0, 3}},
		{"length of 2^63", masked(0x82, 1<<63)},
		{"length of 2^62", masked(0x82, 1<<62)},
		{"unknown opcode", []byte{0x83, 0x80, 0, 0, 0, 0}},
		{"continuation of nothing", []byte{0x80, 0x80, 0, 0, 0, 0}},
		{"long ping", append([]byte{0x89, 0xfe, 1, 0}, make([]byte, 260)...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "GET /sync/d HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
			if _, err := conn.Write(tt.send); err != nil {
				t.Fatal(err)
			}
			if tt.name == "length of 2^62" {
				// The length is only claimed: nothing is allocated for it, and the connection waits for the bytes.
				e.sync()
				return
			}
			for buf := make([]byte, 4096); err == nil; {
				_, err = conn.Read(buf)
			}
			if n, ok := err.(net.Error); ok && n.Timeout() {
				t.Error("the connection was left open")
			}
			e.sync()
		})
	}
}
