package suite

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/weftsync/weft/bench/load"
)

// A Progress tells the user what goes on: with a bar and live figures on a terminal, with a line now and then elsewhere.
type Progress struct {
	out   io.Writer
	plain bool
	began time.Time
	last  time.Time
	bar   *progressbar.ProgressBar
	phase string
}

// NewProgress writes to out. plain forces lines.
func NewProgress(out io.Writer, plain bool) *Progress {
	file, ok := out.(*os.File)
	return &Progress{out: out, plain: plain || !ok || !term.IsTerminal(int(file.Fd())), began: time.Now()}
}

// Say prints a line.
func (p *Progress) Say(line string) {
	fmt.Fprintf(p.out, "[%6.1fs] %s\n", time.Since(p.began).Seconds(), line)
}

// lineEvery is how often there is a line where there is no bar.
const lineEvery = 5 * time.Second

// barSteps is how finely a bar is drawn.
const barSteps = 1000

// Phase shows how far a phase is.
func (p *Progress) Phase(label string, l load.Live) {
	figures := fmt.Sprintf("%s, %s: %.0f/s, p99 %v, %d to come", label, l.Phase, l.PerSecond, l.P99.Round(100*time.Microsecond), l.ToCome)
	if p.plain {
		if time.Since(p.last) >= lineEvery {
			p.last = time.Now()
			p.Say(fmt.Sprintf("%3.0f %% %s", 100*l.Done, figures))
		}
		return
	}
	if p.bar == nil || p.phase != l.Phase {
		p.End()
		p.phase = l.Phase
		p.bar = progressbar.NewOptions(barSteps, progressbar.OptionSetWriter(p.out), progressbar.OptionSetWidth(24),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetElapsedTime(false),
			progressbar.OptionSetPredictTime(false))
	}
	p.bar.Describe(figures)
	_ = p.bar.Set(int(l.Done * (barSteps - 1))) // a bar that cannot be drawn is no reason to stop
}

// End takes the bar away.
func (p *Progress) End() {
	if p.bar != nil {
		_ = p.bar.Clear() // as above
		p.bar = nil
	}
}
