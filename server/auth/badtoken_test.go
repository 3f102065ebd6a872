package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	ysync "github.com/weftsync/weft/sync"
)

// badToken is a token that has to be refused.
type badToken struct {
	name, token string
	code        ysync.Code
	want        string // part of the reason
}

// b64 encodes a part of a token.
func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// withHeader returns a token with a header of its own and a signature of HS256 under that secret.
func withHeader(secret []byte, header, payload string) string {
	text := b64(header) + "." + b64(payload)
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(text))
	return text + "." + b64(string(h.Sum(nil)))
}

// badTokens returns what an attacker or a broken issuer may send to a server that has the public halves of the test keys,
// each made as well as it can be: where it is signed at all, the signature is right.
func badTokens(t testing.TB) []badToken {
	t.Helper()
	keys := testKeys()
	ed, es, hs := keys[EdDSA], keys[ES256], keys[HS256]
	secret := hs.verify.([]byte)
	good := signed(t, ed, goodPayload(nil))
	parts := strings.Split(good, ".")
	payload := func(change map[string]any) string { return signed(t, ed, goodPayload(change)) }
	headed := func(extra string) string {
		return withHeader(secret, `{"alg":"HS256","kid":"`+hs.id+`"`+extra+`}`, goodText(t))
	}
	const unauthorized = ysync.CodeUnauthorized
	list := []badToken{
		// The algorithm.
		{"alg none", b64(`{"alg":"none"}`) + "." + parts[1] + ".", unauthorized, `"none" is not one of`},
		{"alg None", b64(`{"alg":"None"}`) + "." + parts[1] + "." + parts[2], unauthorized, `"None" is not one of`},
		{"alg missing", b64(`{}`) + "." + parts[1] + "." + parts[2], unauthorized, `"" is not one of`},
		{"alg a number", b64(`{"alg":256}`) + "." + parts[1] + "." + parts[2], unauthorized, "alg is no string"},
		{"alg we have no key for", b64(`{"alg":"PS256"}`) + "." + parts[1] + "." + parts[2], unauthorized, `"PS256" is not`},
		{"alg of another key", b64(`{"alg":"ES256","kid":"`+ed.id+`"}`) + "." + parts[1] + "." + parts[2], unauthorized, "is for EdDSA"},
		// The key.
		{"kid unknown", withHeader(secret, `{"alg":"HS256","kid":"other"}`, goodText(t)), unauthorized, `named kid="other"`},
		{"kid a path", withHeader(nil, `{"alg":"HS256","kid":"../../dev/null"}`, goodText(t)), unauthorized, "named kid="},
		{"kid a query", withHeader(secret, `{"alg":"HS256","kid":"x' UNION SELECT 'y"}`, goodText(t)), unauthorized, "named kid="},
		{"kid a URL", withHeader(secret, `{"alg":"HS256","kid":"https://evil.example/key"}`, goodText(t)), unauthorized, "named kid="},
		{"kid a number", withHeader(secret, `{"alg":"HS256","kid":7}`, goodText(t)), unauthorized, "kid is no string"},
		{"kid null", withHeader(secret, `{"alg":"HS256","kid":null}`, goodText(t)), unauthorized, "kid is no string"},
		{"kid very long", withHeader(secret, `{"alg":"HS256","kid":"`+strings.Repeat("k", 4000)+`"}`, goodText(t)), unauthorized, "…"},
		{"jwk", headed(`,"jwk":{"kty":"oct","k":"AAAA"}`), unauthorized, "a key of its own (jwk)"},
		{"x5c", headed(`,"x5c":["AAAA"]`), unauthorized, "a key of its own (x5c)"},
		{"crit", headed(`,"crit":["exp"],"exp":1`), unauthorized, "extensions that this server does not know (crit)"},
		{"b64", headed(`,"b64":false`), unauthorized, "(b64)"},
		// The signature.
		{"no signature", parts[0] + "." + parts[1] + ".", unauthorized, "does not fit"},
		{"signature of another token", strings.Join([]string{parts[0], parts[1], strings.Split(payload(map[string]any{"sub": "eve"}), ".")[2]}, "."), unauthorized, "does not fit"},
		{"payload of another token", strings.Join([]string{parts[0], b64(goodText(t)), parts[2]}, "."), unauthorized, "does not fit"},
		{"header of another token", strings.Join([]string{b64(`{"alg":"EdDSA"}`), parts[1], parts[2]}, "."), unauthorized, "does not fit"},
		{"ES256 with r and s zero", es256Token(t, es, make([]byte, 64)), unauthorized, "does not fit the ES256 key"},
		{"ES256 with a short signature", es256Token(t, es, make([]byte, 63)), unauthorized, "does not fit"},
		{"ES256 in DER", es256Token(t, es, derSignature(t, es)), unauthorized, "does not fit"},
		{"ES256 on a wrong curve", wrongCurve(t, es.id), unauthorized, "does not fit"},
		// The times and names.
		{"exp missing", payload(map[string]any{"exp": missing{}}), unauthorized, "no expiry"},
		{"exp past", payload(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}), unauthorized, "expired 1m"},
		{"exp a string", payload(map[string]any{"exp": "9999999999"}), unauthorized, "exp is no number"},
		{"exp null", payload(map[string]any{"exp": nil}), unauthorized, "exp is no number"},
		{"exp true", payload(map[string]any{"exp": true}), unauthorized, "exp is no number"},
		{"exp negative", payload(map[string]any{"exp": -1}), unauthorized, "exp is no number"},
		{"exp in milliseconds", payload(map[string]any{"exp": time.Now().UnixMilli()}), unauthorized, "exp is no number"},
		{"exp enormous", signedText(t, ed, `{"aud":"`+here+`","exp":1e400}`), unauthorized, "exp is no number"},
		{"exp a list", payload(map[string]any{"exp": []int{1}}), unauthorized, "exp is no number"},
		{"nbf in the future", payload(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}), unauthorized, "(nbf)"},
		{"nbf a string", payload(map[string]any{"nbf": "0"}), unauthorized, "nbf is no number"},
		{"iat in the future", payload(map[string]any{"iat": time.Now().Add(time.Hour).Unix()}), unauthorized, "(iat)"},
		{"aud missing", payload(map[string]any{"aud": missing{}}), unauthorized, "no audience"},
		{"aud wrong", payload(map[string]any{"aud": "https://elsewhere.example.com"}), unauthorized, "another audience"},
		{"aud longer", payload(map[string]any{"aud": here + "/"}), unauthorized, "another audience"},
		{"aud empty", payload(map[string]any{"aud": []string{}}), unauthorized, "another audience"},
		{"aud a number", payload(map[string]any{"aud": 7}), unauthorized, "aud is neither"},
		{"aud null", payload(map[string]any{"aud": nil}), unauthorized, "aud is neither"},
		{"aud a list with a number", payload(map[string]any{"aud": []any{here, 7}}), unauthorized, "aud is neither"},
		{"sub a number", payload(map[string]any{"sub": 7}), unauthorized, "sub is no string"},
		{"iss a list", payload(map[string]any{"iss": []string{"a"}}), unauthorized, "iss is no string"},
		// What it allows.
		{"another document", payload(map[string]any{"weft": map[string]any{"docs": map[string]any{"other": "admin"}}}), ysync.CodeForbidden, "not for this document"},
		{"level none", payload(map[string]any{"weft": map[string]any{"docs": map[string]any{"*": "read", "notes": "none"}}}), ysync.CodeForbidden, "not for this document"},
		{"no claim", payload(map[string]any{"weft": missing{}}), ysync.CodeForbidden, "no claim weft"},
		{"claim without docs", payload(map[string]any{"weft": map[string]any{}}), unauthorized, "object docs"},
		{"claim a string", payload(map[string]any{"weft": "write"}), unauthorized, "object docs"},
		{"docs null", payload(map[string]any{"weft": map[string]any{"docs": nil}}), unauthorized, "object docs"},
		{"docs a list", payload(map[string]any{"weft": map[string]any{"docs": []string{"notes"}}}), unauthorized, "object docs"},
		{"level unknown", payload(map[string]any{"weft": map[string]any{"docs": map[string]any{"notes": "owner"}}}), unauthorized, `"owner" is no level`},
		{"pattern that crosses", payload(map[string]any{"weft": map[string]any{"docs": map[string]any{"note*": "write"}}}), unauthorized, "last segment"},
		// The JSON.
		{"a claim twice", signedText(t, ed, `{"aud":"x","aud":"`+here+`","exp":9999999999}`), unauthorized, "twice"},
		{"a document twice", signedText(t, ed, `{"aud":"`+here+`","exp":9999999999,"weft":{"docs":{"notes":"read","notes":"admin"}}}`), unauthorized, "once"},
		{"a header twice", withHeader(secret, `{"alg":"none","alg":"HS256"}`, goodText(t)), unauthorized, "twice"},
		{"claims in capitals", signedText(t, ed, `{"AUD":"`+here+`","EXP":9999999999}`), unauthorized, "no audience"},
		{"payload a list", signedText(t, ed, `[]`), unauthorized, "no JSON object"},
		{"payload null", signedText(t, ed, `null`), unauthorized, "no audience"},
		{"payload empty", signedText(t, ed, ``), unauthorized, "no JSON object"},
		{"payload a token: nested", signedText(t, ed, good), unauthorized, "no JSON object"},
		{"payload not UTF-8", signedText(t, ed, "{\"aud\":\""+here+"\",\"exp\":9999999999,\"weft\":{\"docs\":{\"notes\xff\":\"read\"}}}"), unauthorized, "no JSON object"},
		{"payload deep", signedText(t, ed, strings.Repeat("[", 5000)), unauthorized, "no JSON object"},
		{"payload with something behind", signedText(t, ed, goodText(t)+"{}"), unauthorized, "no JSON object"},
		{"header a list", b64(`[]`) + "." + parts[1] + "." + parts[2], unauthorized, "no JSON object"},
		{"header null", b64(`null`) + "." + parts[1] + "." + parts[2], unauthorized, `"" is not one of`},
		// The shape.
		{"a megabyte of dots", strings.Repeat(".", 1<<20), unauthorized, "1048576 bytes, more than 8192"},
		{"dots", strings.Repeat(".", maxTokenBytes), unauthorized, "8193 parts"},
		{"two dots", "..", unauthorized, "no JSON object"},
		{"too long by one", good + strings.Repeat("A", maxTokenBytes+1-len(good)), unauthorized, "8193 bytes"},
		{"as long as may be", good + strings.Repeat("A", maxTokenBytes-len(good)), unauthorized, ""},
		{"one part", parts[0], unauthorized, "1 parts"},
		{"encrypted", encrypted(t, hs), unauthorized, "encrypted"},
		{"JSON serialisation", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, unauthorized, "character at 0"},
		{"padding", parts[0] + "==." + parts[1] + "." + parts[2], unauthorized, "character at"},
		{"plain base64", parts[0] + "+/." + parts[1] + "." + parts[2], unauthorized, "character at"},
		{"header not base64", "A." + parts[1] + "." + parts[2], unauthorized, "part 1 of the token is not base64url"},
		{"payload not base64", parts[0] + ".A." + parts[2], unauthorized, "part 2 of the token is not base64url"},
		{"header with loose bits", "ew_." + parts[1] + "." + parts[2], unauthorized, "part 1 of the token is not base64url"},
		{"signature with loose bits", parts[0] + "." + parts[1] + "." + loosen(parts[2]), unauthorized, "part 3 of the token is not base64url"},
		{"a space before", " " + good, unauthorized, "character at 0"},
		{"a line break behind", good + "\n", unauthorized, fmt.Sprintf("character at %d", len(good))},
		{"a line break inside", parts[0] + ".\r\n" + parts[1] + "." + parts[2], unauthorized, "character at"},
		{"Bearer inside", "Bearer " + good, unauthorized, "character at 6"},
		{"NUL", good + "\x00", unauthorized, "character at"},
		{"not UTF-8", good + "\xff", unauthorized, "character at"},
		{"a letter that looks alike", strings.Replace(good, "e", "е", 1), unauthorized, "character at 0"},
	}
	return append(list, confusions(t)...)
}

