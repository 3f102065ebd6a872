package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weftsync/weft/server/auth"
	ysync "github.com/weftsync/weft/sync"
)

// startServe runs "weft serve" with these flags until the end of the test, and returns its address.
func startServe(t *testing.T, flags ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out := &watched{line: make(chan string, 1)}
	code := make(chan int, 1)
	args := append([]string{"serve", "--origin", "self", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--drain=-1s"}, flags...)
	go func() { code <- run(ctx, args, out, io.Discard) }()
	t.Cleanup(func() {
		cancel()
		if got := <-code; got != exitOK {
			t.Errorf("got exit code %d, want 0", got)
		}
	})
	select {
	case address := <-out.line:
		return address
	case got := <-code:
		code <- got
		t.Fatalf("ended at once with exit code %d", got)
		return ""
	}
}

// expectCreated fails unless creating a document with a token is answered like that.
func expectCreated(t *testing.T, address, document, token string, status int, part string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "PUT", address+"api/documents/"+document, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("If-None-Match", "*")
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("X-Team", "blue")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status || !strings.Contains(string(body), part) {
		t.Errorf("%s: got %d %s and %v, want %d with %q", document, answer.StatusCode, body, err, status, part)
	}
}

// TestServeWithAWebhook: the flags reach the backend, which decides.
func TestServeWithAWebhook(t *testing.T) {
	const secret = "a secret that both sides have to know"
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || auth.VerifySignature([]byte(secret), r.Header.Get(auth.SignatureHeader), body) != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		if !strings.Contains(string(body), `"headers":{"X-Team":["blue"]}`) || !strings.Contains(string(body), `"token":"ada's"`) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"reason":"only ada of the blue team"}`)
			return
		}
		fmt.Fprint(w, `{"level":"write","user":"ada"}`)
	}))
	defer app.Close()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address := startServe(t, "--auth-webhook", app.URL, "--auth-webhook-secret-file", file, "--auth-webhook-header", "x-team")
	expectCreated(t, address, "notes", "ada's", 201, "notes")
	expectCreated(t, address, "other", "bob's", 403, "only ada of the blue team")
}

// TestServeWithAKeySet: the keys may come later than the server, and their endpoint may fail.
func TestServeWithAKeySet(t *testing.T) {
	key, err := auth.GenerateKey(auth.ES256)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := key.PublicJWK()
	if err != nil {
		t.Fatal(err)
	}
	id := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/keys" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, `{"keys":[%s]}`, jwk)
	}))
	defer id.Close()
	token, err := key.Sign(auth.Claims{
		Audience: []string{"notes"}, Expires: time.Now().Add(time.Hour), Documents: auth.Documents{"*": ysync.Write},
	})
	if err != nil {
		t.Fatal(err)
	}
	address := startServe(t, "--jwks-url", id.URL+"/keys", "--jwt-audience", "notes", "--jwt-leeway", "0s")
	expectCreated(t, address, "notes", token, 201, "notes")
	expectCreated(t, address, "notes", "x."+token, 401, "4 parts")
	wrong := startServe(t, "--jwks-url", id.URL+"/none", "--jwt-audience", "notes")
	expectCreated(t, wrong, "notes", token, 503, "less than 10s ago")
}
