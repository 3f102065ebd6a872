package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// endpoint is where a key set is served, without a network: an http.RoundTripper.
type endpoint struct {
	mu      sync.Mutex
	body    string
	status  int
	err     error
	slow    time.Duration // how long an answer takes
	fetches int
}

// RoundTrip answers with the body.
func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	e.fetches++
	body, status, err, slow := e.body, e.status, e.err, e.slow
	e.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// serve changes what is served.
func (e *endpoint) serve(status int, body string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status, e.body, e.err = status, body, err
}

// slowDown changes how long an answer takes.
func (e *endpoint) slowDown(to time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.slow = to
}

// expectFetches fails unless there were so many fetches in all.
func (e *endpoint) expectFetches(t *testing.T, want int) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fetches != want {
		t.Errorf("got %d fetches, want %d", e.fetches, want)
	}
}

// keySet returns the text of a set of public keys.
func keySet(t testing.TB, keys ...Key) string {
	t.Helper()
	var list []string
	for _, k := range keys {
		jwk, err := k.PublicJWK()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(jwk))
	}
	return `{"keys":[` + strings.Join(list, ",") + `]}`
}

// newJWKS returns an authorizer whose keys are at an endpoint that serves keys, and what it logs.
func newJWKS(t testing.TB, keys ...Key) (*JWT, *endpoint, *lockedText) {
	t.Helper()
	e := &endpoint{status: http.StatusOK, body: keySet(t, keys...)}
	logged := new(lockedText)
	set, err := NewJWKS(JWKSOptions{
		URL: "https://id.example.com/keys?secret=s3cr3t", Client: &http.Client{Transport: e},
		Logger: slog.New(slog.NewTextHandler(logged, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewJWT(JWTOptions{JWKS: set, Audience: []string{here}})
	if err != nil {
		t.Fatal(err)
	}
	return a, e, logged
}

// forever returns a token that is good for longer than any test.
func forever(t testing.TB, k Key) string {
	t.Helper()
	return signed(t, k, goodPayload(map[string]any{"exp": time.Now().Add(1000 * time.Hour).Unix()}))
}

// expectGood fails unless the token is accepted.
func expectGood(t *testing.T, a *JWT, token string) {
	t.Helper()
	if _, err := a.Verify(t.Context(), token); err != nil {
		t.Errorf("got %v, want the token accepted", err)
	}
}

// expectBad fails unless the token is refused like that.
func expectBad(t *testing.T, a *JWT, token string, code ysync.Code, want string) {
	t.Helper()
	_, err := a.Verify(t.Context(), token)
	expectRefusal(t, err, token, code, want)
}

func TestJWKSIsFetchedOnceForAll(t *testing.T) {
	key := testKeys()[ES256]
	synctest.Test(t, func(t *testing.T) {
		a, e, _ := newJWKS(t, key)
		e.slowDown(time.Second)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { expectGood(t, a, forever(t, key)) })
		}
		all.Wait()
		e.expectFetches(t, 1)
		time.Sleep(defaultRefresh - 2*time.Second)
		expectGood(t, a, forever(t, key))
		e.expectFetches(t, 1)
	})
}

// TestJWKSRefreshesBehindTheBack: keys that are due are used while the next ones come, so nobody waits.
func TestJWKSRefreshesBehindTheBack(t *testing.T) {
	key := testKeys()[EdDSA]
	synctest.Test(t, func(t *testing.T) {
		a, e, _ := newJWKS(t, key)
		expectGood(t, a, forever(t, key))
		e.slowDown(2 * time.Second)
		time.Sleep(defaultRefresh)
		began := time.Now()
		expectGood(t, a, forever(t, key))
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited %s, want not at all", waited)
		}
		time.Sleep(3 * time.Second)
		e.expectFetches(t, 2)
	})
}

// TestJWKSRotates: a new key is found at once, the old one is not taken any more when it has gone from the set.
func TestJWKSRotates(t *testing.T) {
	old, next := testKeys()[EdDSA], testKeys()[ES256]
	synctest.Test(t, func(t *testing.T) {
		a, e, logged := newJWKS(t, old)
		expectGood(t, a, forever(t, old))
		time.Sleep(refetchAfter)
		e.serve(200, keySet(t, old, next), nil)
		expectGood(t, a, forever(t, next))
		expectGood(t, a, forever(t, old))
		e.expectFetches(t, 2)

		e.serve(200, keySet(t, next), nil)
		time.Sleep(defaultRefresh)
		expectGood(t, a, forever(t, next)) // begins the fetch
		synctest.Wait()
		time.Sleep(refetchAfter)
		expectBad(t, a, forever(t, old), ysync.CodeUnauthorized, "no key for EdDSA is named kid=")
		if got := strings.Count(logged.String(), "new keys"); got != 3 {
			t.Errorf("got %d lines about new keys, want 3: %s", got, logged.String())
		}
	})
}

// TestJWKSUnknownKeysAreBounded: tokens that name keys of their own invention cause one fetch in ten seconds, however many
// they are and however many come at once.
func TestJWKSUnknownKeysAreBounded(t *testing.T) {
	key := testKeys()[EdDSA]
	synctest.Test(t, func(t *testing.T) {
		a, e, _ := newJWKS(t, key)
		expectGood(t, a, forever(t, key))
		invented := func(i int) string {
			k, err := NewKey(fmt.Sprint("invented ", i), key.sign)
			if err != nil {
				t.Fatal(err)
			}
			return forever(t, k)
		}
		for i := range 100 {
			expectBad(t, a, invented(i), ysync.CodeTryLater, "less than 10s ago")
		}
		e.expectFetches(t, 1)
		time.Sleep(refetchAfter)
		e.slowDown(time.Second)
		var all sync.WaitGroup
		for i := range 100 {
			token := invented(i)
			all.Go(func() { expectBad(t, a, token, ysync.CodeUnauthorized, "is named kid=") })
		}
		all.Wait()
		e.expectFetches(t, 2)
		expectGood(t, a, forever(t, key))
		for range 100 { // a secret is never on a public page, so nothing is fetched for it
			expectBad(t, a, withHeader(make([]byte, 32), `{"alg":"HS256","kid":"x"}`, goodText(t)), ysync.CodeUnauthorized, "the keys are public")
		}
		time.Sleep(time.Hour)
		expectBad(t, a, withHeader(make([]byte, 32), `{"alg":"HS256"}`, goodText(t)), ysync.CodeUnauthorized, "the keys are public")
		e.expectFetches(t, 2)
	})
}

// TestJWKSKeepsTheLastGoodKeys while the endpoint fails in whatever way, until they are too old; and recovers.
func TestJWKSKeepsTheLastGoodKeys(t *testing.T) {
	key := testKeys()[EdDSA]
	failures := []struct {
		name   string
		change func(*endpoint)
	}{
		{"no connection", func(e *endpoint) { e.serve(0, "", errors.New("refused")) }},
		{"a status", func(e *endpoint) { e.serve(500, keySet(t, key), nil) }},
		{"no JSON", func(e *endpoint) { e.serve(200, "<html>", nil) }},
		{"an empty set", func(e *endpoint) { e.serve(200, `{"keys":[]}`, nil) }},
		{"no set", func(e *endpoint) { e.serve(200, `{}`, nil) }},
		{"a set without end", func(e *endpoint) { e.serve(200, strings.Repeat(" ", maxKeySetBytes)+keySet(t, key), nil) }},
		{"no answer", func(e *endpoint) { e.slowDown(time.Hour) }},
	}
	for _, tt := range failures {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, e, logged := newJWKS(t, key)
				expectGood(t, a, forever(t, key))
				tt.change(e)
				for passed := time.Duration(0); passed < defaultMaxAge-time.Hour; passed += time.Hour {
					time.Sleep(time.Hour)
					expectGood(t, a, forever(t, key))
				}
				if !strings.Contains(logged.String(), "fetch keys") {
					t.Error("the failures were not logged")
				}
				time.Sleep(time.Hour)
				expectBad(t, a, forever(t, key), ysync.CodeTryLater, "cannot be fetched")
				e.serve(200, keySet(t, key), nil)
				e.slowDown(0)
				time.Sleep(refetchAfter)
				expectGood(t, a, forever(t, key))
				if strings.Contains(logged.String(), "s3cr3t") {
					t.Errorf("the query of the URL is in the log: %s", logged.String())
				}
			})
		})
	}
}

