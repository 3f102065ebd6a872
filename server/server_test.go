package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// TestShutdownUnderLoad stops a server while editors type. What was acknowledged is there afterwards, every connection
// is told to come back, and nothing is left running.
func TestShutdownUnderLoad(t *testing.T) {
	d := newDisk()
	s := startServer(t, d, hooks{}, nil)
	type typist struct {
		*editor
		sent int
	}
	var typists []*typist
	for i := range 6 {
		typists = append(typists, &typist{editor: s.join(t, fmt.Sprint("d", i%2))})
	}
	stop := make(chan struct{})
	var typing, begun sync.WaitGroup
	begun.Add(len(typists))
	for i, e := range typists {
		typing.Go(func() {
			for ; e.end() == nil; e.sent++ {
				e.write(fmt.Sprintf("<%d.%d>", i, e.sent))
				if e.sent == 0 {
					e.await("the first echo", func() bool { return len(e.updates) > 0 || e.ended != nil })
					begun.Done()
				}
				if e.sent == 50 && i == 0 {
					close(stop)
				}
			}
		})
	}
	begun.Wait()
	<-stop
	s.stop()
	typing.Wait()
	for _, e := range typists {
		e.awaitClose(ysync.CodeRestart, "restarts")
	}
	s = startServer(t, d, hooks{}, nil)
	texts := []string{s.join(t, "d0").text(), s.join(t, "d1").text()}
	for i, e := range typists {
		acknowledged := len(acknowledgedMarks(e.editor, i))
		for n := range acknowledged {
			if mark := fmt.Sprintf("<%d.%d>", i, n); strings.Count(texts[i%2], mark) != 1 {
				t.Errorf("%s was acknowledged and is lost", mark)
			}
		}
		if acknowledged == 0 {
			t.Errorf("typist %d got no acknowledgement: the test proves nothing", i)
		}
	}
}

// shortMark is <typist.number>.
var shortMark = regexp.MustCompile(`<\d+\.\d+>`)

// acknowledgedMarks returns the updates of a typist that came back to it, up to the first that did not.
func acknowledgedMarks(e *editor, i int) (marks []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := make(map[string]bool)
	for _, u := range e.updates {
		for _, mark := range shortMark.FindAll(u, -1) {
			seen[string(mark)] = true
		}
	}
	for n := 0; ; n++ {
		mark := fmt.Sprintf("<%d.%d>", i, n)
		if !seen[mark] {
			return marks
		}
		marks = append(marks, mark)
	}
}

func TestShutdownTwiceAndReadiness(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	if answer, body := s.get(t, "GET", "readyz", nil, nil); answer.StatusCode != 200 || body != "ready\n" {
		t.Errorf("got %d %q", answer.StatusCode, body)
	}
	if answer, body := s.get(t, "GET", "healthz", nil, nil); answer.StatusCode != 200 || body != "ok\n" {
		t.Errorf("got %d %q", answer.StatusCode, body)
	}
	handler := s.Handler()
	s.stop()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("second shutdown: %v", err)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
	if w.Code != 503 || w.Body.String() != "draining\n" {
		t.Errorf("got %d %q after the shutdown, want 503", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/api/documents/d", nil))
	if w.Code != 503 {
		t.Errorf("got %d for a document after the shutdown, want 503", w.Code)
	}
}

// TestImpatientShutdown: with a disk that hangs and a context that ends, the shutdown cuts what is open; what was
// appended is durable when it returns.
func TestImpatientShutdown(t *testing.T) {
	d := newDisk()
	s := startServer(t, d, hooks{}, nil)
	e := s.join(t, "d")
	e.write("one")
	e.sync()
	letGo := d.hold()
	defer letGo()
	e.write(" two")
	<-d.waiting
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	e.await("the end", func() bool { return e.ended != nil })
	letGo()
	if err := <-done; err != nil {
		t.Error(err)
	}
	s = startServer(t, d, hooks{}, nil)
	if got := s.join(t, "d").text(); got != "one two" {
		t.Errorf("got %q, want %q", got, "one two")
	}
}

// TestNothingIsLeftRunning: connections that come and go leave no goroutine, no room and no budget behind.
func TestNothingIsLeftRunning(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.Limits.UnloadAfter = time.Millisecond })
	s.get(t, "GET", "healthz", nil, nil) // everything of the server itself runs now
	before := goleak.IgnoreCurrent()
	for i := range 100 {
		e := s.join(t, fmt.Sprint("d", i%7))
		e.write("x")
		if i%2 == 0 {
			e.sync()
		}
		if i%3 == 0 {
			e.send([]byte{99})
			e.awaitClose(ysync.CodeMalformed, "unknown")
		}
		_ = e.ws.CloseNow()
	}
	deadline := time.Now().Add(patience)
	for len(s.rooms.list()) > 0 || s.connections.count() > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("got %d rooms and %d connections at rest, want 0", len(s.rooms.list()), s.connections.count())
		}
		time.Sleep(10 * time.Millisecond) // rooms are looked at once a second
	}
	if got := s.inFlight.held.Load(); got != 0 {
		t.Errorf("got %d bytes in flight at rest, want 0", got)
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

// TestPrefix mounts the server below a path, stripped and not.
func TestPrefix(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.Prefix = "notes" })
	s.join(t, "plain") // without the prefix
	e := s.connect(t, "notes/sync/a/b", nil)
	e.sync()
	e.write("x")
	e.sync()
	mux := http.NewServeMux()
	mux.Handle("/notes/", http.StripPrefix("/notes", s.Handler()))
	for path, want := range map[string]int{
		"/notes/api/documents/a%2Fb": 200, "/notes/healthz": 200, "/notes/": 200, "/notes/d/a%2Fb": 200, "/notes/nothing": 404,
	} {
		for name, h := range map[string]http.Handler{"bare": s.Handler(), "stripped": mux} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
			if w.Code != want {
				t.Errorf("%s, %s: got %d, want %d", path, name, w.Code, want)
			}
		}
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/notes/", nil))
	if !strings.Contains(w.Body.String(), `<base href="/notes/">`) {
		t.Error("the page does not know its prefix")
	}
}

