package auth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/weftsync/weft/server"
	ysync "github.com/weftsync/weft/sync"
)

// The defaults and bounds of asking a backend.
const (
	defaultTimeout  = 5 * time.Second
	defaultCacheFor = 5 * time.Second
	maxCacheFor     = 5 * time.Minute
	maxAnswerBytes  = 64 << 10
	backendConns    = 64 // more questions wait
)

// WebhookOptions configures NewWebhook. URL and Secret are required.
type WebhookOptions struct {
	// URL is what is asked: https, or http on a loopback address.
	URL string
	// AllowCleartext allows http to anywhere: whoever can listen on the way then reads every token.
	AllowCleartext bool
	// Secret signs every question, see SignatureHeader. At least 32 bytes; kept, not copied.
	Secret []byte
	// Headers are the names of the headers of a client's request that are passed on, "Cookie" for example. Empty: none.
	Headers []string
	// Timeout is for how long the backend may think. 0 is 5 s.
	Timeout time.Duration
	// CacheFor is for how long an answer is taken for the same question again. 0 is 5 s, negative never, at most 5 min.
	// Somebody who is refused or let in by the backend meanwhile feels it that much later.
	CacheFor time.Duration
	// Client asks, for certificates or proxies of your own. Nil is one with at most 64 connections. Redirects are not
	// followed: they would carry the token elsewhere.
	Client *http.Client
}

// Webhook is a server.Authorizer that asks a backend of yours, with one POST of JSON for each question:
//
//	{"action":"sync", "document":"team/plan", "token":"…", "address":"203.0.113.9", "headers":{"Cookie":["…"]}}
//
// The action is sync, view, get, create or list, as in server.Action; a list has no document. The address is that of the
// client, or of the proxy before weft. The backend answers with 200 and what it grants:
//
//	{"level":"write", "user":"ada", "expires":1764103600}
//
// The level is none, read, presence, write or admin; the user is written into the log; expires, in seconds since 1970, is
// when the connection ends, and may be left out for never. For a list, "docs" says what to show, as in Documents:
// {"docs":{"team/*":"read"}}; without it nothing is shown. 401, 403 and 404 turn the client away for good, with the
// reason of {"reason":"…"} if there is one. Every other answer, and none, tells it to try later, and is logged.
//
// It is safe for concurrent use. At most 4,096 answers are kept, without tokens: by the hash of their question.
type Webhook struct {
	options WebhookOptions
	client  *http.Client
	answers answerCache
}

// question is what a backend is asked.
type question struct {
	Action   string              `json:"action"`
	Document string              `json:"document,omitempty"`
	Token    string              `json:"token"`
	Address  string              `json:"address"`
	Headers  map[string][]string `json:"headers,omitempty"`
}

// NewWebhook returns a Webhook, or an error that says which option is missing or out of range.
func NewWebhook(o WebhookOptions) (*Webhook, error) {
	if err := checkEndpoint(o.URL, o.AllowCleartext); err != nil {
		return nil, fmt.Errorf("make webhook: %w", err)
	}
	if err := checkSecret(o.Secret); err != nil {
		return nil, fmt.Errorf("make webhook: %w", err)
	}
	if o.CacheFor > maxCacheFor {
		return nil, fmt.Errorf("make webhook: answers cannot be kept for %s, longer than %s", o.CacheFor, maxCacheFor)
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.CacheFor == 0 {
		o.CacheFor = defaultCacheFor
	}
	if o.Client == nil {
		o.Client = &http.Client{Transport: backendTransport()}
	}
	o.Headers = slices.Clone(o.Headers)
	for i, name := range o.Headers {
		o.Headers[i] = http.CanonicalHeaderKey(name)
	}
	client := clientOf(o.Client, func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse })
	return &Webhook{options: o, client: client, answers: newAnswerCache(o.CacheFor)}, nil
}

// backendTransport returns a transport with a bound on its connections; requests above it wait until their time is up.
func backendTransport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport // a program has put something of its own there
	}
	t = t.Clone()
	t.MaxConnsPerHost, t.MaxIdleConnsPerHost = backendConns, backendConns
	return t
}

