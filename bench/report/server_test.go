package report

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/weftsync/weft/bench/load"
	"github.com/weftsync/weft/bench/scenario"
)

func metric(name string, unit scenario.Unit, value float64) scenario.Metric {
	return scenario.Metric{Name: name, Unit: unit, Value: value}
}

// sampleServer has a server that was measured, one that lies, one that died half-way, one that cannot and one that is
// not here.
func sampleServer() *Server {
	curve := []load.Quantile{{Share: 0, Took: time.Millisecond}, {Share: 0.5, Took: 2 * time.Millisecond}, {Share: 0.99, Took: 3 * time.Millisecond}, {Share: 1, Took: 12 * time.Millisecond}}
	good := scenario.Row{
		Label: "50 connections", Connections: 50, Latency: load.Latency{Count: 4, P99: 3 * time.Millisecond, Curve: curve},
		Memory: []int64{20e6, 25e6, 30e6}, MemoryEvery: time.Second,
		Metrics: []scenario.Metric{metric("delivered/s", scenario.Count, 2401), metric("p99", scenario.Seconds, 0.003), metric("CPU", scenario.Share, 0.125), metric("memory", scenario.Bytes, 30e6)},
	}
	bad := good
	bad.Faults = []string{"3 deliveries were lost"}
	bad.Metrics = []scenario.Metric{metric("delivered/s", scenario.Count, 9999), metric("p99", scenario.Seconds, 0.001)}
	climb := scenario.Row{
		Label: "1 × 50", Connections: 50, Metrics: []scenario.Metric{metric("delivered/s", scenario.Count, 100_000)},
		Curve: []scenario.Point{{PerSecond: 50_000, P99: time.Millisecond}, {PerSecond: 100_000, P99: 9 * time.Millisecond}},
	}
	return &Server{
		Seed: 4, Full: true, OpenFiles: 1000, ServerCores: []int{0}, GeneratorCores: []int{1},
		Fsync: load.Latency{Count: 200, P50: time.Millisecond, P99: 2 * time.Millisecond},
		Peers: []ServerPeer{
			{Peer: scenario.Peer{Name: "weft", Version: "abc", About: "on disk first", Raised: []string{"--x=1"}}},
			{Peer: scenario.Peer{Name: "liar"}}, {Peer: scenario.Peer{Name: "mortal"}}, {Peer: scenario.Peer{Name: "mute"}},
			{Peer: scenario.Peer{Name: "absent"}, Missing: "not installed; make it"},
		},
		Results: []scenario.Result{
			{Scenario: "fan-out", Peer: "weft", Rows: []scenario.Row{good}},
			{Scenario: "fan-out", Peer: "liar", Rows: []scenario.Row{bad}},
			{Scenario: "fan-out", Peer: "mortal", Rows: []scenario.Row{{Label: "50 connections", Gap: "it died"}}, Failure: "50 connections: it died"},
			{Scenario: "fan-out", Peer: "mute", Rows: []scenario.Row{}, Gap: "cannot be measured"},
			{Scenario: "max-throughput", Peer: "weft", Rows: []scenario.Row{climb}},
			{Scenario: "kill", Peer: "mortal", Rows: []scenario.Row{{Label: "20 documents", Gap: "it did not start"}}, Failure: "it did not start"},
		},
	}
}

// Every server has a row; what is not there never looks like a number, and what is wrong is marked.
func TestServerTables(t *testing.T) {
	r := sample()
	r.Failures = nil
	r.SetServer(sampleServer())
	got := r.Text()
	for _, want := range []string{`
  server        delivered/s      p99   CPU   memory
  ------------  -----------  -------  ----  -------
  50 connections:
  weft                2,401  3.00 ms  12 %  30.0 MB
  liar (wrong)        9,999  1.00 ms     –        –
  mortal             failed        –     –        –
  mute                    –        –     –        –
`, "servers on core 0, generator on core 1; full sizes", "seed 4", "limit of open files raised to 1000", "weft abc, dialect of y-websocket: on disk first; limits raised: --x=1",
		"fsync of 4 KiB on the disk of the data: p50 1.00 ms", "absent: not installed; make it", "fan-out on liar, 50 connections: 3 deliveries were lost", "fan-out on mortal: 50 connections: it died"} {
		if !strings.Contains(got, want) {
			t.Errorf("text lacks %q:\n%s", want, got)
		}
	}
	if !r.OK() || !strings.Contains(got, "Failed beside us") {
		t.Error("what others do wrong is ours, or is not told")
	}
	for _, ours := range []string{"weft", "weft /collab", "http://127.0.0.1:1/"} {
		r := &Report{}
		liar := sampleServer().Results[1]
		liar.Peer = ours
		r.SetServer(&Server{Results: []scenario.Result{liar}})
		if r.OK() {
			t.Errorf("a report with a fault of %s is OK", ours)
		}
	}
}

