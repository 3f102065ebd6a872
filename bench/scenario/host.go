package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/weftsync/weft/bench/load"
	"github.com/weftsync/weft/bench/target"
)

// A Host runs the server that a scenario is carried out on.
type Host interface {
	// Start starts a server without documents, Again one with those of the last.
	Start(ctx context.Context) (Instance, error)
	Again(ctx context.Context) (Instance, error)
}

// An Instance is a running server.
type Instance interface {
	// Address is where it listens.
	Address() string
	// Meter measures it, nil when nothing can be known of it; RSS returns its resident bytes.
	Meter() load.Meter
	RSS() (int64, error)
	// Holds says what it holds.
	Holds() (target.Held, error)
	// Kill ends it at once, Stop in good order. Stop after either does nothing.
	Kill() error
	Stop() error
	// Died returns why it has ended by itself, nil when it has not.
	Died() error
}

// errOther says that a server which the harness has not started cannot be ended by it.
var errOther = errors.New("not possible with a server that the harness has not started")

// A processHost runs a peer as a process.
type processHost struct {
	peer  Peer
	dir   string // below which each server has its data
	cores []int
	data  string // of the last one
	n     int
}

// Processes returns a host that runs a peer with its data below dir, on some cores; none for all.
func Processes(peer Peer, dir string, cores []int) Host {
	return &processHost{peer: peer, dir: dir, cores: cores}
}

// Start implements [Host].
func (h *processHost) Start(ctx context.Context) (Instance, error) {
	if h.peer.Missing != nil {
		return nil, h.peer.Missing
	}
	h.n++
	h.data = filepath.Join(h.dir, fmt.Sprintf("data-%d", h.n))
	if err := os.MkdirAll(h.data, 0o755); err != nil {
		return nil, fmt.Errorf("make a folder for the documents: %w", err)
	}
	return h.Again(ctx)
}

// Again implements [Host].
func (h *processHost) Again(ctx context.Context) (Instance, error) {
	command := h.peer.command(h.data)
	command.Cores = h.cores
	server, err := target.Start(ctx, command)
	if err != nil {
		return nil, err
	}
	return process{server}, nil
}

type process struct{ *target.Server }

func (p process) Address() string     { return p.Server.Address }
func (p process) Meter() load.Meter   { return target.NewMeter(p.PID()) }
func (p process) RSS() (int64, error) { return target.RSS(p.PID()) }

// Holds implements [Instance].
func (p process) Holds() (target.Held, error) { return p.Server.Holds() }

// An address is a server that runs already.
type address string

// Running returns a host for a server that somebody else has started. It is not measured, killed or started again.
func Running(at string) Host { return address(at) }

// Start implements [Host].
func (a address) Start(context.Context) (Instance, error) { return other{string(a)}, nil }

// Again implements [Host].
func (a address) Again(context.Context) (Instance, error) { return nil, errOther }

type other struct{ at string }

func (o other) Address() string   { return o.at }
func (other) Meter() load.Meter   { return nil }
func (other) RSS() (int64, error) { return 0, errOther }

func (other) Holds() (target.Held, error) { return target.Held{}, errOther }
func (other) Kill() error                 { return errOther }
func (other) Stop() error                 { return nil }
func (other) Died() error                 { return nil }
