package auth_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/weftsync/weft/server"
	"github.com/weftsync/weft/server/auth"
	ysync "github.com/weftsync/weft/sync"
)

// ask shows what an authorizer says to somebody who wants to take part in a document.
func ask(a server.Authorizer, document, token string) {
	r := httptest.NewRequest("GET", "/sync/"+document, nil)
	grant, err := a.Authorize(r.Context(), server.Request{Action: server.Sync, Document: document, Token: token, HTTP: r})
	if err != nil {
		fmt.Println(document, "-", err)
		return
	}
	fmt.Println(document, "-", grant.Level, "for", grant.User)
}

// Your backend signs a token for a user who has logged in, and hands it to the editor. The server has the public half of
// the key. A backend in another language uses any JWT library.
func Example() {
	private, err := auth.GenerateKey(auth.ES256) // once; keep JWK, and load it with ParseKeys
	if err != nil {
		panic(err)
	}
	public, err := private.PublicJWK()
	if err != nil {
		panic(err)
	}

	token, err := private.Sign(auth.Claims{
		Subject:   "ada",
		Audience:  []string{"https://notes.example.com"},
		Expires:   time.Now().Add(time.Hour),
		Documents: auth.Documents{"team/*": ysync.Write, "team/pay": ysync.None, "welcome": ysync.Read},
	})
	if err != nil {
		panic(err)
	}

	keys, err := auth.ParseKeys(public)
	if err != nil {
		panic(err)
	}
	authorizer, err := auth.NewJWT(auth.JWTOptions{Keys: keys, Audience: []string{"https://notes.example.com"}})
	if err != nil {
		panic(err)
	}
	ask(authorizer, "team/plan", token)
	ask(authorizer, "welcome", token)
	ask(authorizer, "team/pay", token)
	ask(authorizer, "team/plan", "")

	// Output:
	// team/plan - write for ada
	// welcome - read for ada
	// team/pay - refused with 4403: the token is not for this document
	// team/plan - refused with 4401: there is no token
}

// An identity provider has its keys at a URL. They are fetched when a token comes, and again when they change.
func ExampleNewJWKS() {
	keys, err := auth.NewJWKS(auth.JWKSOptions{URL: "https://id.example.com/.well-known/jwks.json"})
	if err != nil {
		panic(err)
	}
	authorizer, err := auth.NewJWT(auth.JWTOptions{
		JWKS:     keys,
		Audience: []string{"https://notes.example.com"},
		Issuers:  []string{"https://id.example.com/"},
	})
	if err != nil {
		panic(err)
	}
	options := server.Options{Authorizer: authorizer}
	fmt.Printf("%T\n", options.Authorizer)
	// Output: *auth.JWT
}

// What the three ways to name documents cover.
func ExampleDocuments_Level() {
	d := auth.Documents{"*": ysync.Read, "team/*": ysync.Write, "team/pay": ysync.None}
	for _, name := range []string{"notes", "team", "team/plan", "team/plan/2027", "team/pay", "teams/plan"} {
		fmt.Printf("%s: %s\n", name, d.Level(name))
	}
	// Output:
	// notes: read
	// team: read
	// team/plan: write
	// team/plan/2027: write
	// team/pay: none
	// teams/plan: read
}

// The backend that a webhook asks: it checks who asks, and then answers from what it knows. This one knows sessions.
func ExampleNewWebhook() {
	secret := []byte("thirty-two bytes or more, known to both")
	sessions := map[string]string{"session-1": "ada"}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil || auth.VerifySignature(secret, r.Header.Get(auth.SignatureHeader), body) != nil {
			http.Error(w, "this is not weft", http.StatusBadRequest)
			return
		}
		var question struct{ Action, Document, Token string }
		if err := json.Unmarshal(body, &question); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		user, known := sessions[question.Token]
		if !known {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"reason":"sign in first"}`)
			return
		}
		fmt.Fprintf(w, `{"level":"write","user":%q,"expires":%d}`, user, time.Now().Add(time.Hour).Unix())
	}))
	defer backend.Close()

	authorizer, err := auth.NewWebhook(auth.WebhookOptions{URL: backend.URL, Secret: secret, Client: backend.Client()})
	if err != nil {
		panic(err)
	}
	ask(authorizer, "notes", "session-1")
	ask(authorizer, "notes", "session-2")

	// Output:
	// notes - write for ada
	// notes - refused with 4401: sign in first
}
