package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/weftsync/weft/server/history"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// userAuthorizer lets everybody do everything; the token is the user's name.
var userAuthorizer = AuthorizerFunc(func(_ context.Context, r Request) (Grant, error) {
	return Grant{Level: ysync.Admin, User: r.Token}, nil
})

// startHistory serves with history on for every document.
func startHistory(t *testing.T, d *disk) *testServer {
	t.Helper()
	return startServer(t, d, hooks{}, func(o *Options) {
		o.Authorizer = userAuthorizer
		o.Storage.History = storage.History{On: true}
		o.Compaction = storage.CompactionOptions{Bytes: -1, Entries: 10}
	})
}

// historyOf asks for something below history and decodes the answer.
func historyOf(t *testing.T, s *testServer, method, part, body string, into any) int {
	t.Helper()
	answer, text := s.get(t, method, "api/documents/d/history"+part, map[string]string{"Authorization": "Bearer admin"}, []byte(body))
	if into != nil && answer.StatusCode == http.StatusOK {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%s %s: %v in %s", method, part, err, text)
		}
	}
	return answer.StatusCode
}

func textAt(t *testing.T, s *testServer, at string) string {
	t.Helper()
	answer, text := s.get(t, "GET", "api/documents/d/history/content?root=content&at="+at, map[string]string{"Accept": typeText}, nil)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("the text at %s: %d %s", at, answer.StatusCode, text)
	}
	return text
}

// joinAs connects to document d with a user's name and is in.
func (s *testServer) joinAs(t *testing.T, user string) *editor {
	t.Helper()
	e := s.connect(t, "sync/d?token="+user, nil)
	e.sync()
	return e
}

// write and wait until it is acknowledged.
func (e *editor) writeDurably(text string) {
	e.t.Helper()
	e.mu.Lock()
	n := len(e.updates)
	e.mu.Unlock()
	e.write(text)
	e.await("the echo", func() bool { return len(e.updates) > n })
}

// TestHistory: a document whose log is compacted again and again shows every moment, who did what, and goes back.
func TestHistory(t *testing.T) {
	d := newDisk()
	s := startHistory(t, d)
	ada, bob := s.joinAs(t, "ada"), s.joinAs(t, "bob")
	var texts []string
	for i := range 30 {
		e := []*editor{ada, bob}[i%2]
		e.awaitText(strings.Join(texts[max(0, len(texts)-1):], ""))
		e.writeDurably(fmt.Sprintf("<%d>", i))
		texts = append(texts, e.text())
	}
	compactNow(t, s)
	s.stop()
	s = startHistory(t, d)
	for i, want := range texts {
		if got := textAt(t, s, fmt.Sprint(i+1)); got != want {
			t.Errorf("at %d: got %q, want %q", i+1, got, want)
		}
	}
	var list struct {
		Changes []storage.Change
		Next    uint64
	}
	if status := historyOf(t, s, "GET", "?limit=20", "", &list); status != 200 || len(list.Changes) != 20 || list.Next != 11 || list.Changes[0].User != "bob" {
		t.Errorf("got status %d, %d changes, next %d", status, len(list.Changes), list.Next)
	}
	var delta struct{ Delta []history.Run }
	if status := historyOf(t, s, "GET", "/delta?from=28&root=content", "", &delta); status != 200 {
		t.Errorf("delta: status %d", status)
	}
	by := make(map[string]string)
	for _, op := range delta.Delta {
		if what, user := op.Change(); what != "" {
			by[op.Insert.(string)] = what + " " + user
		}
	}
	if len(by) != 2 || by["<28>"] != "added ada" || by["<29>"] != "added bob" {
		t.Errorf("got changes %v", by)
	}

	if status := historyOf(t, s, "PUT", "/versions/first%20draft", `{"at":"10"}`, nil); status != 200 {
		t.Errorf("name a version: status %d", status)
	}
	if got := textAt(t, s, "version:first%20draft"); got != texts[9] {
		t.Errorf("the version has %q, want %q", got, texts[9])
	}
	watcher := s.joinAs(t, "eve")
	if status := historyOf(t, s, "POST", "/undo", `{"user":"bob","since":"20"}`, nil); status != 200 {
		t.Fatalf("undo: status %d", status)
	}
	want := texts[29]
	for i := 21; i < 30; i += 2 {
		want = strings.Replace(want, fmt.Sprintf("<%d>", i), "", 1)
	}
	watcher.awaitText(want)
	if status := historyOf(t, s, "POST", "/revert", `{"to":"version:first draft"}`, nil); status != 200 {
		t.Fatalf("revert: status %d", status)
	}
	watcher.awaitText(texts[9])
	if status := historyOf(t, s, "POST", "/revert", `{"to":"31"}`, nil); status != 200 {
		t.Fatalf("revert the revert: status %d", status)
	}
	watcher.awaitText(want)
	if status := historyOf(t, s, "POST", "/revert", `{"to":"4711"}`, nil); status != 404 {
		t.Errorf("revert to what has not been: status %d, want 404", status)
	}
	if status := historyOf(t, s, "DELETE", "/versions/none", "", nil); status != 404 {
		t.Errorf("delete a version that is not there: status %d, want 404", status)
	}
}

