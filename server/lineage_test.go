package server

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// startAdmin serves with every level for everybody.
func startAdmin(t *testing.T, d *disk) *testServer {
	t.Helper()
	return startServer(t, d, hooks{}, func(o *Options) { o.Authorizer = AllowAll(ysync.Admin) })
}

// begun starts a server with a document that an editor wrote and that has begun anew since; the editor has been told.
func begun(t *testing.T, d *disk, again func(s *testServer)) (*testServer, *editor) {
	t.Helper()
	s := startAdmin(t, d)
	old := s.join(t, "d")
	old.write("old")
	old.await("the echo", func() bool { return len(old.updates) == 1 })
	again(s)
	return s, old
}

// replace begins the document anew over REST.
func replace(t *testing.T, s *testServer, update []byte) {
	t.Helper()
	answer, body := s.get(t, "PUT", "api/documents/d", map[string]string{"If-Match": "*"}, update)
	if answer.StatusCode != http.StatusNoContent {
		t.Fatalf("got status %d: %s", answer.StatusCode, body)
	}
}

// expectText checks what a new editor is sent.
func expectText(t *testing.T, s *testServer, want string) {
	t.Helper()
	s.join(t, "d").awaitText(want)
}

// TestDeadLineageIsRefused: a client with content of before a new beginning is told so, directly and through a fresh tab
// that got it from another one, in both dialects, and after a restart; nothing of it gets in.
func TestDeadLineageIsRefused(t *testing.T) {
	acts := map[string]func(t *testing.T, s *testServer){
		"replaced": func(t *testing.T, s *testServer) { replace(t, s, textUpdate(t, "new")) },
		"rolled back to its own state": func(t *testing.T, s *testServer) {
			_, export := s.get(t, "GET", "api/documents/d", map[string]string{"Accept": typeUpdate}, nil)
			replace(t, s, []byte(export))
		},
		"erased": func(t *testing.T, s *testServer) {
			if answer, body := s.get(t, "DELETE", "api/documents/d?hard", nil, nil); answer.StatusCode != http.StatusNoContent {
				t.Fatalf("delete: %d %s", answer.StatusCode, body)
			}
		},
		"erased and made again": func(t *testing.T, s *testServer) {
			if answer, body := s.get(t, "DELETE", "api/documents/d?hard", nil, nil); answer.StatusCode != http.StatusNoContent {
				t.Fatalf("delete: %d %s", answer.StatusCode, body)
			}
			answer, body := s.get(t, "PUT", "api/documents/d", map[string]string{"If-None-Match": "*"}, textUpdate(t, "new"))
			if answer.StatusCode != http.StatusCreated {
				t.Fatalf("create: %d %s", answer.StatusCode, body)
			}
		},
	}
	for name, act := range acts {
		t.Run(name, func(t *testing.T) {
			d := newDisk()
			s, old := begun(t, d, func(s *testServer) { act(t, s) })
			if strings.HasPrefix(name, "erased") {
				old.awaitClose(ysync.CodeNotFound, "deleted")
			} else {
				old.awaitClose(ysync.CodeConflict, "begun anew")
			}
			want := "new"
			switch {
			case strings.HasPrefix(name, "rolled"):
				want = "old"
			case name == "erased":
				want = ""
			}
			for _, again := range []bool{false, true} {
				if again {
					s.stop()
					s = startAdmin(t, d)
				}
				expectText(t, s, want)

				back := s.connect(t, "sync/d", nil)
				hearFrom(t, back, old)
				back.ask()
				back.awaitClose(ysync.CodeConflict, "begun anew")

				tab := s.join(t, "d") // fresh, and then another tab tells it
				tab.awaitText(want)
				hearFrom(t, tab, old)
				tab.send(ysync.YWebsocket{}.AppendStep2(nil, stateOfEditor(t, tab)))
				tab.awaitClose(ysync.CodeConflict, "begun anew")

				h := s.collab(t, "collab", nil)
				c := h.attach("d")
				h.mu.Lock()
				_, err := c.doc.ApplyUpdate(stateOfEditor(t, old))
				h.mu.Unlock()
				if err != nil {
					t.Fatal(err)
				}
				c.auth("", "4.8.0")
				c.start()
				c.await("the refusal", func() bool { return len(c.denied) == 1 && strings.Contains(c.denied[0], "begun anew") })
				if other := h.join("other", ""); len(other.denied) > 0 {
					t.Errorf("another document on the socket: %v", other.denied)
				}
				expectText(t, s, want)
			}
			fresh := s.join(t, "d")
			fresh.awaitText(want)
			fresh.write("!")
			expectText(t, s, want+"!")
		})
	}
}