func TestServerThatWasNotMeasured(t *testing.T) {
	r := &Report{}
	r.SetServer(&Server{Results: []scenario.Result{{Scenario: "idle", Peer: "weft", Failure: "no such file"}}})
	if got := r.Text(); !strings.Contains(got, "weft    failed") || !strings.Contains(got, "idle on weft: no such file") {
		t.Errorf("text is\n%s", got)
	}
	r.Fail("more", errors.New("it broke"))
	if len(r.Failures) != 2 {
		t.Errorf("failures = %q", r.Failures)
	}
}

func TestFormatOfMetrics(t *testing.T) {
	for want, m := range map[string]scenario.Metric{
		"1,235": metric("", scenario.Count, 1234.6), "3.00 ms": metric("", scenario.Seconds, 0.003), "–2.00 MB": metric("", scenario.Bytes, -2e6),
		"12 %": metric("", scenario.Share, 0.12),
	} {
		if got := Format(m); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The page is whole in itself, has the pictures, and writes what it is given as text.
func TestPage(t *testing.T) {
	r := sample()
	r.SetServer(sampleServer())
	r.Server.Results[0].Rows[0].Label = "<b>50</b>"
	got, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"<svg", "latency, 50 connections", "memory, 50 connections", "p99 by throughput", "&lt;b&gt;50&lt;/b&gt;", "liar (wrong)", "3 deliveries were lost"} {
		if !strings.Contains(got, part) {
			t.Errorf("page lacks %q", part)
		}
	}
	for _, part := range []string{"<b>50", "<script", "<link", "<img", "url(", "href"} {
		if strings.Contains(got, part) {
			t.Errorf("page has %q", part)
		}
	}
}

// Every line of a picture stays inside it, whatever the values.
func TestPlotsStayInside(t *testing.T) {
	for name, points := range map[string][]point{
		"one": {{1, 1}}, "two": {{1, 2}, {3, 4}}, "level": {{1, 5}, {2, 5}}, "wide": {{1e-6, 1e-6}, {1e6, 1e3}}, "zero": {{0, 0}, {1, 1}},
	} {
		for _, scale := range []func(float64) float64{linear, logarithmic} {
			p := &plot{title: name, x: axis{"x", scale, nil}, y: axis{"y", scale, timeTicks}}
			p.add("weft", points)
			p.add("nobody", nil)
			got := p.svg()
			if strings.Contains(got, "NaN") || strings.Contains(got, "Inf") || strings.Contains(got, "nobody") || !strings.Contains(got, "polyline") {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
}

func TestCompare(t *testing.T) {
	before, after := sample(), sample()
	before.SetServer(sampleServer())
	after.SetServer(sampleServer())
	after.Server.Results[0].Rows[0].Metrics[0].Value = 4802
	after.Engine[0].Weft = after.Engine[0].Weft[:1]
	got := Compare(before, after)
	for _, want := range []string{"before:", "load average", "weft, 50 connections, delivered/s 2,401 4,802 2.00×", "paper, remote 1.00 ms 2.00 ms 2.00×", "liar, 50 connections, delivered/s (wrong)"} {
		if !strings.Contains(strings.Join(strings.Fields(got), " "), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if got := Compare(&Report{}, after); !strings.Contains(got, "nothing in common") {
		t.Errorf("compared with nothing: %s", got)
	}
}

func TestSummary(t *testing.T) {
	r := sample()
	r.SetServer(sampleServer())
	for i := range r.Server.Results {
		for k := range r.Server.Results[i].Rows {
			if row := &r.Server.Results[i].Rows[k]; row.Label == "50 connections" {
				row.Label = "500 connections"
			}
		}
	}
	s := r.Summary()
	got, err := s.Insert("above\n" + summaryBegin + "old\n" + summaryEnd + "\nbelow")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"above\n" + summaryBegin + "\nAbacus, 2 cores", "21 November 2026", "|  | weft | liar | mortal | mute |\n",
		"| – · 3.00 ms | – · 1.00 ms ✗ | failed | – |", "✗: something was lost", summaryEnd + "\nbelow"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if _, err := s.Insert("no marks"); err == nil {
		t.Error("a text without marks: no error")
	}
	if (&Report{}).Summary() != nil {
		t.Error("a summary of nothing")
	}
}

// The README says what was measured, and nothing else.
func TestReadmeIsTheSummary(t *testing.T) {
	s, err := ReadSummary("../summary.json")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.Insert(string(readme))
	if err != nil {
		t.Fatal(err)
	}
	if want != string(readme) {
		t.Errorf("README.md is not what the summary says; `weftbench readme` writes it. Want in it\n%s", s.Markdown())
	}
}