// compactNow compacts the document as it is.
func compactNow(t *testing.T, s *testServer) {
	t.Helper()
	d, err := s.store.Document(t.Context(), "d", false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Merge(t.Context(), MergeLog); err != nil {
		t.Fatal(err)
	}
}

// TestHistoryOff: without history a compaction leaves one generation, and what lies before is said not to be kept. Switched
// on, everything from then on is.
func TestHistoryOff(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Authorizer = userAuthorizer
		o.Compaction = storage.CompactionOptions{Bytes: -1, Entries: -1, Age: -1}
	})
	ada := s.joinAs(t, "ada")
	var texts []string
	write := func() {
		ada.writeDurably("x")
		texts = append(texts, ada.text())
	}
	for range 3 {
		write()
		write()
		compactNow(t, s)
	}
	if answer, _ := s.get(t, "GET", "api/documents/d/history/content?at=1", nil, nil); answer.StatusCode != 404 {
		t.Errorf("a moment that is not kept: status %d, want 404", answer.StatusCode)
	}
	if status := historyOf(t, s, "PUT", "/settings", `{"on":true}`, nil); status != 200 {
		t.Fatalf("switch on: status %d", status)
	}
	for range 3 {
		write()
		write()
		compactNow(t, s)
	}
	for seq := 4; seq <= 12; seq++ {
		if got := textAt(t, s, fmt.Sprint(seq)); got != texts[seq-1] {
			t.Errorf("at %d: got %q, want %q", seq, got, texts[seq-1])
		}
	}
	if status := historyOf(t, s, "PUT", "/settings", `{"on":true,"bytes":1}`, nil); status != 200 {
		t.Fatalf("bound: status %d", status)
	}
	write()
	compactNow(t, s)
	if answer, _ := s.get(t, "GET", "api/documents/d/history/content?at=6", nil, nil); answer.StatusCode != 404 {
		t.Errorf("a moment that passed the bound: status %d, want 404", answer.StatusCode)
	}
	if got := textAt(t, s, "13"); got != texts[12] {
		t.Errorf("the last moment: got %q, want %q", got, texts[12])
	}
}

// TestRevertWhileOthersType: three editors type, and each sees the revert and loses nothing that was typed after it.
func TestRevertWhileOthersType(t *testing.T) {
	s := startHistory(t, newDisk())
	editors := []*editor{s.joinAs(t, "a"), s.joinAs(t, "b"), s.joinAs(t, "c")}
	editors[0].writeDurably("base ")
	for _, e := range editors {
		e.awaitText("base ")
	}
	for i, e := range editors {
		e.writeDurably(fmt.Sprintf("gone%d ", i))
	}
	const rounds = 40
	var typing sync.WaitGroup
	for i, e := range editors {
		typing.Go(func() {
			for n := range rounds {
				e.write(fmt.Sprintf("[%d.%d]", i, n))
			}
		})
	}
	reverted := historyOf(t, s, "POST", "/revert", `{"to":"1"}`, nil)
	typing.Wait()
	if reverted != 200 {
		t.Fatalf("revert: status %d", reverted)
	}
	for _, e := range editors {
		e.write("!")
	}
	for _, e := range editors {
		e.await("all marks", func() bool { return strings.Count(e.doc.RootString("content"), "!") == len(editors) })
	}
	text := editors[0].text()
	for _, e := range editors[1:] {
		if got := e.text(); got != text {
			t.Errorf("the editors differ: %q and %q", got, text)
		}
	}
	if strings.Contains(text, "gone") || !strings.Contains(text, "base ") {
		t.Errorf("got %q, want the base and nothing that was reverted", text)
	}
	// What was typed before the revert went with it, what came after stands: of each editor a tail of its marks.
	for i := range editors {
		first := -1
		for n := range rounds {
			there := strings.Contains(text, fmt.Sprintf("[%d.%d]", i, n))
			if there && first < 0 {
				first = n
			}
			if first >= 0 && !there {
				t.Errorf("editor %d: mark %d is there and mark %d is not", i, first, n)
			}
		}
	}
}
