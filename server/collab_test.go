package server

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/weftsync/weft/awareness"
	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
	ysync "github.com/weftsync/weft/sync"
)

// hub is a socket in the Hocuspocus dialect, as a provider's, with a client for each address.
type hub struct {
	t    testing.TB
	ws   *websocket.Conn
	mu   sync.Mutex
	seen *sync.Cond // broadcast after every frame

	clients map[string]*client
	pings   int
	frames  int
	ended   error
}

// client is one provider on a hub, with its counter of changes that are not safe yet.
type client struct {
	hub     *hub
	address string
	doc     *crdt.Doc
	present *awareness.States

	scopes    []string
	denied    []string
	asked     int      // times that the server asked for a token
	statuses  []uint64 // in order
	unsynced  int      // the provider's counter
	step1s    int
	step2s    int
	updates   int
	stateless []string
	silent    bool // does not answer the server's step 1
}

// collab opens a socket.
func (s *testServer) collab(t testing.TB, path string, header http.Header) *hub {
	t.Helper()
	return hubOn(t, s.dial(t, path, header))
}

// hubOn begins to read a socket.
func hubOn(t testing.TB, ws *websocket.Conn) *hub {
	t.Helper()
	ws.SetReadLimit(-1)
	h := &hub{t: t, ws: ws, clients: make(map[string]*client)}
	h.seen = sync.NewCond(&h.mu)
	go h.read()
	t.Cleanup(func() {
		_ = ws.CloseNow()
		h.await("the end of the socket", func() bool { return h.ended != nil })
	})
	return h
}

