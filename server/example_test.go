package server_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/weftsync/weft/server"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// teamAuthorizer lets the members of a team write their team's documents, and everybody read them.
type teamAuthorizer struct{ teamOf map[string]string }

func (a teamAuthorizer) Authorize(_ context.Context, r server.Request) (server.Grant, error) {
	cookie, err := r.HTTP.Cookie("user")
	if err != nil {
		return server.Grant{Level: ysync.Read}, nil
	}
	team, known := a.teamOf[cookie.Value]
	if !known {
		return server.Grant{}, ysync.Refuse(ysync.CodeUnauthorized, "sign in first")
	}
	if r.Document != "" && !strings.HasPrefix(r.Document, team+"/") {
		return server.Grant{Level: ysync.Read, User: cookie.Value}, nil
	}
	return server.Grant{Level: ysync.Write, User: cookie.Value}, nil
}

// A program of your own serves weft below a path of its own, with its own idea of who may do what.
func Example() {
	dir, err := os.MkdirTemp("", "weft-example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	weft, err := server.New(server.Options{
		Storage:    storage.Options{Dir: dir},
		Authorizer: teamAuthorizer{teamOf: map[string]string{"ada": "engines"}},
		Prefix:     "/notes/",
		Logger:     slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err)
	}
	defer weft.Shutdown(context.Background())

	mux := http.NewServeMux()
	mux.Handle("/notes/", http.StripPrefix("/notes", weft.Handler()))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "our own pages") })
	ours := httptest.NewServer(mux)
	defer ours.Close()

	create := func(user, document string) {
		r, err := http.NewRequest("PUT", ours.URL+"/notes/api/documents/"+document, nil)
		if err != nil {
			panic(err)
		}
		r.Header.Set("If-None-Match", "*")
		r.AddCookie(&http.Cookie{Name: "user", Value: user})
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			panic(err)
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		fmt.Println(answer.StatusCode, string(body))
	}
	create("ada", "engines%2Fnotes")
	create("ada", "gardens%2Fnotes")
	create("bob", "engines%2Fnotes")
	http.DefaultClient.CloseIdleConnections()

	// Output:
	// 201 {"name":"engines/notes"}
	// 403 {"error":{"code":4403,"reason":"the level read does not allow to create"}}
	// 401 {"error":{"code":4401,"reason":"sign in first"}}
}
