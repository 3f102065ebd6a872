package auth

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weftsync/weft/server"
	ysync "github.com/weftsync/weft/sync"
)

// webhookSecret is shared by the webhooks and backends of the tests.
var webhookSecret = []byte("a secret of the tests, long enough")

// backend is what a webhook asks, without a network: an http.RoundTripper.
type backend struct {
	mu     sync.Mutex
	answer func(*http.Request) (status int, body string, err error)
	asked  []string // the bodies
}

// RoundTrip checks the signature, keeps the question and answers it.
func (b *backend) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if err := VerifySignature(webhookSecret, r.Header.Get(SignatureHeader), body); err != nil || r.Method != "POST" {
		return nil, fmt.Errorf("%s: %w", r.Method, err)
	}
	b.mu.Lock()
	b.asked = append(b.asked, string(body))
	answer := b.answer
	b.mu.Unlock()
	status, text, err := answer(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Body: io.NopCloser(strings.NewReader(text)), Request: r, Header: http.Header{"Location": {"https://elsewhere.example.com/"}},
	}, nil
}

// always returns an answer that does not depend on the question.
func always(status int, body string) func(*http.Request) (int, string, error) {
	return func(*http.Request) (int, string, error) { return status, body, nil }
}

// expectAsked fails unless so many questions were asked.
func (b *backend) expectAsked(t *testing.T, want int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.asked) != want {
		t.Errorf("got asked %d times, want %d: %v", len(b.asked), want, b.asked)
	}
}

