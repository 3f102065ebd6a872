package report

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weftsync/weft/bench/engine"
	"github.com/weftsync/weft/bench/peers"
	"github.com/weftsync/weft/bench/scenario"
)

func sample() *Report {
	return &Report{
		Machine: Machine{CPU: "Abacus", Cores: 2, MemoryBytes: 8e9, System: "linux/amd64", Kernel: "6.1", Load: "0.1 0.2 0.3",
			Go: "go1.26", Commit: "abc", Dirty: true, Date: time.Date(2026, 11, 21, 9, 8, 7, 0, time.UTC)},
		Peers: []Peer{{Name: "Yjs", Version: "13.6.33"}, {Name: "Other", Version: "2"}, {Name: "Third", Missing: "not installed; it hides"}},
		Node:  "v20", RealTraces: []string{"paper"}, TracesFound: 5,
		Engine: []EngineRow{
			{Subject: "paper", Row: "remote", Work: "remote", Operations: 1000,
				Weft: []engine.Sample{{Value: 0.002, CPUSeconds: 0.001, Allocs: 500}, {Value: 0.001, CPUSeconds: 0.002, Allocs: 250}, {Value: 0.004, CPUSeconds: 1}},
				Peers: []Cell{
					{Peer: "Yjs", Values: []peers.Value{{Value: 0.030, CPUSeconds: 0.02}, {Value: 0.025, CPUSeconds: 0.05}}},
					{Peer: "Other", Values: []peers.Value{{Value: 0.05}}}, {Peer: "Third", Absence: Missing},
				}},
			{Subject: "paper", Row: "memory-loaded", Work: "memory", Memory: true, Weft: []engine.Sample{{Value: 834_000}},
				Peers: []Cell{{Peer: "Yjs", Values: []peers.Value{{Value: 2_502_000}}}, {Peer: "Other", Absence: Unprepared, BoundSeconds: 120}, {Peer: "Third", Absence: Missing}}},
			{Subject: "paper", Row: "load", Work: "load | text", WeftError: "it broke",
				Peers: []Cell{{Peer: "Yjs", Values: []peers.Value{{Value: 0.0138, CPUSeconds: 0.01}}}, {Peer: "Other", Absence: Slow, BoundSeconds: 30}, {Peer: "Third", Absence: Missing}}},
			{Subject: "hostile", Row: "merge", Work: "merge", Weft: []engine.Sample{{Value: 0.3}},
				Peers: []Cell{{Peer: "Yjs", Absence: Slow, BoundSeconds: 30}, {Peer: "Other", Absence: Cannot}, {Peer: "Third", Absence: Missing}}},
			{Subject: "hostile", Row: "typing", Work: "typing", EachOf: 1000, Weft: []engine.Sample{{Value: 3e-6}},
				Peers: []Cell{{Peer: "Yjs", Absence: Slow, BoundSeconds: 30}, {Peer: "Other", Absence: Failed, Reason: "it fell"}}},
			{Subject: "hostile", Row: "encode", Work: "encode", Weft: []engine.Sample{{Value: 25e-9}}},
		},
		Server:   sampleServer(),
		Missing:  []string{"a peer: not installed"},
		Failures: []string{"weft, load on paper: it broke"},
	}
}

func TestTextIsAligned(t *testing.T) {
	got := sample().Text()
	for _, want := range []string{
		`Engines: best, and how many times as fast (or small) as Yjs
  work                      weft      Yjs              Other          Third
  -----------  -----------------  -------  -----------------  -------------
  paper:
  remote         1.00 ms · 25.0×  25.0 ms    50.0 ms · 0.50×  not installed
  memory          834 kB · 3.00×  2.50 MB  preparing > 120 s  not installed
  load | text             failed  13.8 ms             > 30 s  not installed
  hostile:
  merge           300 ms · >100×   > 30 s                  –  not installed
  typing       3.00 µs · >10000×   > 30 s             failed              –
  encode                 25.0 ns        –                  –              –
`, `Engines: weft and Yjs in detail
  work         weft best   median     each  allocs each  Yjs best   median  by CPU time   runs
  -----------  ---------  -------  -------  -----------  --------  -------  -----------  -----
  paper:
  remote         1.00 ms  2.00 ms  1.00 µs         0.25   25.0 ms  27.5 ms        20.0×  3 · 2
  memory          834 kB   834 kB                         2.50 MB  2.50 MB               1 · 1
  load | text     failed   failed                         13.8 ms  13.8 ms               0 · 1
  hostile:
  merge           300 ms   300 ms                  0.00    > 30 s                            1
`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("text is\n%s\nwant in it\n%s", got, want)
		}
	}
	for _, part := range []string{
		"machine: Abacus, 2 cores, 8.00 GB memory", "load average before the run: 0.1 0.2 0.3", "commit abc with changes",
		"real histories replayed: 1 of 5 found (paper)", "beside us: Yjs 13.6.33, Other 2, in Node v20", "weft, load on paper: it broke", "a peer: not installed",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("text lacks %q:\n%s", part, got)
		}
	}
}

