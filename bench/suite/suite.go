// Package suite carries out scenarios on weft and on the servers beside it, one after the other, and gathers what they
// gave for the report.
package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weftsync/weft/bench/load"
	"github.com/weftsync/weft/bench/report"
	"github.com/weftsync/weft/bench/scenario"
	"github.com/weftsync/weft/bench/target"
	"github.com/weftsync/weft/bench/trace"
)

// Flags choose what is measured and how. They are those of two commands.
type Flags struct {
	Scenarios  []string      `placeholder:"NAME" help:"Scenarios to carry out, by name; all but soak by default."`
	Peers      []string      `placeholder:"NAME" help:"Servers to measure, by name: weft, weft /collab, weft on a slow disk, hocuspocus, y-websocket-server, relay, batched relay; all that are here by default, the slow disk with --full only."`
	Full       bool          `help:"Sizes and times as the report is published with; else smaller and shorter."`
	Seed       uint64        `default:"1" help:"Seed of everything that is random."`
	Soak       time.Duration `default:"3m" help:"How long the scenario soak goes on."`
	Target     string        `placeholder:"URL" help:"Measure the server that runs there, as weft, instead of starting any."`
	Dialect    string        `default:"y-websocket" enum:"y-websocket,hocuspocus" help:"What clients of that server speak: ${enum}."`
	Path       string        `placeholder:"PATH" help:"Where below that server its WebSockets are: sync/ by default, or nothing in the dialect of hocuspocus."`
	AnyMachine bool          `name:"any-machine" help:"Let the target be another machine than this. It has to be yours: this is a load that takes servers down."`
	Data       string        `placeholder:"DIR" help:"Folder below which servers keep their data during the run, to choose the disk; a temporary one by default."`
	OneCore    bool          `name:"one-core" default:"true" negatable:"" help:"Keep the servers to one core and the generator to the others."`
	History    string        `default:"automerge-paper" help:"History that is the long document of some scenarios; a generated one where it is not here."`
	Weft       string        `placeholder:"FILE" help:"The weft binary; by default the one that was built beside this."`
	Relay      string        `default:"bin/relay" help:"The binary of the relay."`
	Slow       string        `default:"bin/slowweft" help:"The binary of weft on a slow disk."`
	Node       string        `default:"node" help:"Node, for the peers that need it."`
}

// fsyncs is how often the disk is asked how long an fsync takes.
const fsyncs = 200

// lookSteady is for how long the machine is looked at before each scenario.
const lookSteady = 500 * time.Millisecond

// A suite is one run.
type suite struct {
	Flags
	progress *Progress
	result   *report.Server
	dir      string
	options  scenario.Options
}

