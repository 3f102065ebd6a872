//go:build !linux

package load

import (
	"errors"
	"net/netip"
	"time"
)

// errSystem says that the generator cannot run here.
var errSystem = errors.New("the load generator needs Linux")

var errBusy = errSystem

type poller struct{}

type readiness struct {
	id                int
	readable, written bool
}

func newPoller() (*poller, error)                                    { return nil, errSystem }
func (*poller) watch(_, _ int, _, _, _ bool) error                   { return errSystem }
func (*poller) wait([]readiness, time.Duration) ([]readiness, error) { return nil, errSystem }
func (*poller) close()                                               {}

func dialSocket(netip.AddrPort, int) (int, error) { return -1, errSystem }
func connected(int) error                         { return errSystem }
func readSocket(int, []byte) (int, error)         { return 0, errSystem }
func writeSocket(int, []byte) (int, error)        { return 0, errSystem }
func closeSocket(int)                             {}

// RaiseFileLimit is for Linux.
func RaiseFileLimit() (uint64, error) { return 0, errSystem }
