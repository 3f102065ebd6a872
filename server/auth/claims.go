package auth

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/weftsync/weft/server"
	ysync "github.com/weftsync/weft/sync"
)

// claimName is the claim that holds what is weft's own.
const claimName = "weft"

// Claims are what a token says. Times have the precision of a second when they are signed.
type Claims struct {
	Subject   string    // sub: who it is for; becomes server.Grant.User
	Audience  []string  // aud: which servers it is for
	Issuer    string    // iss: who made it
	Expires   time.Time // exp: until when it is good
	NotBefore time.Time // nbf: from when on; zero for always
	IssuedAt  time.Time // iat: when it was made; zero for not said
	Documents Documents // weft.docs: what may be done with which documents; nil for not said
}

// Sign returns a token with these claims. It needs a key that can sign, and claims that a JWT would accept: an expiry, an
// audience, and documents that are names or patterns.
func (k Key) Sign(c Claims) (string, error) {
	switch {
	case c.Expires.IsZero():
		return "", fmt.Errorf("sign token: it needs an expiry")
	case len(c.Audience) == 0:
		return "", fmt.Errorf("sign token: it needs an audience")
	}
	if err := c.Documents.Check(); err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	payload, err := json.Marshal(c.members())
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return k.signPayload(payload)
}

// members returns the claims as they are in a token.
func (c Claims) members() map[string]any {
	levels := make(map[string]string, len(c.Documents))
	for name, level := range c.Documents {
		levels[name] = level.String()
	}
	m := map[string]any{"exp": c.Expires.Unix(), claimName: map[string]any{"docs": levels}}
	if m["aud"] = c.Audience; len(c.Audience) == 1 {
		m["aud"] = c.Audience[0]
	}
	if c.Subject != "" {
		m["sub"] = c.Subject
	}
	if c.Issuer != "" {
		m["iss"] = c.Issuer
	}
	if !c.NotBefore.IsZero() {
		m["nbf"] = c.NotBefore.Unix()
	}
	if !c.IssuedAt.IsZero() {
		m["iat"] = c.IssuedAt.Unix()
	}
	return m
}

// parseClaims reads the payload of a token whose signature has been verified. Each claim has to be of its type; those
// that are not ours are not looked at.
func parseClaims(payload []byte) (c Claims, err error) {
	var members map[string]json.RawMessage
	if !utf8.Valid(payload) || json.Unmarshal(payload, &members) != nil {
		return c, unauthorized("the token's payload is no JSON object, or names a member twice")
	}
	texts := []struct {
		name string
		to   *string
	}{{"sub", &c.Subject}, {"iss", &c.Issuer}}
	for _, t := range texts {
		if *t.to, err = textOf(members, t.name); err != nil {
			return c, err
		}
	}
	times := []struct {
		name string
		to   *time.Time
	}{{"exp", &c.Expires}, {"nbf", &c.NotBefore}, {"iat", &c.IssuedAt}}
	for _, t := range times {
		if *t.to, err = dateOf(members, t.name); err != nil {
			return c, err
		}
	}
	if c.Audience, err = audienceOf(members["aud"]); err != nil {
		return c, err
	}
	c.Documents, err = documentsOf(members[claimName])
	return c, err
}

// textOf returns a member that is a string, "" when there is none.
func textOf(members map[string]json.RawMessage, name string) (string, error) {
	raw, ok := members[name]
	if !ok {
		return "", nil
	}
	var s string
	if !startsWith(raw, '"') || json.Unmarshal(raw, &s) != nil {
		return "", unauthorized("the token's %s is no string", name)
	}
	return s, nil
}

