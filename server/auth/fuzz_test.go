package auth

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// FuzzToken: whatever a client sends as a token is answered, within bounds, with a reason that fits into a close frame.
// Nobody but the holder of the key makes one that is accepted, so the fuzzer's are all refused. The keys have no names, so
// that every kid gets as far as the signature.
func FuzzToken(f *testing.F) {
	keys := []Key{{verify: webhookSecret}} // the one key that all the fuzzer's processes share
	for _, algorithm := range []Algorithm{HS256, RS256, ES256, EdDSA} {
		fresh, err := GenerateKey(algorithm)
		if err != nil {
			f.Fatal(err)
		}
		keys = append(keys, fresh)
	}
	for i := range keys {
		var err error
		if keys[i], err = NewKey("", keys[i].verify); err != nil {
			f.Fatal(err)
		}
	}
	a := newJWT(f, keys...)
	for _, tt := range badTokens(f) {
		if len(tt.token) <= maxTokenBytes {
			f.Add(tt.token)
		}
	}
	good := signedText(f, keys[0], `{"aud":"`+here+`","exp":9999999999,"weft":{"docs":{"notes":"write"}}}`)
	f.Add(good)
	f.Fuzz(func(t *testing.T, token string) {
		grant, err := a.Authorize(context.Background(), asked("notes", token))
		if err == nil {
			if token != good {
				t.Fatalf("got %+v for %q", grant, token)
			}
			return
		}
		var refusal *ysync.Refusal
		if !errors.As(err, &refusal) || refusal.Reason == "" || len(refusal.Reason) > ysync.MaxReasonBytes {
			t.Fatalf("got %v, want a refusal with a reason", err)
		}
	})
}

// FuzzClaims: a payload that an issuer has signed is read or refused, and what is read can be signed again and means the
// same.
func FuzzClaims(f *testing.F) {
	f.Add(goodText(f))
	f.Add(`{"aud":["a","b"],"exp":1.5,"nbf":0,"iat":9e9,"iss":"","weft":{"docs":{"*":"none","a/*":"admin"}}}`)
	f.Add(`{"aud":"a","exp":"1"}`)
	f.Add(`{"aud":"a","exp":1,"weft":{"docs":{}}}`)
	key := testKeys()[HS256]
	f.Fuzz(func(t *testing.T, text string) {
		claims, err := parseClaims([]byte(text))
		if err != nil {
			var refusal *ysync.Refusal
			if !errors.As(err, &refusal) || len(refusal.Reason) > ysync.MaxReasonBytes {
				t.Fatalf("got %v, want a refusal", err)
			}
			return
		}
		if err := claims.Documents.Check(); err != nil {
			t.Fatalf("accepted documents that are none: %v", err)
		}
		token, err := key.Sign(claims)
		if err != nil {
			return // no audience or expiry, which a check refuses
		}
		payload, err := key.open(token)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseClaims(payload)
		if err != nil {
			t.Fatalf("signed again, it is refused: %v", err)
		}
		if again.Subject != claims.Subject || !again.Expires.Equal(claims.Expires.Truncate(time.Second)) || len(again.Documents) != len(claims.Documents) {
			t.Fatalf("got %+v, want %+v", again, claims)
		}
		for name, level := range claims.Documents {
			if again.Documents[name] != level {
				t.Fatalf("%q: got %s, want %s", name, again.Documents[name], level)
			}
		}
	})
}

// FuzzKeys: a file or a page with keys is read or refused, and every key that is read verifies.
func FuzzKeys(f *testing.F) {
	for _, key := range testKeys() {
		text, err := key.JWK()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
		f.Add(`{"keys":[` + string(text) + `]}`)
	}
	f.Add("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		files, fileErr := ParseKeys([]byte(text))
		pages, pageErr := parseKeySet([]byte(text))
		if fileErr == nil && len(files) == 0 || pageErr == nil && len(pages) == 0 {
			t.Fatal("no key and no error")
		}
		for _, k := range append(files, pages...) {
			if _, err := k.open(strings.Repeat("e30", 2) + ".e30.AAAA"); err == nil {
				t.Fatalf("the %v takes everything", k)
			}
		}
	})
}
