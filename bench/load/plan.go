package load

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// A Plan says who connects to what. Every document has the same number of everybody.
type Plan struct {
	// Server is the server's address, for example "http://127.0.0.1:8080/", and Path where below it the WebSockets of the
	// dialect of y-websocket are, for example "sync/".
	Server  string  `json:"-"`
	Path    string  `json:"-"`
	Dialect Dialect `json:"dialect"`
	// AnyMachine lets the server be on another machine than this. Loading a server that is not one's own is an attack.
	AnyMachine bool `json:"-"`
	// Prefix begins the names of the documents, which must not exist yet.
	Prefix string `json:"prefix"`

	Documents int `json:"documents"`
	// Editors connect to each document; the first Authors of them edit it.
	Editors int `json:"editors"`
	Authors int `json:"authors"`
	// Viewers follow each document as an event stream.
	Viewers int `json:"viewers"`
	// Slow is how many of each document's editors, the last ones, stop reading while a phase holds.
	Slow int `json:"slow"`

	Pattern Pattern `json:"pattern"`
	Seed    uint64  `json:"seed"`
	// AtOnce is how many connections are being opened at a time; 0 means 64.
	AtOnce int `json:"at_once"`
	// Silent editors have no awareness.
	Silent bool `json:"silent"`
	// Stay makes editors whose connection ends stay away instead of coming back as providers do.
	Stay bool `json:"stay"`
}

// ErrElsewhere says that the server is not on this machine.
var ErrElsewhere = errors.New("the server is not on this machine; loading somebody else's is an attack, so say that it is yours")

// errPlan says that a plan cannot be carried out.
var errPlan = errors.New("the plan does not fit together")

// address returns where to connect to, and what to call it in requests.
func (p *Plan) address() (to netip.AddrPort, host string, err error) {
	u, err := url.Parse(p.Server)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return to, "", fmt.Errorf("read the server's address %q: want http://host:port/", p.Server)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	resolved, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return to, "", fmt.Errorf("find the server: %w", err)
	}
	to = resolved.AddrPort()
	if !to.Addr().Unmap().IsLoopback() && !p.AnyMachine {
		return to, "", fmt.Errorf("%s: %w", p.Server, ErrElsewhere)
	}
	return to, u.Host, nil
}

func (p *Plan) check() error {
	switch {
	case p.Documents < 1 || p.Editors < 1 || p.Authors < 0 || p.Authors > p.Editors || p.Viewers < 0:
		return fmt.Errorf("%w: %d documents, %d editors of whom %d edit, %d viewers", errPlan, p.Documents, p.Editors, p.Authors, p.Viewers)
	case p.Slow < 0 || p.Slow > p.Editors-p.Authors:
		return fmt.Errorf("%w: %d slow editors of %d who only read", errPlan, p.Slow, p.Editors-p.Authors)
	case p.Viewers > 0 && p.Authors > 26:
		return fmt.Errorf("%w: %d authors, and an event stream tells 26 of them apart", errPlan, p.Authors)
	case firstClient+uint64(p.Documents)*uint64(p.Editors) > lastClient:
		return fmt.Errorf("%w: more clients than ids", errPlan)
	}
	return nil
}

// path returns the path of a document's WebSocket.
func (p *Plan) path(document string) string {
	if p.Dialect == Hocuspocus {
		return "/" + p.Path
	}
	return "/" + p.Path + document
}

// name returns the name of document i. It needs no escaping in a path.
func (p *Plan) name(i int) string { return fmt.Sprintf("%s-%d", strings.TrimSuffix(p.Prefix, "-"), i) }
