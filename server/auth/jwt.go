package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weftsync/weft/server"
	ysync "github.com/weftsync/weft/sync"
)

// The bounds of JWTOptions.Leeway.
const (
	defaultLeeway = 5 * time.Second
	maxLeeway     = 5 * time.Minute
)

// JWTOptions configures NewJWT. Audience, and one of Keys and JWKS, are required.
type JWTOptions struct {
	// Keys verify the tokens, see ParseKeys and NewKey.
	Keys []Key
	// JWKS has the keys, instead of Keys.
	JWKS *JWKS
	// Audience is what this server is called in the aud of tokens. A token has to name one of them.
	Audience []string
	// Issuers are whose tokens are taken, by their iss. Empty: everybody's who has the key.
	Issuers []string
	// Leeway is by how much the clocks of issuer and server may differ. 0 is 5 s, negative none, at most 5 min. A
	// connection ends that much after its token's exp.
	Leeway time.Duration
}

// JWT is a server.Authorizer that takes signed tokens (RFC 7519). It is safe for concurrent use.
//
// Its work is bounded by the size of a token, 8 KiB, and by the number of keys that one is tried with, 8: a token with an
// unknown signature costs at most eight verifications. What the token says is looked at only when its signature fits.
type JWT struct {
	options JWTOptions
	keys    keySource
}

// keySource finds the keys that may have signed a token. Its refusal says why there is none.
type keySource interface {
	find(ctx context.Context, h header) ([]Key, error)
}

// keyList is a keySource whose keys do not change.
type keyList []Key

// find returns those that fit.
func (l keyList) find(_ context.Context, h header) ([]Key, error) {
	found := h.matching(l)
	if len(found) == 0 {
		return nil, unauthorized("%s", h.unmatched(l))
	}
	return found, nil
}

// NewJWT returns a JWT, or an error that says which option is missing or out of range.
func NewJWT(o JWTOptions) (*JWT, error) {
	switch {
	case len(o.Keys) > 0 && o.JWKS != nil, len(o.Keys) == 0 && o.JWKS == nil:
		return nil, errors.New("make JWT authorizer: it needs keys, or a JWKS with keys, and not both")
	case len(o.Keys) > maxKeys:
		return nil, fmt.Errorf("make JWT authorizer: %d keys are more than %d", len(o.Keys), maxKeys)
	case slices.ContainsFunc(o.Keys, func(k Key) bool { return k.verify == nil }):
		return nil, errors.New("make JWT authorizer: a key was not made with NewKey or ParseKeys")
	case len(o.Audience) == 0 || slices.Contains(o.Audience, ""):
		return nil, errors.New("make JWT authorizer: it needs an audience, else it would take tokens that were made for others")
	case slices.Contains(o.Issuers, ""):
		return nil, errors.New("make JWT authorizer: an issuer is empty")
	case o.Leeway > maxLeeway:
		return nil, fmt.Errorf("make JWT authorizer: the leeway %s is longer than %s", o.Leeway, maxLeeway)
	case o.Leeway == 0:
		o.Leeway = defaultLeeway
	}
	o.Leeway = max(o.Leeway, 0)
	o.Keys, o.Audience, o.Issuers = slices.Clone(o.Keys), slices.Clone(o.Audience), slices.Clone(o.Issuers)
	a := &JWT{options: o, keys: keyList(o.Keys)}
	if o.JWKS != nil {
		a.keys = o.JWKS
	}
	return a, nil
}

// Authorize grants what the token of r says. For server.List it grants the list of the documents that the token covers.
// A refusal is CodeUnauthorized when the token is no good, CodeForbidden when it is good for something else, and
// CodeTryLater while the keys cannot be fetched.
func (a *JWT) Authorize(ctx context.Context, r server.Request) (server.Grant, error) {
	claims, err := a.Verify(ctx, r.Token)
	if err != nil {
		return server.Grant{}, err
	}
	return claims.grant(r, a.options.Leeway)
}

// Verify returns the claims of a token whose signature, times, audience and issuer are good. The error is a
// *sync.Refusal with the reason, and never holds the token.
func (a *JWT) Verify(ctx context.Context, token string) (Claims, error) {
	h, err := parseHeader(token)
	if err != nil {
		return Claims{}, err
	}
	keys, err := a.keys.find(ctx, h)
	if err != nil {
		return Claims{}, err
	}
	payload, err := open(keys, token)
	if err != nil {
		return Claims{}, err
	}
	claims, err := parseClaims(payload)
	if err != nil {
		return Claims{}, err
	}
	if err := claims.check(time.Now(), &a.options); err != nil {
		return Claims{}, err
	}
	return claims, nil
}

// open returns the payload of a token that one of keys has signed.
func open(keys []Key, token string) ([]byte, error) {
	if len(keys) > maxTried {
		return nil, unauthorized("the token names no key (kid), and %d keys could have signed it", len(keys))
	}
	for _, k := range keys {
		if payload, err := k.open(token); err == nil {
			return payload, nil
		}
	}
	if len(keys) == 1 {
		return nil, unauthorized("the signature does not fit the %v", keys[0])
	}
	return nil, unauthorized("the signature fits none of %d keys", len(keys))
}

// tryLater refuses because of passing trouble, which is not the token's.
func tryLater(format string, args ...any) error {
	return ysync.Refuse(ysync.CodeTryLater, format, args...)
}
