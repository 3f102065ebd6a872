package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

func TestGetDocument(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	e := s.join(t, "a/b")
	e.write("text 😀")
	e.edit(func(tx *crdt.Tx) error { return e.doc.Map("m").Set(tx, "k", []any{1, nil}) })
	e.sync()
	const both = `{"content":"text 😀","m":{"k":[1,null]}}`
	tests := []struct {
		path, accept string
		status       int
		mediaType    string
		body         string // "" for the update
	}{
		{"api/documents/a%2Fb", "", 200, "application/json", both},
		{"api/documents/a%2Fb", "*/*", 200, "application/json", both},
		{"api/documents/a%2fb", "application/json;q=0.9, text/plain", 200, "application/json", both},
		{"api/documents/a%2Fb?root=m", "application/json", 200, "application/json", `{"k":[1,null]}`},
		{"api/documents/a%2Fb?root=none", "", 200, "application/json", `null`},
		{"api/documents/a%2Fb", "text/plain", 200, "text/plain; charset=utf-8", "text 😀"},
		{"api/documents/a%2Fb?root=content", "text/plain", 200, "text/plain; charset=utf-8", "text 😀"},
		{"api/documents/a%2Fb?root=m", "text/plain", 400, "application/json", `{"error":{"code":4400,"reason":"the root holds no text but a map; ask for it as=json"}}`},
		{"api/documents/a%2Fb", "application/octet-stream", 200, "application/octet-stream", ""},
		{"api/documents/none", "", 404, "application/json", `{"error":{"code":4404,"reason":"no such document"}}`},
		{"api/documents/a/b", "", 404, "application/json", `{"error":{"code":4404,"reason":"no such path; a slash in a document's name is written %2F"}}`},
		{"api/documents/a%2F..%2Fb", "", 400, "application/json", `{"error":{"code":4400,"reason":"the document name has a segment \"..\""}}`},
	}
	for _, tt := range tests {
		answer, body := s.get(t, "GET", tt.path, map[string]string{"Accept": tt.accept}, nil)
		if answer.StatusCode != tt.status || answer.Header.Get("Content-Type") != tt.mediaType {
			t.Errorf("%s as %s: got %d %s, want %d %s", tt.path, tt.accept, answer.StatusCode, answer.Header.Get("Content-Type"), tt.status, tt.mediaType)
		}
		if tt.body == "" {
			doc := crdt.New(crdt.Options{})
			if _, err := doc.ApplyUpdate([]byte(body)); err != nil || string(doc.JSON()) != both {
				t.Errorf("%s as %s: got %s, %v", tt.path, tt.accept, doc.JSON(), err)
			}
		} else if body != tt.body {
			t.Errorf("%s as %s: got %s, want %s", tt.path, tt.accept, body, tt.body)
		}
	}
	answer, _ := s.get(t, "GET", "api/documents/a%2Fb", nil, nil)
	tag := answer.Header.Get("ETag")
	if again, body := s.get(t, "GET", "api/documents/a%2Fb", map[string]string{"If-None-Match": `"x", ` + tag}, nil); again.StatusCode != 304 || body != "" {
		t.Errorf("got %d %q for what did not change, want 304", again.StatusCode, body)
	}
	e.write("!")
	e.sync()
	if again, _ := s.get(t, "GET", "api/documents/a%2Fb", map[string]string{"If-None-Match": tag}, nil); again.StatusCode != 200 || again.Header.Get("ETag") == tag {
		t.Errorf("got %d with tag %s after a change, want 200 with another", again.StatusCode, again.Header.Get("ETag"))
	}
	if answer, body := s.get(t, "HEAD", "api/documents/a%2Fb", nil, nil); answer.StatusCode != 200 || body != "" {
		t.Errorf("HEAD: got %d %q", answer.StatusCode, body)
	}
	if answer, _ := s.get(t, "POST", "api/documents/a%2Fb", nil, nil); answer.StatusCode != 405 || answer.Header.Get("Allow") != "GET, HEAD, PUT, DELETE" {
		t.Errorf("POST: got %d, Allow %q", answer.StatusCode, answer.Header.Get("Allow"))
	}
}