// Run carries out what the flags say. What could not be measured is in the result; an error says that nothing could.
func Run(ctx context.Context, f Flags, root, commit string, progress *Progress) (result *report.Server, err error) {
	chosen, err := f.scenarios()
	if err != nil {
		return nil, err
	}
	place := scenario.Place{Root: root, Weft: absolute(f.Weft), Slow: absolute(f.Slow), Relay: absolute(f.Relay), Node: f.Node, Commit: commit}
	peers, err := f.peers(place)
	if err != nil {
		return nil, err
	}
	s := &suite{Flags: f, progress: progress, result: &report.Server{Seed: f.Seed, Full: f.Full}}
	if s.dir, err = os.MkdirTemp(f.Data, "weftbench.*"); err != nil {
		return nil, fmt.Errorf("make a folder for the servers' data: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	if s.result.Fsync, err = target.Fsync(s.dir, fsyncs); err != nil {
		return nil, err
	}
	if s.result.OpenFiles, err = load.RaiseFileLimit(); err != nil {
		return nil, err
	}
	if err := s.cores(); err != nil {
		return nil, err
	}
	s.options = scenario.Options{Quick: !f.Full, Seed: f.Seed, AnyMachine: f.AnyMachine, Soak: f.Soak}
	s.history(chosen)
	for _, p := range peers {
		one := report.ServerPeer{Peer: p}
		if p.Missing != nil {
			one.Missing = p.Missing.Error()
		}
		s.result.Peers = append(s.result.Peers, one)
	}
	var done []int
	for _, sc := range chosen {
		more, err := target.Work(s.result.ServerCores, lookSteady)
		if err != nil {
			return nil, err
		}
		done = append(done, more...)
		for _, p := range peers {
			if p.Missing == nil && p.IsFor(sc.Name, s.Full) && ctx.Err() == nil {
				s.one(ctx, sc, p)
			}
		}
	}
	s.result.Steadiness = target.Steady(done)
	return s.result, ctx.Err()
}

func absolute(path string) string {
	if !strings.ContainsRune(path, filepath.Separator) {
		return path // found along the path of the shell
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// scenarios returns those that were asked for.
func (f *Flags) scenarios() ([]scenario.Scenario, error) {
	if len(f.Scenarios) == 0 {
		return slices.DeleteFunc(scenario.All(), func(s scenario.Scenario) bool { return s.Long }), nil
	}
	var chosen []scenario.Scenario
	for _, name := range f.Scenarios {
		s, err := scenario.Find(name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, s)
	}
	return chosen, nil
}

// peers returns the servers that were asked for.
func (f *Flags) peers(place scenario.Place) ([]scenario.Peer, error) {
	all := place.Peers()
	if f.Target != "" {
		p := all[0]
		p.Name, p.Version, p.Missing, p.Raised = f.Target, "", nil, nil
		if f.Dialect == load.Hocuspocus.String() {
			p.Dialect, p.Path, p.Views = load.Hocuspocus, "", false
		}
		if f.Path != "" {
			p.Path = strings.TrimPrefix(f.Path, "/")
		}
		return []scenario.Peer{p}, nil
	}
	if len(f.Peers) == 0 {
		return slices.DeleteFunc(all, func(p scenario.Peer) bool { return p.Extra && !f.Full }), nil
	}
	var chosen []scenario.Peer
	for _, name := range f.Peers {
		i := slices.IndexFunc(all, func(p scenario.Peer) bool { return p.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no server %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// cores parts the cores between the server and the generator.
func (s *suite) cores() error {
	cores := target.Cores()
	if !s.OneCore || s.Target != "" || len(cores) < 2 {
		return nil
	}
	s.result.ServerCores, s.result.GeneratorCores = cores[:1], cores[1:]
	return target.KeepTo(s.result.GeneratorCores)
}

// history looks for the long document, if a scenario needs it.
func (s *suite) history(chosen []scenario.Scenario) {
	needed := slices.ContainsFunc(chosen, func(c scenario.Scenario) bool { return c.Name == "cold" || c.Name == "catch-up" })
	if !needed {
		return
	}
	t, err := trace.Named(s.History)
	if err != nil {
		s.result.Notes = append(s.result.Notes, fmt.Sprintf("the history %s is not here, a generated one takes its place: %v", s.History, err))
		t = trace.Generated(s.Seed, 150_000)
	}
	h, err := scenario.NewHistory(t)
	if err != nil {
		s.result.Notes = append(s.result.Notes, fmt.Sprintf("there is no long document: %v", err))
		return
	}
	s.options.History = h
}

// A scenario on one server is ended when it takes longer: a server that hangs must not keep the others from being
// measured.
const (
	quickWithin = time.Minute
	fullWithin  = 15 * time.Minute
)

// within returns how long a scenario may take.
func (s *suite) within(sc scenario.Scenario) time.Duration {
	within := quickWithin
	switch {
	case s.Full:
		within = fullWithin
	case sc.QuickWithin > 0:
		within = sc.QuickWithin
	}
	if sc.Long {
		within += s.Soak * 11 / 10
	}
	return within
}

// one carries out a scenario on a server.
func (s *suite) one(ctx context.Context, sc scenario.Scenario, p scenario.Peer) {
	label := sc.Name + ", " + p.Name
	s.progress.Say(label)
	dir := filepath.Join(s.dir, fmt.Sprintf("%s-%d", sc.Name, len(s.result.Results)))
	host := scenario.Processes(p, dir, s.result.ServerCores)
	if s.Target != "" {
		host = scenario.Running(s.Target)
	}
	options := s.options
	within := s.within(sc)
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("it took longer than %v", within))
	defer cancel()
	options.Progress = func(l load.Live) { s.progress.Phase(label, l) }
	result := sc.Run(ctx, p, host, options)
	s.progress.End()
	_ = os.RemoveAll(dir) // what is left goes with the folder of the run
	for _, line := range outcomes(result) {
		s.progress.Say("  " + line)
	}
	s.result.Results = append(s.result.Results, *result)
}

// outcomes says in lines what a scenario gave.
func outcomes(r *scenario.Result) []string {
	var lines []string
	for _, row := range r.Rows {
		line := row.Label + ":"
		for _, m := range row.Metrics {
			line += " " + m.Name + " " + report.Format(m) + ","
		}
		lines = append(lines, strings.TrimRight(line, ",:"))
		for _, fault := range row.Faults {
			lines = append(lines, "WRONG: "+strings.ReplaceAll(fault, "\n", "; "))
		}
	}
	if r.Gap != "" {
		lines = append(lines, "gap: "+r.Gap)
	}
	if r.Failure != "" {
		lines = append(lines, "FAILED: "+strings.ReplaceAll(r.Failure, "\n", "; "))
	}
	return lines
}