func TestAdmin(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.AdminAddr = "127.0.0.1:0" })
	s.join(t, "d").write("x")
	admin := &testServer{Server: s.Server, url: "http://" + s.AdminAddr().String() + "/"}
	if answer, body := admin.get(t, "GET", "stats", nil, nil); answer.StatusCode != 200 || !strings.Contains(body, `"Connections":1`) {
		t.Errorf("got %d %s", answer.StatusCode, body)
	}
	if answer, _ := admin.get(t, "GET", "debug/pprof/goroutine?debug=1", nil, nil); answer.StatusCode != 200 {
		t.Errorf("got %d for a profile", answer.StatusCode)
	}
	if answer, _ := s.get(t, "GET", "stats", nil, nil); answer.StatusCode == 200 {
		t.Error("the figures are on the public address")
	}
	if answer, _ := s.get(t, "GET", "debug/pprof/", nil, nil); answer.StatusCode == 200 {
		t.Error("the profiles are on the public address")
	}
}

func TestNewRefusesNonsense(t *testing.T) {
	if _, err := New(Options{}); err == nil || !strings.Contains(err.Error(), "no data directory") {
		t.Errorf("got %v without a data directory", err)
	}
	o := Options{Storage: storage.Options{Dir: "d", FS: newDisk().fs}, Origins: []string{"example.com"}}
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), `origin "example.com"`) {
		t.Errorf("got %v for an origin without a scheme", err)
	}
}

func TestOrigins(t *testing.T) {
	tests := []struct {
		list   []string
		origin string
		want   bool
	}{
		{nil, "", true},
		{nil, "http://weft.example", true},
		{nil, "http://other.example", false},
		{nil, "null", false},
		{[]string{"https://app.example"}, "https://app.example", true},
		{[]string{"https://app.example"}, "https://APP.example:443", true},
		{[]string{"https://app.example"}, "http://app.example", false},
		{[]string{"https://app.example"}, "https://app.example:8443", false},
		{[]string{"https://app.example"}, "http://weft.example", false},
		{[]string{"https://app.example", "self"}, "http://weft.example", true},
		{[]string{"https://*.example"}, "https://a.b.example", true},
		{[]string{"https://*.example"}, "https://example", false},
		{[]string{"https://*.example"}, "https://badexample", false},
		{[]string{"*"}, "null", true},
		{LoopbackOrigins(), "http://localhost:5173", true},
		{LoopbackOrigins(), "http://[::1]:5173", true},
		{LoopbackOrigins(), "http://localhost.evil.example", false},
		{LoopbackOrigins(), "http://weft.example", false}, // a name that a stranger made point at this machine
	}
	for _, tt := range tests {
		o, err := newOriginList(tt.list)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "http://weft.example/", nil)
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		if got := o.allows(r); got != tt.want {
			t.Errorf("%q with %q: got %t, want %t", tt.origin, tt.list, got, tt.want)
		}
	}
}

// TestSubprotocols: a browser that offers some closes the connection unless one is selected; a token is not sent back
// while there is another.
func TestSubprotocols(t *testing.T) {
	tests := []struct{ offered, want string }{
		{"", ""}, {"weft", "weft"}, {"token.abc, weft", "weft"}, {"token.abc", "token.abc"},
	}
	s := startServer(t, newDisk(), hooks{}, nil)
	for _, tt := range tests {
		var o websocket.DialOptions
		if tt.offered != "" {
			o.Subprotocols = strings.Split(tt.offered, ", ")
		}
		ws, _, err := websocket.Dial(t.Context(), s.socketURL("sync/d"), &o)
		if err != nil {
			t.Fatal(err)
		}
		if got := ws.Subprotocol(); got != tt.want {
			t.Errorf("offered %q: got %q, want %q", tt.offered, got, tt.want)
		}
		_ = ws.CloseNow()
	}
}