// TestJWKSNeverFetched: as long as there have never been keys, everybody is told to try later, and a slow endpoint is
// not waited for longer than the fetch may take.
func TestJWKSNeverFetched(t *testing.T) {
	key := testKeys()[EdDSA]
	synctest.Test(t, func(t *testing.T) {
		a, e, _ := newJWKS(t, key)
		e.slowDown(time.Hour)
		began := time.Now()
		expectBad(t, a, forever(t, key), ysync.CodeTryLater, "cannot be fetched")
		if waited := time.Since(began); waited != fetchWithin {
			t.Errorf("waited %s, want %s", waited, fetchWithin)
		}
		expectBad(t, a, forever(t, key), ysync.CodeTryLater, "less than 10s ago")
		e.expectFetches(t, 1)

		time.Sleep(refetchAfter)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := a.Verify(ctx, forever(t, key))
		expectRefusal(t, err, "", ysync.CodeTryLater, "too long")
		time.Sleep(fetchWithin)
	})
}

func TestJWKSFetchTellsWhatIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, e, _ := newJWKS(t, testKeys()[EdDSA])
		e.serve(404, "", nil)
		if err := a.options.JWKS.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "status is 404") {
			t.Errorf("got %v, want the status", err)
		}
		e.serve(200, keySet(t, testKeys()[EdDSA]), nil)
		if err := a.options.JWKS.Fetch(t.Context()); err == nil {
			t.Error("got no error a moment later, want the old one: the endpoint is not asked so soon")
		}
		time.Sleep(refetchAfter)
		if err := a.options.JWKS.Fetch(t.Context()); err != nil {
			t.Errorf("got %v, want none", err)
		}
	})
}

