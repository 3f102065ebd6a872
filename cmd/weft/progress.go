package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progressEvery is how often there is a line where there is no bar.
const progressEvery = 5 * time.Second

// progress shows how far a long command is: a bar on a terminal, a line with numbers now and then elsewhere.
type progress struct {
	out   io.Writer
	what  string
	total int
	done  int
	bar   *progressbar.ProgressBar // nil where there is no terminal
	last  time.Time
}

// newProgress counts what is done; a total of 0 is not known.
func newProgress(out io.Writer, what string, total int) *progress {
	p := &progress{out: out, what: what, total: total, last: time.Now()}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return p
}

// step counts one more.
func (p *progress) step() {
	p.done++
	if p.bar != nil {
		_ = p.bar.Add(1) // a bar that cannot be drawn is no reason to stop
		return
	}
	if time.Since(p.last) >= progressEvery {
		p.last = time.Now()
		p.line()
	}
}

func (p *progress) line() { fmt.Fprintf(p.out, "%s %d/%d\n", p.what, p.done, p.total) }

// say prints a line above the bar.
func (p *progress) say(line string) {
	if p.bar != nil {
		_ = p.bar.Clear() // as above
	}
	fmt.Fprintln(p.out, line)
}

// end prints how far it came.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear() // as above
	}
	p.line()
}
