package server

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// originList decides which web pages may talk to the server. Programs that are no browsers send no Origin and are not
// its business: the Authorizer decides about them.
type originList struct {
	self     bool // the origin whose host is the request's own
	any      bool
	patterns []originPattern
}

// originPattern is one allowed origin. A host that begins with "*." allows every name below it, a port "*" every port.
type originPattern struct{ scheme, host, port string }

// newOriginList reads the list of Options.Origins. An empty list means the server's own origin alone.
func newOriginList(list []string) (originList, error) {
	var o originList
	if len(list) == 0 {
		o.self = true
	}
	for _, entry := range list {
		switch entry {
		case "self":
			o.self = true
		case "*":
			o.any = true
		default:
			p, err := parseOrigin(entry)
			if err != nil {
				return originList{}, fmt.Errorf("read origin %q: %w", entry, err)
			}
			o.patterns = append(o.patterns, p)
		}
	}
	return o, nil
}

// LoopbackOrigins are the origins of pages served by this machine to itself, whatever the port.
func LoopbackOrigins() []string {
	return []string{
		"http://localhost:*", "https://localhost:*", "http://127.0.0.1:*", "https://127.0.0.1:*", "http://[::1]:*", "https://[::1]:*",
	}
}

// parseOrigin reads scheme://host or scheme://host:port.
func parseOrigin(s string) (originPattern, error) {
	scheme, host, ok := strings.Cut(strings.ToLower(s), "://")
	if !ok || scheme == "" || host == "" || strings.ContainsAny(host, "/?#@") {
		return originPattern{}, fmt.Errorf("want scheme://host or scheme://host:port")
	}
	name, port := splitPort(host)
	if name == "" {
		return originPattern{}, fmt.Errorf("want a host name")
	}
	if port == "" {
		port = defaultPort(scheme)
	}
	return originPattern{scheme, name, port}, nil
}

// splitPort cuts host:port, with an IPv6 address in brackets.
func splitPort(host string) (name, port string) {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		return host[:i], host[i+1:]
	}
	return host, ""
}

// defaultPort is what a browser leaves out of an Origin.
func defaultPort(scheme string) string {
	switch scheme {
	case "http", "ws":
		return "80"
	case "https", "wss":
		return "443"
	}
	return ""
}

// allows reports whether the page that sent r may use the server. Requests without an Origin pass.
func (o originList) allows(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || o.any {
		return true
	}
	u, err := url.Parse(strings.ToLower(origin))
	if err != nil || u.Host == "" {
		return false // also "null", the origin of sandboxed frames and files
	}
	if o.self && strings.EqualFold(u.Host, r.Host) {
		return true
	}
	name, port := splitPort(u.Host)
	if port == "" {
		port = defaultPort(u.Scheme)
	}
	for _, p := range o.patterns {
		if p.scheme == u.Scheme && (p.port == "*" || p.port == port) && p.matchesHost(name) {
			return true
		}
	}
	return false
}

// matchesHost compares a host name with the pattern's.
func (p originPattern) matchesHost(name string) bool {
	if below, ok := strings.CutPrefix(p.host, "*."); ok {
		return strings.HasSuffix(name, "."+below)
	}
	return p.host == name
}

// allowCORS lets the page that sent r read the answer, if it is allowed to use the server at all.
func (o originList) allowCORS(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" && o.allows(r) {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Expose-Headers", "ETag")
	}
}
