package report

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"github.com/weftsync/weft/bench/peers"
)

// The picture's measures, in pixels.
const (
	svgLabels = 330 // left of the axis
	svgAxis   = 620
	svgBar    = 6
	svgGap    = 8
	svgTop    = 96
	svgGroup  = 26
)

// palette colours ours first, then the engines in the order of the columns; the reference is the line at 1.
var palette = []string{"#0b6e4f", "#888888", "#d1495b", "#edae49", "#7768ae", "#3d7ea6", "#8c5e3c"}

// A mark is one bar: how long an engine takes compared with the reference, 1 for as long.
type mark struct {
	engine int // 0 is ours, then the peers in order
	ratio  float64
	beyond bool // the true value lies further out than the bar
}

// marks returns the bars of a row, none when the reference is not known.
func (r *Report) marks(row *EngineRow) []mark {
	reference, atLeast := row.reference()
	if reference == 0 {
		return nil
	}
	var marks []mark
	if values, _ := row.weft(); len(values) > 0 && slices.Min(values) > 0 {
		marks = append(marks, mark{0, slices.Min(values) / reference, atLeast})
	}
	for i, p := range r.Peers {
		c := row.cell(p.Name)
		values, _ := c.samples()
		switch {
		case p.Name == peers.Reference:
		case len(values) > 0 && slices.Min(values) > 0:
			marks = append(marks, mark{i + 1, slices.Min(values) / reference, atLeast})
		case c.Absence == Slow && !row.Memory && !atLeast:
			marks = append(marks, mark{i + 1, c.BoundSeconds / float64(max(row.EachOf, 1)) / reference, true})
		}
	}
	return marks
}

// SVG returns a picture of the engines: for each row a bar for each engine, how long it takes (or how much it holds)
// compared with the reference, on a logarithmic axis. To the left is faster. It returns "" when there is nothing to draw.
func (r *Report) SVG() string {
	type line struct {
		row   *EngineRow
		marks []mark
	}
	var lines []line
	low, high := 0.0, 0.0
	for i := range r.Engine {
		l := line{&r.Engine[i], r.marks(&r.Engine[i])}
		if len(l.marks) == 0 {
			continue
		}
		lines = append(lines, l)
		for _, m := range l.marks {
			low, high = min(low, math.Floor(math.Log10(m.ratio))), max(high, math.Ceil(math.Log10(m.ratio)))
		}
	}
	if len(lines) == 0 {
		return ""
	}
	x := func(ratio float64) float64 {
		return svgLabels + svgAxis*(math.Log10(ratio)-low)/max(high-low, 1)
	}
	var body strings.Builder
	y, subject := float64(svgTop), ""
	for _, l := range lines {
		if l.row.Subject != subject {
			subject = l.row.Subject
			y += svgGroup
			fmt.Fprintf(&body, "<text x=\"12\" y=\"%.0f\" font-weight=\"bold\">%s</text>\n", y-svgGap, html.EscapeString(subject))
		}
		height := float64(svgBar * len(l.marks))
		height = max(height, 12)
		label := l.row.Work
		if _, atLeast := l.row.reference(); atLeast {
			label += " (" + peers.Reference + " " + l.row.cell(peers.Reference).why() + ")"
		}
		fmt.Fprintf(&body, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", svgLabels-8, y+height/2+4, html.EscapeString(label))
		for i, m := range l.marks {
			body.WriteString(r.bar(m, x, y+float64(i*svgBar)))
		}
		y += height + svgGap
	}
	return r.frame(low, high, x, y, body.String())
}

// bar draws one bar, from the line of the reference to its value; one that goes on further fades.
func (r *Report) bar(m mark, x func(float64) float64, y float64) string {
	from, to := x(1), x(m.ratio)
	opacity := 1.0
	if m.beyond {
		opacity = 0.45
	}
	name := "weft"
	if m.engine > 0 {
		name = r.Peers[m.engine-1].Name
	}
	times := fmt.Sprintf("%s of the time", digits(m.ratio)+"×")
	return fmt.Sprintf("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\" fill-opacity=\"%g\"><title>%s: %s</title></rect>\n",
		min(from, to), y, max(math.Abs(to-from), 1), svgBar-1, colour(m.engine), opacity, html.EscapeString(name), times)
}

func colour(engine int) string { return palette[engine%len(palette)] }

// frame puts title, legend and axis around the bars.
func (r *Report) frame(low, high float64, x func(float64) float64, bottom float64, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" font-family=\"sans-serif\" font-size=\"11\" fill=\"#222\">\n",
		svgLabels+svgAxis+30, bottom+30)
	b.WriteString("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n")
	fmt.Fprintf(&b, "<text x=\"12\" y=\"22\" font-size=\"15\" font-weight=\"bold\">Time, or memory, compared with %s: left is less</text>\n", peers.Reference)
	about := fmt.Sprintf("%s, %d cores, Node %s, %s, commit %s, %s; a pale bar goes on further than it is drawn",
		r.Machine.CPU, r.Machine.Cores, r.Node, r.Machine.Go, r.Machine.Commit, r.Machine.Date.Format("2006-01-02"))
	fmt.Fprintf(&b, "<text x=\"12\" y=\"40\">%s</text>\n", html.EscapeString(about))
	at := 12
	legend := func(engine int, name string) {
		fmt.Fprintf(&b, "<rect x=\"%d\" y=\"52\" width=\"10\" height=\"10\" fill=\"%s\"/><text x=\"%d\" y=\"61\">%s</text>\n",
			at, colour(engine), at+14, html.EscapeString(name))
		at += 26 + 7*len(name)
	}
	legend(0, "weft")
	for i, p := range r.Peers {
		if p.Missing == "" && p.Name != peers.Reference {
			legend(i+1, strings.TrimSpace(p.Name+" "+p.Version))
		}
	}
	for power := low; power <= high; power++ {
		ratio := math.Pow(10, power)
		stroke := "#ddd"
		if power == 0 {
			stroke = "#222"
		}
		fmt.Fprintf(&b, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%.0f\" stroke=\"%s\"/>\n", x(ratio), svgTop-8, x(ratio), bottom, stroke)
		fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g×</text>\n", x(ratio), svgTop-14, ratio)
	}
	b.WriteString(body)
	b.WriteString("</svg>\n")
	return b.String()
}