func TestCreateDocument(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	once := map[string]string{"If-None-Match": "*", "Content-Type": "application/octet-stream"}
	tests := []struct {
		name, path string
		header     map[string]string
		body       []byte
		status     int
	}{
		{"without the condition", "api/documents/new", nil, nil, 428},
		{"empty", "api/documents/new", once, nil, 201},
		{"again", "api/documents/new", once, nil, 412},
		{"again with content", "api/documents/new", once, textUpdate(t, "x"), 412},
		{"with content", "api/documents/full", once, textUpdate(t, "content!"), 201},
		{"with content, again", "api/documents/full", once, textUpdate(t, "content!"), 412},
		{"malformed", "api/documents/bad", once, []byte{1, 2, 3}, 400},
		{"bad name", "api/documents/%00", once, nil, 400},
		{"after the malformed one", "api/documents/bad", once, textUpdate(t, "fine"), 201},
	}
	for _, tt := range tests {
		answer, body := s.get(t, "PUT", tt.path, tt.header, tt.body)
		if answer.StatusCode != tt.status {
			t.Errorf("%s: got %d %s, want %d", tt.name, answer.StatusCode, body, tt.status)
		}
		if tt.status == 201 && (answer.Header.Get("ETag") == "" || answer.Header.Get("Location") == "") {
			t.Errorf("%s: got no tag or location: %v", tt.name, answer.Header)
		}
	}
	if got := s.join(t, "full").text(); got != "content!" {
		t.Errorf("got %q, want %q", got, "content!")
	}
	if answer, body := s.get(t, "GET", "api/documents/new", nil, nil); answer.StatusCode != 200 || body != "{}" {
		t.Errorf("got %d %s for an empty document, want 200 {}", answer.StatusCode, body)
	}
}

// TestCreateExactlyOnce: of many who create the same document at once, one does, and its content is there once.
func TestCreateExactlyOnce(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	var mu sync.Mutex
	statuses := make(map[int]int)
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			answer, _ := s.get(t, "PUT", "api/documents/d", map[string]string{"If-None-Match": "*"}, textUpdate(t, fmt.Sprintf("<%d>", i)))
			mu.Lock()
			statuses[answer.StatusCode]++
			mu.Unlock()
		})
	}
	all.Wait()
	if statuses[201] != 1 || statuses[412] != 9 {
		t.Errorf("got %v, want 201 once and 412 nine times", statuses)
	}
	if got := s.join(t, "d").text(); strings.Count(got, "<") != 1 {
		t.Errorf("got %q, want one content", got)
	}
}

// TestCreationThatWasCutShort: a document whose creation was cut short, after its name was stored and before its content
// was, does not exist, and can be created.
func TestCreationThatWasCutShort(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	mustStore(t, s.Server, "half")
	if answer, _ := s.get(t, "GET", "api/documents/half", nil, nil); answer.StatusCode != 404 {
		t.Errorf("got %d, want 404", answer.StatusCode)
	}
	if _, body := s.get(t, "GET", "api/documents", nil, nil); strings.Contains(body, "half") {
		t.Errorf("got it in the list: %s", body)
	}
	if answer, _ := s.get(t, "PUT", "api/documents/half", map[string]string{"If-None-Match": "*"}, textUpdate(t, "whole")); answer.StatusCode != 201 {
		t.Errorf("got %d, want 201", answer.StatusCode)
	}
}

func TestListDocuments(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Authorizer = AuthorizerFunc(func(_ context.Context, r Request) (Grant, error) {
			g := Grant{Level: ysync.Write}
			if r.Token == "some" {
				g.Visible = func(name string) bool { return name != "c" }
			}
			return g, nil
		})
	})
	for _, name := range []string{"b", "a/x", "c", "ü"} {
		s.get(t, "PUT", "api/documents/"+escapeName(name), map[string]string{"If-None-Match": "*"}, nil)
	}
	names := func(path string) (names []string, next string) {
		answer, body := s.get(t, "GET", path, nil, nil)
		if answer.StatusCode != 200 {
			t.Fatalf("%s: got %d %s", path, answer.StatusCode, body)
		}
		var page struct {
			Documents []listedDocument
			Next      string
		}
		mustJSON(t, body, &page)
		for _, d := range page.Documents {
			if d.Sequence != 1 || d.Created.IsZero() || d.ID.Version() != 7 {
				t.Errorf("got %+v", d)
			}
			names = append(names, d.Name)
		}
		return names, page.Next
	}
	expect := func(path, want, wantNext string) {
		t.Helper()
		if got, next := names(path); strings.Join(got, " ") != want || next != wantNext {
			t.Errorf("%s: got %q, next %q, want %q, %q", path, got, next, want, wantNext)
		}
	}
	expect("api/documents", "a/x b c ü", "")
	expect("api/documents?limit=3", "a/x b c", "c")
	expect("api/documents?limit=3&after=c", "ü", "")
	expect("api/documents?token=some&limit=3", "a/x b ü", "ü")
	for _, limit := range []string{"0", "1001", "x"} {
		if answer, _ := s.get(t, "GET", "api/documents?limit="+limit, nil, nil); answer.StatusCode != 400 {
			t.Errorf("limit %s: got %d, want 400", limit, answer.StatusCode)
		}
	}
}

