package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weftsync/weft/bench/load"
	"github.com/weftsync/weft/bench/scenario"
)

// page is the whole report. It needs nothing from anywhere else. It is made when it is needed: the server's binary can
// write reports too, and mostly does not.
var page = sync.OnceValue(func() *template.Template { return template.Must(template.New("report").Parse(pageText)) })

const pageText = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>weft: benchmarks</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 76rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin: 2.5rem 0 .2rem }
p.note { color: #555; margin: .2rem 0 .8rem; max-width: 60rem }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #e4e4e4; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
tr.group td { font-weight: 600; padding-top: .8rem; border-bottom: 1px solid #999 }
tr.wrong td { color: #a02020 }
tr.ours td { background: #eef6f2 }
.scroll { overflow-x: auto } .plots { display: flex; flex-wrap: wrap; gap: 1rem; margin-top: 1rem }
svg { max-width: 100% } ul { padding-left: 1.2rem } .bad { color: #a02020 }
</style>
<h1>weft: benchmarks</h1>
<ul>{{range .Lines}}<li>{{.}}</li>{{end}}</ul>
{{if .Failures}}<h2 class="bad">Failed</h2><ul class="bad">{{range .Failures}}<li>{{.}}</li>{{end}}</ul>{{end}}
{{if .PeerFailures}}<h2 class="bad">Failed beside us</h2><ul class="bad">{{range .PeerFailures}}<li>{{.}}</li>{{end}}</ul>{{end}}
{{if .Missing}}<h2>Not here</h2><ul>{{range .Missing}}<li>{{.}}</li>{{end}}</ul>{{end}}
{{range .Sections}}<h2>{{.Title}}</h2>
{{if .Note}}<p class="note">{{.Note}}</p>{{end}}
<div class="scroll"><table><thead><tr>{{range .Columns}}<th>{{.}}</th>{{end}}</tr></thead><tbody>
{{range .Rows}}<tr{{if .Class}} class="{{.Class}}"{{end}}>{{range .Cells}}<td{{if $.Span .}} colspan="{{$.Span .}}"{{end}}>{{.Text}}</td>{{end}}</tr>
{{end}}</tbody></table></div>
{{if .Plots}}<div class="plots">{{range .Plots}}{{.}}{{end}}</div>{{end}}
{{end}}
</html>
`

// A section is a table of the page with its pictures.
type section struct {
	Title, Note string
	Columns     []string
	Rows        []pageRow
	Plots       []template.HTML
}

type pageRow struct {
	Class string
	Cells []pageCell
}

type pageCell struct {
	Text string
	Wide int // columns, 0 for one
}

// pageData is what the template is given.
type pageData struct {
	Lines, Failures, PeerFailures, Missing []string
	Sections                               []section
}

// Span is for the template.
func (pageData) Span(c pageCell) int { return c.Wide }

// HTML returns the report as one page without anything outside it.
func (r *Report) HTML() (string, error) {
	data := pageData{Lines: r.machineLines(), Failures: r.Failures, PeerFailures: r.PeerFailures, Missing: r.Missing}
	if len(r.Engine) > 0 {
		engines := sectionOf(r.peersTable())
		if picture := r.SVG(); picture != "" {
			engines.Plots = []template.HTML{template.HTML(picture)} // SVG escapes what it is given
		}
		data.Sections = append(data.Sections, engines, sectionOf(r.detailTable()))
	}
	if r.Server != nil {
		for _, sc := range r.Server.scenarios() {
			results := r.Server.of(sc.Name)
			one := sectionOf(scenarioTable(sc, results))
			for _, plot := range plots(sc, results) {
				one.Plots = append(one.Plots, template.HTML(plot.svg())) // as above
			}
			data.Sections = append(data.Sections, one)
		}
	}
	var b strings.Builder
	if err := page().Execute(&b, data); err != nil {
		return "", fmt.Errorf("write the page: %w", err)
	}
	return b.String(), nil
}

func sectionOf(t *table) section {
	s := section{Title: t.title, Note: t.note, Columns: t.columns}
	for _, row := range t.rows {
		if name, ok := strings.CutPrefix(row[0], groupMark); ok {
			s.Rows = append(s.Rows, pageRow{"group", []pageCell{{name, len(t.columns)}}})
			continue
		}
		one := pageRow{}
		switch {
		case strings.HasSuffix(row[0], wrong):
			one.Class = "wrong"
		case row[0] == scenario.Weft:
			one.Class = "ours"
		}
		for _, cell := range row {
			one.Cells = append(one.Cells, pageCell{Text: cell})
		}
		s.Rows = append(s.Rows, one)
	}
	return s
}

// plots returns the pictures of a scenario: for the largest size that everybody has how latency is distributed and how
// memory went, and throughput against latency and against connections where that was looked for.
func plots(sc scenario.Scenario, results []scenario.Result) []*plot {
	var all []*plot
	for _, label := range labelsOf(results) {
		latency := &plot{title: "latency, " + label, x: axis{"share of deliveries that took at most", tail, sharesTicks}, y: axis{"", logarithmic, timeTicks}}
		memory := &plot{title: "memory, " + label, x: axis{"seconds", linear, nil}, y: axis{"MB", linear, nil}, zero: true}
		curve := &plot{title: "p99 by throughput, " + label, x: axis{"delivered a second", logarithmic, countTicks}, y: axis{"p99", logarithmic, timeTicks}}
		for i := range results {
			row := rowOf(&results[i], label)
			if row == nil {
				continue
			}
			latency.add(results[i].Peer, distribution(row.Latency))
			memory.add(results[i].Peer, overTime(row.Memory, row.MemoryEvery))
			var points []point
			for _, p := range row.Curve {
				points = append(points, point{p.PerSecond, p.P99.Seconds()})
			}
			slices.SortFunc(points, func(a, b point) int { return compare(a.x, b.x) })
			curve.add(results[i].Peer, points)
		}
		all = append(all, curve, latency, memory)
	}
	if sc.Name == "max-throughput" || sc.Name == "fan-out" {
		all = append(all, byConnections(results))
	}
	return slices.DeleteFunc(all, func(p *plot) bool { return len(p.lines) == 0 })
}

// labelsOf returns the first and the last size: those between differ by degree.
func labelsOf(results []scenario.Result) []string {
	var labels []string
	for _, r := range results {
		for _, row := range r.Rows {
			if !slices.Contains(labels, row.Label) {
				labels = append(labels, row.Label)
			}
		}
	}
	if len(labels) > 2 {
		labels = []string{labels[0], labels[len(labels)-1]}
	}
	return labels
}

func rowOf(r *scenario.Result, label string) *scenario.Row {
	i := slices.IndexFunc(r.Rows, func(row scenario.Row) bool { return row.Label == label })
	if i < 0 {
		return nil
	}
	return &r.Rows[i]
}

func distribution(l load.Latency) []point {
	var points []point
	for _, q := range l.Curve {
		if q.Share < 1 {
			points = append(points, point{q.Share, q.Took.Seconds()})
		}
	}
	return points
}

func overTime(bytes []int64, every time.Duration) []point {
	var points []point
	for i, b := range bytes {
		points = append(points, point{float64(i+1) * every.Seconds(), float64(b) / 1e6})
	}
	return points
}

// byConnections shows what was delivered a second against how many connections there were, in one document.
func byConnections(results []scenario.Result) *plot {
	p := &plot{title: "throughput by connections of one document", x: axis{"connections", logarithmic, countTicks}, y: axis{"delivered a second", logarithmic, countTicks}}
	for _, r := range results {
		var points []point
		for _, row := range r.Rows {
			if row.Plan != nil && row.Plan.Documents == 1 && len(row.Metrics) > 0 && row.Metrics[0].Name == "delivered/s" {
				points = append(points, point{float64(row.Connections), row.Metrics[0].Value})
			}
		}
		if len(points) > 1 {
			p.add(r.Peer, points)
		}
	}
	return p
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
