package server

import (
	"bytes"
	"testing"

	"github.com/weftsync/weft/awareness"
	"github.com/weftsync/weft/crdt"
	ysync "github.com/weftsync/weft/sync"
)

func TestTwoEditorsShareADocument(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	a, b := s.join(t, "notes/today"), s.join(t, "notes%2Ftoday")
	a.write("hello")
	b.awaitText("hello")
	b.edit(func(tx *crdt.Tx) error { return b.doc.Map("m").Set(tx, "k", "v") })
	a.await("the map", func() bool { return string(a.doc.RootJSON("m")) == `{"k":"v"}` })
	late := s.join(t, "notes/today")
	if got := late.text(); got != "hello" {
		t.Errorf("a late editor has %q, want %q", got, "hello")
	}
	other := s.join(t, "notes/tomorrow")
	if got := other.text(); got != "" {
		t.Errorf("another document has %q, want nothing", got)
	}
}

func TestEchoGoesBackToTheWriter(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	a, b := s.join(t, "d"), s.join(t, "d")
	update := a.write("x")
	a.await("the echo", func() bool { return len(a.updates) == 1 })
	if !bytes.Equal(a.updates[0], update) {
		t.Errorf("got echo %x, want %x", a.updates[0], update)
	}
	b.await("the broadcast", func() bool { return len(b.updates) == 1 })

	// The same once more adds nothing: its writer hears of it, nobody else does.
	a.send(ysync.YWebsocket{}.AppendUpdate(nil, update))
	a.await("the second echo", func() bool { return len(a.updates) == 2 })
	b.sync()
	if n := len(b.updates); n != 1 {
		t.Errorf("got %d updates at the other editor, want 1", n)
	}
	if got := s.Stats().Updates; got != 1 {
		t.Errorf("got %d entries in the log, want 1", got)
	}
}

func TestEveryStep1GetsOneStep2(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	e := s.join(t, "d")
	for range 20 {
		e.ask()
	}
	e.await("20 more step 2s", func() bool { return e.step2s == 21 })
	e.sync()
	if e.step2s != 22 {
		t.Errorf("got %d step 2s, want 22", e.step2s)
	}
}

func TestServerAsksForWhatItLacks(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	away := crdt.New(crdt.Options{})
	if _, err := away.Update(func(tx *crdt.Tx) error { return away.Text("content").Insert(tx, 0, "offline") }); err != nil {
		t.Fatal(err)
	}
	e := s.connect(t, "sync/d", nil)
	e.mu.Lock()
	e.doc = away
	answered := len(e.step1s) > 0 // the server's step 1 may have come while there was nothing yet
	e.mu.Unlock()
	e.sync()
	if answered {
		e.send(ysync.YWebsocket{}.AppendStep2(nil, mustEncode(t, e)))
	}
	s.join(t, "d").awaitText("offline")
}

