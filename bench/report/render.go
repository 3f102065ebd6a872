package report

import (
	"fmt"
	"strings"
	"time"
)

// none stands where there is no value; the reason is among the failures.
const none = "failed"

// Text returns the report for a terminal.
func (r *Report) Text() string {
	return r.render((*table).text, "", "  - ")
}

// Markdown returns the report as Markdown.
func (r *Report) Markdown() string {
	return "# Benchmarks\n\n" + r.render((*table).markdown, "\n", "- ")
}

func (r *Report) render(draw func(*table) string, gap, bullet string) string {
	var b strings.Builder
	for _, line := range r.machineLines() {
		b.WriteString(bullet + line + "\n")
	}
	for _, t := range r.tables() {
		b.WriteString("\n" + draw(t))
	}
	for _, list := range []struct {
		title string
		lines []string
	}{{"Not here", r.Missing}, {"Failed", r.Failures}, {"Failed beside us", r.PeerFailures}} {
		if len(list.lines) == 0 {
			continue
		}
		b.WriteString("\n" + list.title + ":\n" + gap)
		for _, line := range list.lines {
			b.WriteString(bullet + strings.ReplaceAll(line, "\n", "; ") + "\n")
		}
	}
	return b.String()
}

func (r *Report) machineLines() []string {
	m := r.Machine
	commit := m.Commit
	if m.Dirty {
		commit += " with changes"
	}
	lines := []string{
		fmt.Sprintf("machine: %s, %d cores, %s memory, %s, Linux %s", m.CPU, m.Cores, bytesOf(float64(m.MemoryBytes)), m.System, m.Kernel),
		fmt.Sprintf("load average before the run: %s", m.Load),
		fmt.Sprintf("%s, commit %s, %s", m.Go, commit, m.Date.Format(time.RFC3339)),
	}
	if len(r.Engine) > 0 {
		lines = append(lines, fmt.Sprintf("real histories replayed: %d of %d found (%s)", len(r.RealTraces), r.TracesFound, strings.Join(r.RealTraces, ", ")))
	}
	var beside []string
	for _, p := range r.Peers {
		if p.Missing == "" {
			beside = append(beside, p.Name+" "+p.Version)
		}
	}
	if len(beside) > 0 {
		lines = append(lines, fmt.Sprintf("beside us: %s, in Node %s", strings.Join(beside, ", "), r.Node))
	}
	if r.Server != nil {
		lines = append(lines, r.Server.facts()...)
	}
	return lines
}

func (r *Report) tables() []*table {
	var tables []*table
	if len(r.Engine) > 0 {
		tables = append(tables, r.peersTable(), r.detailTable())
	}
	if r.Server != nil {
		tables = append(tables, r.Server.tables()...)
	}
	return tables
}