// TestDamagedDocument: a document whose log cannot be read is refused everywhere with a reason, the list says so, and
// the others are served.
func TestDamagedDocument(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	mustStore(t, s.Server, "bad", textUpdate(t, "x"), []byte{9, 9, 9})
	s.knock(t, "sync/bad").awaitClose(ysync.CodeCorrupt, "damaged")
	s.view(t, "view/bad", nil).expect("refused", `{"code":4500,"reason":"the stored document is damaged","retry":true}`)
	if answer, body := s.get(t, "GET", "api/documents/bad", nil, nil); answer.StatusCode != 500 || answer.Header.Get("Retry-After") == "" {
		t.Errorf("got %d %s, want 500", answer.StatusCode, body)
	}
	if answer, _ := s.get(t, "PUT", "api/documents/bad", map[string]string{"If-None-Match": "*"}, nil); answer.StatusCode != 500 {
		t.Errorf("got %d for creating it anew, want 500", answer.StatusCode)
	}
	s.join(t, "good").write("fine")
	if !strings.Contains(s.logs.String(), `"document":"bad"`) {
		t.Error("the damage is not in the log")
	}
}

// TestDiskFull: writes are refused before they are applied, reading goes on, and writing returns with the space.
func TestDiskFull(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	e := s.join(t, "d")
	e.write("kept")
	e.sync()
	full := true
	s.writable = func() error {
		if full {
			return storage.ErrNoSpace
		}
		return nil
	}
	e.write("no")
	e.awaitClose(ysync.CodeDiskFull, "disk is full")
	reader := s.join(t, "d") // answers the server's step 1 with nothing new
	reader.sync()
	reader.awaitText("kept")
	reader.send(ysync.YWebsocket{}.AppendUpdate(nil, mustEncode(t, reader)))
	reader.await("the echo of what is known", func() bool { return len(reader.updates) == 1 })
	if answer, _ := s.get(t, "PUT", "api/documents/new", map[string]string{"If-None-Match": "*"}, nil); answer.StatusCode != 507 {
		t.Errorf("got %d, want 507", answer.StatusCode)
	}
	if answer, body := s.get(t, "GET", "readyz", nil, nil); answer.StatusCode != 503 || body != "the disk is full\n" {
		t.Errorf("got %d %q, want 503", answer.StatusCode, body)
	}
	full = false
	reader.write("!")
	reader.sync()
	if got := len(s.entries(t, "d")); got != 2 {
		t.Errorf("got %d entries, want 2: what was refused must not come back", got)
	}
}

func TestCORS(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.Origins = []string{"https://app.example"} })
	answer, _ := s.get(t, "GET", "api/documents", map[string]string{"Origin": "https://app.example"}, nil)
	if got := answer.Header.Get("Access-Control-Allow-Origin"); answer.StatusCode != 200 || got != "https://app.example" {
		t.Errorf("got %d, allowed %q, want the origin allowed", answer.StatusCode, got)
	}
	answer, _ = s.get(t, "GET", "api/documents", map[string]string{"Origin": "https://evil.example"}, nil)
	if got := answer.Header.Get("Access-Control-Allow-Origin"); answer.StatusCode != http.StatusForbidden || got != "" {
		t.Errorf("got %d, allowed %q, want 403 and nothing allowed", answer.StatusCode, got)
	}
	answer, _ = s.get(t, "OPTIONS", "api/documents/d", map[string]string{"Origin": "https://app.example"}, nil)
	if answer.StatusCode != 204 || !strings.Contains(answer.Header.Get("Access-Control-Allow-Methods"), "PUT") {
		t.Errorf("got %d %v for a preflight", answer.StatusCode, answer.Header)
	}
	v := s.view(t, "view/d", map[string]string{"Origin": "https://app.example"})
	if got := v.answer.Header.Get("Access-Control-Allow-Origin"); got != "https://app.example" {
		t.Errorf("view: got allowed %q", got)
	}
	s.view(t, "view/d", map[string]string{"Origin": "https://evil.example"}).expect("refused", `{"code":4403,"reason":"this web origin may not use the server","retry":false}`)
}