func TestMarkdownIsATable(t *testing.T) {
	got := sample().Markdown()
	for _, line := range []string{
		"| work | weft | Yjs | Other | Third |",
		"|---|---:|---:|---:|---:|",
		"| **paper** |  |  |  |  |",
		`| load \| text | failed | 13.8 ms | > 30 s | not installed |`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("Markdown lacks %q:\n%s", line, got)
		}
	}
}

func TestFilesRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	want := sample()
	if _, err := want.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"report.json", "report-20261121-090807.json"} {
		got, err := Read(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(scenario.Peer{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := Read(filepath.Join(dir, "report.md")); err == nil {
		t.Error("Markdown read as JSON: no error")
	}
}

func TestFormats(t *testing.T) {
	for want, got := range map[string]string{
		"1.50 s": seconds(1.5), "999 ms": seconds(0.999), "1.00 µs": seconds(1e-6), "12.3 ns": seconds(12.3e-9), "0.00 ns": seconds(0),
		"999 B": bytesOf(999), "1.00 kB": bytesOf(1000), "2.50 GB": bytesOf(2.5e9),
		"1,234,567": count(1234567), "-1,234": count(-1234), "-123": count(-123), "0": count(0), "999": count(999),
		"10.0": digits(9.996), "9.99": digits(9.99), "100": digits(99.96),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := median([]float64{4, 1, 3}); got != 3 {
		t.Errorf("median of 4, 1, 3 = %g", got)
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("median of 4, 1, 3, 2 = %g", got)
	}
}

func TestHereKnowsThisMachine(t *testing.T) {
	m := Here(t.Context(), t.TempDir())
	if m.Cores < 1 || m.Go == "" || m.System == "" || m.Date.IsZero() {
		t.Errorf("machine = %+v", m)
	}
	if m.Commit != "" {
		t.Errorf("commit %q outside a repository", m.Commit)
	}
}

// The picture is a well-formed document of its own with a bar for each value, and says where Yjs did not finish.
func TestPicture(t *testing.T) {
	got := sample().SVG()
	decoder := xml.NewDecoder(strings.NewReader(got))
	bars := 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, got)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "title" {
			bars++
		}
	}
	if want := 6; bars != want { // remote 2, memory 1, load 1, merge 1, typing 1; nothing is compared with in encode
		t.Errorf("%d bars, want %d, in\n%s", bars, want, got)
	}
	for _, part := range []string{"(Yjs &gt; 30 s)", "load | text", "Other 2", "weft: 0.04× of the time"} {
		if !strings.Contains(got, part) {
			t.Errorf("picture lacks %q:\n%s", part, got)
		}
	}
	if strings.Contains(got, "href") || strings.Contains(got, "Third") {
		t.Error("the picture needs something else, or names an engine that was not there")
	}
	if got := (&Report{}).SVG(); got != "" {
		t.Errorf("a picture of nothing: %s", got)
	}
}

func TestCellOf(t *testing.T) {
	values := []peers.Value{{Value: 1}}
	for want, got := range map[Absence]Cell{
		"":         CellOf("p", values, nil),
		Slow:       CellOf("p", values, fmt.Errorf("x: %w", &peers.SlowError{Bound: time.Second})),
		Unprepared: CellOf("p", values, &peers.SlowError{Bound: time.Second, Preparing: true}),
		Missing:    CellOf("p", values, fmt.Errorf("x: %w", peers.ErrMissing)),
		Cannot:     CellOf("p", values, fmt.Errorf("x: %w", peers.ErrCannot)),
		Failed:     CellOf("p", values, errors.New("x")),
	} {
		if got.Absence != want || (len(got.Values) > 0) != (want == "") || (got.Reason == "") != (want == "") {
			t.Errorf("%q: %+v", want, got)
		}
		if slow := want == Slow || want == Unprepared; slow != (got.BoundSeconds == 1) {
			t.Errorf("%q: bound %g s", want, got.BoundSeconds)
		}
	}
}
