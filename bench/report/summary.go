package report

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/weftsync/weft/bench/scenario"
)

// A Summary is what the project's README shows of a run on servers. It is kept in a file beside the harness, so that a
// test can tell whether the README still says what was measured.
type Summary struct {
	// About says when and where it was measured, and how.
	About string `json:"about"`
	// Peers are the columns.
	Peers []string     `json:"peers"`
	Rows  []SummaryRow `json:"rows"`
}

// A SummaryRow is a row of the README.
type SummaryRow struct {
	What  string   `json:"what"`
	Cells []string `json:"cells"`
}

// summaryRow says what a row shows: metrics of one size of a scenario.
type summaryRow struct {
	scenario, label string
	what            string
	metrics         []string
	next            string // another size, whose first metric follows behind an arrow
}

var summaryRows = []summaryRow{
	{"max-throughput", "300 × 3, 900 writers", "300 documents × 3 editors: deliveries/s held at p99 < 100 ms", []string{"delivered/s"}, ""},
	{"max-throughput", "1 × 200, 20 writers", "1 document, 200 connections, 20 writers: the same", []string{"delivered/s"}, ""},
	{"rooms", "300 × 3", "300 × 3, 1.5 edits/s and 2 cursors/s each: CPU · p99 · memory", []string{"CPU", "p99", "memory"}, ""},
	{"fan-out", "500 connections", "1 document, 500 connections, 10 writers × 5/s: CPU for 1,000 deliveries · p99", []string{"CPU per 1,000", "p99"}, ""},
	{"idle", "2000 documents × 1", "2,000 idle connections, a document each: memory of one", []string{"each connection"}, ""},
	{"idle", "1 document × 2000", "2,000 idle connections of one document: memory of one", []string{"each connection"}, ""},
	{"idle", "1000 documents × 1", "1,000 idle connections, a document each: memory of one", []string{"each connection"}, ""},
	{"idle", "1 document × 1000", "1,000 idle connections of one document: memory of one", []string{"each connection"}, ""},
	{"connect-storm", "1000 clients, 100 documents", "1,000 clients of 100 documents come back: until all are there", []string{"until all are there"}, ""},
	{"connect-storm", "500 clients, 50 documents", "500 clients of 50 documents come back: until all are there", []string{"until all are there"}, ""},
	{"cold", "automerge-paper", "a long document: cold process · cold · at rest · warm · 1,000 updates missed", []string{"cold process", "cold document", "at rest", "warm", "1,000 missed"}, ""},
	{"hostile", "200 good ones alone", "200 editors, p99 alone → beside a hostile one", []string{"p99"}, "beside a hostile one"},
	{"kill", "20 documents, 100 edits a second each", "kill -9 while 20 documents are typed into: lost of what authors were told", []string{"lost", "told"}, ""},
}

// Summary sums up what was measured on servers; nil when nothing was.
func (r *Report) Summary() *Summary {
	if r.Server == nil {
		return nil
	}
	size := "small sizes and short times"
	if r.Server.Full {
		size = "full sizes and times"
	}
	commit := r.Machine.Commit
	if r.Machine.Dirty {
		commit += " with changes"
	}
	cores := "servers and generator on all of them"
	if len(r.Server.ServerCores) > 0 {
		cores = "the server on one of them, the generator on the others"
	}
	s := &Summary{About: fmt.Sprintf("%s, %d cores (%s), %s, weft at %s, %s; an fsync takes %s here, the load average before the run was %s.",
		r.Machine.CPU, r.Machine.Cores, cores, r.Machine.Date.Format("2 January 2006"), commit, size, duration(r.Server.Fsync.P50), r.Machine.Load)}
	if steady := r.Server.Steadiness; steady.Windows > 0 {
		s.About += fmt.Sprintf(" With nothing else to do the core was slower than half its speed for %.1f %% of the time.", 100*steady.Share())
	}
	var peers []string
	for _, p := range r.Server.Peers {
		if p.Missing == "" {
			peers = append(peers, p.Name)
			s.Peers = append(s.Peers, strings.TrimSpace(p.Name+" "+released(p.Version)))
		}
	}
	for _, row := range summaryRows {
		if one, ok := r.Server.summaryRow(row, peers); ok {
			s.Rows = append(s.Rows, one)
		}
	}
	return s
}