// dateOf returns a member that is a number of seconds since 1970, the zero time when there is none. Strings are not
// numbers: a library that compares them as such may take "9" for later than "10".
func dateOf(members map[string]json.RawMessage, name string) (time.Time, error) {
	raw, ok := members[name]
	if !ok {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseFloat(string(bytes.TrimSpace(raw)), 64)
	if err != nil || !(seconds >= 0 && seconds < 1<<40) { // 34,000 years; a time that is further away is in other units
		return time.Time{}, unauthorized("the token's %s is no number of seconds since 1970", name)
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), nil
}

// audienceOf returns the aud claim, which is a string or a list of them.
func audienceOf(raw json.RawMessage) ([]string, error) {
	var one string
	if startsWith(raw, '"') && json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	if raw == nil {
		return nil, unauthorized("the token has no audience (aud)")
	}
	var several []json.RawMessage
	if !startsWith(raw, '[') || json.Unmarshal(raw, &several) != nil {
		return nil, unauthorized("the token's aud is neither a string nor a list of strings")
	}
	list := make([]string, len(several))
	for i, raw := range several {
		if !startsWith(raw, '"') || json.Unmarshal(raw, &list[i]) != nil {
			return nil, unauthorized("the token's aud is neither a string nor a list of strings")
		}
	}
	return list, nil
}

// documentsOf returns the documents of the weft claim, nil when there is none.
func documentsOf(raw json.RawMessage) (Documents, error) {
	if raw == nil {
		return nil, nil
	}
	var claim struct {
		Docs json.RawMessage `json:"docs"`
	}
	if !startsWith(raw, '{') || json.Unmarshal(raw, &claim) != nil || !startsWith(claim.Docs, '{') {
		return nil, unauthorized("the token's claim %s is no object with an object docs", claimName)
	}
	d, err := parseDocuments(claim.Docs)
	if err != nil {
		return nil, unauthorized("the token's claim %s.docs: %v", claimName, err)
	}
	return d, nil
}

// startsWith reports whether a JSON value starts with that character, which tells its type.
func startsWith(raw json.RawMessage, c byte) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && raw[0] == c
}

// check returns a refusal unless the claims are good now, here, and from somebody we listen to.
func (c Claims) check(now time.Time, o *JWTOptions) error {
	switch ago := now.Sub(c.Expires); {
	case c.Expires.IsZero():
		return unauthorized("the token has no expiry (exp)")
	case ago >= o.Leeway:
		return unauthorized("the token expired %s ago", ago.Round(time.Second))
	case c.NotBefore.After(now.Add(o.Leeway)):
		return unauthorized("the token is good in %s only (nbf)", c.NotBefore.Sub(now).Round(time.Second))
	case c.IssuedAt.After(now.Add(o.Leeway)):
		return unauthorized("the token is made %s from now (iat)", c.IssuedAt.Sub(now).Round(time.Second))
	case !slices.ContainsFunc(c.Audience, func(a string) bool { return slices.Contains(o.Audience, a) }):
		return unauthorized("the token is for another audience (aud)")
	case len(o.Issuers) > 0 && !slices.Contains(o.Issuers, c.Issuer):
		return unauthorized("the token is from another issuer (iss)")
	}
	return nil
}

// grant returns what a token with these claims allows, and a refusal when that is nothing.
func (c Claims) grant(r server.Request, leeway time.Duration) (server.Grant, error) {
	if c.Documents == nil {
		return server.Grant{}, ysync.Refuse(ysync.CodeForbidden, "the token has no claim %s that says what it allows", claimName)
	}
	g := server.Grant{User: c.Subject, Expires: c.Expires.Add(leeway), Level: c.Documents.Level(r.Document)}
	if r.Action == server.List {
		g.Level, g.Visible = c.Documents.highest(), c.Documents.visible
	}
	switch {
	case g.Level > ysync.None:
		return g, nil
	case r.Action == server.List:
		return server.Grant{}, ysync.Refuse(ysync.CodeForbidden, "the token is for no document")
	}
	return server.Grant{}, ysync.Refuse(ysync.CodeForbidden, "the token is not for this document")
}

// visible reports whether a list shows the document name.
func (d Documents) visible(name string) bool { return d.Level(name) >= ysync.Read }
