package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// block returns a PEM block.
func block(kind string, der []byte, err error) string {
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// TestParseKeys: whatever form a key comes in, it verifies what the private one has signed.
func TestParseKeys(t *testing.T) {
	rs, es, ed, hs := testKeys()[RS256], testKeys()[ES256], testKeys()[EdDSA], testKeys()[HS256]
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, certErr := x509.CreateCertificate(rand.Reader, template, template, es.verify, es.sign)
	pkix := func(k Key) string {
		der, err := x509.MarshalPKIXPublicKey(k.verify)
		return block("PUBLIC KEY", der, err)
	}
	pkcs8 := func(k Key) string {
		der, err := x509.MarshalPKCS8PrivateKey(k.sign)
		return block("PRIVATE KEY", der, err)
	}
	sec1, sec1Err := x509.MarshalECPrivateKey(es.sign.(*ecdsa.PrivateKey))
	jwk := func(k Key) string {
		text, err := k.JWK()
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	tests := []struct {
		name, text string
		key        Key
		canSign    bool
	}{
		{"RSA, PKIX", pkix(rs), rs, false},
		{"RSA, PKCS #1", block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(rs.verify.(*rsa.PublicKey)), nil), rs, false},
		{"RSA, private, PKCS #1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rs.sign.(*rsa.PrivateKey)), nil), rs, true},
		{"RSA, private, PKCS #8", pkcs8(rs), rs, true},
		{"P-256, PKIX", pkix(es), es, false},
		{"P-256, certificate", block("CERTIFICATE", certificate, certErr), es, false},
		{"P-256, private, SEC 1", block("EC PARAMETERS", []byte{6}, nil) + block("EC PRIVATE KEY", sec1, sec1Err), es, true},
		{"P-256, private, PKCS #8", pkcs8(es), es, true},
		{"Ed25519, PKIX", pkix(ed), ed, false},
		{"Ed25519, private, PKCS #8", pkcs8(ed), ed, true},
		{"RSA, private JWK", jwk(rs), rs, true},
		{"P-256, private JWK", jwk(es), es, true},
		{"Ed25519, private JWK", "\n" + jwk(ed) + "\n", ed, true},
		{"secret, JWK", jwk(hs), hs, true},
		{"set", keySet(t, rs, es, ed), rs, false},
		{"text before a block", "Public-Key: (256 bit)\n" + pkix(es) + "\n", es, false},
		{"several blocks", pkix(es) + "\n" + pkix(ed), ed, false},
	}
	for _, tt := range tests {
		keys, err := ParseKeys([]byte(tt.text))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if keys[0].CanSign() != tt.canSign {
			t.Errorf("%s: got can sign %t", tt.name, keys[0].CanSign())
		}
		expectGood(t, newJWT(t, keys...), signed(t, tt.key, goodPayload(nil)))
		if tt.canSign {
			expectGood(t, newJWT(t, public(t, tt.key)), signed(t, keys[0], goodPayload(nil)))
		}
	}
}

func TestParseKeysRefuses(t *testing.T) {
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, derErr := x509.MarshalPKIXPublicKey(pub)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	large, largeErr := x509.MarshalPKIXPublicKey(&p384.PublicKey)
	weak, weakErr := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 1023, 1), E: 65537})
	good := block("PUBLIC KEY", der, derErr)
	ed, err := testKeys()[EdDSA].JWK()
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewKey("", private)
	if err != nil {
		t.Fatal(err)
	}
	otherJWK, err := other.JWK()
	if err != nil {
		t.Fatal(err)
	}
	x := func(jwk []byte) string { _, rest, _ := strings.Cut(string(jwk), `"x":"`); return rest[:43] }
	tests := []struct{ name, text, want string }{
		{"nothing", "", "want PEM"},
		{"a word", "secret", "want PEM"},
		{"a block that is no key", block("CERTIFICATE REQUEST", nil, nil), "no key"},
		{"a block with nothing in it", block("PUBLIC KEY", nil, nil), "block"},
		{"a good block and a bad one", good + block("PUBLIC KEY", []byte{1}, nil), "block"},
		{"a good block and text", good + "and this", "follows"},
		{"half a block", good[:len(good)/2], "want PEM"},
		{"P-384", block("PUBLIC KEY", large, largeErr), "P-384"},
		{"RSA of 1024 bits", block("PUBLIC KEY", weak, weakErr), "not 1024"},
		{"no JSON", "{", "no JSON"},
		{"an empty object", "{}", "no JSON Web Key"},
		{"an empty set", `{"keys":[]}`, "empty"},
		{"a set with a key that cannot be used", `{"keys":[` + string(ed) + `,{"kty":"X"}]}`, "key 2"},
		{"a key for encryption", strings.Replace(string(ed), `"sig"`, `"enc"`, 1), "its use is"},
		{"another algorithm", strings.Replace(string(ed), `"EdDSA"`, `"ES256"`, 1), "its algorithm is"},
		{"a private half of another key", strings.Replace(string(ed), x(ed), x(otherJWK), 1), "not"},
		{"a short secret", `{"kty":"oct","k":"AAAA"}`, "at least 32 bytes"},
		{"too many keys", strings.Repeat(good, maxKeys+1), "more than 64"},
	}
	for _, tt := range tests {
		if keys, err := ParseKeys([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v and %v, want an error with %q", tt.name, keys, err, tt.want)
		}
	}
}