// TestParseKeySet: of a set everything is left out that cannot be used, and the rest is.
func TestParseKeySet(t *testing.T) {
	good := testKeys()[ES256]
	jwk := func(k Key) string {
		text, err := k.PublicJWK()
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	private, err := testKeys()[EdDSA].JWK()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := testKeys()[HS256].JWK()
	if err != nil {
		t.Fatal(err)
	}
	others := []string{
		`{"kty":"XYZ","kid":"a"}`, `{"kid":"no kty"}`, `7`, `null`, `"x"`, `[]`, `{}`,
		`{"kty":"OKP","crv":"X25519","x":"` + strings.Repeat("A", 43) + `"}`,
		`{"kty":"OKP","crv":"Ed25519","x":"` + strings.Repeat("A", 43) + `"}`, // a point of low order
		`{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`,
		`{"kty":"EC","crv":"P-256","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}`,
		`{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}`,
		`{"kty":"RSA","n":"AQAB","e":"AQAB"}`, // a few bits
		string(secret), string(private),
		strings.Replace(jwk(testKeys()[RS256]), `"RS256"`, `"RS512"`, 1),
		strings.Replace(jwk(testKeys()[RS256]), `"RS256"`, `"HS256"`, 1),
		strings.Replace(jwk(testKeys()[RS256]), `"sig"`, `"enc"`, 1),
		`{"kty":"RSA","kty":"EC"}`,
	}
	keys, err := parseKeySet([]byte(`{"keys":[` + strings.Join(others, ",") + `,` + jwk(good) + `],"more":1}`))
	if err != nil || len(keys) != 1 || keys[0].String() != good.String() {
		t.Errorf("got %v and %v, want the one good key", keys, err)
	}
	if _, err := parseKeySet([]byte(`{"keys":[` + strings.Join(others, ",") + `]}`)); err == nil {
		t.Error("without the good key: got no error")
	}
	many := `{"keys":[` + strings.Repeat(jwk(good)+",", maxKeys)
	if keys, err := parseKeySet([]byte(strings.TrimSuffix(many, ",") + `]}`)); err != nil || len(keys) != maxKeys {
		t.Errorf("at the limit: got %d keys and %v", len(keys), err)
	}
	if _, err := parseKeySet([]byte(many + jwk(good) + `]}`)); err == nil {
		t.Error("past the limit: got no error")
	}
}

// TestJWKSOverHTTP: redirects on the same host are followed, to others not; and plain http goes to this machine only.
func TestJWKSOverHTTP(t *testing.T) {
	key := testKeys()[EdDSA]
	mux := http.NewServeMux()
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, keySet(t, key)) })
	mux.Handle("/moved", http.RedirectHandler("/keys", http.StatusFound))
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	here, there := httptest.NewServer(mux), httptest.NewServer(mux)
	defer here.Close()
	defer there.Close()
	mux.Handle("/elsewhere", http.RedirectHandler(there.URL+"/keys", http.StatusFound))
	secure := httptest.NewUnstartedServer(mux)
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug) // one client does not know its certificate
	secure.StartTLS()
	defer secure.Close()
	mux.Handle("/down", http.RedirectHandler(here.URL+"/keys", http.StatusFound))
	tests := []struct {
		url    string
		client *http.Client
		want   string
	}{
		{here.URL + "/keys", nil, ""},
		{here.URL + "/moved", nil, ""},
		{here.URL + "/loop", nil, "too often"},
		{here.URL + "/elsewhere", nil, "another place"},
		{here.URL + "/none", nil, "404"},
		{secure.URL + "/keys", secure.Client(), ""},
		{secure.URL + "/keys", nil, "certificate"},
		{secure.URL + "/down", secure.Client(), "another place"},
	}
	for _, tt := range tests {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		if tt.client != nil {
			transport = tt.client.Transport.(*http.Transport).Clone()
		}
		set, err := NewJWKS(JWKSOptions{URL: tt.url, Client: &http.Client{Transport: transport}, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		err = set.Fetch(t.Context())
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", tt.url, err, tt.want)
		}
		transport.CloseIdleConnections()
	}
}