// released returns a version that has a number, and nothing for a commit.
func released(version string) string {
	if strings.Contains(version, ".") {
		return version
	}
	return ""
}

func (s *Server) summaryRow(row summaryRow, peers []string) (SummaryRow, bool) {
	one := SummaryRow{What: row.what}
	found := false
	for _, peer := range peers {
		cell := "–"
		i := slices.IndexFunc(s.Results, func(r scenario.Result) bool { return r.Scenario == row.scenario && r.Peer == peer })
		if i >= 0 {
			result := &s.Results[i]
			here := rowOf(result, row.label)
			found = found || here != nil
			switch cell = summaryCell(here, row.metrics); {
			case cell == "" && result.Gap != "":
				cell = "–"
			case cell == "":
				cell = none
			case row.next != "":
				if next := summaryCell(rowOf(result, row.next), row.metrics); next != "" {
					cell += " → " + next
				} else {
					cell += " → " + none
				}
			}
		}
		one.Cells = append(one.Cells, cell)
	}
	return one, found
}

// summaryCell returns metrics of a row, with a mark when they are not to be trusted; "" without any.
func summaryCell(row *scenario.Row, names []string) string {
	if row == nil || len(row.Metrics) == 0 {
		return ""
	}
	var words []string
	for _, name := range names {
		word := "–"
		for _, m := range row.Metrics {
			if m.Name == name {
				word = Format(m)
			}
		}
		words = append(words, word)
	}
	between := " · "
	if slices.Equal(names, []string{"lost", "told"}) {
		between = " of "
	}
	cell := strings.Join(words, between)
	if len(row.Faults) > 0 {
		cell += " ✗"
	}
	return cell
}

// The marks between which a summary stands in the README.
const (
	summaryBegin = "<!-- servers: written by weftbench -->"
	summaryEnd   = "<!-- servers end -->"
)

// Markdown returns the summary as it stands in the README.
func (s *Summary) Markdown() string {
	t := &table{columns: append([]string{""}, s.Peers...)}
	faults := false
	for _, row := range s.Rows {
		t.add(append([]string{row.What}, row.Cells...)...)
		faults = faults || slices.ContainsFunc(row.Cells, func(c string) bool { return strings.HasSuffix(c, "✗") })
	}
	var b strings.Builder
	b.WriteString(summaryBegin + "\n" + s.About + "\n\n")
	_, rows, _ := strings.Cut(t.markdown(), "\n\n") // without a title
	b.WriteString(rows)
	if faults {
		b.WriteString("\n✗: something was lost, came late or came twice; the figure is not to be trusted.\n")
	}
	b.WriteString(summaryEnd)
	return b.String()
}

// Insert puts the summary between its marks in a text.
func (s *Summary) Insert(text string) (string, error) {
	before, rest, ok1 := strings.Cut(text, summaryBegin)
	_, after, ok2 := strings.Cut(rest, summaryEnd)
	if !ok1 || !ok2 {
		return "", fmt.Errorf("the text lacks %q or %q", summaryBegin, summaryEnd)
	}
	return before + s.Markdown() + after, nil
}

// WriteSummary stores a summary, and puts it between its marks in the README.
func (s *Summary) WriteSummary(path, readme string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		return fmt.Errorf("read the readme: %w", err)
	}
	changed, err := s.Insert(string(text))
	if err != nil {
		return fmt.Errorf("put the summary into the readme: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	if err := os.WriteFile(readme, []byte(changed), 0o644); err != nil {
		return fmt.Errorf("write the readme: %w", err)
	}
	return nil
}

// ReadSummary reads what WriteSummary stored.
func ReadSummary(path string) (*Summary, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a summary: %w", err)
	}
	s := &Summary{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("read a summary from %s: %w", path, err)
	}
	return s, nil
}
