package main

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/weftsync/weft/server"
	"github.com/weftsync/weft/server/auth"
	ysync "github.com/weftsync/weft/sync"
)

// accessFlags say who may do what on a server for others.
type accessFlags struct {
	AllowAnonymous bool `env:"WEFT_ALLOW_ANONYMOUS" help:"Let everybody who reaches the address read and write every document. Only behind something that decides who reaches it."`
	AllowAnyOrigin bool `env:"WEFT_ALLOW_ANY_ORIGIN" help:"Let the pages of every web site connect, in place of --origin: any page that a user visits can then try with what the user's browser brings along."`

	keyFlags
	JWKSURL string        `name:"jwks-url" env:"WEFT_JWKS_URL" placeholder:"URL" help:"Where an identity provider has its JSON Web Key Set, in place of --jwt-key."`
	Leeway  time.Duration `name:"jwt-leeway" default:"5s" env:"WEFT_JWT_LEEWAY" help:"By how much the issuer's clock may differ (${default})."`

	Webhook       string        `name:"auth-webhook" env:"WEFT_AUTH_WEBHOOK" placeholder:"URL" help:"Ask this backend about each connection, in place of reading tokens."`
	WebhookSecret string        `name:"auth-webhook-secret-file" env:"WEFT_AUTH_WEBHOOK_SECRET_FILE" placeholder:"FILE" help:"File with the secret that signs the questions, 32 bytes or more. The secret itself may be in $$WEFT_AUTH_WEBHOOK_SECRET."`
	WebhookHeader []string      `name:"auth-webhook-header" env:"WEFT_AUTH_WEBHOOK_HEADER" placeholder:"NAME" help:"Header of a client's request to pass on, \"Cookie\" for example. May be given several times."`
	WebhookCache  time.Duration `name:"auth-webhook-cache" default:"5s" env:"WEFT_AUTH_WEBHOOK_CACHE" help:"For how long an answer is taken for the same question again; negative for never (${default})."`
	AllowClear    bool          `name:"allow-cleartext-webhook" env:"WEFT_ALLOW_CLEARTEXT_WEBHOOK" help:"Let the webhook be plain http on another machine: whoever listens on the way can read every token."`
}

// The reasons why serve does not start.
const (
	sayWho = `serve does not start open by accident. Say who may do what:
  --jwt-key, --jwt-secret-file or --jwks-url, with --jwt-audience: who has a signed token; "weft token --help" makes some
  --auth-webhook: who your own backend says
  --allow-anonymous: everybody who can reach the address may read and write every document`
	sayOneWay = `say one way to tell who may do what: keys for tokens (--jwt-key, --jwt-secret-file), or --jwks-url, or --auth-webhook, or --allow-anonymous`
	sayOrigin = `serve does not open itself to every web site by accident. Say whose pages may connect:
  --origin https://notes.example.com: the pages of that site; may be given several times
  --origin self: the pages that weft itself serves
  --allow-any-origin: the pages of every site`
)

// origins returns the list of web origins, which somebody has to have chosen.
func (f *accessFlags) origins(list []string) ([]string, error) {
	switch {
	case slices.Contains(list, "*"):
		return nil, usageError("--origin does not take *; say --allow-any-origin, which is what it means")
	case f.AllowAnyOrigin && len(list) > 0:
		return nil, usageError("say --origin or --allow-any-origin, not both")
	case f.AllowAnyOrigin:
		return []string{"*"}, nil
	case len(list) == 0:
		return nil, usageError(sayOrigin)
	}
	return list, nil
}

// authorizer returns the Authorizer that the flags describe.
func (f *accessFlags) authorizer(ctx context.Context, log *slog.Logger) (server.Authorizer, error) {
	keys, err := f.load()
	if err != nil {
		return nil, err
	}
	switch chosen := []bool{len(keys) > 0, f.JWKSURL != "", f.Webhook != "", f.AllowAnonymous}; count(chosen) {
	case 0:
		return nil, usageError(sayWho)
	case 1:
	default:
		return nil, usageError(sayOneWay)
	}
	switch {
	case f.AllowAnonymous:
		return server.AllowAll(ysync.Write), nil
	case f.Webhook != "":
		return f.webhook()
	}
	return f.jwt(ctx, keys, log)
}

// jwt returns an Authorizer that reads tokens.
func (f *accessFlags) jwt(ctx context.Context, keys []auth.Key, log *slog.Logger) (server.Authorizer, error) {
	if len(f.Audience) == 0 {
		return nil, usageError("say --jwt-audience: what this server is called in the aud of its tokens.\n" +
			"Without it every token would do that the same issuer made for another service")
	}
	o := auth.JWTOptions{Keys: keys, Audience: f.Audience, Issuers: f.Issuers, Leeway: f.Leeway}
	if o.Leeway == 0 {
		o.Leeway = -1 // the flag's nought is none, the option's is the default
	}
	if f.JWKSURL != "" {
		set, err := auth.NewJWKS(auth.JWKSOptions{URL: f.JWKSURL, Logger: log})
		if err != nil {
			return nil, err
		}
		_ = set.Fetch(ctx) // it has logged what is wrong, and is tried again when a token comes
		o.JWKS = set
	}
	return auth.NewJWT(o)
}

// webhook returns an Authorizer that asks a backend.
func (f *accessFlags) webhook() (server.Authorizer, error) {
	secret, _, err := readSecret(f.WebhookSecret, "WEFT_AUTH_WEBHOOK_SECRET")
	if err != nil {
		return nil, err
	}
	if secret == nil {
		return nil, usageError("say --auth-webhook-secret-file: the backend has to know that it is weft who asks")
	}
	o := auth.WebhookOptions{
		URL: f.Webhook, Secret: secret, Headers: f.WebhookHeader, CacheFor: f.WebhookCache, AllowCleartext: f.AllowClear,
	}
	if o.CacheFor == 0 {
		o.CacheFor = -1 // the flag's nought is never, the option's is the default
	}
	return auth.NewWebhook(o)
}

// count returns how many are true.
func count(chosen []bool) int {
	n := 0
	for _, c := range chosen {
		if c {
			n++
		}
	}
	return n
}