func TestNewJWKSRefuses(t *testing.T) {
	tests := []struct {
		options JWKSOptions
		want    string
	}{
		{JWKSOptions{}, "want a URL"},
		{JWKSOptions{URL: "keys.json"}, "want a URL"},
		{JWKSOptions{URL: "http://id.example.com/keys"}, "not https"},
		{JWKSOptions{URL: "http://127.0.0.1.example.com/keys"}, "not https"},
		{JWKSOptions{URL: "http://localhost.example.com/keys"}, "not https"},
		{JWKSOptions{URL: "file:///etc/keys"}, "want a URL"},
		{JWKSOptions{URL: "ftp://id.example.com/keys"}, "not https"},
		{JWKSOptions{URL: "https://me:hunter2@id.example.com/keys"}, "user name"},
		{JWKSOptions{URL: "https://id.example.com:port/hunter2"}, "want a URL"},
		{JWKSOptions{URL: "https://id.example.com/", Refresh: time.Second}, "Refresh"},
		{JWKSOptions{URL: "https://id.example.com/", Refresh: time.Hour, MaxAge: time.Minute}, "MaxAge"},
		{JWKSOptions{URL: "https://id.example.com/", Refresh: -1}, "Refresh"},
	}
	for _, tt := range tests {
		_, err := NewJWKS(tt.options)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: got %v, want an error with %q", tt.options, err, tt.want)
		}
	}
	for _, url := range []string{"https://id.example.com/keys", "http://127.0.0.1:8081/", "http://localhost/keys", "http://[::1]/keys"} {
		if _, err := NewJWKS(JWKSOptions{URL: url}); err != nil {
			t.Errorf("%s: got %v, want none", url, err)
		}
	}
}
