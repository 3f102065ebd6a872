package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/weftsync/weft/bench/engine"
	"github.com/weftsync/weft/bench/load"
	"github.com/weftsync/weft/bench/report"
	"github.com/weftsync/weft/bench/target"
	"github.com/weftsync/weft/bench/trace"
)

type serverFlags struct {
	Binary  string    `default:"bin/weft" help:"The weft binary."`
	Data    string    `help:"Folder below which the server keeps its data during the run, to choose the disk; a temporary one by default."`
	Trace   string    `default:"automerge-paper" help:"Sequential history to replay, or \"generated\"; the generated one where there are no real ones."`
	Readers int       `default:"20" help:"How many clients read."`
	Rates   []float64 `default:"100,1000,5000" help:"Updates a second of the open-loop phases."`
	Seconds float64   `default:"10" help:"How long each open-loop phase lasts."`
	Burst   int       `default:"30000" help:"Updates of the phase at maximum throughput; 0 for none."`

	CPUProfile string `name:"cpuprofile" help:"Write a CPU profile of the server, while the load runs, to this file."`
}

// limitFlags let one writer send as fast as it can. Everything else is as a user gets it.
var limitFlags = []string{"--messages-per-second=-1", "--bytes-per-second=-1"}

// fsyncs is how often the disk is asked.
const fsyncs = 200

// server measures a running server.
func (b *bench) server(ctx context.Context) {
	name := b.Server.Trace
	if len(b.real) == 0 {
		name = generated
	}
	result := &report.Server{Trace: name, Flags: limitFlags}
	b.report.Server = result
	if err := b.serve(ctx, name, result); err != nil {
		result.Error = err.Error()
		b.report.Fail("server on "+name, err)
	}
}

func (b *bench) serve(ctx context.Context, name string, result *report.Server) (err error) {
	t, err := b.history(name)
	if err != nil {
		return err
	}
	run, err := b.loadOf(ctx, t)
	if err != nil {
		return err
	}
	for _, p := range run.Phases {
		result.Updates += p.Updates
	}
	data, err := os.MkdirTemp(b.Server.Data, "weftbench.*")
	if err != nil {
		return fmt.Errorf("make a data folder: %w", err)
	}
	defer os.RemoveAll(data)
	if result.Fsync, err = target.Fsync(data, fsyncs); err != nil {
		return err
	}
	store := filepath.Join(data, "store")
	server, err := target.Start(ctx, b.Server.Binary, store, limitFlags...)
	if err != nil {
		return err
	}
	stopped := false
	defer func() {
		if !stopped {
			err = errors.Join(err, server.Stop())
		}
	}()
	if result.RSSStartBytes, err = target.RSS(server.PID()); err != nil {
		return err
	}
	run.Server, run.Meter = server.Address, target.NewMeter(server.PID())
	endProfile := b.profileServer(ctx, server, run)
	result.Load, err = b.runLoad(ctx, run)
	if err = errors.Join(err, endProfile()); err != nil {
		return fmt.Errorf("%w; the server's last words: %s", err, server.Complaints())
	}
	stopped = true
	if err := server.Stop(); err != nil {
		return err
	}
	result.DiskBytes, err = sizeOf(store)
	return err
}

// loadOf makes the load of a history: open-loop phases, then one at maximum throughput.
func (b *bench) loadOf(ctx context.Context, t *trace.Trace) (*load.Run, error) {
	log, err := b.updatesOf(ctx, t)
	if err != nil {
		return nil, err
	}
	if t.Start != "" || log.Len() != len(t.Txns) {
		return nil, fmt.Errorf("%s has %d updates for %d transactions, want one each", t.Name, log.Len(), len(t.Txns))
	}
	var phases []load.Phase
	total := 0
	for _, rate := range b.Server.Rates {
		phases = append(phases, load.Phase{Name: fmt.Sprintf("%g/s", rate), Updates: int(rate * b.Server.Seconds), Rate: rate})
		total += int(rate * b.Server.Seconds)
	}
	if b.Server.Burst > 0 {
		phases = append(phases, load.Phase{Name: "maximum", Updates: b.Server.Burst})
		total += b.Server.Burst
	}
	if total > log.Len() {
		return nil, fmt.Errorf("the phases need %d updates, %s has %d", total, t.Name, log.Len())
	}
	text, err := t.TextAfter(total)
	if err != nil {
		return nil, err
	}
	return &load.Run{
		Document: "bench/" + t.Name, Root: engine.Root, Updates: log, Client: author, Text: text,
		Readers: b.Server.Readers, Phases: phases,
	}, nil
}

// runLoad runs the load with a bar for each phase.
func (b *bench) runLoad(ctx context.Context, run *load.Run) (load.Result, error) {
	var current *bar
	finish := func() {
		if current != nil {
			current.done()
		}
	}
	run.Progress = func(phase string, reached, total int) {
		if name := "server, " + phase; current == nil || current.name != name {
			finish()
			current = b.progress.bar(name, total)
		}
		current.set(reached)
	}
	defer finish()
	return run.Do(ctx)
}

// profileServer starts a profile of the server, if one was asked for, that lasts about as long as the load. The
// function returned waits for it.
func (b *bench) profileServer(ctx context.Context, server *target.Server, run *load.Run) (wait func() error) {
	if b.Server.CPUProfile == "" {
		return func() error { return nil }
	}
	length := time.Second
	for _, p := range run.Phases {
		if p.Rate > 0 {
			length += time.Duration(float64(p.Updates) / p.Rate * float64(time.Second))
		}
	}
	done := make(chan error, 1)
	go func() { done <- server.CPUProfile(ctx, b.Server.CPUProfile, length) }()
	return func() error { return <-done }
}

// sizeOf returns how many bytes the files in a folder have.
func sizeOf(dir string) (int64, error) {
	total := int64(0)
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measure the data folder: %w", err)
	}
	return total, nil
}
