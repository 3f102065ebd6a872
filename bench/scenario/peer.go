package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/weftsync/weft/bench/load"
	"github.com/weftsync/weft/bench/target"
)

// ErrMissing says that a server is not installed here.
var ErrMissing = errors.New("not installed")

// A Peer is a server that can be measured.
type Peer struct {
	// Name is how the report calls it, Version which one it is.
	Name    string `json:"name"`
	Version string `json:"version"`
	// About says in a few words what it does with an update.
	About string `json:"about"`
	// Dialect is what its clients speak, Path where below its address they connect.
	Dialect load.Dialect `json:"dialect"`
	Path    string       `json:"-"`
	// Stores says that documents outlive the process, Views that it has event streams.
	Stores bool `json:"stores"`
	Views  bool `json:"views"`
	// Raised are the limits that were raised for the run, as arguments.
	Raised []string `json:"raised,omitempty"`
	// Missing says why it cannot be measured; it wraps [ErrMissing]. It is nil when it can.
	Missing error `json:"-"`
	// Only are the scenarios that it is for; none for all. NotInBrief are those that a quick run leaves out, and Extra says
	// that it leaves out the peer, unless it is asked for.
	Only       []string `json:"only,omitempty"`
	NotInBrief []string `json:"not_in_brief,omitempty"`
	Extra      bool     `json:"-"`

	command func(data string) target.Command
}

// Names of the peers.
const (
	Weft         = "weft"
	WeftCollab   = "weft /collab"
	SlowWeft     = "weft on a slow disk"
	Hocus        = "hocuspocus"
	YServer      = "y-websocket-server"
	PlainRelay   = "relay"
	BatchedRelay = "batched relay"
)

// A Place says where the servers are found.
type Place struct {
	// Root is the repository's root, below which the peers are installed.
	Root string
	// Weft is weft's binary, Slow that of weft on a slow disk, Relay that of the relay, Node that of Node.
	Weft, Slow, Relay, Node string
	// Commit names the version of weft.
	Commit string
}

// raised lets one connection send as fast as it can; everything else is as a user gets it.
var raised = []string{"--messages-per-second=-1", "--bytes-per-second=-1"}

// Peers returns all servers, those that are not here too.
func (p Place) Peers() []Peer {
	servers := filepath.Join(p.Root, "bench", "servers")
	relays := libraryVersion("github.com/coder/websocket")
	weft := p.weft()
	collab := weft
	collab.Name, collab.About = WeftCollab, "the same server in the dialect of Hocuspocus: on disk before it is acknowledged or sent on"
	collab.Dialect, collab.Path = load.Hocuspocus, "collab"
	collab.NotInBrief = []string{"cold", "catch-up", "viewers", "idle", "fan-out", "mixed-day", "hostile"} // the same bytes, or much the same
	slow := weft
	slow.Name, slow.About = SlowWeft, fmt.Sprintf("weft, on a disk whose fsync takes %s longer", slowBy)
	slow.Missing, slow.Only, slow.Extra = missingFile(p.Slow, "make bench-slow"), []string{"fan-out", "rooms", "max-throughput"}, true
	slow.command = func(data string) target.Command {
		return target.Command{Path: p.Slow, Args: []string{"--data", data, "--fsync", slowBy.String()}, Admin: true}
	}
	return []Peer{
		weft, collab, slow,
		p.node(Peer{
			Name: Hocus, About: "acknowledged when applied, stored in SQLite 2 to 10 s later", Dialect: load.Hocuspocus, Stores: true,
		}, servers, "@hocuspocus/server", "hocuspocus.mjs"),
		p.node(Peer{
			Name: YServer, About: "never acknowledged; each update to LevelDB, without fsync", Dialect: load.YWebsocket, Stores: true,
		}, servers, "@y/websocket-server", "y-websocket.mjs"),
		p.relay(Peer{Name: PlainRelay, Version: relays, About: "the floor: understands and stores nothing, a system call a frame"}),
		p.relay(Peer{Name: BatchedRelay, Version: relays, About: "the same, and what waits goes out in one system call"}, "--batch"),
	}
}

// slowBy is how much longer an fsync takes on the slow disk: about as long as on a network's disk, or one that turns.
const slowBy = 5 * time.Millisecond

// weft is the server that all of this is about, as a user gets it but for the limits that are raised.
func (p Place) weft() Peer {
	return Peer{
		Name: Weft, Version: p.Commit, About: "on disk before it is echoed or sent on", Dialect: load.YWebsocket, Path: "sync/",
		Stores: true, Views: true, Raised: raised, Missing: missingFile(p.Weft, "make build"),
		command: func(data string) target.Command {
			args := append([]string{"dev", "--addr", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", data}, raised...)
			return target.Command{Path: p.Weft, Args: args, Admin: true}
		},
	}
}

// IsFor reports whether a scenario is one that the peer is for, in a full run or a quick one.
func (p *Peer) IsFor(scenario string, full bool) bool {
	if len(p.Only) > 0 && !slices.Contains(p.Only, scenario) {
		return false
	}
	return full || !slices.Contains(p.NotInBrief, scenario)
}

// node completes a peer that runs in Node.
func (p Place) node(peer Peer, servers, pkg, script string) Peer {
	manifest, err := os.ReadFile(filepath.Join(servers, "node_modules", filepath.FromSlash(pkg), "package.json"))
	var described struct{ Version string }
	if err == nil {
		err = json.Unmarshal(manifest, &described)
	}
	if err == nil {
		_, err = exec.LookPath(p.Node)
	}
	if err != nil {
		peer.Missing = fmt.Errorf("%w; `make bench-servers` installs it (%w)", ErrMissing, err)
	}
	peer.Version = described.Version
	peer.command = func(data string) target.Command {
		return target.Command{Path: p.Node, Args: []string{filepath.Join(servers, script), "--data", data}, Dir: servers}
	}
	return peer
}

func (p Place) relay(peer Peer, args ...string) Peer {
	peer.Missing = missingFile(p.Relay, "make bench-relay")
	peer.command = func(string) target.Command { return target.Command{Path: p.Relay, Args: args} }
	return peer
}

func missingFile(path, install string) error {
	if _, err := exec.LookPath(path); err != nil {
		return fmt.Errorf("%w; `%s` builds it (%w)", ErrMissing, install, err)
	}
	return nil
}

// libraryVersion returns the version of a library that this binary was built with.
func libraryVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == path {
			return dep.Version
		}
	}
	return ""
}
