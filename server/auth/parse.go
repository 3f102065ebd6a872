package auth

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// maxKeys is how many keys a set may have.
const maxKeys = 64

// ParseKeys reads the text of a file with keys: PEM blocks (public and private keys, certificates), one JSON Web Key, or a
// set of them. A private half is kept, and needed by Key.Sign only. Every key must be one that can be used: a file that
// somebody chose is read strictly. A raw secret is not parsed, see NewKey.
func ParseKeys(text []byte) ([]Key, error) {
	keys, err := parseKeys(bytes.TrimSpace(text))
	if err == nil && len(keys) > maxKeys {
		err = fmt.Errorf("%d keys are more than %d", len(keys), maxKeys)
	}
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	return keys, nil
}

// parseKeys reads PEM or JSON.
func parseKeys(text []byte) ([]Key, error) {
	if len(text) == 0 || text[0] != '{' {
		return parsePEM(text)
	}
	var set struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("this is no JSON object, or it names a member twice")
	}
	if set.Keys == nil {
		set.Keys = &[]json.RawMessage{text}
	}
	var keys []Key
	for i, raw := range *set.Keys {
		key, err := parseJWK(raw)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("the set is empty")
	}
	return keys, nil
}

// parseJWK reads one JSON Web Key. What it says about its use and algorithm must fit.
func parseJWK(raw []byte) (Key, error) {
	var jwk jose.JSONWebKey
	if err := json.Unmarshal(raw, &jwk); err != nil {
		return Key{}, fmt.Errorf("this is no JSON Web Key that can be used: %w", err)
	}
	if jwk.Use != "" && jwk.Use != "sig" {
		return Key{}, fmt.Errorf("its use is %s, not sig", quote(jwk.Use))
	}
	key, err := NewKey(jwk.KeyID, jwk.Key)
	if err != nil {
		return Key{}, err
	}
	if jwk.Algorithm != "" && jwk.Algorithm != string(key.algorithm) {
		return Key{}, fmt.Errorf("its algorithm is %s, not %s", quote(jwk.Algorithm), key.algorithm)
	}
	return key, nil
}

// parsePEM reads the blocks of a PEM text. The keys have no ids.
func parsePEM(text []byte) ([]Key, error) {
	var keys []Key
	for len(text) > 0 {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if block.Type == "EC PARAMETERS" {
			continue // openssl writes the curve in front of the key, which names it too
		}
		parsed, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("block %s: %w", quote(block.Type), err)
		}
		key, err := NewKey("", parsed)
		if err != nil {
			return nil, fmt.Errorf("block %s: %w", quote(block.Type), err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("want PEM blocks, a JSON Web Key or a set of them")
	}
	if len(bytes.TrimSpace(text)) > 0 {
		return nil, errors.New("something that is no PEM follows the last block")
	}
	return keys, nil
}

// parseBlock reads the key in a PEM block.
func parseBlock(b *pem.Block) (any, error) {
	switch b.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(b.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(b.Bytes)
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, err
		}
		return certificate.PublicKey, nil
	case "PRIVATE KEY":
		return x509.ParsePKCS8PrivateKey(b.Bytes)
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(b.Bytes)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(b.Bytes)
	}
	return nil, errors.New("this is no key")
}

// parseKeySet reads the set that a URL serves. Keys that cannot be used are left out, as RFC 7517 asks for: of a kind or
// an algorithm that we do not know, for encryption, too weak. So are secrets, which have no place on a public page, and
// private keys.
func parseKeySet(body []byte) ([]Key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errors.New("the answer is no JSON Web Key Set")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the set has %d keys, more than %d", len(set.Keys), maxKeys)
	}
	var keys []Key
	for _, raw := range set.Keys {
		if key, err := parseJWK(raw); err == nil && !key.CanSign() {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("none of the %d keys of the set can be used", len(set.Keys))
	}
	return keys, nil
}
