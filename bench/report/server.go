package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weftsync/weft/bench/load"
	"github.com/weftsync/weft/bench/scenario"
	"github.com/weftsync/weft/bench/target"
)

// A Server is what was measured on running servers.
type Server struct {
	// Peers are the servers in the order of the rows, those that are not installed too.
	Peers   []ServerPeer      `json:"peers"`
	Results []scenario.Result `json:"results"`
	// Full says that sizes and times were those that a report is published with.
	Full bool   `json:"full"`
	Seed uint64 `json:"seed"`
	// Fsync is how long the disk under the data takes.
	Fsync load.Latency `json:"fsync"`
	// Steadiness is that of the servers' cores, looked at before each scenario.
	Steadiness target.Steadiness `json:"steadiness"`
	// ServerCores and GeneratorCores are what each was kept to; empty for all.
	ServerCores    []int `json:"server_cores,omitempty"`
	GeneratorCores []int `json:"generator_cores,omitempty"`
	// OpenFiles is what the limit of open files was raised to.
	OpenFiles uint64   `json:"open_files"`
	Notes     []string `json:"notes,omitempty"`
}

// A ServerPeer is a server that was measured, or why not.
type ServerPeer struct {
	scenario.Peer
	Missing string `json:"missing,omitempty"`
}

// Format formats the value of a metric.
func Format(m scenario.Metric) string {
	switch m.Unit {
	case scenario.Seconds:
		return seconds(m.Value)
	case scenario.Bytes:
		if m.Value < 0 {
			return "–" + bytesOf(-m.Value)
		}
		return bytesOf(m.Value)
	case scenario.Share:
		return fmt.Sprintf("%.0f %%", 100*m.Value)
	}
	return count(int64(m.Value + 0.5))
}

// gaps adds to a report what could not be measured on servers: what is not here, what failed, what was wrong.
func (s *Server) gaps(r *Report) {
	for _, p := range s.Peers {
		if p.Missing != "" {
			r.Missing = append(r.Missing, p.Name+": "+p.Missing)
		}
	}
	for _, result := range s.Results {
		where, fail := result.Scenario+" on "+result.Peer, r.Fail
		if !isOurs(result.Peer) {
			fail = r.FailPeer
		}
		if result.Failure != "" {
			fail(where, errors.New(result.Failure))
		}
		for _, row := range result.Rows {
			for _, fault := range row.Faults {
				fail(where+", "+row.Label, errors.New(fault))
			}
		}
	}
}

// isOurs says whether a server is weft, in whatever form, or the one that the run was asked to measure.
func isOurs(peer string) bool {
	return strings.HasPrefix(peer, scenario.Weft) || strings.Contains(peer, "://")
}

// SetServer puts what was measured on servers into the report, with what was not.
func (r *Report) SetServer(s *Server) {
	r.Server = s
	s.gaps(r)
}

// facts returns what has to be known to read the tables.
func (s *Server) facts() []string {
	cores := "servers and generator share all cores"
	if len(s.ServerCores) > 0 {
		cores = fmt.Sprintf("servers on core %s, generator on core %s", numbers(s.ServerCores), numbers(s.GeneratorCores))
	}
	size := "quick: small sizes, short times"
	if s.Full {
		size = "full sizes and times"
	}
	lines := []string{
		fmt.Sprintf("servers: %s; %s; seed %d; limit of open files raised to %d", cores, size, s.Seed, s.OpenFiles),
		fmt.Sprintf("fsync of 4 KiB on the disk of the data: p50 %s, p99 %s", duration(s.Fsync.P50), duration(s.Fsync.P99)),
	}
	if steady := s.Steadiness; steady.Windows > 0 {
		lines = append(lines, fmt.Sprintf("the machine by itself: with nothing else on the servers' core, less than half was done of what mostly is in %.1f %% of %s windows of 4 ms",
			100*steady.Share(), count(int64(steady.Windows))))
	}
	for _, p := range s.Peers {
		line := p.Name
		if p.Missing != "" {
			continue
		}
		if p.Version != "" {
			line += " " + p.Version
		}
		line += ", dialect of " + p.Dialect.String() + ": " + p.About
		if len(p.Raised) > 0 {
			line += "; limits raised: " + strings.Join(p.Raised, " ")
		}
		lines = append(lines, line)
	}
	return append(lines, s.Notes...)
}

func numbers(list []int) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = fmt.Sprint(n)
	}
	return strings.Join(words, ", ")
}

// of returns the results of a scenario in the order of the peers.
func (s *Server) of(name string) []scenario.Result {
	var results []scenario.Result
	for _, r := range s.Results {
		if r.Scenario == name {
			results = append(results, r)
		}
	}
	return results
}

// scenarios returns those that were carried out.
func (s *Server) scenarios() []scenario.Scenario {
	return slices.DeleteFunc(scenario.All(), func(sc scenario.Scenario) bool { return len(s.of(sc.Name)) == 0 })
}

// tables returns a table for each scenario.
func (s *Server) tables() []*table {
	var tables []*table
	for _, sc := range s.scenarios() {
		tables = append(tables, scenarioTable(sc, s.of(sc.Name)))
	}
	return tables
}

// wrong marks a row whose figures are not to be trusted; what was wrong is among the failures.
const wrong = " (wrong)"

// scenarioTable has a group for each size, and in it a row for each server.
func scenarioTable(sc scenario.Scenario, results []scenario.Result) *table {
	t := &table{title: sc.Title + " (" + sc.Name + ")", note: sc.About, columns: []string{"server"}}
	var labels []string
	for _, r := range results {
		for _, row := range r.Rows {
			if !slices.Contains(labels, row.Label) {
				labels = append(labels, row.Label)
			}
			for _, m := range row.Metrics {
				if !slices.Contains(t.columns, m.Name) {
					t.columns = append(t.columns, m.Name)
				}
			}
		}
	}
	if len(labels) == 0 {
		labels = []string{""}
	}
	if len(t.columns) == 1 {
		t.columns = append(t.columns, "") // for the word that says why there is nothing
	}
	for _, label := range labels {
		if label != "" {
			t.group(label)
		}
		for _, r := range results {
			t.add(serverRow(t.columns, label, &r)...)
		}
	}
	return t
}

// serverRow returns the cells of a server in a size. What was not measured says so.
func serverRow(columns []string, label string, r *scenario.Result) []string {
	cells := make([]string, len(columns))
	cells[0] = r.Peer
	i := slices.IndexFunc(r.Rows, func(row scenario.Row) bool { return row.Label == label })
	if i < 0 || len(r.Rows[i].Metrics) == 0 {
		for k := range cells[1:] {
			cells[k+1] = "–"
		}
		cells[1] = none
		if r.Gap != "" {
			cells[1] = "–"
		}
		return cells
	}
	row := &r.Rows[i]
	if len(row.Faults) > 0 {
		cells[0] += wrong
	}
	for k, name := range columns[1:] {
		cells[k+1] = "–"
		for _, m := range row.Metrics {
			if m.Name == name {
				cells[k+1] = Format(m)
			}
		}
	}
	return cells
}
