// Package auth decides who may do what with which document. It has two implementations of server.Authorizer: JWT reads
// signed tokens, and Webhook asks a backend of yours.
//
//	keys, err := auth.ParseKeys(pem) // or a JWK, or a set of them
//	jwt, err := auth.NewJWT(auth.JWTOptions{Keys: keys, Audience: []string{"https://notes.example.com"}})
//	srv, err := server.New(server.Options{Authorizer: jwt, …})
//
// # Tokens
//
// Whoever knows your users, your backend or an identity provider, makes a token for each and signs it. The payload says who
// it is for, until when, for which server, and what it allows:
//
//	{
//	  "sub": "ada",
//	  "aud": "https://notes.example.com",
//	  "exp": 1764103600,
//	  "weft": {"docs": {"team/*": "write", "team/pay": "none", "welcome": "read"}}
//	}
//
// exp and aud are required, nbf, iat and iss are heeded, sub is written into the log beside what its bearer writes. The
// member weft.docs names documents, or everything below a name with a star as the last segment; the most specific entry
// decides. A document that no entry covers is closed. See Documents and Claims; Key.Sign makes such a token.
//
// # Levels
//
//	none      nothing
//	read      see the document, and who is there
//	presence  and be seen: cursor, name
//	write     and change the document, or create it
//	admin     and administer it
//
// # Keys
//
// The algorithm belongs to the key and is never taken from the token: a secret is for HS256 only, an RSA key for RS256, a
// key on P-256 for ES256, an Ed25519 key for EdDSA. A token's kid chooses among the keys that are configured and is
// nothing else, no path and no URL. Of the other members of a header, a key that the token brings along (jwk, x5c) and
// extensions (crit, b64) are refused, and URLs (jku, x5u) are not looked at. JWKS keeps the keys of an identity
// provider up to date.
//
// # Refusals
//
// A token that is no good is refused with sync.CodeUnauthorized and a reason that a developer can act on ("the token
// expired 3s ago", "the signature does not fit the ES256 key kid=a"); a good one for another document with
// sync.CodeForbidden. No error, reason or line of a log holds a token.
package auth
