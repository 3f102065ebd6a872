package main

import (
	"net"

	"github.com/weftsync/weft/server"
	ysync "github.com/weftsync/weft/sync"
)

// devCommand is "weft dev".
type devCommand struct {
	Addr string `default:"127.0.0.1:8080" env:"WEFT_ADDR" placeholder:"HOST:PORT" help:"Where to listen: a loopback address, port 0 for a free one (${default})."`

	serverFlags
}

// devBanner is printed before everything else.
const devBanner = `
  weft dev: open to everybody on this machine, without authorisation.
  It listens on the loopback interface only. To serve others, see "weft serve --help".
  Editors connect to /sync (y-websocket) and /collab (Hocuspocus) at the address below, as ws:// instead of http://.

`

// Run serves until it is told to stop.
func (c *devCommand) Run(e *env) error {
	if !isLoopback(c.Addr) {
		return usageError("dev listens on loopback addresses only (127.0.0.1, ::1, localhost), because everybody who reaches it may do everything; use \"weft serve\" for " + c.Addr)
	}
	o := c.options(c.Addr, c.logger(e))
	o.Authorizer = server.AllowAll(ysync.Admin)
	o.Origins = append(o.Origins, server.LoopbackOrigins()...)
	return serve(e, o, devBanner, c.StopFor)
}

// isLoopback reports whether an address can be reached from this machine alone.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
