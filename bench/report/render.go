package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/weftsync/weft/bench/load"
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
	}{{"Not here", r.Missing}, {"Failed", r.Failures}} {
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
		fmt.Sprintf("real histories replayed: %d of %d found (%s)", len(r.RealTraces), r.TracesFound, strings.Join(r.RealTraces, ", ")),
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
	return lines
}

func (r *Report) tables() []*table {
	var tables []*table
	if len(r.Engine) > 0 {
		tables = append(tables, r.peersTable(), r.detailTable())
	}
	if r.Server != nil {
		tables = append(tables, r.Server.latencyTable(), r.Server.costTable(), r.Server.factsTable())
	}
	return tables
}

func (s *Server) title() string {
	return fmt.Sprintf("Server: the first %s updates of %s, 1 writer, %d readers, durable", count(int64(s.Updates)), s.Trace, s.Load.Readers)
}

func (s *Server) latencyTable() *table {
	t := &table{
		title: s.title(),
		columns: []string{"phase", "updates", "took", "updates/s", "delivered/s", "all readers p50", "p95", "p99", "max",
			"echo p50", "echo p99"},
	}
	for _, p := range s.Load.Phases {
		perSecond := p.UpdatesPerSecond()
		t.add(p.Name, count(int64(p.Updates)), duration(p.Took), count(int64(perSecond)), count(int64(perSecond*float64(s.Load.Readers))),
			duration(p.ToAll.P50), duration(p.ToAll.P95), duration(p.ToAll.P99), duration(p.ToAll.Max),
			duration(p.Echo.P50), duration(p.Echo.P99))
	}
	if len(s.Load.Phases) == 0 {
		t.add(none)
	}
	return t
}

func (s *Server) costTable() *table {
	t := &table{
		title: "Server: what it costs",
		columns: []string{"phase", "server CPU", "CPU each delivered", "memory peak", "sent", "received", "frames",
			"generator CPU", "writer late, max"},
	}
	for _, p := range s.Load.Phases {
		delivered := float64(p.Updates * s.Load.Readers)
		late := "–"
		if p.Rate > 0 {
			late = duration(p.Behind)
		}
		t.add(p.Name, share(p.Server.CPU, p), seconds(p.Server.CPU.Seconds()/delivered), bytesOf(float64(p.Server.RSSPeakBytes)),
			bytesOf(float64(p.SentBytes)), bytesOf(float64(p.ReceivedBytes)), count(int64(p.Frames)),
			share(p.Generator, p), late)
	}
	if len(s.Load.Phases) == 0 {
		t.add(none)
	}
	return t
}

// share formats CPU time as a share of one core while the phase ran.
func share(cpu time.Duration, p load.PhaseResult) string {
	return fmt.Sprintf("%.0f %%", 100*cpu.Seconds()/p.Took.Seconds())
}

func (s *Server) factsTable() *table {
	t := &table{title: "Server: facts", columns: []string{"fact", "value"}}
	c := s.Load.Convergence
	t.add("clients with the right text", fmt.Sprintf("%d of %d", c.Equal, c.Checked))
	t.add("server with the right text", map[bool]string{true: "yes", false: "no"}[c.Server])
	t.add("fsync of 4 KiB on this disk, p50 · p99", duration(s.Fsync.P50)+" · "+duration(s.Fsync.P99))
	t.add("memory before the first connection", bytesOf(float64(s.RSSStartBytes)))
	t.add("data directory afterwards", bytesOf(float64(s.DiskBytes)))
	t.add("flags beyond the defaults", strings.Join(s.Flags, " "))
	return t
}
