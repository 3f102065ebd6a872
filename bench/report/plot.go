package report

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// A plot is lines over two axes, drawn as SVG.
type plot struct {
	title string
	x, y  axis
	zero  bool // the y axis begins at 0
	lines []plotLine
}

type point struct{ x, y float64 }

type plotLine struct {
	name   string
	points []point
}

// An axis says how values are spread, and what stands at it.
type axis struct {
	label string
	scale func(v float64) float64
	ticks func(low, high float64) map[float64]string // nil for round numbers
}

func linear(v float64) float64      { return v }
func logarithmic(v float64) float64 { return math.Log10(max(v, 1e-9)) }

// tail spreads shares so that each nine takes as much room as the one before.
func tail(share float64) float64 { return -math.Log10(max(1-share, 1e-5)) }

func sharesTicks(_, high float64) map[float64]string {
	ticks := map[float64]string{0: "0", 0.9: "90 %", 0.99: "99 %", 0.999: "99.9 %", 0.9999: "99.99 %"}
	for share := range ticks {
		if share > high {
			delete(ticks, share)
		}
	}
	return ticks
}

func timeTicks(low, high float64) map[float64]string {
	return decades(low, high, func(v float64) string {
		switch {
		case v >= 0.9:
			return fmt.Sprintf("%.0f s", v)
		case v >= 0.9e-3:
			return fmt.Sprintf("%.0f ms", v*1e3)
		}
		return fmt.Sprintf("%.0f µs", v*1e6)
	})
}

func countTicks(low, high float64) map[float64]string {
	return decades(low, high, func(v float64) string { return count(int64(v)) })
}

// decades returns powers of ten, and what lies between them where there are few.
func decades(low, high float64, format func(float64) string) map[float64]string {
	low, high = max(low, 1e-9), max(high, 1e-9)
	steps := []float64{1}
	if high/low < 100 {
		steps = []float64{1, 2, 5}
	}
	ticks := map[float64]string{}
	for power := math.Floor(math.Log10(low)); power <= math.Ceil(math.Log10(high)); power++ {
		for _, step := range steps {
			if v := step * math.Pow(10, power); v >= low*0.999 && v <= high*1.001 {
				ticks[v] = format(v)
			}
		}
	}
	return ticks
}

// roundTicks returns four to eight round numbers.
func roundTicks(low, high float64) map[float64]string {
	if high <= low {
		return map[float64]string{low: fmt.Sprintf("%.4g", low)}
	}
	step := math.Pow(10, math.Floor(math.Log10(high-low)))
	for (high-low)/step < 4 {
		step /= 2
	}
	ticks := map[float64]string{}
	for v := math.Ceil(low/step) * step; v <= high*1.0001; v += step {
		ticks[v] = fmt.Sprintf("%.4g", v)
	}
	return ticks
}

// add adds a line; one without points is left out.
func (p *plot) add(name string, points []point) {
	if len(points) > 0 {
		p.lines = append(p.lines, plotLine{name, points})
	}
}

// A plot's measures, in pixels.
const (
	plotWidth  = 560.0
	plotHeight = 320.0
	plotLeft   = 62.0
	plotRight  = 12.0
	plotTop    = 52.0
	plotBottom = 44.0
)

// serverColours are those of the servers, by name, so that they are the same in every picture.
var serverColours = map[string]string{"weft": "#0b6e4f", "hocuspocus": "#d1495b", "y-websocket-server": "#edae49", "relay": "#999999", "batched relay": "#3d7ea6"}

func lineColour(name string, i int) string {
	if c, ok := serverColours[name]; ok {
		return c
	}
	return palette[i%len(palette)]
}

// bounds returns the least and the greatest value of an axis.
func (p *plot) bounds(value func(point) float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, l := range p.lines {
		for _, at := range l.points {
			low, high = min(low, value(at)), max(high, value(at))
		}
	}
	return low, high
}