// newWebhook returns a webhook that asks b.
func newWebhook(t testing.TB, b *backend, change func(*WebhookOptions)) *Webhook {
	t.Helper()
	o := WebhookOptions{
		URL: "https://app.example.com/weft?key=s3cr3t", Secret: webhookSecret, Client: &http.Client{Transport: b},
		Headers: []string{"cookie", "X-Team"},
	}
	if change != nil {
		change(&o)
	}
	w, err := NewWebhook(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// webhookToken is what the tests' clients bring; not a JWT: a webhook does not care.
const webhookToken = "opaque-token-0123456789abcdef"

// asks returns what a webhook is asked by a client with a cookie.
func asks(action server.Action, document string) server.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "203.0.113.9:4711"
	r.Header.Set("Cookie", "session=1")
	r.Header.Set("User-Agent", "not passed on")
	return server.Request{Action: action, Document: document, Token: webhookToken, HTTP: r}
}

func TestWebhookAsksAndGrants(t *testing.T) {
	b := &backend{answer: always(200, `{"level":"write","user":"ada","expires":1999999999.5,"more":[]}`)}
	grant, err := newWebhook(t, b, nil).Authorize(t.Context(), asks(server.Sync, "team/plan"))
	if err != nil || grant.Level != ysync.Write || grant.User != "ada" || !grant.Expires.Equal(time.UnixMilli(1999999999500)) {
		t.Errorf("got %+v and %v", grant, err)
	}
	want := `{"action":"sync","document":"team/plan","token":"` + webhookToken + `","address":"203.0.113.9","headers":{"Cookie":["session=1"]}}`
	if len(b.asked) != 1 || b.asked[0] != want {
		t.Errorf("got asked %q, want %q", b.asked, want)
	}
}

func TestWebhookAnswers(t *testing.T) {
	long := strings.Repeat("ä", 200)
	tests := []struct {
		name   string
		status int
		body   string
		err    error
		code   ysync.Code // 0: an error that is no refusal
		want   string
	}{
		{"401", 401, "", nil, ysync.CodeUnauthorized, "not accepted"},
		{"401 with a reason", 401, `{"reason":"sign in again"}`, nil, ysync.CodeUnauthorized, "sign in again"},
		{"401 with the token", 401, `{"reason":"who is ` + webhookToken + `?"}`, nil, ysync.CodeUnauthorized, "not accepted"},
		{"401 with a long reason", 401, `{"reason":"` + long + `"}`, nil, ysync.CodeUnauthorized, "ää"},
		{"401 with a page", 401, "<html>" + webhookToken, nil, ysync.CodeUnauthorized, "not accepted"},
		{"403", 403, `{"reason":7}`, nil, ysync.CodeForbidden, "not allowed"},
		{"404", 404, `{"reason":"no such team"}`, nil, ysync.CodeNotFound, "no such team"},
		{"500", 500, `{"level":"admin"}`, nil, 0, "status is 500"},
		{"429", 429, "", nil, 0, "status is 429"},
		{"201", 201, `{"level":"admin"}`, nil, 0, "status is 201"},
		{"a redirect", 302, "", nil, 0, "status is 302"},
		{"no connection", 0, "", errors.New("connection refused"), 0, "connection refused"},
		{"no JSON", 200, "yes " + webhookToken, nil, 0, "no JSON object"},
		{"nothing", 200, "", nil, 0, "no JSON object"},
		{"no level", 200, `{}`, nil, 0, "level"},
		{"an unknown level", 200, `{"level":"` + webhookToken + `"}`, nil, 0, "level"},
		{"expires a string", 200, `{"level":"read","expires":"soon"}`, nil, 0, "their types"},
		{"expires in milliseconds", 200, `{"level":"read","expires":1764103600000}`, nil, 0, "seconds"},
		{"expires negative", 200, `{"level":"read","expires":-1}`, nil, 0, "seconds"},
		{"too long", 200, `{"level":"read","user":"` + strings.Repeat("a", maxAnswerBytes) + `"}`, nil, 0, "longer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := &backend{answer: func(*http.Request) (int, string, error) { return tt.status, tt.body, tt.err }}
			w := newWebhook(t, b, nil)
			_, err := w.Authorize(t.Context(), asks(server.Get, "notes"))
			if tt.code != 0 {
				expectRefusal(t, err, webhookToken, tt.code, tt.want)
				_, again := w.Authorize(t.Context(), asks(server.Get, "notes"))
				expectRefusal(t, again, webhookToken, tt.code, tt.want)
				b.expectAsked(t, 1) // a refusal is remembered
				return
			}
			var refusal *ysync.Refusal
			if err == nil || errors.As(err, &refusal) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want an error with %q that is no refusal", err, tt.want)
			}
			expectNoToken(t, err.Error(), webhookToken)
			if strings.Contains(err.Error(), "s3cr3t") || !strings.Contains(err.Error(), "app.example.com/weft") {
				t.Errorf("got %v, want the URL without its query", err)
			}
			b.answer = always(200, `{"level":"read"}`)
			if _, err := w.Authorize(t.Context(), asks(server.Get, "notes")); err != nil {
				t.Errorf("afterwards: got %v: a failure must not be remembered", err)
			}
		})
	}
}

func TestWebhookLists(t *testing.T) {
	b := &backend{answer: always(200, `{"level":"read","docs":{"team/*":"write","team/pay":"none"}}`)}
	w := newWebhook(t, b, nil)
	grant, err := w.Authorize(t.Context(), asks(server.List, ""))
	if err != nil || grant.Visible == nil || !grant.Visible("team/a") || grant.Visible("team/pay") || grant.Visible("notes") {
		t.Errorf("got %+v and %v, want the documents of the team", grant, err)
	}
	b.answer = always(200, `{"level":"admin"}`)
	grant, err = newWebhook(t, b, nil).Authorize(t.Context(), asks(server.List, ""))
	if err != nil || grant.Visible == nil || grant.Visible("notes") {
		t.Errorf("without docs: got %+v and %v, want nothing shown", grant, err)
	}
	b.answer = always(200, `{"level":"admin","docs":{"a*":"read"}}`)
	if _, err = newWebhook(t, b, nil).Authorize(t.Context(), asks(server.List, "")); err == nil {
		t.Error("with docs that are no patterns: got no error")
	}
}