// TestNewKeyFindsHalvesThatDoNotFit: an elliptic key with the public half of another would make tokens that nobody takes.
func TestNewKeyFindsHalvesThatDoNotFit(t *testing.T) {
	mine, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mixed := *mine
	mixed.PublicKey = *testKeys()[ES256].verify.(*ecdsa.PublicKey)
	if _, err := NewKey("", &mixed); err == nil {
		t.Error("got no error")
	}
	for _, key := range []any{nil, "secret", 7, *mine, make([]byte, 31), ed25519.PublicKey{1}, make(ed25519.PublicKey, 32)} {
		if k, err := NewKey("", key); err == nil {
			t.Errorf("%T: got %v, want an error", key, k)
		}
	}
}

// TestSecretsAreTold: the text of a key is no secret, whatever is in it, and a secret may begin like one.
func TestSecretsAreTold(t *testing.T) {
	long := strings.Repeat("x", minSecretBytes)
	for _, c := range []struct {
		secret string
		good   bool
	}{
		{long, true},
		{"{" + long, true}, // one random secret in 256 begins with this
		{"\n{\xff" + long, true},
		{`{"` + long + `"}`, true},
		{`{"kty":"OKP","x":"` + long + `"}`, false},
		{" \n{\"keys\":[" + strings.Repeat(" ", minSecretBytes) + "]}\n", false},
		{"-----BEGIN PUBLIC KEY-----\n" + long, false},
		{"\tssh-ed25519 " + long, false},
		{"ecdsa-sha2-nistp256 " + long, false},
	} {
		if _, err := NewKey("", []byte(c.secret)); (err == nil) != c.good {
			t.Errorf("%q: got %v, want good %v", c.secret, err, c.good)
		}
	}
}

// TestKeysDoNotShowThemselves: a key that is printed or logged by mistake is its name.
func TestKeysDoNotShowThemselves(t *testing.T) {
	for algorithm, key := range testKeys() {
		want := fmt.Sprintf("%s key kid=%q", algorithm, key.ID())
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if got := fmt.Sprintf(verb, key); got != want {
				t.Errorf("%s: got %s, want %s", verb, got, want)
			}
		}
	}
	if _, err := testKeys()[HS256].PublicJWK(); err == nil {
		t.Error("the public half of a secret: got no error")
	}
	if _, err := GenerateKey("none"); err == nil {
		t.Error("a key for no algorithm: got no error")
	}
}

func TestSignRefuses(t *testing.T) {
	good := Claims{Audience: []string{here}, Expires: time.Now().Add(time.Hour), Documents: Documents{"notes": ysync.Write}}
	key := testKeys()[EdDSA]
	tests := []struct {
		name   string
		key    Key
		change func(*Claims)
		want   string
	}{
		{"a public key", public(t, key), func(*Claims) {}, "public"},
		{"no expiry", key, func(c *Claims) { c.Expires = time.Time{} }, "expiry"},
		{"no audience", key, func(c *Claims) { c.Audience = nil }, "audience"},
		{"no pattern", key, func(c *Claims) { c.Documents = Documents{"a*": ysync.Read} }, "last segment"},
	}
	for _, tt := range tests {
		claims := good
		tt.change(&claims)
		if _, err := tt.key.Sign(claims); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}

// TestSignedClaimsComeBack: Verify returns what was signed.
func TestSignedClaimsComeBack(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	want := Claims{
		Subject: "ada", Audience: []string{here, "x"}, Issuer: "us", Expires: now.Add(time.Hour), NotBefore: now, IssuedAt: now,
		Documents: Documents{"a/b": ysync.None, "*": ysync.Read, "c/*": ysync.Presence, "d": ysync.Admin},
	}
	key := testKeys()[RS256]
	token, err := key.Sign(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := newJWT(t, key).Verify(t.Context(), token)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v and %v, want %v", got, err, want)
	}
}

// TestKeysWithoutKid: several keys without names are all tried, up to a bound.
func TestKeysWithoutKid(t *testing.T) {
	var keys []Key
	for range maxTried + 1 {
		key, err := generate(EdDSA)
		if err != nil {
			t.Fatal(err)
		}
		k, err := NewKey("", key)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	last := keys[maxTried-1]
	expectGood(t, newJWT(t, keys[:maxTried]...), signed(t, last, goodPayload(nil)))
	named, err := NewKey("a name that the server does not know", last.sign)
	if err != nil {
		t.Fatal(err)
	}
	expectGood(t, newJWT(t, keys[:maxTried]...), signed(t, named, goodPayload(nil)))
	expectBad(t, newJWT(t, keys[:maxTried-1]...), signed(t, last, goodPayload(nil)), ysync.CodeUnauthorized, "none of 7 keys")
	expectBad(t, newJWT(t, keys...), signed(t, last, goodPayload(nil)), ysync.CodeUnauthorized, "9 keys could have signed it")
}