func stateOfEditor(t *testing.T, e *editor) []byte {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	state, err := e.doc.EncodeStateAsUpdate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// hearFrom gives an editor what another one has, as tabs do among themselves.
func hearFrom(t *testing.T, to, from *editor) {
	t.Helper()
	state := stateOfEditor(t, from)
	to.mu.Lock()
	defer to.mu.Unlock()
	if _, err := to.doc.ApplyUpdate(state); err != nil {
		t.Fatal(err)
	}
}

// TestTemplateAfterErasing: a template that a dead lineage was made of makes a new one.
func TestTemplateAfterErasing(t *testing.T) {
	s := startAdmin(t, newDisk())
	template := textUpdate(t, "template")
	for round := range 3 {
		answer, body := s.get(t, "PUT", "api/documents/d", map[string]string{"If-None-Match": "*"}, template)
		if answer.StatusCode != http.StatusCreated {
			t.Fatalf("round %d: create: %d %s", round, answer.StatusCode, body)
		}
		expectText(t, s, "template")
		if answer, body := s.get(t, "DELETE", "api/documents/d?hard", nil, nil); answer.StatusCode != http.StatusNoContent {
			t.Fatalf("round %d: delete: %d %s", round, answer.StatusCode, body)
		}
	}
}

// TestTenSeedOnce: of ten that create the same document at once with content, one does, and it is there once.
func TestTenSeedOnce(t *testing.T) {
	s := startAdmin(t, newDisk())
	var created, refused atomic.Int32
	var seeding sync.WaitGroup
	for range 10 {
		update := textUpdate(t, "seed")
		seeding.Go(func() {
			answer, _ := s.get(t, "PUT", "api/documents/d", map[string]string{"If-None-Match": "*"}, update)
			switch answer.StatusCode {
			case http.StatusCreated:
				created.Add(1)
			case http.StatusPreconditionFailed:
				refused.Add(1)
			}
		})
	}
	seeding.Wait()
	if created.Load() != 1 || refused.Load() != 9 {
		t.Errorf("%d were created and %d refused, want 1 and 9", created.Load(), refused.Load())
	}
	expectText(t, s, "seed")
}

// TestReplaceRefusals: a new beginning needs a document, the level admin, and an update that stands for itself; else
// nothing changes.
func TestReplaceRefusals(t *testing.T) {
	s := startAdmin(t, newDisk())
	first := textUpdate(t, "kept")
	mustStore(t, s.Server, "d", first)
	doc := crdt.New(crdt.Options{})
	if _, err := doc.ApplyUpdate(first); err != nil {
		t.Fatal(err)
	}
	partial, err := doc.Update(func(tx *crdt.Tx) error { return doc.Text("content").Insert(tx, 2, "x") })
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		path   string
		body   []byte
		status int
	}{
		"no document":       {"api/documents/none", first, 412},
		"not an update":     {"api/documents/d", []byte{1, 2}, 400},
		"builds on another": {"api/documents/d", partial, 400},
	} {
		if answer, body := s.get(t, "PUT", test.path, map[string]string{"If-Match": "*"}, test.body); answer.StatusCode != test.status {
			t.Errorf("%s: got status %d: %s, want %d", name, answer.StatusCode, body, test.status)
		}
	}
	expectText(t, s, "kept")
	s.stop()
	s = startServer(t, s.disk, hooks{}, nil)
	if answer, _ := s.get(t, "PUT", "api/documents/d", map[string]string{"If-Match": "*"}, first); answer.StatusCode != 403 {
		t.Errorf("with the level write: got status %d, want 403", answer.StatusCode)
	}
}

// TestViewerOfANewBeginning: an event id of before says that there is nothing to resume.
func TestViewerOfANewBeginning(t *testing.T) {
	s := startAdmin(t, newDisk())
	mustStore(t, s.Server, "d", textUpdate(t, "old"))
	before, err := s.store.Document(context.Background(), "d", false)
	if err != nil {
		t.Fatal(err)
	}
	info := before.Info()
	before.Close()
	replace(t, s, textUpdate(t, "new"))
	after, err := s.store.Document(context.Background(), "d", false)
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	if now := after.Info(); now.Incarnation == info.Incarnation || now.Lineage == info.Lineage || now.ID == info.ID || now.Last != 1 {
		t.Errorf("got %+v after %+v, want another id, lineage and incarnation, and one entry", now, info)
	}
	var entries int
	if err := after.Load(context.Background(), 0, func(e storage.Entry) error {
		entries++
		if bytes.Contains(e.Update, []byte("old")) {
			t.Error("the log has content of before")
		}
		return nil
	}); err != nil || entries != 1 {
		t.Errorf("%d entries, %v", entries, err)
	}
}
