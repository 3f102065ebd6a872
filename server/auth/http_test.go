package auth

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftsync/weft/server"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// lockedText collects what is logged.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write appends.
func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns everything so far.
func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newServer serves on this machine with an authorizer, and returns its address and what it logs, down to the lowest level.
func newServer(t *testing.T, a server.Authorizer) (address string, logged *lockedText) {
	t.Helper()
	logged = new(lockedText)
	s, err := server.New(server.Options{
		Storage: storage.Options{Dir: t.TempDir(), ReserveBytes: -1}, Authorizer: a, Drain: -1,
		Logger: slog.New(slog.NewJSONHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		front.Close()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return front.URL, logged
}

// ways are how a client may hand over its token.
var ways = map[string]func(r *http.Request, token string){
	"header": func(r *http.Request, token string) { r.Header["Authorization"] = []string{"Bearer " + token} },
	"query":  func(r *http.Request, token string) { r.URL.RawQuery = url.Values{"token": {token}}.Encode() },
}

// request makes a request with a token, and returns the status and the body.
func request(t *testing.T, method, target, token string, carry func(*http.Request, string)) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPut {
		r.Header.Set("If-None-Match", "*")
	}
	carry(r, token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "" // not a header that may be sent, or too long
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// TestBadTokensOverHTTP sends the whole table to a real server, in each way that a token can take. None gets a byte of the
// document, a bystander notices nothing, and neither an answer nor the log, at its lowest level, has a piece of a token.
func TestBadTokensOverHTTP(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	front, logged := newServer(t, newJWT(t, allPublic(t)...))
	target := front + "/api/documents/notes"
	good := signed(t, testKeys()[ES256], goodPayload(nil))
	if status, body := request(t, "PUT", target, good, ways["header"]); status != http.StatusCreated {
		t.Fatalf("create: got %d %s", status, body)
	}
	tokens := badTokens(t)
	for way, carry := range ways {
		for _, tt := range tokens {
			status, body := request(t, "GET", target, tt.token, carry)
			switch {
			case len(tt.token) > 64<<10 && status == http.StatusRequestHeaderFieldsTooLarge: // net/http does not read that much
			case strings.ContainsAny(tt.token, "\x00\n") && way == "header" && status == 0: // the client cannot send that
			case tt.name == "a space before" && way == "header" && status == http.StatusOK: // HTTP allows it
			case status != http.StatusUnauthorized && status != http.StatusForbidden:
				t.Errorf("%s by %s: got %d %s", tt.name, way, status, body)
			default:
				expectNoToken(t, body, tt.token)
			}
			if status, body := request(t, "GET", target, good, carry); status != http.StatusOK {
				t.Fatalf("the bystander after %s by %s: got %d %s", tt.name, way, status, body)
			}
		}
	}
	everything := logged.String()
	if !strings.Contains(everything, "does not fit") {
		t.Error("the refusals were not logged")
	}
	shown := piecesOf(everything)
	for _, tt := range append(tokens, badToken{token: good}) {
		shown.expectNone(t, tt.token)
	}
}

// TestListShowsWhatTheTokenCovers.
func TestListShowsWhatTheTokenCovers(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	key := testKeys()[HS256]
	front, _ := newServer(t, newJWT(t, key))
	token := func(documents Documents) string {
		token, err := key.Sign(Claims{Audience: []string{here}, Expires: time.Now().Add(time.Hour), Documents: documents})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	everything := token(Documents{"*": ysync.Write})
	for _, name := range []string{"notes", "team/a", "team/pay", "other"} {
		if status, body := request(t, "PUT", front+"/api/documents/"+url.PathEscape(name), everything, ways["header"]); status != http.StatusCreated {
			t.Fatalf("create %s: got %d %s", name, status, body)
		}
	}
	tests := []struct {
		documents Documents
		want      string
	}{
		{Documents{"*": ysync.Read}, "notes other team/a team/pay"},
		{Documents{"team/*": ysync.Read, "team/pay": ysync.None, "notes": ysync.Presence}, "notes team/a"},
		{Documents{"elsewhere": ysync.Admin}, ""},
	}
	for _, tt := range tests {
		status, body := request(t, "GET", front+"/api/documents", token(tt.documents), ways["query"])
		var page struct{ Documents []struct{ Name string } }
		if err := json.Unmarshal([]byte(body), &page); err != nil || status != http.StatusOK {
			t.Fatalf("%v: got %d %s", tt.documents, status, body)
		}
		var names []string
		for _, d := range page.Documents {
			names = append(names, d.Name)
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.documents, got, tt.want)
		}
	}
	if status, body := request(t, "GET", front+"/api/documents", token(Documents{"*": ysync.None}), ways["query"]); status != http.StatusForbidden {
		t.Errorf("a token for nothing: got %d %s", status, body)
	}
	readOnly := token(Documents{"*": ysync.Presence})
	if status, body := request(t, "PUT", front+"/api/documents/new", readOnly, ways["header"]); status != http.StatusForbidden {
		t.Errorf("creating without the level write: got %d %s", status, body)
	}
}

// TestWebhookFailuresOverHTTP: what a client and the log are told when a backend is in trouble, without the token.
func TestWebhookFailuresOverHTTP(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	b := new(backend)
	front, logged := newServer(t, newWebhook(t, b, nil))
	tests := []struct {
		answer func(*http.Request) (int, string, error)
		status int
		body   string
	}{
		{always(200, `{"level":"none"}`), 403, "the level none does not allow to get"},
		{always(200, `{"level":"write","expires":1}`), 401, "the token has expired"},
		{always(401, `{"reason":"sign in again"}`), 401, "sign in again"},
		{always(403, `{"reason":"`+webhookToken+`"}`), 403, "this is not allowed"},
		{always(404, ""), 404, "no such document"},
		{always(500, webhookToken), 503, "authorisation is not available"},
		{always(200, webhookToken), 503, "authorisation is not available"},
		{always(200, `{"level":"`+webhookToken+`"}`), 503, "authorisation is not available"},
		{func(*http.Request) (int, string, error) { return 0, "", errors.New("refused") }, 503, "authorisation is not available"},
	}
	for i, tt := range tests {
		b.mu.Lock()
		b.answer = tt.answer
		b.mu.Unlock()
		for _, carry := range ways {
			target := front + "/api/documents/" + string(rune('a'+i)) // a question that was not asked before
			status, body := request(t, "GET", target, webhookToken, carry)
			if status != tt.status || !strings.Contains(body, tt.body) {
				t.Errorf("%d: got %d %s, want %d with %q", i, status, body, tt.status, tt.body)
			}
			expectNoToken(t, body, webhookToken)
		}
	}
	if !strings.Contains(logged.String(), "authorizer failed") || !strings.Contains(logged.String(), "the status is 500") {
		t.Errorf("the failures were not logged: %s", logged)
	}
	expectNoToken(t, logged.String(), webhookToken)
}

// TestTokenIsLookedForControl: expectNoToken finds a token, whole and in pieces.
func TestTokenIsLookedForControl(t *testing.T) {
	token := signed(t, testKeys()[EdDSA], goodPayload(nil))
	for _, text := range []string{"GET /?token=" + token, token[20:60], strings.Split(token, ".")[2]} {
		found := new(testing.T)
		expectNoToken(found, text, token)
		if !found.Failed() {
			t.Errorf("%q was not found", text)
		}
	}
}
