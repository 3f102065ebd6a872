package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/weftsync/weft/bench/report"
)

// The commands on reports that are kept.
type (
	compareCommand struct {
		Before string `arg:"" help:"A report in JSON."`
		After  string `arg:"" help:"Another."`
	}
	showCommand struct {
		Report string `arg:"" help:"A report in JSON."`
	}
	readmeCommand struct {
		Report string `arg:"" help:"A report in JSON, with servers in it."`
	}
)

// summaryFile is where the README's summary is kept, below the root.
const summaryFile = "bench/summary.json"

func (c *compareCommand) do(stdout io.Writer) error {
	before, err := report.Read(c.Before)
	if err != nil {
		return err
	}
	after, err := report.Read(c.After)
	if err != nil {
		return err
	}
	fmt.Fprint(stdout, report.Compare(before, after))
	return nil
}

// do writes the report once more as text, Markdown and HTML.
func (c *showCommand) do(stdout io.Writer, out string) error {
	r, err := report.Read(c.Report)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, r.Text())
	path, err := r.WriteFiles(out)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "written to", path, "and beside it as HTML, JSON and text")
	return nil
}

// do puts the summary of a report into the README and keeps it beside the harness.
func (c *readmeCommand) do(root string) error {
	r, err := report.Read(c.Report)
	if err != nil {
		return err
	}
	s := r.Summary()
	if s == nil {
		return fmt.Errorf("%s has nothing about servers", c.Report)
	}
	return s.WriteSummary(filepath.Join(root, filepath.FromSlash(summaryFile)), filepath.Join(root, "README.md"))
}