// loosen changes the bits of the last character of a part that decode to nothing: two of them in 64 bytes.
func loosen(part string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, part[len(part)-1])
	return part[:len(part)-1] + alphabet[last+1:last+2]
}

// goodText is a payload that is accepted.
func goodText(testing.TB) string {
	return fmt.Sprintf(`{"sub":"ada","aud":%q,"exp":%d,"weft":{"docs":{"notes":"write"}}}`, here, time.Now().Add(time.Hour).Unix())
}

// confusions returns tokens signed with HS256 under every text of the public keys that somebody may have.
func confusions(t testing.TB) []badToken {
	t.Helper()
	var list []badToken
	for _, a := range []Algorithm{RS256, ES256, EdDSA} {
		key := testKeys()[a]
		der, err := x509.MarshalPKIXPublicKey(key.verify)
		if err != nil {
			t.Fatal(err)
		}
		jwk, err := key.PublicJWK()
		if err != nil {
			t.Fatal(err)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		for form, secret := range map[string][]byte{"PEM": text, "PEM without its end": text[:len(text)-1], "DER": der, "JWK": jwk} {
			for _, header := range []string{`{"alg":"HS256"}`, `{"alg":"HS256","kid":"` + key.id + `"}`} {
				list = append(list, badToken{
					fmt.Sprintf("HS256 with the %s of %s, %s", form, key, header), withHeader(secret, header, goodText(t)),
					ysync.CodeUnauthorized, "",
				})
			}
		}
	}
	return list
}

// es256Token returns a good token but for its signature.
func es256Token(t testing.TB, k Key, signature []byte) string {
	t.Helper()
	token := signed(t, k, goodPayload(nil))
	return token[:strings.LastIndexByte(token, '.')+1] + base64.RawURLEncoding.EncodeToString(signature)
}

// derSignature signs as X.509 does, where a token wants two numbers of 32 bytes.
func derSignature(t testing.TB, k Key) []byte {
	t.Helper()
	token := signed(t, k, goodPayload(nil))
	sum := sha256.Sum256([]byte(token[:strings.LastIndexByte(token, '.')]))
	signature, err := ecdsa.SignASN1(rand.Reader, k.sign.(*ecdsa.PrivateKey), sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// wrongCurve returns a token that says ES256 and is signed on P-384.
func wrongCurve(t testing.TB, kid string) string {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := b64(`{"alg":"ES256","kid":"`+kid+`"}`) + "." + b64(goodText(t))
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 96)
	r.FillBytes(signature[:48])
	s.FillBytes(signature[48:])
	return text + "." + b64(string(signature))
}

// encrypted returns a good token inside an encrypted one.
func encrypted(t testing.TB, k Key) string {
	t.Helper()
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: k.verify.([]byte)[:32]},
		(&jose.EncrypterOptions{}).WithContentType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	object, err := encrypter.Encrypt([]byte(signed(t, k, goodPayload(nil))))
	if err != nil {
		t.Fatal(err)
	}
	token, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// allPublic returns the test keys as a server has them.
func allPublic(t testing.TB) []Key {
	t.Helper()
	var keys []Key
	for _, a := range []Algorithm{HS256, RS256, ES256, EdDSA} {
		keys = append(keys, public(t, testKeys()[a]))
	}
	return keys
}

func TestBadTokens(t *testing.T) {
	a := newJWT(t, allPublic(t)...)
	for _, tt := range badTokens(t) {
		t.Run(tt.name, func(t *testing.T) {
			_, err := a.Authorize(t.Context(), asked("notes", tt.token))
			expectRefusal(t, err, tt.token, tt.code, tt.want)
		})
	}
}

// TestBadTokensControl: what the table changes is what is refused, for unchanged it is accepted.
func TestBadTokensControl(t *testing.T) {
	a := newJWT(t, allPublic(t)...)
	secret := testKeys()[HS256].verify.([]byte)
	tests := map[string]string{
		"a good payload":                   signed(t, testKeys()[EdDSA], goodPayload(nil)),
		"a good text":                      signedText(t, testKeys()[ES256], goodText(t)),
		"a header by hand":                 withHeader(secret, `{"alg":"HS256","kid":"`+testKeys()[HS256].id+`"}`, goodText(t)),
		"no kid":                           withHeader(secret, `{"alg":"HS256"}`, goodText(t)),
		"members that nobody looks at":     withHeader(secret, `{"alg":"HS256","typ":7,"x5t":"a","cty":"JWT"}`, goodText(t)),
		"URLs, which nobody looks at":      withHeader(secret, `{"alg":"HS256","jku":"https://evil.example/","x5u":"file:///etc/passwd"}`, goodText(t)),
		"space in JSON":                    withHeader(secret, ` {"alg" : "HS256" } `, " "+goodText(t)+"\n"),
		"exp with a fraction":              signed(t, testKeys()[RS256], goodPayload(map[string]any{"exp": float64(time.Now().Unix()) + 60.5})),
		"several audiences, one is this":   signed(t, testKeys()[RS256], goodPayload(map[string]any{"aud": []string{"x", here}})),
		"expired, within the leeway":       signed(t, testKeys()[RS256], goodPayload(map[string]any{"exp": time.Now().Unix() - 1})),
		"claims of others, of any content": signed(t, testKeys()[RS256], goodPayload(map[string]any{"scope": []any{1, nil, map[string]any{}}})),
	}
	for name, token := range tests {
		if grant, err := a.Authorize(t.Context(), asked("notes", token)); err != nil || grant.Level != ysync.Write || grant.User != "ada" {
			t.Errorf("%s: got %+v and %v, want write for ada", name, grant, err)
		}
	}
}

// TestConfusionControl: the tokens of confusions are good for a verifier that takes a public key's text as a secret,
// which is what they are made for.
func TestConfusionControl(t *testing.T) {
	der, err := x509.MarshalPKIXPublicKey(testKeys()[EdDSA].verify)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	if _, err := NewKey("", text); err == nil || !strings.Contains(err.Error(), "not a secret") {
		t.Errorf("a public key as a secret: got %v, want an error", err)
	}
	confused := Key{algorithm: HS256, verify: text}
	if _, err := open([]Key{confused}, withHeader(text, `{"alg":"HS256"}`, goodText(t))); err != nil {
		t.Errorf("got %v, want the token accepted by the confused verifier", err)
	}
}
