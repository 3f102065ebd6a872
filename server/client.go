package server

import (
	"net/http"
	"net/netip"
	"strings"
)

// clientOf returns the address that a request comes from, without the port. Where that is a proxy that we trust, it is
// the last one in X-Forwarded-For that is not one too: what stands before it, the client may have written itself.
func (s *Server) clientOf(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	client := at.Addr().Unmap().WithZone("")
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(forwarded) - 1; i >= 0 && s.isProxy(client); i-- {
		named, err := netip.ParseAddr(strings.TrimSpace(forwarded[i]))
		if err != nil {
			break
		}
		client = named.Unmap().WithZone("")
	}
	return client.String()
}

// isProxy reports whether an address is one of a proxy that we trust.
func (s *Server) isProxy(a netip.Addr) bool {
	for _, p := range s.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