// TestWebhookRemembersTheSameQuestion and no other: what differs in anything that the backend sees is asked again.
func TestWebhookRemembersTheSameQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: always(200, `{"level":"read"}`)}
		w := newWebhook(t, b, nil)
		ask := func(change func(*server.Request)) {
			t.Helper()
			r := asks(server.Get, "notes")
			change(&r)
			if _, err := w.Authorize(t.Context(), r); err != nil {
				t.Error(err)
			}
		}
		same := func(r *server.Request) {
			r.HTTP.RemoteAddr = "203.0.113.9:999" // another port
			r.HTTP.Header.Set("User-Agent", "x")
		}
		ask(same)
		ask(same)
		b.expectAsked(t, 1)
		others := []func(*server.Request){
			func(r *server.Request) { r.Token += "x" },
			func(r *server.Request) { r.Document += "x" },
			func(r *server.Request) { r.Action = server.Sync },
			func(r *server.Request) { r.HTTP.RemoteAddr = "203.0.113.8:4711" },
			func(r *server.Request) { r.HTTP.Header.Set("Cookie", "session=2") },
			func(r *server.Request) { r.HTTP.Header.Set("X-Team", "x") },
		}
		for i, other := range others {
			ask(other)
			b.expectAsked(t, i+2)
		}
		time.Sleep(defaultCacheFor - time.Nanosecond)
		ask(same)
		b.expectAsked(t, len(others)+1)
		time.Sleep(time.Nanosecond)
		ask(same)
		b.expectAsked(t, len(others)+2)

		w = newWebhook(t, b, func(o *WebhookOptions) { o.CacheFor = -1 })
		ask(same)
		ask(same)
		b.expectAsked(t, len(others)+4)
	})
}

func TestAnswerCacheIsBounded(t *testing.T) {
	c := newAnswerCache(time.Minute)
	now := time.Now()
	key := func(i int) (k [32]byte) { copy(k[:], fmt.Sprint(i)); return k }
	for i := range 3*maxAnswers + 5 {
		c.put(key(i), answer{reason: fmt.Sprint(i)}, now)
		c.put(key(i), answer{reason: fmt.Sprint(i)}, now) // again
		if len(c.found) > maxAnswers || len(c.order) > maxAnswers {
			t.Fatalf("got %d answers, want %d at most", len(c.found), maxAnswers)
		}
	}
	for i := range 3*maxAnswers + 5 {
		a, ok := c.get(key(i), now)
		if want := i >= 2*maxAnswers+5; ok != want || ok && a.reason != fmt.Sprint(i) {
			t.Fatalf("answer %d: got %v %t, want the newest kept and no other", i, a, ok)
		}
	}
	if _, ok := c.get(key(3*maxAnswers), now.Add(time.Minute)); ok {
		t.Error("an answer that is too old was given")
	}
}

func TestWebhookTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: func(r *http.Request) (int, string, error) {
			<-r.Context().Done()
			return 0, "", r.Context().Err()
		}}
		began := time.Now()
		_, err := newWebhook(t, b, nil).Authorize(t.Context(), asks(server.Get, "notes"))
		if err == nil || time.Since(began) != defaultTimeout {
			t.Errorf("got %v after %s, want an error after %s", err, time.Since(began), defaultTimeout)
		}
	})
}

func TestWebhookBoundsTheToken(t *testing.T) {
	b := &backend{answer: always(200, `{"level":"read"}`)}
	w := newWebhook(t, b, nil)
	r := asks(server.Get, "notes")
	r.Token = strings.Repeat("x", maxTokenBytes)
	if _, err := w.Authorize(t.Context(), r); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	r.Token += "x"
	_, err := w.Authorize(t.Context(), r)
	expectRefusal(t, err, r.Token, ysync.CodeUnauthorized, "more than 8192")
	b.expectAsked(t, 1)
}

func TestNewWebhookRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*WebhookOptions)
		want   string
	}{
		{"no URL", func(o *WebhookOptions) { o.URL = "" }, "want a URL"},
		{"clear text", func(o *WebhookOptions) { o.URL = "http://app:3000/weft" }, "not https"},
		{"a short secret", func(o *WebhookOptions) { o.Secret = o.Secret[:31] }, "at least 32"},
		{"a public key as the secret", func(o *WebhookOptions) { o.Secret = []byte("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0C") }, "not a secret"},
		{"remembering for long", func(o *WebhookOptions) { o.CacheFor = time.Hour }, "kept"},
	}
	for _, tt := range tests {
		o := WebhookOptions{URL: "https://app.example.com/", Secret: webhookSecret}
		tt.change(&o)
		if _, err := NewWebhook(o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		}
	}
	if _, err := NewWebhook(WebhookOptions{URL: "http://app:3000/weft", Secret: webhookSecret, AllowCleartext: true}); err != nil {
		t.Errorf("clear text, allowed: %v", err)
	}
}

func TestVerifySignature(t *testing.T) {
	body := []byte(`{"action":"get"}`)
	good := signature(webhookSecret, body, time.Now())
	if err := VerifySignature(webhookSecret, good, body); err != nil {
		t.Errorf("a good one: %v", err)
	}
	other := append([]byte{}, webhookSecret...)
	other[0]++
	at, _, _ := strings.Cut(good, ",")
	tests := []struct {
		name, header string
		secret, body []byte
	}{
		{"nothing", "", webhookSecret, body},
		{"another secret", good, other, body},
		{"another body", good, webhookSecret, append([]byte{' '}, body...)},
		{"old", signature(webhookSecret, body, time.Now().Add(-signatureAge-time.Second)), webhookSecret, body},
		{"from the future", signature(webhookSecret, body, time.Now().Add(signatureAge+2*time.Second)), webhookSecret, body},
		{"another time", "t=1" + strings.TrimPrefix(good, "t=1")[1:], webhookSecret, body},
		{"no digits", at + ",v1=", webhookSecret, body},
		{"half the digits", good[:len(good)-32], webhookSecret, body},
		{"another version", strings.Replace(good, "v1", "v0", 1), webhookSecret, body},
		{"no time", strings.TrimPrefix(good, "t="), webhookSecret, body},
		{"a time that is no number", "t=x,v1=00", webhookSecret, body},
	}
	for _, tt := range tests {
		if err := VerifySignature(tt.secret, tt.header, tt.body); err == nil {
			t.Errorf("%s: got no error", tt.name)
		}
	}
}

// TestWebhookOverHTTP asks a real backend on this machine, and does not follow it elsewhere with the token.
func TestWebhookOverHTTP(t *testing.T) {
	followed := false
	mux := http.NewServeMux()
	mux.HandleFunc("POST /weft", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = VerifySignature(webhookSecret, r.Header.Get(SignatureHeader), body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, `{"level":"presence","user":"ada"}`)
	})
	mux.Handle("/moved", http.RedirectHandler("/followed", http.StatusTemporaryRedirect))
	mux.HandleFunc("/followed", func(http.ResponseWriter, *http.Request) { followed = true })
	app := httptest.NewServer(mux)
	defer app.Close()
	w, err := NewWebhook(WebhookOptions{URL: app.URL + "/weft", Secret: webhookSecret})
	if err != nil {
		t.Fatal(err)
	}
	defer w.client.CloseIdleConnections()
	if grant, err := w.Authorize(t.Context(), asks(server.Sync, "notes")); err != nil || grant.Level != ysync.Presence || grant.User != "ada" {
		t.Errorf("got %+v and %v, want presence for ada", grant, err)
	}
	moved, err := NewWebhook(WebhookOptions{URL: app.URL + "/moved", Secret: webhookSecret})
	if err != nil {
		t.Fatal(err)
	}
	defer moved.client.CloseIdleConnections()
	if _, err := moved.Authorize(t.Context(), asks(server.Sync, "notes")); err == nil || followed {
		t.Errorf("a redirect: got %v, followed %t", err, followed)
	}
}
