package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/weftsync/weft/server/auth"
)

// tokenCommand is "weft token".
type tokenCommand struct {
	Documents []string `arg:"" optional:"" name:"document=level" help:"What the token allows: the name of a document, or a pattern as team/* or *, and none, read, presence, write or admin."`

	User string        `placeholder:"NAME" help:"Who it is for: its sub, which is written into the log beside what is changed with it."`
	TTL  time.Duration `name:"ttl" default:"1h" help:"For how long it is good (${default})."`

	keyFlags

	NewKey    string `placeholder:"FILE" help:"Make a new key in that file in place of a token, for --jwt-key of this command and of serve."`
	Algorithm string `name:"alg" default:"EdDSA" enum:"EdDSA,ES256,RS256,HS256" help:"What the new key is for: ${enum} (${default})."`
}

// Help is what --help adds.
func (tokenCommand) Help() string {
	return `Tokens for trying out; in earnest the backend that knows your users makes them, with any JWT library.

  weft token --new-key dev.jwk
  weft serve --jwt-key dev.jwk --jwt-audience notes --origin self
  weft token --jwt-key dev.jwk --jwt-audience notes --user ada notes=write 'team/*=read'`
}

// Run prints a token, or makes a key.
func (c *tokenCommand) Run(e *env) error {
	if c.NewKey != "" {
		return c.makeKey(e)
	}
	switch {
	case len(c.Documents) == 0:
		return usageError("say what the token allows, as notes=write or 'team/*=read'")
	case len(c.Audience) == 0:
		return usageError("say --jwt-audience, which server the token is for; the same as for serve")
	case len(c.Issuers) > 1:
		return usageError("a token has one --jwt-issuer")
	case c.TTL <= 0:
		return usageError("a token that is good for no time is none; --ttl is more than 0")
	}
	key, err := c.signer()
	if err != nil {
		return err
	}
	now := time.Now()
	claims := auth.Claims{Subject: c.User, Audience: c.Audience, IssuedAt: now, Expires: now.Add(c.TTL), Documents: auth.Documents{}}
	if len(c.Issuers) > 0 {
		claims.Issuer = c.Issuers[0]
	}
	for _, entry := range c.Documents {
		if err := addDocument(claims.Documents, entry); err != nil {
			return err
		}
	}
	token, err := key.Sign(claims)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.stdout, token)
	return err
}

// addDocument reads DOCUMENT=LEVEL. A name may have an equals sign, a level has none.
func addDocument(d auth.Documents, entry string) error {
	i := strings.LastIndexByte(entry, '=')
	if i < 0 {
		return usageError(fmt.Sprintf("%q says no level; want one as notes=write", entry))
	}
	name := entry[:i]
	if _, ok := d[name]; ok {
		return usageError(fmt.Sprintf("%q is there twice", name))
	}
	level, err := auth.ParseLevel(entry[i+1:])
	if err != nil {
		return usageError(err.Error())
	}
	d[name] = level
	if err := d.Check(); err != nil {
		return usageError(err.Error())
	}
	return nil
}

// signer returns the first key that can sign.
func (c *tokenCommand) signer() (auth.Key, error) {
	keys, err := c.load()
	if err != nil {
		return auth.Key{}, err
	}
	if len(keys) == 0 {
		return auth.Key{}, usageError("say which key signs: --jwt-key or --jwt-secret-file; --new-key makes one")
	}
	for _, k := range keys {
		if k.CanSign() {
			return k, nil
		}
	}
	return auth.Key{}, errors.New("none of the keys can sign: give a private key or a secret")
}

// makeKey writes a new key to a file of its own.
func (c *tokenCommand) makeKey(e *env) error {
	key, err := auth.GenerateKey(auth.Algorithm(c.Algorithm))
	if err != nil {
		return err
	}
	text, err := key.JWK()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.NewKey, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // never over a key that somebody may need
	if err != nil {
		return fmt.Errorf("write the new key: %w", err)
	}
	if _, err = f.Write(append(text, '\n')); err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("write the new key: %w", err)
	}
	_, err = fmt.Fprintf(e.stderr, "%v is in %s. Keep it secret: who has it can make tokens.\n", key, c.NewKey)
	return err
}
