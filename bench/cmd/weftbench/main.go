// Command weftbench measures weft's engine beside other engines, and a running weft server beside other servers, and
// prints tables. `make bench` runs it; bench/METHOD.md says what it measures and how.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/weftsync/weft/bench/engine"
	"github.com/weftsync/weft/bench/peers"
	"github.com/weftsync/weft/bench/report"
	"github.com/weftsync/weft/bench/suite"
	"github.com/weftsync/weft/bench/trace"
)

// cli is the command line.
type cli struct {
	Out        string `default:"bench/out" help:"Folder for the report and for what is kept between runs."`
	CPUProfile string `name:"cpuprofile" help:"Write a CPU profile of this process (the engine; the load generator) to this file."`
	MemProfile string `name:"memprofile" help:"Write a profile of this process's allocations to this file."`
	Plain      bool   `help:"Show progress as lines, not as a bar; the default when standard error is not a terminal."`

	Engine engineFlags `embed:"" prefix:"engine-"`
	Server suite.Flags `embed:"" prefix:"server-"`

	All       struct{} `cmd:"" help:"Measure the engine, then servers."`
	JustEng   struct{} `cmd:"" name:"engine" help:"Measure the engine beside others."`
	JustServe struct{} `cmd:"" name:"server" help:"Measure running servers beside each other."`

	Compare compareCommand `cmd:"" help:"Print two reports beside each other."`
	Show    showCommand    `cmd:"" help:"Write a report that was kept as JSON once more in all its forms."`
	Readme  readmeCommand  `cmd:"" help:"Put the summary of a report into the README."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "weftbench:", err)
		os.Exit(1)
	}
}

// errIncomplete says that the report has gaps.
var errIncomplete = errors.New("not everything could be measured; the report says what and why")

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	var c cli
	parser, err := kong.New(&c, kong.Name("weftbench"), kong.Description("Measure weft's engine and server."), kong.Writers(stdout, stderr))
	if err != nil {
		return err
	}
	command, err := parser.Parse(args)
	if err != nil {
		return err
	}
	root, err := trace.Root()
	if err != nil {
		return err
	}
	switch command.Command() {
	case "compare <before> <after>":
		return c.Compare.do(stdout)
	case "show <report>":
		return c.Show.do(stdout, c.Out)
	case "readme <report>":
		return c.Readme.do(root)
	}
	stop, err := c.profile()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()

	r := &report.Report{
		Machine: report.Here(ctx, root), Missing: []string{}, Failures: []string{}, RealTraces: []string{}, Peers: []report.Peer{},
	}
	b := &bench{cli: &c, root: root, report: r, progress: newProgress(stderr, c.Plain), stderr: stderr, jobs: map[*engine.Subject]peers.Job{}}
	name := command.Command()
	if name != "server" {
		b.findTraces()
		b.findPeers(ctx)
		b.engine(ctx)
	}
	if name != "engine" {
		b.server(ctx)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	fmt.Fprintln(stdout, r.Text())
	path, err := r.WriteFiles(c.Out)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "written to", path, "and beside it as HTML, JSON and text")
	if !r.OK() {
		return errIncomplete
	}
	return nil
}

// profile starts the profiles that were asked for and returns what ends them.
func (c *cli) profile() (stop func() error, err error) {
	var cpu *os.File
	if c.CPUProfile != "" {
		if cpu, err = os.Create(c.CPUProfile); err != nil {
			return nil, fmt.Errorf("start the CPU profile: %w", err)
		}
		if err := pprof.StartCPUProfile(cpu); err != nil {
			return nil, errors.Join(fmt.Errorf("start the CPU profile: %w", err), cpu.Close())
		}
	}
	if c.MemProfile != "" {
		runtime.MemProfileRate = 4096
	}
	return func() error {
		var errs []error
		if cpu != nil {
			pprof.StopCPUProfile()
			errs = append(errs, cpu.Close())
		}
		if c.MemProfile != "" {
			f, err := os.Create(c.MemProfile)
			if err != nil {
				return errors.Join(append(errs, err)...)
			}
			errs = append(errs, pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
		}
		return errors.Join(errs...)
	}, nil
}