// read takes in what the server sends.
func (h *hub) read() {
	for {
		_, frame, err := h.ws.Read(context.Background())
		h.mu.Lock()
		if err != nil {
			h.ended = err
		} else {
			h.take(frame)
		}
		h.seen.Broadcast()
		h.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// take takes one frame in. The lock is held.
func (h *hub) take(frame []byte) {
	h.frames++
	if len(frame) == 1 && frame[0] == 9 {
		h.pings++
		h.send([]byte{10})
		return
	}
	address, message, err := ysync.CutAddress(frame)
	if err != nil {
		h.t.Errorf("the server sent %x: %v", frame, err)
		return
	}
	if c := h.clients[string(address)]; c != nil {
		c.take(message)
	}
}

// take takes one message in, as a provider does.
func (c *client) take(message []byte) {
	if len(message) == 2 && message[0] == 2 && message[1] == 0 {
		c.asked++
		return
	}
	messages, err := ysync.Hocuspocus{}.Parse(message, nil)
	if err != nil || len(messages) != 1 {
		c.hub.t.Errorf("the server sent %x to %q: %v", message, c.address, err)
		return
	}
	switch m := messages[0]; m.Kind {
	case ysync.Auth:
		if message[1] == 1 {
			c.denied = append(c.denied, string(m.Payload))
		} else {
			c.scopes = append(c.scopes, string(m.Payload))
		}
	case ysync.Step1:
		c.step1s++
		diff, err := c.doc.EncodeStateAsUpdate(m.Payload)
		if err != nil {
			c.hub.t.Errorf("the server's state vector %x: %v", m.Payload, err)
		} else if !c.silent {
			c.send(ysync.YWebsocket{}.AppendStep2(nil, diff))
		}
	case ysync.Step2, ysync.Update:
		if _, err := c.doc.ApplyUpdate(m.Payload); err != nil {
			c.hub.t.Errorf("the server's %s %x: %v", m.Kind, m.Payload, err)
		}
		if m.Kind == ysync.Step2 {
			c.step2s++
		} else {
			c.updates++
		}
	case ysync.Awareness:
		if _, err := c.present.ApplyUpdate(m.Payload, time.Now()); err != nil {
			c.hub.t.Errorf("the server's awareness %x: %v", m.Payload, err)
		}
	case ysync.SyncStatus:
		c.statuses = append(c.statuses, uint64(message[1]))
		if message[1] == 1 {
			if c.unsynced == 0 {
				c.hub.t.Errorf("%q: a sync status too many", c.address)
			}
			c.unsynced--
		}
	case ysync.Stateless:
		c.stateless = append(c.stateless, string(m.Payload))
	default:
		c.hub.t.Errorf("the server sent %s", m.Kind)
	}
}

// send sends a frame.
func (h *hub) send(frame []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = h.ws.Write(ctx, websocket.MessageBinary, frame)
}

// await waits until a condition on what was received holds.
func (h *hub) await(what string, cond func() bool) {
	h.t.Helper()
	e := editor{t: h.t, seen: h.seen}
	deadline := time.Now().Add(patience)
	timeout := time.AfterFunc(patience, func() { h.mu.Lock(); defer h.mu.Unlock(); h.seen.Broadcast() })
	defer timeout.Stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	for !cond() {
		if !time.Now().Before(deadline) {
			for address, c := range h.clients {
				e.t.Logf("%q: scopes %v denied %v statuses %v unsynced %d step 1s %d step 2s %d", address, c.scopes, c.denied, c.statuses, c.unsynced, c.step1s, c.step2s)
			}
			e.t.Fatalf("waited too long for %s (frames %d, ended %v)", what, h.frames, h.ended)
		}
		h.seen.Wait()
	}
}

// attach makes a client for an address, which says nothing yet.
func (h *hub) attach(address string) *client {
	c := &client{hub: h, address: address, doc: crdt.New(crdt.Options{}), present: awareness.New(awareness.Options{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients[address] = c
	return c
}

// join makes a client that says what a provider says first, with a token, and waits until it is in.
func (h *hub) join(address, token string) *client {
	h.t.Helper()
	c := h.attach(address)
	c.auth(token, "4.8.0")
	c.start()
	c.await("the end of the greeting", func() bool { return c.unsynced == 0 })
	return c
}

// send sends a message under the client's address.
func (c *client) send(message []byte) {
	c.hub.send(append(ysync.AppendAddress(nil, c.address), message...))
}

// auth sends a token.
func (c *client) auth(token, version string) {
	message := lib0.AppendString([]byte{2, 0}, token)
	if version != "" {
		message = lib0.AppendString(message, version)
	}
	c.send(message)
}

// start sends a step 1 and counts as a provider does.
func (c *client) start() {
	c.hub.mu.Lock()
	vector := c.doc.EncodeStateVector()
	c.unsynced = 1
	c.hub.mu.Unlock()
	c.send(ysync.YWebsocket{}.AppendStep1(nil, vector))
}

// await waits for a condition on what the client received.
func (c *client) await(what string, cond func() bool) {
	c.hub.t.Helper()
	c.hub.await(what, cond)
}

// write inserts text at the end and sends it.
func (c *client) write(text string) {
	c.hub.t.Helper()
	c.edit(func(tx *crdt.Tx) error {
		content := c.doc.Text("content")
		return content.Insert(tx, content.Len(), text)
	})
}

// edit changes the document and sends the update.
func (c *client) edit(fn func(tx *crdt.Tx) error) {
	c.hub.t.Helper()
	c.hub.mu.Lock()
	update, err := c.doc.Update(fn)
	c.unsynced++
	c.hub.mu.Unlock()
	if err != nil {
		c.hub.t.Fatalf("edit: %v", err)
	}
	c.send(ysync.YWebsocket{}.AppendUpdate(nil, update))
}

// awaitText waits until the text is that.
func (c *client) awaitText(text string) {
	c.hub.t.Helper()
	c.await("the text "+text, func() bool { return c.doc.RootString("content") == text })
}

// appear sends awareness.
func (c *client) appear(id, clock uint64, state string) {
	entry := lib0.AppendString(lib0.AppendUint(lib0.AppendUint([]byte{1}, id), clock), state)
	c.send(ysync.YWebsocket{}.AppendAwareness(nil, entry))
}

// queryAwareness asks who is there.
func (c *client) queryAwareness() { c.send([]byte{3}) }

// grants is an Authorizer by token: "none", "read", "presence", "write", "admin"; everything else is refused.
func grants(_ context.Context, r Request) (Grant, error) {
	for l := ysync.None; int(l) < ysync.Levels; l++ {
		if r.Token == l.String() {
			return Grant{Level: l, User: "user of " + r.Token}, nil
		}
	}
	return Grant{}, ysync.Refuse(ysync.CodeForbidden, "no such token")
}

// byToken makes a server ask grants.
func byToken(o *Options) { o.Authorizer = AuthorizerFunc(grants) }

func TestDialectsShareADocument(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	y := s.join(t, "d")
	h := s.collab(t, "collab", nil)
	plain, aware, onSync := h.join("d", ""), h.join("d\x00s1", ""), s.collab(t, "sync/d", nil).join("d", "")
	y.write("y")
	for _, c := range []*client{plain, aware, onSync} {
		c.awaitText("y")
	}
	plain.write("p")
	y.awaitText("yp")
	aware.awaitText("yp")
	aware.write("a")
	onSync.awaitText("ypa")
	plain.awaitText("ypa")
	for _, c := range []*client{plain, aware, onSync} {
		c.await("0 unsynced", func() bool { return c.unsynced == 0 })
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if plain.updates != 2 || aware.updates != 2 {
		t.Errorf("got %d and %d updates, want those of the others and no echo", plain.updates, aware.updates)
	}
	if got := plain.scopes; len(got) != 1 || got[0] != "read-write" {
		t.Errorf("got scopes %v, want read-write once", got)
	}
}

func TestManyDocumentsOnOneSocket(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.Limits.DocumentsPerConnection = 20 })
	a, b := s.collab(t, "collab", nil), s.collab(t, "collab", nil)
	names := strings.Fields("a b c/d ü 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20")
	for _, name := range names {
		one, two := a.join(name, ""), b.join(name, "")
		one.write("in " + name)
		two.awaitText("in " + name)
	}
	more := a.attach("21")
	more.auth("", "")
	more.start()
	more.await("the refusal", func() bool { return len(more.denied) == 1 })
	a.clients["5"].send([]byte{7})
	again := a.attach("21")
	deadline := time.Now().Add(patience)
	for again.scopes == nil && time.Now().Before(deadline) { // leaving and joining are not answered in one breath
		again.auth("", "")
		again.await("an answer", func() bool { return len(again.denied)+len(again.scopes) > 0 })
		a.mu.Lock()
		again.denied = nil
		a.mu.Unlock()
	}
	if again.scopes == nil {
		t.Error("the place of a document that was left is not given to another")
	}
}

// TestNothingBeforeAuthorisation: while the Authorizer thinks, and after it has refused, a peer is sent nothing of the
// document and nobody's awareness, and what it sends is done only if it is let in.
func TestNothingBeforeAuthorisation(t *testing.T) {
	thinking := make(chan struct{})
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Authorizer = AuthorizerFunc(func(ctx context.Context, r Request) (Grant, error) {
			if r.Token == "slow" {
				<-thinking
				return Grant{Level: ysync.Write}, nil
			}
			return grants(ctx, r)
		})
	})
	inside := s.collab(t, "collab", nil).join("d", "write")
	inside.write("secret")
	inside.appear(1, 1, `{"user":"Ada"}`)
	h := s.collab(t, "collab", nil)
	bad, slow, elsewhere := h.attach("d\x00bad"), h.attach("d\x00slow"), h.join("other", "write")
	bad.auth("bad", "")
	bad.start()
	bad.write("from outside ")
	slow.auth("slow", "")
	slow.start()
	slow.write("held ")
	bad.await("the refusal", func() bool { return len(bad.denied) == 1 })
	elsewhere.write("goes on")
	elsewhere.await("its status", func() bool { return elsewhere.unsynced == 0 })
	inside.write("!")
	inside.await("its status", func() bool { return inside.unsynced == 0 })
	h.mu.Lock()
	for _, c := range []*client{bad, slow} {
		if n := c.step1s + c.step2s + c.updates + len(c.statuses) + len(c.scopes) + c.present.Len(); n != 0 {
			t.Errorf("%q was sent something before it was authorised", c.address)
		}
	}
	h.mu.Unlock()
	close(thinking)
	slow.await("everything", func() bool { return slow.unsynced == 0 && slow.present.State(1) != nil })
	if text := slow.doc.RootString("content"); !strings.Contains(text, "secret!") || !strings.Contains(text, "held ") {
		t.Errorf("got %q, want what was there and what was held", text)
	}
	inside.await("what was held", func() bool { return strings.Contains(inside.doc.RootString("content"), "held ") })
	if strings.Contains(inside.doc.RootString("content"), "outside") {
		t.Error("what a refused peer sent got into the document")
	}
}

func TestReadOnlyIsRejectedAndMadeGood(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, byToken)
	h := s.collab(t, "collab", nil)
	writer, reader := s.collab(t, "collab", nil).join("d", "write"), h.join("d", "read")
	writer.write("w")
	reader.awaitText("w")
	reader.write("r")
	reader.write("s")
	reader.send(append([]byte{5, 1}, 'x'))
	reader.appear(9, 1, `{}`)
	reader.await("two refusals", func() bool { return len(reader.statuses) == 3 })
	writer.write("!")
	reader.await("an update", func() bool { return reader.updates == 2 })
	h.mu.Lock()
	if got := reader.statuses; got[1] != 0 || got[2] != 0 || reader.unsynced != 2 || reader.scopes[0] != "readonly" {
		t.Errorf("got statuses %v, unsynced %d, scopes %v of a reader", got, reader.unsynced, reader.scopes)
	}
	h.mu.Unlock()
	reader.auth("write", "")
	reader.await("what was rejected", func() bool { return reader.unsynced == 0 && len(reader.scopes) == 2 })
	reader.write("?")
	writer.await("all of it", func() bool {
		text := writer.doc.RootString("content")
		return strings.Contains(text, "rs") && strings.Contains(text, "?")
	})
	writer.hub.mu.Lock()
	if len(writer.stateless) != 0 || writer.present.State(9) != nil {
		t.Error("a reader's stateless message or awareness reached others")
	}
	writer.hub.mu.Unlock()
	reader.auth("read", "")
	reader.await("the lower scope", func() bool { return len(reader.scopes) == 3 })
	reader.write("no")
	reader.await("the refusal", func() bool { return reader.statuses[len(reader.statuses)-1] == 0 })
}

// TestParkedDocument: a refused update ends the session of that document, the socket and the other documents go on, and
// a new token opens it again with nothing missing on either side.
func TestParkedDocument(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, byToken)
	h := s.collab(t, "collab", nil)
	writer, c, other := s.collab(t, "collab", nil).join("d", "write"), h.join("d", "write"), h.join("other", "write")
	c.send(ysync.YWebsocket{}.AppendUpdate(nil, []byte{7}))
	c.await("the refusal", func() bool { return len(c.denied) == 1 && strings.Contains(c.denied[0], "update refused") })
	c.write("typed while parked ")
	other.write("x")
	other.await("its status", func() bool { return other.unsynced == 0 })
	writer.write("written meanwhile")
	writer.await("its status", func() bool { return writer.unsynced == 0 })
	h.mu.Lock()
	if c.updates != 0 || c.unsynced != 1 {
		t.Errorf("got %d updates and %d unsynced while parked, want 0 and 1", c.updates, c.unsynced)
	}
	h.mu.Unlock()
	c.auth("write", "")
	c.await("both texts", func() bool {
		text := c.doc.RootString("content")
		return strings.Contains(text, "meanwhile") && strings.Contains(text, "parked") && c.unsynced == 0
	})
	writer.await("what was typed while parked", func() bool { return strings.Contains(writer.doc.RootString("content"), "parked") })
}