// Authorize asks the backend, or repeats what it has just said to the same question.
func (w *Webhook) Authorize(ctx context.Context, r server.Request) (server.Grant, error) {
	if len(r.Token) > maxTokenBytes {
		return server.Grant{}, unauthorized("the token has %d bytes, more than %d", len(r.Token), maxTokenBytes)
	}
	body, err := json.Marshal(w.question(r))
	if err != nil {
		return server.Grant{}, fmt.Errorf("encode the question to the backend: %w", err)
	}
	key := sha256.Sum256(body)
	if a, ok := w.answers.get(key, time.Now()); ok {
		return a.grant, a.refusal()
	}
	a, err := w.ask(ctx, body, r)
	if err != nil {
		return server.Grant{}, fmt.Errorf("ask the backend at %s: %w", place(w.options.URL), err)
	}
	w.answers.put(key, a, time.Now())
	return a.grant, a.refusal()
}

// question returns what is asked for a request.
func (w *Webhook) question(r server.Request) question {
	q := question{Action: r.Action.String(), Document: r.Document, Token: r.Token, Address: r.HTTP.RemoteAddr}
	if host, _, err := net.SplitHostPort(q.Address); err == nil {
		q.Address = host // without the port, which differs each time
	}
	for _, name := range w.options.Headers {
		if values := r.HTTP.Header.Values(name); len(values) > 0 {
			if q.Headers == nil {
				q.Headers = make(map[string][]string)
			}
			q.Headers[name] = values
		}
	}
	return q
}

// ask posts a question and reads the answer.
func (w *Webhook) ask(ctx context.Context, body []byte, r server.Request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, w.options.Timeout)
	defer cancel()
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, w.options.URL, bytes.NewReader(body))
	if err != nil {
		return answer{}, withoutURL(err)
	}
	post.Header.Set("Content-Type", "application/json")
	post.Header.Set("Accept", "application/json")
	post.Header.Set(SignatureHeader, signature(w.options.Secret, body, time.Now()))
	got, err := w.client.Do(post)
	if err != nil {
		return answer{}, withoutURL(err)
	}
	defer got.Body.Close()
	text, err := readBody(got.Body, maxAnswerBytes)
	if err != nil {
		return answer{}, withoutURL(err)
	}
	switch got.StatusCode {
	case http.StatusOK:
		grant, err := parseGrant(text, r.Action)
		return answer{grant: grant}, err
	case http.StatusUnauthorized:
		return answer{code: ysync.CodeUnauthorized, reason: reasonOf(text, r.Token, "the token is not accepted")}, nil
	case http.StatusForbidden:
		return answer{code: ysync.CodeForbidden, reason: reasonOf(text, r.Token, "this is not allowed")}, nil
	case http.StatusNotFound:
		return answer{code: ysync.CodeNotFound, reason: reasonOf(text, r.Token, "no such document")}, nil
	}
	return answer{}, fmt.Errorf("the status is %d", got.StatusCode)
}

// parseGrant reads the answer of a backend that lets somebody in. Its errors do not quote it: it may repeat the token.
func parseGrant(text []byte, action server.Action) (server.Grant, error) {
	var a struct {
		Level   string          `json:"level"`
		User    string          `json:"user"`
		Expires *float64        `json:"expires"`
		Docs    json.RawMessage `json:"docs"`
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return server.Grant{}, errors.New("the answer is no JSON object with level, user, expires and docs of their types")
	}
	level, err := ParseLevel(a.Level)
	if err != nil {
		return server.Grant{}, errors.New("the answer's level is not none, read, presence, write or admin")
	}
	g := server.Grant{Level: level, User: a.User}
	if a.Expires != nil {
		if !(*a.Expires > 0 && *a.Expires < 1<<40) {
			return server.Grant{}, errors.New("the answer's expires is no number of seconds since 1970")
		}
		g.Expires = time.UnixMilli(int64(*a.Expires * 1000))
	}
	if action != server.List {
		return g, nil
	}
	documents := Documents{}
	if a.Docs != nil {
		if documents, err = parseDocuments(a.Docs); err != nil {
			return server.Grant{}, errors.New("the answer's docs is no object of documents and levels")
		}
	}
	g.Visible = documents.visible
	return g, nil
}

// reasonOf returns the reason that a backend gives, or else that of weft; also when it repeats the token.
func reasonOf(text []byte, token, otherwise string) string {
	var a struct {
		Reason string `json:"reason"`
	}
	if json.Unmarshal(text, &a) != nil || a.Reason == "" || token != "" && strings.Contains(a.Reason, token) {
		return otherwise
	}
	return ysync.CutReason(a.Reason)
}
