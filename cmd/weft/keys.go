package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/weftsync/weft/server/auth"
)

// secretEnv is the variable that holds a secret itself. There is no flag for it: what is on a command line, everybody on
// the machine can read.
const secretEnv = "WEFT_JWT_SECRET"

// keyFlags say which keys sign and verify tokens, and for whom the tokens are.
type keyFlags struct {
	Keys       []string `name:"jwt-key" sep:"none" env:"WEFT_JWT_KEY" placeholder:"FILE" help:"File with keys: PEM, a JSON Web Key or a set of them; or their text itself. May be given several times."`
	SecretFile string   `name:"jwt-secret-file" env:"WEFT_JWT_SECRET_FILE" placeholder:"FILE" help:"File with a secret for HS256, 32 bytes or more; a line break at its end does not count. The secret itself may be in $$WEFT_JWT_SECRET."`
	Audience   []string `name:"jwt-audience" env:"WEFT_JWT_AUDIENCE" placeholder:"NAME" help:"What this server is called in the aud of tokens. May be given several times."`
	Issuers    []string `name:"jwt-issuer" env:"WEFT_JWT_ISSUER" placeholder:"NAME" help:"Whose tokens are taken, by their iss; everybody's who has the key if not given."`
}

// load reads the keys. It returns none when no flag names any.
func (f *keyFlags) load() ([]auth.Key, error) {
	var keys []auth.Key
	for _, k := range f.Keys {
		if k == "" {
			continue // a variable that is empty is as good as none
		}
		text, place := []byte(k), "--jwt-key"
		if !isKeyText(k) {
			var err error
			if text, err = os.ReadFile(k); err != nil {
				return nil, fmt.Errorf("read the keys of --jwt-key: %w", err)
			}
			place = k
		}
		read, err := auth.ParseKeys(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place, err)
		}
		keys = append(keys, read...)
	}
	secret, place, err := readSecret(f.SecretFile, secretEnv)
	if err != nil || secret == nil {
		return keys, err
	}
	key, err := auth.NewKey("", secret)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	return append(keys, key), nil
}

// isKeyText reports whether a value is a key and not the name of a file.
func isKeyText(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "{") || strings.HasPrefix(s, "-----BEGIN")
}

// readSecret reads a secret from a file or a variable, and says where it was. It returns nil when there is none.
func readSecret(file, variable string) (secret []byte, place string, err error) {
	if file == "" {
		if value := os.Getenv(variable); value != "" {
			return []byte(value), "$" + variable, nil
		}
		return nil, "", nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, "", fmt.Errorf("read the secret: %w", err)
	}
	return bytes.TrimRight(text, "\r\n"), file, nil
}