// svg draws the plot.
func (p *plot) svg() string {
	lowX, highX := p.bounds(func(at point) float64 { return at.x })
	lowY, highY := p.bounds(func(at point) float64 { return at.y })
	if p.zero {
		lowY = 0
	}
	x := p.x.place(lowX, highX, plotLeft, plotWidth-plotRight)
	y := p.y.place(lowY, highY, plotHeight-plotBottom, plotTop)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" font-family="sans-serif" font-size="11" fill="#222">`+"\n",
		plotWidth, plotHeight, plotWidth, plotHeight)
	b.WriteString("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n")
	fmt.Fprintf(&b, "<text x=\"12\" y=\"18\" font-size=\"13\" font-weight=\"bold\">%s</text>\n", html.EscapeString(p.title))
	p.grid(&b, lowX, highX, lowY, highY, x, y)
	legend := 12.0
	for i, l := range p.lines {
		colour := lineColour(l.name, i)
		fmt.Fprintf(&b, "<rect x=\"%.0f\" y=\"27\" width=\"10\" height=\"10\" fill=\"%s\"/><text x=\"%.0f\" y=\"36\">%s</text>\n", legend, colour, legend+14, html.EscapeString(l.name))
		legend += 28 + 6.2*float64(len(l.name))
		var path strings.Builder
		for _, at := range l.points {
			fmt.Fprintf(&path, " %.1f,%.1f", x(at.x), y(at.y))
		}
		fmt.Fprintf(&b, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\" points=\"%s\"><title>%s</title></polyline>\n", colour, strings.TrimSpace(path.String()), html.EscapeString(l.name))
		if len(l.points) <= 30 {
			for _, at := range l.points {
				fmt.Fprintf(&b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.4\" fill=\"%s\"/>\n", x(at.x), y(at.y), colour)
			}
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// place returns where a value stands between two pixels.
func (a axis) place(low, high, from, to float64) func(float64) float64 {
	first, last := a.scale(low), a.scale(high)
	if last <= first {
		last = first + 1
	}
	return func(v float64) float64 { return from + (to-from)*(a.scale(v)-first)/(last-first) }
}

// grid draws the axes.
func (p *plot) grid(b *strings.Builder, lowX, highX, lowY, highY float64, x, y func(float64) float64) {
	for _, tick := range p.x.at(lowX, highX) {
		fmt.Fprintf(b, "<line x1=\"%.1f\" y1=\"%.0f\" x2=\"%.1f\" y2=\"%.0f\" stroke=\"#e4e4e4\"/><text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%s</text>\n",
			x(tick.v), plotTop, x(tick.v), plotHeight-plotBottom, x(tick.v), plotHeight-plotBottom+15, tick.text)
	}
	for _, tick := range p.y.at(lowY, highY) {
		fmt.Fprintf(b, "<line x1=\"%.0f\" y1=\"%.1f\" x2=\"%.0f\" y2=\"%.1f\" stroke=\"#e4e4e4\"/><text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
			plotLeft, y(tick.v), plotWidth-plotRight, y(tick.v), plotLeft-6, y(tick.v)+4, tick.text)
	}
	fmt.Fprintf(b, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\" fill=\"#555\">%s</text>\n", plotWidth-plotRight, plotHeight-8, html.EscapeString(p.x.label))
	fmt.Fprintf(b, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\" fill=\"#555\">%s</text>\n", plotWidth-plotRight, plotTop-6, html.EscapeString(p.y.label))
}

type tick struct {
	v    float64
	text string
}

// at returns the ticks of an axis in order.
func (a axis) at(low, high float64) []tick {
	find := a.ticks
	if find == nil {
		find = roundTicks
	}
	var ticks []tick
	for v, text := range find(low, high) {
		ticks = append(ticks, tick{v, text})
	}
	slices.SortFunc(ticks, func(a, b tick) int { return compare(a.v, b.v) })
	return ticks
}