func TestStateless(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, byToken)
	a, b, y := s.collab(t, "collab", nil).join("d", "write"), s.collab(t, "collab", nil).join("d", "read"), s.knock(t, "sync/d?token=write")
	a.send(ysync.Hocuspocus{}.AppendStateless(nil, []byte("ping")))
	b.await("it", func() bool { return len(b.stateless) == 1 && b.stateless[0] == "ping" })
	a.send(ysync.Hocuspocus{}.AppendStateless(nil, make([]byte, 64<<10)))
	b.await("the largest", func() bool { return len(b.stateless) == 2 })
	a.send(ysync.Hocuspocus{}.AppendStateless(nil, make([]byte, 64<<10+1)))
	a.await("the refusal", func() bool { return len(a.denied) == 1 })
	if len(a.stateless) != 0 || y.end() != nil {
		t.Errorf("got an echo %v, or the other dialect was closed: %v", a.stateless, y.end())
	}
}

// TestStatusOnlyWhenItIsOnDisk holds a fsync: no sync status, for an edit, for one that is sent again, for a step 2 or
// for a reader's answer, may come before it is done; and then each comes exactly once.
func TestStatusOnlyWhenItIsOnDisk(t *testing.T) {
	if early := statusesBeforeTheDisk(t, hooks{}); early != 0 {
		t.Errorf("%d sync statuses came before the disk was done", early)
	}
}

