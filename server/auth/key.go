package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// Algorithm is how a token is signed. It belongs to the key: a token cannot choose.
type Algorithm string

// The algorithms. HS256 signs with a secret that both sides know, the others with a private key whose public half is
// enough to verify.
const (
	HS256 Algorithm = "HS256" // HMAC with SHA-256; a secret of 32 bytes or more
	RS256 Algorithm = "RS256" // RSA PKCS #1 v1.5 with SHA-256; 2,048 to 4,096 bits
	ES256 Algorithm = "ES256" // ECDSA on P-256
	EdDSA Algorithm = "EdDSA" // Ed25519
)

// The sizes of keys.
const (
	minSecretBytes = 32 // the hash's size, as RFC 7518 asks for
	minRSABits     = 2048
	maxRSABits     = 4096
)

// Key verifies tokens, and signs them if it has a private half. It never shows what it holds: printed, it is its name.
type Key struct {
	id        string
	algorithm Algorithm
	verify    any // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	sign      any // []byte or a private key; nil: verifies only
}

// NewKey makes a key of a []byte, which is a secret for HS256, or of a public or private key of crypto/rsa, crypto/ecdsa
// (P-256) or crypto/ed25519. id is what tokens call it in their kid; a key without an id is tried whatever the kid.
// A secret is kept, not copied. The error says what is wrong with the key and does not hold it.
func NewKey(id string, key any) (Key, error) {
	k := Key{id: id, verify: key}
	if private, ok := key.(crypto.Signer); ok {
		k.sign, k.verify = key, private.Public()
	}
	var err error
	switch v := k.verify.(type) {
	case []byte:
		k.algorithm, k.sign = HS256, v
		err = checkSecret(v)
	case *rsa.PublicKey:
		k.algorithm = RS256
		if bits := v.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			err = fmt.Errorf("an RSA key has %d to %d bits, not %d", minRSABits, maxRSABits, bits)
		}
	case *ecdsa.PublicKey:
		k.algorithm = ES256
		if v.Curve != elliptic.P256() {
			err = fmt.Errorf("an elliptic key is on P-256, not on %s", v.Curve.Params().Name)
		}
	case ed25519.PublicKey:
		k.algorithm = EdDSA
	default:
		err = fmt.Errorf("keys of type %T cannot sign tokens", key)
	}
	if err == nil {
		err = k.check()
	}
	if err != nil {
		return Key{}, fmt.Errorf("read key: %w", err)
	}
	return k, nil
}

// checkSecret returns an error for a secret that is too short, or that is a key of another kind: verifying with the
// text of a public key as a secret would let everybody sign.
func checkSecret(secret []byte) error {
	if len(secret) < minSecretBytes {
		return fmt.Errorf("a secret has at least %d bytes, not %d", minSecretBytes, len(secret))
	}
	text := bytes.TrimSpace(secret)
	for _, start := range []string{"-----BEGIN", "ssh-", "ecdsa-sha2-"} {
		if bytes.HasPrefix(text, []byte(start)) {
			return errNotSecret
		}
	}
	var jwk map[string]any // a brace alone says nothing: one random secret in 256 begins with it
	if json.Unmarshal(text, &jwk) == nil {
		return errNotSecret
	}
	return nil
}

var errNotSecret = errors.New("this is the text of a key, not a secret")

// check finds keys that are out of range, and private halves that do not belong to the public one.
func (k Key) check() error {
	if k.algorithm != HS256 {
		text, err := k.encode(nil)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, new(jose.JSONWebKey)); err != nil {
			return err // a point that is not on the curve, for one
		}
	}
	if k.sign == nil {
		return nil
	}
	token, err := k.signPayload([]byte("{}"))
	if err != nil {
		return err
	}
	if _, err := k.open(token); err != nil {
		return errors.New("its private half does not belong to the public one")
	}
	return nil
}

// ID returns what tokens call the key in their kid, "" for a key without a name.
func (k Key) ID() string { return k.id }

// Algorithm returns the one algorithm that the key is for.
func (k Key) Algorithm() Algorithm { return k.algorithm }

// CanSign reports whether the key is a secret or has a private half.
func (k Key) CanSign() bool { return k.sign != nil }

// String returns the algorithm and the id, nothing secret.
func (k Key) String() string {
	if k.id == "" {
		return string(k.algorithm) + " key"
	}
	return fmt.Sprintf("%s key kid=%s", k.algorithm, quote(k.id))
}

// GoString is String, so that %#v does not show the key either.
func (k Key) GoString() string { return k.String() }

// signPayload returns a token with that payload.
func (k Key) signPayload(payload []byte) (string, error) {
	if k.sign == nil {
		return "", fmt.Errorf("sign token: the %v is public: it can verify only", k)
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if k.id != "" {
		options = options.WithHeader("kid", k.id)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.algorithm), Key: k.sign}, options)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return signed.CompactSerialize()
}

// open returns the payload of a token that the key has signed. The library is given the key's algorithm and no other.
// Its errors quote the token and go no further.
func (k Key) open(token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(k.algorithm)})
	if err != nil {
		return nil, errors.New("the token cannot be read")
	}
	payload, err := signed.Verify(k.verify)
	if err != nil {
		return nil, errors.New("the signature does not fit")
	}
	return payload, nil
}

// GenerateKey makes a new key that can sign. Its id is taken from its thumbprint.
func GenerateKey(a Algorithm) (Key, error) {
	key, err := generate(a)
	if err != nil {
		return Key{}, fmt.Errorf("make key: %w", err)
	}
	id := rand.Text()[:12] // the thumbprint of a secret would say something about it
	if private, ok := key.(crypto.Signer); ok {
		print, err := (&jose.JSONWebKey{Key: private.Public()}).Thumbprint(crypto.SHA256)
		if err != nil {
			return Key{}, fmt.Errorf("make key: %w", err)
		}
		id = base64.RawURLEncoding.EncodeToString(print)[:12]
	}
	return NewKey(id, key)
}

// generate makes what NewKey takes.
func generate(a Algorithm) (any, error) {
	switch a {
	case HS256:
		secret := make([]byte, 2*minSecretBytes)
		_, err := rand.Read(secret)
		return secret, err
	case RS256:
		return rsa.GenerateKey(rand.Reader, minRSABits)
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
	return nil, fmt.Errorf("there is no algorithm %s", quote(string(a)))
}

// JWK returns the key as a JSON Web Key, with its private half if it has one: keep that secret. ParseKeys reads it.
func (k Key) JWK() ([]byte, error) { return k.encode(k.sign) }

// PublicJWK returns the public half as a JSON Web Key, and an error for a secret, which has none.
func (k Key) PublicJWK() ([]byte, error) {
	if k.algorithm == HS256 {
		return nil, errors.New("encode key: a secret has no public half")
	}
	return k.encode(nil)
}

// encode writes one half of the key, the public one if half is nil.
func (k Key) encode(half any) ([]byte, error) {
	if half == nil {
		half = k.verify
	}
	data, err := json.Marshal(jose.JSONWebKey{Key: half, KeyID: k.id, Algorithm: string(k.algorithm), Use: "sig"})
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return data, nil
}
