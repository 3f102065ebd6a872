package auth

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// checkEndpoint returns an error unless an address is one that secrets and keys may travel to and from: https, or http
// to this machine itself. clear allows http to anywhere.
func checkEndpoint(address string, clear bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "":
		return errors.New("want a URL as https://example.com/path") // the parser's error would repeat a password in it
	case u.User != nil:
		return errors.New("a URL with a user name and password would end up in logs")
	case u.Scheme == "https", u.Scheme == "http" && (clear || isLoopback(u.Hostname())):
		return nil
	}
	return fmt.Errorf("%s://%s is not https", u.Scheme, u.Host)
}

// isLoopback reports whether a host name means this machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// place returns an address without what could be secret in it, for logs.
func place(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the URL"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

// clientOf returns a copy of a client, or of the default one, that follows redirects by that rule only.
func clientOf(c *http.Client, redirect func(*http.Request, []*http.Request) error) *http.Client {
	if c == nil {
		c = &http.Client{}
	}
	copied := *c
	copied.CheckRedirect = redirect
	return &copied
}

// readBody reads at most limit bytes of an answer, and fails when there are more.
func readBody(body io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it is longer than %d bytes", limit)
	}
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return data, nil
}

// withoutURL takes the URL away from an error of an HTTP client: its query may hold a key of the operator's.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
