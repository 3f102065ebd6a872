package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress tells the user what goes on: with a bar on a terminal, with a line now and then elsewhere.
type progress struct {
	out   io.Writer
	plain bool
	began time.Time
}

// newProgress writes to out. plain forces lines.
func newProgress(out io.Writer, plain bool) *progress {
	file, ok := out.(*os.File)
	return &progress{out: out, plain: plain || !ok || !term.IsTerminal(int(file.Fd())), began: time.Now()}
}

// say prints a line.
func (p *progress) say(line string) {
	fmt.Fprintf(p.out, "[%6.1fs] %s\n", time.Since(p.began).Seconds(), line)
}

// lineEvery is how often a bar without a terminal prints a line.
const lineEvery = 5 * time.Second

// A bar follows one job. It is used by one goroutine at a time.
type bar struct {
	progress *progress
	name     string
	total    int
	at       int
	lastLine time.Time
	drawn    *progressbar.ProgressBar // nil when plain
}

func (p *progress) bar(name string, total int) *bar {
	b := &bar{progress: p, name: name, total: total, lastLine: time.Now()}
	if p.plain {
		p.say(fmt.Sprintf("%s: 0 of %d", name, total))
		return b
	}
	b.drawn = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(name),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth())
	return b
}

func (b *bar) set(at int) {
	b.at = at
	if b.drawn != nil {
		_ = b.drawn.Set(at) // a bar that cannot be drawn is no reason to stop
		return
	}
	if time.Since(b.lastLine) >= lineEvery {
		b.lastLine = time.Now()
		b.progress.say(fmt.Sprintf("%s: %d of %d", b.name, at, b.total))
	}
}

// done ends the bar where it stands.
func (b *bar) done() {
	if b.drawn != nil {
		fmt.Fprintln(b.progress.out)
		return
	}
	b.progress.say(fmt.Sprintf("%s: %d of %d", b.name, b.at, b.total))
}
