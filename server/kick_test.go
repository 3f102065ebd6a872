package server

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// admin posts a body to the admin listener.
func (s *testServer) admin(t *testing.T, path, body, kind string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.AdminAddr().String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, strings.TrimSpace(string(text))
}

// withAdmin makes a server have an admin listener, and ask grants.
func withAdmin(o *Options) {
	byToken(o)
	o.AdminAddr = "127.0.0.1:0"
}

// TestKick removes people by document, user and connection, in every dialect and from event streams, within two seconds,
// and nobody else.
func TestKick(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, withAdmin)
	h := s.collab(t, "collab", nil)
	kicked, stays := h.join("d", "write"), h.join("other", "write")
	reads := s.collab(t, "collab", nil).join("d", "read")
	y := s.join(t, "d?token=write")
	viewer := s.view(t, "view/d?token=write", nil)
	viewer.expect("whole", `{"root":null,"text":""}`)

	began := time.Now()
	if status, body := s.admin(t, "/admin/kick", `{"document":"d","user":"user of write","reason":"out"}`, typeJSON); status != 200 || body != `{"sessions":3}` {
		t.Fatalf("got %d %s, want three sessions", status, body)
	}
	kicked.await("the refusal", func() bool { return len(kicked.denied) == 1 && kicked.denied[0] == "out" })
	y.awaitClose(ysync.CodeForbidden, "out")
	viewer.expect("refused", `{"code":4403,"reason":"out","retry":false}`)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("kicking took %s", took)
	}
	stays.write("x")
	stays.await("its status", func() bool { return stays.unsynced == 0 })
	if len(stays.denied)+len(reads.denied) != 0 {
		t.Error("somebody else was kicked")
	}
	var id string
	for _, c := range s.connections.list() {
		for _, member := range c.all() {
			if member.address == "other" {
				id = c.id.String()
			}
		}
	}
	if _, body := s.admin(t, "/admin/kick", `{"connection":"`+id+`"}`, typeJSON); body != `{"sessions":1}` {
		t.Errorf("by connection: got %s", body)
	}
	stays.await("the refusal", func() bool { return len(stays.denied) == 1 && strings.Contains(stays.denied[0], "administrator") })
	if _, body := s.admin(t, "/admin/kick", `{"document":"d"}`, typeJSON); body != `{"sessions":1}` {
		t.Errorf("by document: got %s", body)
	}
	reads.await("the refusal", func() bool { return len(reads.denied) == 1 })
	kicked.auth("write", "") // the token is still good
	kicked.await("the way back", func() bool { return len(kicked.scopes) == 2 })

	for _, tt := range []struct{ body, kind, want string }{
		{`{"document":"d"}`, "text/plain", "application/json"},
		{`{}`, typeJSON, "name a document"},
		{`{"doc":"d"}`, typeJSON, "unknown field"},
		{`nonsense`, typeJSON, "read the body"},
	} {
		if status, body := s.admin(t, "/admin/kick", tt.body, tt.kind); status < 400 || !strings.Contains(body, tt.want) {
			t.Errorf("%s: got %d %s, want it refused with %q", tt.body, status, body, tt.want)
		}
	}
}

// TestReauthorize: rights that have changed act on live sessions of every dialect within two seconds: lowered, and taken
// away.
func TestReauthorize(t *testing.T) {
	var level atomic.Int32
	level.Store(int32(ysync.Write))
	var renewals atomic.Int32
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.AdminAddr = "127.0.0.1:0"
		o.Authorizer = AuthorizerFunc(func(_ context.Context, r Request) (Grant, error) {
			if r.Renewal {
				renewals.Add(1)
			}
			return Grant{Level: ysync.Level(level.Load()), User: r.Token}, nil
		})
	})
	c, y := s.collab(t, "collab", nil).join("d", "ada"), s.join(t, "d?token=ada")
	c.appear(1, 1, `{}`)
	y.await("her cursor", func() bool { return y.present.State(1) != nil })
	began := time.Now()
	level.Store(int32(ysync.Read))
	if _, body := s.admin(t, "/admin/reauthorize", `{"user":"ada"}`, typeJSON); body != `{"sessions":2}` {
		t.Fatalf("got %s", body)
	}
	c.await("the lower scope", func() bool { return len(c.scopes) == 2 && c.scopes[1] == "readonly" })
	y.await("that the cursor has gone", func() bool { return y.present.State(1) == nil })
	c.write("x")
	c.await("the refusal", func() bool { return c.statuses[len(c.statuses)-1] == 0 })
	level.Store(int32(ysync.None))
	s.admin(t, "/admin/reauthorize", `{"document":"d"}`, typeJSON)
	c.await("the refusal of the document", func() bool { return len(c.denied) == 1 })
	y.awaitClose(ysync.CodeForbidden, "level none")
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
	if renewals.Load() != 4 {
		t.Errorf("got %d questions about open sessions, want 4", renewals.Load())
	}
}
