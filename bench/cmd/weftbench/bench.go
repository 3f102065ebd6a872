package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weftsync/weft/bench/engine"
	"github.com/weftsync/weft/bench/peers"
	"github.com/weftsync/weft/bench/report"
	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/bench/updates"
	"github.com/weftsync/weft/bench/yjs"
)

// author is the client id of all updates. It needs five bytes, as the random ids of real clients mostly do.
const author = 3_141_592_653

// generated is the name of the history that is there without any files.
const generated = "generated"

// generatedTxns is its length.
const generatedTxns = 20_000

// generatedSeed makes it.
const generatedSeed = 1

// A bench is one run.
type bench struct {
	*cli
	root     string
	report   *report.Report
	progress *progress
	stderr   io.Writer
	real     []string // paths
	node     *yjs.Node
	peers    []peers.Peer
	jobs     map[*engine.Subject]peers.Job  // for the other engines, once they are written
	only     func(subject, row string) bool // which rows were asked for
}

// findTraces looks for real histories and says how many there are.
func (b *bench) findTraces() {
	paths, err := trace.Real()
	if err != nil {
		b.report.Lack("real histories", err)
	}
	b.real, b.report.TracesFound = paths, len(paths)
	b.progress.say(fmt.Sprintf("found %d real histories", len(paths)))
}

// findPeers looks for Node and the engines that run in it.
func (b *bench) findPeers(ctx context.Context) {
	b.peers = peers.Find(b.root)
	node, err := yjs.Find(ctx, b.root, filepath.Join(b.Out, "cache"))
	switch {
	case errors.Is(err, yjs.ErrMissing):
		b.report.Lack("engines beside us", err)
	case err != nil:
		b.report.Fail("engines beside us", err)
	default:
		b.node, b.report.Node = node, node.Runtime
	}
	b.peers = slices.DeleteFunc(b.peers, func(p peers.Peer) bool { return !b.wants(p.Name) })
	for _, p := range b.peers {
		one := report.Peer{Name: p.Name, Version: p.Version}
		if p.Missing != nil {
			one.Missing = p.Missing.Error()
			b.report.Lack(p.Name+" beside us", p.Missing)
		} else if b.node == nil {
			one.Missing = "Node or Yjs is not installed"
		}
		b.report.Peers = append(b.report.Peers, one)
	}
}

// wants says whether an engine is measured: those that a flag names, else all in a full run and Yjs in a quick one.
func (b *bench) wants(name string) bool {
	switch {
	case b.Engine.NoPeers:
		return false
	case len(b.Engine.Peers) > 0:
		return slices.ContainsFunc(b.Engine.Peers, func(asked string) bool { return strings.EqualFold(asked, name) })
	}
	return b.Engine.Full || name == peers.Reference
}

// history loads a real history by name, or the generated one.
func (b *bench) history(name string) (*trace.Trace, error) {
	if name == generated {
		return trace.Generated(generatedSeed, generatedTxns), nil
	}
	for _, path := range b.real {
		if strings.TrimSuffix(filepath.Base(path), ".json.gz") == name {
			t, err := trace.Load(path)
			if err == nil && !slices.Contains(b.report.RealTraces, name) {
				b.report.RealTraces = append(b.report.RealTraces, name)
			}
			return t, err
		}
	}
	return nil, fmt.Errorf("there is no real history %q: %w", name, trace.ErrNoTraces)
}

// updatesOf returns a history's updates: real Yjs's where it is installed, else our own engine's, which a test holds to
// be the same bytes.
func (b *bench) updatesOf(ctx context.Context, t *trace.Trace) (*updates.Log, error) {
	if b.node == nil {
		return engine.Updates(t, author)
	}
	b.progress.say("updates of " + t.Name + " by real Yjs (kept after the first time)")
	l, err := b.node.Updates(ctx, t, author)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the updates of %s", t.Name), err)
	}
	return l, nil
}
