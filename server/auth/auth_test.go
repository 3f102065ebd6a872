package auth

import (
	"context"
	"errors"
	"maps"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/json"
	"go.uber.org/goleak"

	"github.com/weftsync/weft/server"
	ysync "github.com/weftsync/weft/sync"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// here is the audience of the tests.
const here = "https://notes.example.com"

// testKeys are one key of each algorithm, made once: RSA is slow.
var testKeys = sync.OnceValue(func() map[Algorithm]Key {
	keys := make(map[Algorithm]Key)
	for _, a := range []Algorithm{HS256, RS256, ES256, EdDSA} {
		key, err := GenerateKey(a)
		if err != nil {
			panic(err)
		}
		keys[a] = key
	}
	return keys
})

// public returns what a server is given of a key: the public half, or the secret.
func public(t testing.TB, k Key) Key {
	t.Helper()
	p, err := NewKey(k.id, k.verify)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// newJWT returns an authorizer with these keys and the audience here.
func newJWT(t testing.TB, keys ...Key) *JWT {
	t.Helper()
	a, err := NewJWT(JWTOptions{Keys: keys, Audience: []string{here}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// goodPayload is a payload that is accepted, for a while; change it to make it bad.
func goodPayload(change map[string]any) map[string]any {
	m := map[string]any{
		"sub": "ada", "aud": here, "exp": time.Now().Add(time.Hour).Unix(),
		"weft": map[string]any{"docs": map[string]any{"notes": "write", "team/*": "read"}},
	}
	maps.Copy(m, change)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == missing{} })
	return m
}

// missing stands for a claim that is to be left out.
type missing struct{}

// signed returns a token with that payload.
func signed(t testing.TB, k Key, payload any) string {
	t.Helper()
	text, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	return signedText(t, k, string(text))
}

// signedText returns a token whose payload is that text.
func signedText(t testing.TB, k Key, payload string) string {
	t.Helper()
	token, err := k.signPayload([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// asked returns what an authorizer is asked when somebody wants to read a document.
func asked(document, token string) server.Request {
	return server.Request{Action: server.Get, Document: document, Token: token, HTTP: httptest.NewRequest("GET", "/", nil)}
}

// expectRefusal fails unless err is a refusal with that code, and a reason that has want in it, fits into a close frame
// and does not give the token away.
func expectRefusal(t *testing.T, err error, token string, code ysync.Code, want string) {
	t.Helper()
	var refusal *ysync.Refusal
	if !errors.As(err, &refusal) {
		t.Errorf("got %v, want a refusal with %q", err, want)
		return
	}
	if refusal.Code != code || !strings.Contains(refusal.Reason, want) {
		t.Errorf("got %d %q, want %d with %q", refusal.Code, refusal.Reason, code, want)
	}
	if len(refusal.Reason) > ysync.MaxReasonBytes {
		t.Errorf("the reason has %d bytes", len(refusal.Reason))
	}
	expectNoToken(t, refusal.Reason, token)
}

// expectNoToken fails if a text has a piece of a token in it: any 16 bytes of one of its parts.
func expectNoToken(t *testing.T, text, token string) {
	t.Helper()
	piecesOf(text).expectNone(t, token)
}

// pieces are all the pieces of a text.
type pieces map[string]bool

// pieceBytes is how much of a token gives it away.
const pieceBytes = 16

// piecesOf cuts a text at every byte.
func piecesOf(text string) pieces {
	p := make(pieces)
	for i := 0; i+pieceBytes <= len(text); i++ {
		p[text[i:i+pieceBytes]] = true
	}
	return p
}

// expectNone fails if a piece of the token is among them.
func (p pieces) expectNone(t *testing.T, token string) {
	t.Helper()
	for _, part := range strings.Split(token, ".") {
		for i := 0; i+pieceBytes <= len(part); i++ {
			if p[part[i:i+pieceBytes]] {
				t.Errorf("the text shows %q of the token", part[i:i+pieceBytes])
				return
			}
		}
	}
}

func TestJWTGrants(t *testing.T) {
	for algorithm, key := range testKeys() {
		a := newJWT(t, public(t, key))
		expires := time.Now().Add(time.Hour).Truncate(time.Second)
		token, err := key.Sign(Claims{
			Subject: "ada", Audience: []string{"elsewhere", here}, Expires: expires,
			Documents: Documents{"notes": ysync.Write, "team/*": ysync.Read, "team/pay": ysync.None},
		})
		if err != nil {
			t.Fatal(err)
		}
		for document, level := range map[string]ysync.Level{"notes": ysync.Write, "team/a": ysync.Read, "team/a/b": ysync.Read} {
			grant, err := a.Authorize(t.Context(), asked(document, token))
			if err != nil || grant.Level != level || grant.User != "ada" || !grant.Expires.Equal(expires.Add(defaultLeeway)) {
				t.Errorf("%s %s: got %+v and %v, want %s for ada until %s", algorithm, document, grant, err, level, expires)
			}
		}
		for _, document := range []string{"note", "notes/a", "team", "teams/a", "team/pay", "x"} {
			_, err := a.Authorize(t.Context(), asked(document, token))
			expectRefusal(t, err, token, ysync.CodeForbidden, "not for this document")
		}
	}
}

func TestJWTLists(t *testing.T) {
	key := testKeys()[EdDSA]
	a := newJWT(t, key)
	list := func(documents Documents) (server.Grant, error) {
		token, err := key.Sign(Claims{Audience: []string{here}, Expires: time.Now().Add(time.Hour), Documents: documents})
		if err != nil {
			t.Fatal(err)
		}
		return a.Authorize(t.Context(), server.Request{Action: server.List, Token: token})
	}
	grant, err := list(Documents{"team/*": ysync.Read, "team/pay": ysync.None, "notes": ysync.Admin})
	if err != nil || grant.Level != ysync.Admin || grant.Visible == nil {
		t.Fatalf("got %+v and %v, want a list", grant, err)
	}
	for name, want := range map[string]bool{"team/a": true, "team/pay": false, "notes": true, "other": false, "": false} {
		if got := grant.Visible(name); got != want {
			t.Errorf("%q: got visible %t, want %t", name, got, want)
		}
	}
	_, err = list(Documents{"team/*": ysync.None})
	expectRefusal(t, err, "", ysync.CodeForbidden, "for no document")
}

// TestJWTExpiry: a token is good until its expiry and the leeway, and not a moment longer; the same the other way round
// for what must not be before.
func TestJWTExpiry(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	options := JWTOptions{Audience: []string{here}, Leeway: 3 * time.Second, Issuers: []string{"us"}}
	good := Claims{Audience: []string{here}, Issuer: "us", Expires: now.Add(time.Hour)}
	tests := []struct {
		name   string
		change func(*Claims)
		want   string
	}{
		{"good", func(*Claims) {}, ""},
		{"a moment before the end of the leeway", func(c *Claims) { c.Expires = now.Add(-3*time.Second + 1) }, ""},
		{"the end of the leeway", func(c *Claims) { c.Expires = now.Add(-3 * time.Second) }, "expired 3s ago"},
		{"long ago", func(c *Claims) { c.Expires = time.Unix(0, 0) }, "expired 500000h0m0s ago"},
		{"not before, within the leeway", func(c *Claims) { c.NotBefore = now.Add(3 * time.Second) }, ""},
		{"not before, past it", func(c *Claims) { c.NotBefore = now.Add(4 * time.Second) }, "good in 4s only"},
		{"issued within the leeway", func(c *Claims) { c.IssuedAt = now.Add(3 * time.Second) }, ""},
		{"issued past it", func(c *Claims) { c.IssuedAt = now.Add(time.Minute) }, "1m0s from now"},
		{"another issuer", func(c *Claims) { c.Issuer = "them" }, "another issuer"},
		{"no issuer", func(c *Claims) { c.Issuer = "" }, "another issuer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			claims := good
			tt.change(&claims)
			err := claims.check(now, &options)
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v, want none", err)
				}
				return
			}
			expectRefusal(t, err, "", ysync.CodeUnauthorized, tt.want)
		})
	}
}

func TestJWTWithoutAToken(t *testing.T) {
	_, err := newJWT(t, testKeys()[HS256]).Authorize(context.Background(), asked("notes", ""))
	expectRefusal(t, err, "", ysync.CodeUnauthorized, "no token")
}

func TestNewJWTRefuses(t *testing.T) {
	keys := []Key{testKeys()[EdDSA]}
	tests := []struct {
		name    string
		options JWTOptions
		want    string
	}{
		{"nothing", JWTOptions{}, "keys"},
		{"no audience", JWTOptions{Keys: keys}, "audience"},
		{"an empty audience", JWTOptions{Keys: keys, Audience: []string{""}}, "audience"},
		{"an empty issuer", JWTOptions{Keys: keys, Audience: []string{here}, Issuers: []string{""}}, "issuer"},
		{"keys twice", JWTOptions{Keys: keys, JWKS: new(JWKS), Audience: []string{here}}, "not both"},
		{"a key from nowhere", JWTOptions{Keys: make([]Key, 1), Audience: []string{here}}, "NewKey"},
		{"too many keys", JWTOptions{Keys: make([]Key, maxKeys+1), Audience: []string{here}}, "more than 64"},
		{"a long leeway", JWTOptions{Keys: keys, Audience: []string{here}, Leeway: time.Hour}, "leeway"},
	}
	for _, tt := range tests {
		if _, err := NewJWT(tt.options); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}