// mustEncode returns the whole document of an editor.
func mustEncode(t testing.TB, e *editor) []byte {
	t.Helper()
	whole, err := e.copyOfDoc()
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

func TestAnEmptyClientCreatesNothing(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	e := s.join(t, "ghost")
	e.sync()
	if _, body := s.get(t, "GET", "api/documents", nil, nil); body != `{"documents":[],"next":""}` {
		t.Errorf("got list %s, want none", body)
	}
	e.write("now")
	e.sync()
	if answer, _ := s.get(t, "GET", "api/documents/ghost", nil, nil); answer.StatusCode != 200 {
		t.Errorf("got status %d after the first edit, want 200", answer.StatusCode)
	}
}

func TestAwareness(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	a, b := s.join(t, "d"), s.join(t, "d")
	a.appear(1, 1, `{"user":"Ada"}`)
	b.await("Ada", func() bool { return string(b.present.State(1)) == `{"user":"Ada"}` })
	a.appear(1, 2, `{"user":"Ada","cursor":3}`)
	b.await("her cursor", func() bool { return bytes.Contains(b.present.State(1), []byte("cursor")) })

	late := s.join(t, "d")
	late.await("Ada, late", func() bool { return late.present.State(1) != nil })

	_ = a.ws.CloseNow()
	b.await("that she has gone", func() bool { return b.present.State(1) == nil })
	if clock, ok := b.present.Clock(1); !ok || clock != 2 {
		t.Errorf("got clock %d, %t after the removal, want 2: it must not overrule what she says next", clock, ok)
	}

	// She comes back with the clock that she had. Told that she is gone, she raises it.
	back := s.join(t, "d")
	back.appear(1, 2, `{"user":"Ada"}`)
	back.await("the removal", func() bool { _, known := back.present.Clock(1); return known })
	back.appear(1, 3, `{"user":"Ada"}`)
	b.await("Ada again", func() bool { return b.present.State(1) != nil })
}

// TestForwardedAwarenessIsNotTheForwarders: a provider sends on every state that it hears. When it leaves, those whose
// states it forwarded stay.
func TestForwardedAwarenessIsNotTheForwarders(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	a := s.arrive(t, "d", 1, 1)
	b := s.join(t, "d")
	b.await("the first", func() bool { return b.present.State(1) != nil })
	b.appear(2, 1, `{}`)
	b.appear(1, 1, `{}`) // the echo of an ordinary provider
	b.appear(1, 2, `{"from":"another tab"}`)
	a.await("the second", func() bool { return a.present.State(2) != nil })
	c := s.join(t, "d")
	_ = b.ws.CloseNow()
	c.await("that the second has gone", func() bool { _, known := c.present.Clock(2); return known && c.present.State(2) == nil })
	if c.present.State(1) == nil {
		t.Error("the first went with the connection that only forwarded it")
	}
}

// TestAwarenessIsNotSentBack: what a session says about itself goes to everybody else; it hears what others say, also
// in a bundle with its own.
func TestAwarenessIsNotSentBack(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	a, b, c := s.join(t, "d"), s.join(t, "d"), s.collab(t, "collab", nil).join("d", "")
	for clock := uint64(1); clock <= 5; clock++ {
		a.appear(1, clock, `{}`)
		b.await("her state", func() bool { got, _ := b.present.Clock(1); return got == clock })
		c.await("her state", func() bool { got, _ := c.present.Clock(1); return got == clock })
	}
	a.sync() // what would have come back has
	a.mu.Lock()
	if _, known := a.present.Clock(1); known {
		t.Error("her own awareness was sent back to her")
	}
	a.mu.Unlock()
	b.appear(2, 1, `{}`)
	c.appear(3, 1, `{}`)
	a.await("the others", func() bool { return a.present.State(2) != nil && a.present.State(3) != nil })
}

func TestQueryAwareness(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	a, b := s.join(t, "d"), s.join(t, "d")
	a.appear(7, 1, `{}`)
	b.await("the state", func() bool { return b.present.State(7) != nil })
	b.mu.Lock()
	b.present = awareness.New(awareness.Options{})
	b.mu.Unlock()
	b.queryAwareness()
	b.await("the answer", func() bool { return b.present.State(7) != nil })
}

// arrive connects as a provider does: the client announces itself straight after its step 1.
func (s *testServer) arrive(t testing.TB, document string, client, clock uint64) *editor {
	t.Helper()
	e := s.connect(t, "sync/"+document, nil)
	e.mu.Lock()
	e.send(ysync.YWebsocket{}.AppendStep1(nil, e.doc.EncodeStateVector()))
	e.appear(client, clock, `{}`)
	e.mu.Unlock()
	return e
}

// queryAwareness asks who is there.
func (e *editor) queryAwareness() { e.send([]byte{3}) }

// appear says something about one client.
func (e *editor) appear(client, clock uint64, state string) {
	e.send(ysync.YWebsocket{}.AppendAwareness(nil, awareness.AppendEntries(nil, []awareness.Entry{{Client: client, Clock: clock, State: []byte(state)}})))
}

func TestLevels(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Authorizer = AuthorizerFunc(levelByToken)
	})
	writer := s.connect(t, "sync/d?token=write", nil)
	writer.sync()
	writer.write("text")
	reader := s.connect(t, "sync/d?token=read", nil)
	reader.sync()
	reader.awaitText("text")
	reader.appear(9, 1, `{}`)
	reader.sync()
	writer.sync()
	if writer.present.State(9) != nil {
		t.Error("a reader's awareness was passed on")
	}
	reader.write("no")
	reader.awaitClose(ysync.CodeForbidden, "read")

	// A reader's step 2 passes while it adds nothing, and only then.
	sly := s.connect(t, "sync/d?token=read", nil)
	sly.sync()
	sly.mu.Lock()
	update, err := sly.doc.Update(func(tx *crdt.Tx) error { return sly.doc.Text("content").Insert(tx, 0, "sly ") })
	sly.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	sly.send(ysync.YWebsocket{}.AppendStep2(nil, update))
	sly.awaitClose(ysync.CodeForbidden, "read-only")

	s.knock(t, "sync/d?token=none").awaitClose(ysync.CodeForbidden, "level none")
	s.knock(t, "sync/d").awaitClose(ysync.CodeUnauthorized, "no such token")
	writer.sync()
	if got := writer.text(); got != "text" {
		t.Errorf("got %q, want %q", got, "text")
	}
}