// TestStatusOnlyWhenItIsOnDiskControl runs the same without the gate.
func TestStatusOnlyWhenItIsOnDiskControl(t *testing.T) {
	if early := statusesBeforeTheDisk(t, hooks{gateOff: true}); early != 5 {
		t.Errorf("got %d early statuses without a gate, want all 5: the test would not notice", early)
	}
}

func statusesBeforeTheDisk(t *testing.T, hk hooks) int {
	d := newDisk()
	s := startServer(t, d, hk, byToken)
	h := s.collab(t, "collab", nil)
	writer, other := h.join("d", "write"), h.join("elsewhere", "write")
	writer.write("safe ")
	writer.await("its status", func() bool { return writer.unsynced == 0 })
	before := len(writer.statuses)
	letGo := d.hold()
	defer letGo()
	writer.write("secret")
	<-d.waiting
	h.mu.Lock()
	update, err := writer.doc.EncodeStateAsUpdate(nil)
	h.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	writer.unsynced += 3
	h.mu.Unlock()
	writer.send(ysync.YWebsocket{}.AppendUpdate(nil, update)) // again
	writer.send(ysync.YWebsocket{}.AppendUpdate(nil, update)) // and again
	writer.send(ysync.YWebsocket{}.AppendStep2(nil, update))
	reader := h.attach("d\x00reader") // whoever knows already what is not on disk
	reader.silent = true
	if _, err := reader.doc.ApplyUpdate(update); err != nil {
		t.Fatal(err)
	}
	reader.auth("read", "")
	reader.start()
	reader.send(ysync.YWebsocket{}.AppendStep2(nil, update))
	for i := range uint64(20) { // awareness does not wait, and what the server does on one socket it does in order
		writer.appear(1, i+1, `{}`)
		other.appear(1, i+1, `{}`)
		other.queryAwareness()
		other.await("awareness", func() bool { clock, _ := other.present.Clock(1); return clock == i+1 })
		reader.await("awareness", func() bool { clock, _ := reader.present.Clock(1); return clock == i+1 })
	}
	h.mu.Lock()
	early := len(writer.statuses) - before + len(reader.statuses)
	h.mu.Unlock()
	letGo()
	writer.await("every status", func() bool { return writer.unsynced == 0 && len(writer.statuses) == before+4 })
	reader.await("the reader's", func() bool { return len(reader.statuses) == 1 && reader.unsynced == 0 })
	return early
}

