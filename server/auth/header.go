package auth

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4/json"

	ysync "github.com/weftsync/weft/sync"
)

// The bounds of a token.
const (
	maxTokenBytes = 8 << 10 // looked at before anything is parsed
	maxTried      = 8       // keys that one token is verified with
)

// header is what a token says about its signature. It only selects among the configured keys.
type header struct {
	algorithm Algorithm
	id        string // the kid; "" for none
}

// forbidden are members of a header that would change what is verified, or with which key.
var forbidden = map[string]string{
	"crit": "the token has extensions that this server does not know",
	"b64":  "the token has extensions that this server does not know",
	"jwk":  "the token brings a key of its own",
	"x5c":  "the token brings a key of its own",
}

// parseHeader reads the header of a token, and refuses everything whose shape is not that of a signed token. The URLs
// of jku and x5u, which some issuers put into every token, are not looked at.
func parseHeader(token string) (header, error) {
	if err := checkShape(token); err != nil {
		return header{}, err
	}
	var text []byte
	for i, part := range strings.Split(token, ".") {
		decoded, err := base64.RawURLEncoding.Strict().DecodeString(part) // the library takes bits that mean nothing
		if err != nil {
			return header{}, unauthorized("part %d of the token is not base64url", i+1)
		}
		if i == 0 {
			text = decoded
		}
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return header{}, unauthorized("the token's header is no JSON object, or names a member twice")
	}
	for name, reason := range forbidden {
		if _, ok := members[name]; ok {
			return header{}, unauthorized("%s (%s)", reason, name)
		}
	}
	algorithm, err := textOf(members, "alg")
	if err != nil {
		return header{}, err
	}
	switch Algorithm(algorithm) {
	case HS256, RS256, ES256, EdDSA:
	default:
		return header{}, unauthorized("the token's algorithm %s is not one of HS256, RS256, ES256 and EdDSA", quote(algorithm))
	}
	id, err := textOf(members, "kid")
	if err != nil {
		return header{}, err
	}
	return header{Algorithm(algorithm), id}, nil
}

// checkShape returns a refusal unless token is three parts of base64url characters.
func checkShape(token string) error {
	if token == "" {
		return unauthorized("there is no token")
	}
	if len(token) > maxTokenBytes {
		return unauthorized("the token has %d bytes, more than %d", len(token), maxTokenBytes)
	}
	if i := strings.IndexFunc(token, notInToken); i >= 0 {
		return unauthorized("the token has a character at %d that no token has", i)
	}
	switch n := strings.Count(token, ".") + 1; n {
	case 3:
		return nil
	case 5:
		return unauthorized("the token is encrypted; only signed ones are read")
	default:
		return unauthorized("the token has %d parts between dots, not three", n)
	}
}

// notInToken reports whether r can be no part of a token.
func notInToken(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_', r == '.':
		return false
	}
	return true
}

// matching returns those of keys that may have signed a token with that header.
func (h header) matching(keys []Key) []Key {
	var found []Key
	for _, k := range keys {
		if k.algorithm == h.algorithm && (h.id == "" || k.id == "" || k.id == h.id) {
			found = append(found, k)
		}
	}
	return found
}

// unmatched says why none of keys may have signed a token with that header.
func (h header) unmatched(keys []Key) string {
	for _, k := range keys {
		if h.id != "" && k.id == h.id {
			return fmt.Sprintf("the token says %s, and the key kid=%s is for %s", h.algorithm, quote(k.id), k.algorithm)
		}
	}
	if h.id != "" {
		return fmt.Sprintf("no key for %s is named kid=%s", h.algorithm, quote(h.id))
	}
	return fmt.Sprintf("no key is for %s", h.algorithm)
}

// unauthorized refuses a token. The reason is for the client, and never holds the token.
func unauthorized(format string, args ...any) error {
	return ysync.Refuse(ysync.CodeUnauthorized, format, args...)
}
