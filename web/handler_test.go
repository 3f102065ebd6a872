package web

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t testing.TB, h http.Handler, method, target string) *http.Response {
	t.Helper()
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, httptest.NewRequest(method, target, nil))
	return recorder.Result()
}

func bodyOf(t testing.TB, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestHandlerRoutes(t *testing.T) {
	const editor, reader, home = `id="editor"`, `id="follow"`, `id="documents"`
	tests := []struct {
		base, target string
		status       int
		holds        string
	}{
		{"", "/", 200, home},
		{"", "/d/notes", 200, editor},
		{"", "/d/team/a%20b/%F0%9F%A6%A6", 200, editor},
		{"", "/d/a//b", 200, editor}, // the page says that this is no name
		{"", "/d/%2e%2e/x", 200, editor},
		{"", "/r/team/notes", 200, reader},
		{"", "/d/", 404, ""},
		{"", "/r/", 404, ""},
		{"", "/d", 404, ""},
		{"", "/index.html", 404, ""},
		{"", "/assets/none.js", 404, ""},
		{"", "/assets/../editor.html", 404, ""},
		{"", "/favicon.svg", 200, "<svg"},
		{"/notes/", "/notes/", 200, `<base href="/notes/">`},
		{"notes", "/notes/d/x", 200, editor},
		{"/notes/", "/d/x", 404, ""},
		{"/notes/", "/notes", 404, ""},
	}
	for _, test := range tests {
		response := get(t, Handler(Options{Base: test.base}), http.MethodGet, test.target)
		if response.StatusCode != test.status {
			t.Errorf("base %q, GET %s: got status %d, want %d", test.base, test.target, response.StatusCode, test.status)
		}
		if body := bodyOf(t, response); !strings.Contains(body, test.holds) {
			t.Errorf("base %q, GET %s: got no %q in %q", test.base, test.target, test.holds, body)
		}
	}
}

func TestHandlerMethods(t *testing.T) {
	h := Handler(Options{})
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "DELETE": 405} {
		if got := get(t, h, method, "/d/x").StatusCode; got != want {
			t.Errorf("%s: got status %d, want %d", method, got, want)
		}
	}
	if body := bodyOf(t, get(t, h, http.MethodHead, "/d/x")); body != "" {
		t.Errorf("HEAD: got a body of %d bytes, want none", len(body))
	}
}

// TestEveryPageKeepsItsPolicy reads each page for what its own Content-Security-Policy would refuse.
func TestEveryPageKeepsItsPolicy(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>\s*[^<\s]|\son[a-z]+\s*=|\sstyle\s*=|<style|javascript:|https?://`)
	h := Handler(Options{})
	for _, target := range []string{"/", "/d/x", "/r/x"} {
		response := get(t, h, http.MethodGet, target)
		policy := response.Header.Get("Content-Security-Policy")
		body := bodyOf(t, response)
		if strings.Contains(policy, "unsafe") || !strings.HasPrefix(policy, "default-src 'none'") {
			t.Errorf("%s: got policy %q, want a strict one", target, policy)
		}
		if found := inline.FindString(body); found != "" {
			t.Errorf("%s: the page holds %q, which its policy refuses", target, found)
		}
	}
	if !inline.MatchString(`<script>alert(1)</script>`) || !inline.MatchString(`<p style="x">`) {
		t.Error("the pattern finds nothing in pages that break the policy")
	}
}

func TestNonceIsFreshAndTheSameInPageAndPolicy(t *testing.T) {
	h := Handler(Options{})
	inPage := regexp.MustCompile(`<meta name="style-nonce" nonce="([^"]+)">`)
	seen := map[string]bool{}
	for range 3 {
		response := get(t, h, http.MethodGet, "/d/x")
		found := inPage.FindStringSubmatch(bodyOf(t, response))
		if found == nil {
			t.Fatal("got no nonce in the page")
		}
		if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "'nonce-"+found[1]+"'") {
			t.Errorf("got policy %q, want the page's nonce %q in it", policy, found[1])
		}
		if seen[found[1]] {
			t.Errorf("got the nonce %q twice", found[1])
		}
		seen[found[1]] = true
	}
}

func TestFilesAreKeptAndPagesAreNot(t *testing.T) {
	h := Handler(Options{})
	assets, err := fs.Glob(Dist(), "assets/*")
	if err != nil || len(assets) == 0 {
		t.Fatalf("got %d assets, error %v", len(assets), err)
	}
	for _, asset := range assets {
		response := get(t, h, http.MethodGet, "/"+asset)
		if got := response.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s: got Cache-Control %q, want immutable", asset, got)
		}
		if got := response.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/") {
			t.Errorf("%s: got Content-Type %q", asset, got)
		}
	}
	if got := get(t, h, http.MethodGet, "/").Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("page: got Cache-Control %q, want no-store", got)
	}
}

// TestTheReaderNeedsNoYjs follows the reader page's scripts and finds that none holds Yjs or a WebSocket.
func TestTheReaderNeedsNoYjs(t *testing.T) {
	reaches := func(page string) bool {
		content, err := fs.ReadFile(Dist(), page)
		if err != nil {
			t.Fatal(err)
		}
		for _, script := range regexp.MustCompile(`\./(assets/[^"]+\.js)"`).FindAllSubmatch(content, -1) {
			code, err := fs.ReadFile(Dist(), string(script[1]))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(code), "WebSocket") || strings.Contains(string(code), "yjs") {
				return true
			}
		}
		return false
	}
	if reaches("reader.html") {
		t.Error("the reader's page loads Yjs or opens a WebSocket")
	}
	if !reaches("editor.html") {
		t.Error("the search finds no Yjs even in the editor's page")
	}
}