// TestStatusesAreNeverMerged: a burst of updates is answered one by one, also to a client that does not read, and that
// costs the server a number.
func TestStatusesAreNeverMerged(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.Limits.MessagesPerSecond = -1 })
	h := s.collab(t, "collab", nil)
	a, b := h.join("a", ""), h.join("b", "")
	for range 2000 {
		a.write("a")
		b.write("b")
	}
	for _, c := range []*client{a, b} {
		c.await("every status", func() bool { return c.unsynced == 0 && len(c.statuses) == 2001 })
	}
}

func TestStampedUser(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Authorizer = AuthorizerFunc(func(_ context.Context, r Request) (Grant, error) {
			return Grant{Level: ysync.Presence, Presence: []byte(`{"name":"` + r.Token + `"}`)}, nil
		})
	})
	h := s.collab(t, "collab", nil)
	ada, bob := h.join("d", "Ada"), h.join("d\x00b", "Bob")
	y := s.knock(t, "sync/d?token=Eve")
	ada.appear(1, 1, `{"user":{"name":"Bob","color":"#f00"},"cursor":{"a":1.50}}`)
	bob.await("Ada under her name", func() bool {
		return string(bob.present.State(1)) == `{"cursor":{"a":1.50},"user":{"color":"#f00","name":"Ada"}}`
	})
	ada.appear(1, 2, `{"user":"Bob"}`)
	bob.await("Ada again", func() bool { return string(bob.present.State(1)) == `{"user":{"name":"Ada"}}` })
	y.appear(2, 1, `{"user":{"name":"Ada"}}`)
	bob.await("Eve", func() bool { return string(bob.present.State(2)) == `{"user":{"name":"Eve"}}` })
	ada.appear(1, 3, `null`)
	bob.await("the farewell", func() bool { return bob.present.State(1) == nil })
}
