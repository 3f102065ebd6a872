package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/weftsync/weft/bench/report"
	"github.com/weftsync/weft/bench/scenario"
	"github.com/weftsync/weft/bench/suite"
)

// benchCommand is "weft bench".
type benchCommand struct {
	Out   string `default:"weft-bench" placeholder:"DIR" help:"Folder for the report: HTML, Markdown, text and JSON (${default})."`
	Plain bool   `help:"Show progress as lines, not as a bar; the default when standard error is not a terminal."`

	suite.Flags
}

// Help returns what stands below the usage: what there is to measure, and examples.
func (*benchCommand) Help() string {
	var b strings.Builder
	b.WriteString("Scenarios:\n\n")
	for _, s := range scenario.All() {
		fmt.Fprintf(&b, "  %-15s %s\n", s.Name, s.Title)
	}
	b.WriteString(benchExamples)
	return b.String()
}

// benchExamples are commands that do something useful as they stand.
const benchExamples = `
Examples:

  weft bench
      all scenarios but soak, in small, on a server of its own: three minutes
  weft bench --peers weft,'weft /collab' --scenarios rooms
      the same load in both dialects
  weft bench --full --scenarios max-throughput
      what this machine holds, as a report would be published
  weft bench --scenarios soak --soak 3m
      whether memory, open files or goroutines grow
  weft bench --target http://127.0.0.1:8080/ --scenarios fan-out
      a server that runs already; with --dialect hocuspocus --path collab in that dialect

A server that runs already needs --messages-per-second=-1 --bytes-per-second=-1 for the scenarios at its limit: some
connections send more than is allowed.
The report says what was lost, came twice or differs; the command ends with 1 then. bench/METHOD.md says how all of it is
measured.
`

// errWrong says that a benchmark found something wrong, or could not measure everything.
var errWrong = errors.New("something was lost or wrong, or could not be measured; the report says what and why")

// Run puts load on a server: on the one that a flag names, else on this binary, which is started with a data directory
// of its own.
func (c *benchCommand) Run(e *env) error {
	ctx, stop := signal.NotifyContext(e.ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if c.Weft == "" {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find this binary: %w", err)
		}
		c.Weft = self
	}
	if len(c.Peers) == 0 {
		c.Peers = []string{scenario.Weft}
	}
	r := &report.Report{Machine: report.Here(ctx, ".")}
	r.Machine.Commit, r.Machine.Dirty = version(), false
	measured, err := suite.Run(ctx, c.Flags, ".", version(), suite.NewProgress(e.stderr, c.Plain))
	if err != nil {
		return err
	}
	r.SetServer(measured)
	fmt.Fprintln(e.stdout, r.Text())
	path, err := r.WriteFiles(c.Out)
	if err != nil {
		return err
	}
	fmt.Fprintln(e.stdout, "written to", path, "and beside it as HTML, JSON and text")
	if !r.OK() {
		return errWrong
	}
	return nil
}
