package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SignatureHeader is the header in which a Webhook signs its question: "t=1764100000,v1=" and 64 hexadecimal digits, the
// HMAC-SHA256 under the shared secret of the decimal digits behind t, a dot, and the body.
const SignatureHeader = "Weft-Signature"

// signatureAge is how old a signature may be, or how much clocks may differ.
const signatureAge = 5 * time.Minute

// signature returns the value of SignatureHeader for a body.
func signature(secret, body []byte, at time.Time) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac(secret, seconds, body))
}

// mac returns the HMAC of a time and a body.
func mac(secret []byte, seconds string, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(seconds))
	h.Write([]byte{'.'})
	h.Write(body)
	return h.Sum(nil)
}

// VerifySignature is for the backend that a Webhook asks, when it is written in Go: it returns nil when header, the value
// of SignatureHeader, signs body with the shared secret and was made less than 5 min ago.
func VerifySignature(secret []byte, header string, body []byte) error {
	seconds, digits, ok := strings.Cut(header, ",v1=")
	seconds, timed := strings.CutPrefix(seconds, "t=")
	at, err := strconv.ParseInt(seconds, 10, 64)
	got, notHex := hex.DecodeString(digits)
	if !ok || !timed || err != nil || notHex != nil {
		return errors.New("verify signature: the header is not t=…,v1=…")
	}
	if !hmac.Equal(got, mac(secret, seconds, body)) {
		return errors.New("verify signature: it does not fit")
	}
	if age := time.Since(time.Unix(at, 0)); age.Abs() > signatureAge {
		return fmt.Errorf("verify signature: it was made %s ago", age.Round(time.Second))
	}
	return nil
}
